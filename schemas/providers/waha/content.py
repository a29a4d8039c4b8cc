"""The content of a WAHA message as canonical fields.

WAHA itself writes texts, media, locations and contact cards. The rest is in `_data`, in the form of the engine: a
Baileys message of NOWEB and GOWS, a type word of WEBJS.
"""

from schemas.parsing.json_types import JsonObject
from schemas.parsing.json_values import as_id, as_list, as_object, as_text, first_id, first_text
from schemas.parsing.results import Fields
from schemas.providers._acts import is_act
from schemas.providers._baileys.content import act_of as baileys_act
from schemas.providers._baileys.content import content as baileys_content
from schemas.providers._baileys.wrappers import Unwrapped
from schemas.providers._fields import joined, media_type, type_fields

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
# Messages that could not be decrypted, by NOWEB's type of notices; all others of that type are notices.
_UNDECRYPTED = frozenset({None, "0", "2", "UNKNOWN", "CIPHERTEXT"})


def content(raw: JsonObject, data: JsonObject, message: Unwrapped) -> Fields | None:
    """`type` and the content fields of a message of any engine, whose `_data` are `data` and hold `message`.

    None when it has none: the engine names a notice or has only keys of the encryption, and WAHA wrote nothing.
    """
    known = baileys_content(message)
    engine = known or _webjs_fields(raw, data)
    own = _own_fields(raw)
    fields = {**engine, **{name: value for name, value in own.items() if value is not None}}
    if engine["type"] == "unknown" and engine.get("raw_type") is None:
        kind = _type_by_content(raw, own)
        empty = as_object(data.get("message")) or as_id(data.get("messageStubType")) not in _UNDECRYPTED
        if kind is None and known is None and empty and raw.get("hasMedia") is not True:
            return None
        fields["type"] = kind or "unknown"
    return fields


def act_of(data: JsonObject, message: Unwrapped, mine: bool) -> str | None:
    """The name of what was done when it is no message, of any engine; None for a message, an edit or a deletion."""
    if as_object(data.get("message")):
        return baileys_act(message, mine)
    word = as_id(data.get("type"))
    return word if is_act(word, mine) else None


def _own_fields(raw: JsonObject) -> Fields:
    """The fields that WAHA writes itself. Its media can be fetched; the media at the engine's address are encrypted."""
    media, place = as_object(raw.get("media")), as_object(raw.get("location"))
    labels = joined(place.get(name) for name in ("name", "description", "address"))
    return {
        "text": first_text(labels, raw.get("body")),
        "media_url": first_text(media.get("url"), raw.get("mediaUrl")),
        "media_mime": as_id(media.get("mimetype")),
        "media_filename": as_text(media.get("filename")),
        "latitude": place.get("latitude"),
        "longitude": place.get("longitude"),
    }


def _webjs_fields(raw: JsonObject, data: JsonObject) -> Fields:
    word = as_id(data.get("type"))
    row = as_object(as_object(data.get("listResponse")).get("singleSelectReply")).get("selectedRowId")
    return {
        **type_fields(_WEBJS_TYPES.get((word or "").lower()), word),
        "payload": first_id(data.get("selectedButtonId"), row, raw.get("selectedButtonId")),
        "forwarded": True if data.get("isForwarded") is True else None,
    }


def _type_by_content(raw: JsonObject, own: Fields) -> str | None:
    """The type that the content shows, for an engine that names none."""
    if own["latitude"] is not None:
        return "location"
    if as_list(raw.get("vCards")):
        return "contacts"
    mime = own["media_mime"]
    if isinstance(mime, str):
        return media_type(mime)
    if raw.get("hasMedia") is True:
        return None
    return "text" if own["text"] is not None else None
