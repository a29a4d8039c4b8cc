"""The content of a Cloud API message as canonical fields, type by type."""

from collections.abc import Callable

from schemas.parsing.json_types import JsonObject
from schemas.parsing.json_values import as_id, as_list, as_object, as_text, first_text
from schemas.parsing.results import Fields
from schemas.providers._fields import joined, location_fields, reaction_fields


def content(raw: JsonObject) -> Fields:
    """`type` and the content fields of one message. Any part of it may be missing."""
    word = as_id(raw.get("type"))
    if word == "edit":
        return _edit(as_object(raw.get("edit")))
    reader = _READERS.get(word or "")
    if reader is not None:
        return {"type": _TYPE.get(word or "", word), **reader(as_object(raw.get(word or "")), raw)}
    if word == "unsupported" or (word == "unknown" and raw.get("errors")):
        return {"type": "unsupported"}
    return {"type": "unknown", "raw_type": word}


def is_emptied(raw: JsonObject) -> bool:
    """Whether a message of a known type lacks the object of that name and has no error that explains it."""
    word = raw.get("type")
    return isinstance(word, str) and word in _READERS and word not in raw and not raw.get("errors")


def _edit(edit: JsonObject) -> Fields:
    new = as_object(edit.get("message"))
    # An edit inside an edit does not exist, and following one would let a body choose our depth.
    fields = content(new) if new.get("type") != "edit" else {}
    return {**fields, "type": "edit", "raw_type": None, "target_message_id": as_id(edit.get("original_message_id"))}


def _text(part: JsonObject, _: JsonObject) -> Fields:
    return {"text": part.get("body")}


def _media(part: JsonObject, _: JsonObject) -> Fields:
    return {
        "text": part.get("caption"),
        "media_id": as_id(part.get("id")),
        "media_url": first_text(part.get("url"), part.get("link")),
        "media_mime": as_id(part.get("mime_type")),
        "media_filename": part.get("filename"),
        "media_sha256": as_id(part.get("sha256")),
    }


def _location(part: JsonObject, _: JsonObject) -> Fields:
    return location_fields(part.get("latitude"), part.get("longitude"), part.get("name"), part.get("address"))


def _contacts(_: JsonObject, raw: JsonObject) -> Fields:
    return {"text": joined(_card_name(as_object(card)) for card in as_list(raw.get("contacts")))}


def _card_name(card: JsonObject) -> str | None:
    """The name on a contact card, else its number."""
    name, phones = as_object(card.get("name")), as_list(card.get("phones"))
    numbers = (as_object(phones[0]).get(one) for one in ("phone", "wa_id")) if phones else ()
    return first_text(name.get("formatted_name"), name.get("first_name"), *numbers)


def _reaction(part: JsonObject, _: JsonObject) -> Fields:
    return reaction_fields(as_text(part.get("emoji")), as_id(part.get("message_id")))


def _button(part: JsonObject, _: JsonObject) -> Fields:
    return {"text": part.get("text"), "payload": part.get("payload")}


def _interactive(part: JsonObject, _: JsonObject) -> Fields:
    """A tapped button or list row, a form (`payload` holds its answers), a call permission; or a menu of ours."""
    reply = as_object(part.get(as_id(part.get("type")) or ""))
    return {
        "text": first_text(reply.get("title"), reply.get("body"), as_object(part.get("body")).get("text")),
        "payload": first_text(reply.get("id"), reply.get("response_json"), reply.get("response")),
    }


def _order(part: JsonObject, _: JsonObject) -> Fields:
    return {"text": part.get("text")}


def _template(part: JsonObject, _: JsonObject) -> Fields:
    return {"template": as_id(part.get("name")), "raw_type": "template"}


_READERS: dict[str, Callable[[JsonObject, JsonObject], Fields]] = {
    "text": _text,
    **dict.fromkeys(("image", "video", "document", "audio", "voice", "sticker"), _media),
    "location": _location,
    "contacts": _contacts,
    "reaction": _reaction,
    "button": _button,
    "interactive": _interactive,
    "order": _order,
    "template": _template,
}
# Meta's types whose canonical type has another name.
_TYPE = {"voice": "audio", "template": "unknown"}
