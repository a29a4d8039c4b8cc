"""What a WAHA message says, as canonical content fields. Pure.

WAHA prints texts, media, places and cards itself. For the rest there is `_data`, each engine's own: NOWEB's and GOWS's
hold a Baileys message, WEBJS's a type word.
"""

from typing import Any

from schemas.parsing.json_values import as_id, as_list, as_object, as_text, first_id, first_text
from schemas.providers._baileys.content import content as baileys_content

Fields = dict[str, Any]

_WEBJS_TYPES = {
    "chat": "text", "text": "text",
    "image": "image", "video": "video", "ptv": "video", "gif": "video",
    "audio": "audio", "ptt": "audio", "document": "document", "sticker": "sticker",
    "location": "location", "vcard": "contacts", "multi_vcard": "contacts",
    "buttons_response": "button", "template_button_reply": "button",
    "list_response": "interactive", "interactive": "interactive", "list": "interactive",
    "order": "order", "product": "order",
    "ciphertext": "unsupported",
}  # fmt: skip
_MEDIA_TYPES = ("image", "audio", "video")


def content(raw: Fields) -> Fields:
    """`type` and the content fields of a message of any engine."""
    data = as_object(raw.get("_data"))
    inner = baileys_content(data.get("message")) or baileys_content(data.get("Message"))
    fields = inner or _engine_fields(raw, data)
    own = _own_fields(raw)
    said = {**fields, **{name: value for name, value in own.items() if value is not None}}
    if fields["type"] == "unknown" and fields.get("raw_type") is None:
        said["type"] = _guessed(raw, own) or "unknown"
    return said


def _own_fields(raw: Fields) -> Fields:
    """What WAHA prints itself. Its media can be fetched from it; the address that an engine knows is encrypted."""
    media, place = as_object(raw.get("media")), as_object(raw.get("location"))
    labels = [found for name in ("name", "description", "address") if (found := as_text(place.get(name)))]
    return {
        "text": first_text(", ".join(labels), raw.get("body")),
        "media_url": first_text(media.get("url"), raw.get("mediaUrl")),
        "media_mime": as_id(media.get("mimetype")),
        "media_filename": as_text(media.get("filename")),
        "latitude": place.get("latitude"),
        "longitude": place.get("longitude"),
    }


def _engine_fields(raw: Fields, data: Fields) -> Fields:
    word = as_id(data.get("type"))
    row = as_object(as_object(data.get("listResponse")).get("singleSelectReply")).get("selectedRowId")
    known = _WEBJS_TYPES.get((word or "").lower())
    return {
        "type": known or "unknown",
        "raw_type": None if known else word,
        "payload": first_id(data.get("selectedButtonId"), row, raw.get("selectedButtonId")),
        "forwarded": True if data.get("isForwarded") is True else None,
    }


def _guessed(raw: Fields, own: Fields) -> str | None:
    """The type by what is there, when no engine names it."""
    if own["latitude"] is not None:
        return "location"
    if as_list(raw.get("vCards")):
        return "contacts"
    if raw.get("hasMedia") is True or own["media_mime"] is not None:
        kind = (own["media_mime"] or "").partition("/")[0]
        return kind if kind in _MEDIA_TYPES else ("document" if own["media_mime"] else None)
    return "text" if own["text"] is not None else None
