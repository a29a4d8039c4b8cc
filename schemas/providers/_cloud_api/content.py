"""What a Cloud API message says, type by type, as canonical content fields. Pure."""

from collections.abc import Callable
from typing import Any

from schemas.parsing.json_values import as_id, as_list, as_object, as_text, first_text

Fields = dict[str, Any]


def content(raw: dict[str, Any]) -> Fields:
    """`type` and the content fields of one message, of any type and with any part of it missing."""
    word = as_id(raw.get("type"))
    if word == "edit":
        return _edit(as_object(raw.get("edit")))
    reader = _READERS.get(word or "")
    if reader is not None:
        return {"type": _TYPE.get(word or "", word), **reader(as_object(raw.get(word or "")), raw)}
    if word == "unsupported" or (word == "unknown" and raw.get("errors")):
        return {"type": "unsupported"}
    return {"type": "unknown", "raw_type": word}


def is_emptied(raw: dict[str, Any]) -> bool:
    """A message of a type that we read, whose part of that name is missing and which does not say why."""
    word = raw.get("type")
    return isinstance(word, str) and word in _READERS and word not in raw and not raw.get("errors")


def _edit(edit: Fields) -> Fields:
    new = as_object(edit.get("message"))
    # An edit inside an edit does not exist, and following one would let a body choose our depth.
    said = content(new) if new.get("type") != "edit" else {}
    return {**said, "type": "edit", "raw_type": None, "target_message_id": as_id(edit.get("original_message_id"))}


def _text(part: Fields, _: Fields) -> Fields:
    return {"text": part.get("body")}


def _media(part: Fields, _: Fields) -> Fields:
    return {
        "text": part.get("caption"),
        "media_id": as_id(part.get("id")),
        "media_url": first_text(part.get("url"), part.get("link")),
        "media_mime": as_id(part.get("mime_type")),
        "media_filename": part.get("filename"),
        "media_sha256": as_id(part.get("sha256")),
    }


def _location(part: Fields, _: Fields) -> Fields:
    said = [found for found in (as_text(part.get("name")), as_text(part.get("address"))) if found]
    return {"latitude": part.get("latitude"), "longitude": part.get("longitude"), "text": ", ".join(said)}


def _contacts(_: Fields, raw: Fields) -> Fields:
    shown = (_card(as_object(card)) for card in as_list(raw.get("contacts")))
    return {"text": ", ".join(name for name in shown if name)}


def _card(card: Fields) -> str | None:
    """Whose card it is; one without a name is known by its number."""
    name, phones = as_object(card.get("name")), as_list(card.get("phones"))
    numbers = (as_object(phones[0]).get(one) for one in ("phone", "wa_id")) if phones else ()
    return first_text(name.get("formatted_name"), name.get("first_name"), *numbers)


def _reaction(part: Fields, _: Fields) -> Fields:
    emoji = as_text(part.get("emoji"))
    return {
        "text": emoji,
        "target_message_id": as_id(part.get("message_id")),
        "reaction_removed": True if emoji is None else None,
    }


def _button(part: Fields, _: Fields) -> Fields:
    return {"text": part.get("text"), "payload": part.get("payload")}


def _interactive(part: Fields, _: Fields) -> Fields:
    """A tapped button or list row, a filled form (its answers are `payload`), a call permission; or our own menu."""
    reply = as_object(part.get(as_id(part.get("type")) or ""))
    return {
        "text": first_text(reply.get("title"), reply.get("body"), as_object(part.get("body")).get("text")),
        "payload": first_text(reply.get("id"), reply.get("response_json"), reply.get("response")),
    }


def _order(part: Fields, _: Fields) -> Fields:
    return {"text": part.get("text")}


def _template(part: Fields, _: Fields) -> Fields:
    return {"template": as_id(part.get("name")), "raw_type": "template"}


_READERS: dict[str, Callable[[Fields, Fields], Fields]] = {
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
# Words whose canonical type is another one: the rest are spelled as ours.
_TYPE = {"voice": "audio", "template": "unknown"}
