"""The content of a Z-API message as canonical fields: one field of its flat body holds it."""

from collections.abc import Callable

from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_list, as_object, as_text, first_id, first_text
from schemas.parsing.results import Fields
from schemas.providers._acts import is_act
from schemas.providers._fields import joined, location_fields, reaction_fields

# Objects that are not content, such as the advertisement that led to the message.
_NOISE = frozenset({"externalAdReply", "profile", "sender"})


def content(raw: JsonObject) -> Fields | None:
    """`type` and the content fields; None when no field holds content."""
    for name, (kind, read) in _READERS.items():
        part = raw.get(name)
        if isinstance(part, dict):
            return {"type": kind, **read(part)}
        if isinstance(part, list) and name == "contacts":
            return {"type": kind, **_contacts(part)}
    unread = [name for name, value in raw.items() if isinstance(value, dict) and value and name not in _NOISE]
    if not unread:
        return None
    name = min(unread)
    return {"type": "unknown", "raw_type": as_id(name), **_unknown(as_object(raw[name]))}


def act_of(raw: JsonObject, mine: bool) -> str | None:
    """The name of the field for what was done when it is no message (a pin, a vote of ours); None for a message."""
    if any(isinstance(raw.get(name), dict | list) for name in _READERS):
        return None
    return min((name for name, value in raw.items() if isinstance(value, dict) and is_act(name, mine)), default=None)


def _unknown(part: JsonObject) -> Fields:
    """The text of a content that we do not know, and the message that it answers (a vote, the answer to an event)."""
    texts = (part.get(name) for name in ("message", "question", "title", "caption", "response"))
    target = first_id(part.get("pollMessageId"), as_object(part.get("referencedMessage")).get("messageId"))
    chosen = joined(as_object(option).get("name") for option in as_list(part.get("options"))) if target else None
    return {"text": first_text(*texts, chosen), "target_message_id": target}


def _text(part: JsonObject) -> Fields:
    return {"text": part.get("message")}


def _media(url: str) -> Callable[[JsonObject], Fields]:
    def read(part: JsonObject) -> Fields:
        return {
            "text": part.get("caption"),
            "media_url": as_text(part.get(url)),
            "media_mime": as_id(part.get("mimeType")),
            "media_filename": first_text(part.get("fileName"), part.get("title")),
        }

    return read


def _location(part: JsonObject) -> Fields:
    return location_fields(part.get("latitude"), part.get("longitude"), part.get("name"), part.get("address"))


def _contacts(part: Json) -> Fields:
    return {"text": joined(as_object(card).get("displayName") for card in as_list(part))}


def _reaction(part: JsonObject) -> Fields:
    target = as_id(as_object(part.get("referencedMessage")).get("messageId"))
    return reaction_fields(as_text(part.get("value")), target)


def _button(part: JsonObject) -> Fields:
    return {
        "text": first_text(part.get("message"), part.get("displayText")),
        "payload": first_text(part.get("buttonId"), part.get("selectedId")),
    }


def _list(part: JsonObject) -> Fields:
    return {"text": first_text(part.get("title"), part.get("message")), "payload": as_text(part.get("selectedRowId"))}


def _menu(part: JsonObject) -> Fields:
    return {"text": first_text(part.get("message"), part.get("title"))}


def _order(part: JsonObject) -> Fields:
    return {"text": first_text(part.get("message"), part.get("orderTitle"))}


_READERS: dict[str, tuple[str, Callable[[JsonObject], Fields]]] = {
    "text": ("text", _text),
    "image": ("image", _media("imageUrl")),
    "audio": ("audio", _media("audioUrl")),
    "video": ("video", _media("videoUrl")),
    "ptv": ("video", _media("videoUrl")),
    "document": ("document", _media("documentUrl")),
    "sticker": ("sticker", _media("stickerUrl")),
    "location": ("location", _location),
    "contact": ("contacts", _contacts),
    "contacts": ("contacts", _contacts),
    "reaction": ("reaction", _reaction),
    "buttonsResponseMessage": ("button", _button),
    "templateButtonReplyMessage": ("button", _button),
    "listResponseMessage": ("interactive", _list),
    "hydratedTemplate": ("interactive", _menu),
    "buttonsMessage": ("interactive", _menu),
    "listMessage": ("interactive", _menu),
    "order": ("order", _order),
}
