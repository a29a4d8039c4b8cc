"""What a Z-API message says: the one field of its flat body that holds the content. Pure."""

from collections.abc import Callable
from typing import Any

from schemas.parsing.json_values import as_id, as_list, as_object, as_text, first_text

Fields = dict[str, Any]

# Objects beside the content: where an advertisement led from.
_NOISE = frozenset({"externalAdReply", "profile", "sender"})


def content(raw: Fields) -> Fields | None:
    """`type` and the content fields; None when no field holds a content."""
    for name, (kind, read) in _READERS.items():
        if isinstance(raw.get(name), dict) or (name in _LISTED and isinstance(raw.get(name), list)):
            return {"type": kind, **read(raw[name])}
    unread = [name for name, value in raw.items() if isinstance(value, dict) and value and name not in _NOISE]
    if not unread:
        return None
    name = min(unread)
    part = raw[name]
    said = first_text(part.get("message"), part.get("question"), part.get("title"), part.get("caption"))
    return {"type": "unknown", "raw_type": as_id(name), "text": said}


def _text(part: Fields) -> Fields:
    return {"text": part.get("message")}


def _media(url: str) -> Callable[[Fields], Fields]:
    def read(part: Fields) -> Fields:
        return {
            "text": part.get("caption"),
            "media_url": as_text(part.get(url)),
            "media_mime": as_id(part.get("mimeType")),
            "media_filename": first_text(part.get("fileName"), part.get("title")),
        }

    return read


def _location(part: Fields) -> Fields:
    said = [found for found in (as_text(part.get("name")), as_text(part.get("address"))) if found]
    return {"latitude": part.get("latitude"), "longitude": part.get("longitude"), "text": ", ".join(said)}


def _contacts(part: Any) -> Fields:
    names = (as_text(as_object(card).get("displayName")) for card in as_list(part))
    return {"text": ", ".join(name for name in names if name)}


def _reaction(part: Fields) -> Fields:
    emoji = as_text(part.get("value"))
    return {
        "text": emoji,
        "target_message_id": as_id(as_object(part.get("referencedMessage")).get("messageId")),
        "reaction_removed": True if emoji is None else None,
    }


def _button(part: Fields) -> Fields:
    return {
        "text": first_text(part.get("message"), part.get("displayText")),
        "payload": first_text(part.get("buttonId"), part.get("selectedId")),
    }


def _list(part: Fields) -> Fields:
    return {"text": first_text(part.get("title"), part.get("message")), "payload": as_text(part.get("selectedRowId"))}


def _menu(part: Fields) -> Fields:
    return {"text": first_text(part.get("message"), part.get("title"))}


def _order(part: Fields) -> Fields:
    return {"text": first_text(part.get("message"), part.get("orderTitle"))}


_LISTED = frozenset({"contacts"})
_READERS: dict[str, tuple[str, Callable[[Any], Fields]]] = {
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
