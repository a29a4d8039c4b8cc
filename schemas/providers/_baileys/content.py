"""The content of a Baileys `message` object as canonical fields, key by key."""

from base64 import b64encode
from collections.abc import Callable

from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_list, as_object, as_text, first_id, first_text
from schemas.parsing.results import Fields
from schemas.providers import _fields
from schemas.providers._acts import is_act
from schemas.providers._baileys.names import chosen, spelled
from schemas.providers._baileys.wrappers import NOISE, Unwrapped, edit_of, unwrapped
from schemas.providers._fields import id_in_json_text, joined, location_fields


def content(found: Unwrapped) -> Fields | None:
    """`type` and the content fields of a message; None when it has no content (keys, settings, an empty object)."""
    edit = edit_of(found)
    if edit is not None:
        return _edit(*edit)
    fields = None if isinstance(found.message.get("protocolMessage"), dict) else _fields_of(found)
    return as_edit(fields or {}) if found.edited else fields


def act_of(found: Unwrapped, mine: bool) -> str | None:
    """The name of what was done when it is no message: a pin, a vote of ours, a setting. None for anything else."""
    message = found.message
    if edit_of(found) is not None:
        return None
    if isinstance(message.get("protocolMessage"), dict):
        return "protocolMessage"
    acts = [name for name, value in message.items() if value is not None and is_act(name, mine)]
    return min(acts) if acts and all(message.get(name) is None for name in _READERS) else None


def as_edit(fields: Fields, target_message_id: str | None = None) -> Fields:
    """The same content as the new version of a message."""
    target = target_message_id or fields.get("target_message_id")
    return {**fields, "type": "edit", "raw_type": None, "target_message_id": target}


def reaction_fields(reaction: JsonObject, target: JsonObject) -> Fields:
    """The content of a reaction to the message with the key `target`."""
    return {"type": "reaction", **_fields.reaction_fields(as_text(reaction.get("text")), as_id(target.get("id")))}


def _fields_of(found: Unwrapped) -> Fields | None:
    name = _content_key(found.message)
    if name is None:
        return None
    value = found.message[name]
    part = spelled(value)
    reader = _READERS.get(name)
    if reader is not None:
        fields: Fields = {"type": reader[0], **reader[1](part if name != "conversation" else {"text": value})}
    else:
        fields = {"type": "unknown", "raw_type": as_id(name), **_unknown(part)}
    context = spelled(part.get("contextInfo"))
    fields["reply_to"] = first_id(context.get("stanzaId"), spelled(found.commented).get("id"))
    fields["forwarded"] = True if context.get("isForwarded") is True else None
    if found.media_url:  # the API's own copy can be fetched; the one at WhatsApp is encrypted
        fields["media_url"] = found.media_url
    return fields


def _content_key(message: JsonObject) -> str | None:
    """The key of the content: a known key before an unknown one, whatever their order in the body."""
    for name in _READERS:
        if message.get(name) is not None:
            return name
    return min((name for name in message if name not in NOISE and message[name] is not None), default=None)


def _edit(target: str | None, new: Json) -> Fields:
    found = unwrapped(new)
    # An edit inside an edit does not exist, and following one would let a body choose our depth.
    return as_edit((_fields_of(found) if edit_of(found) is None else None) or {}, target)


def _unknown(part: JsonObject) -> Fields:
    """Of a content that we do not know: its name, and the message that it answers (a vote, the answer to an event)."""
    keys = (part.get(name) for name in ("pollCreationMessageKey", "eventCreationMessageKey", "targetMessageKey"))
    return {"text": as_text(part.get("name")), "target_message_id": first_id(*(spelled(key).get("id") for key in keys))}


def _text(part: JsonObject) -> Fields:
    return {"text": part.get("text")}


def _media(part: JsonObject) -> Fields:
    return {
        "text": part.get("caption"),
        "media_url": part.get("url"),
        "media_mime": as_id(part.get("mimetype")),
        "media_filename": first_text(part.get("fileName"), part.get("title")),
        "media_sha256": _base64(part.get("fileSha256")),
    }


def _location(part: JsonObject) -> Fields:
    labels = (part.get("name"), part.get("address"), part.get("caption"))
    return location_fields(part.get("degreesLatitude"), part.get("degreesLongitude"), *labels)


def _contact(part: JsonObject) -> Fields:
    cards = [part, *(spelled(card) for card in as_list(part.get("contacts")))]
    names = [as_text(card.get("displayName")) for card in cards]
    return {"text": names[0] or joined(names)}


def _reaction(part: JsonObject) -> Fields:
    return reaction_fields(part, spelled(part.get("key")))


def _encrypted_reaction(part: JsonObject) -> Fields:
    return {"target_message_id": as_id(spelled(part.get("targetMessageKey")).get("id"))}


def _button(part: JsonObject) -> Fields:
    part = chosen(part, "response")
    return {
        "text": first_text(part.get("selectedDisplayText"), part.get("selectedButtonId"), part.get("selectedId")),
        "payload": first_id(part.get("selectedButtonId"), part.get("selectedId")),
    }


def _list(part: JsonObject) -> Fields:
    row = as_id(spelled(part.get("singleSelectReply")).get("selectedRowId"))
    return {"text": first_text(part.get("title"), part.get("description")), "payload": row}


def _flow(part: JsonObject) -> Fields:
    """A tapped button of the newer kind, or a form: both answer in a JSON text, where a button's id is `id`."""
    part = chosen(part, "interactiveResponseMessage")
    answers = as_text(spelled(part.get("nativeFlowResponseMessage")).get("paramsJson"))
    return {"text": as_object(part.get("body")).get("text"), "payload": id_in_json_text(answers, "id") or answers}


def _menu(part: JsonObject) -> Fields:
    """A message of a business with buttons or a list below it."""
    part = chosen(part, "format")
    hydrated = spelled(part.get("hydratedTemplate")) or spelled(part.get("hydratedFourRowTemplate"))
    body = as_object(part.get("body")).get("text")
    return {
        "text": first_text(
            part.get("contentText"),
            hydrated.get("hydratedContentText"),
            body,
            part.get("description"),
            part.get("title"),
        )
    }


def _order(part: JsonObject) -> Fields:
    return {"text": first_text(part.get("message"), part.get("orderTitle"))}


def _base64(value: Json) -> str | None:
    """A hash as base64. APIs write bytes as base64, {"type": "Buffer", "data": [...]}, a list or an indexed object."""
    if isinstance(value, str):
        return as_id(value)
    if isinstance(value, dict):
        data = value.get("data")
        value = data if isinstance(data, list) else [value.get(str(index)) for index in range(len(value))]
    if not isinstance(value, list) or not 0 < len(value) <= 64:  # a SHA-256 has 32
        return None
    if not all(isinstance(byte, int) and 0 <= byte < 256 for byte in value):
        return None
    return b64encode(bytes(value)).decode()


_READERS: dict[str, tuple[str, Callable[[JsonObject], Fields]]] = {
    "conversation": ("text", _text),
    "extendedTextMessage": ("text", _text),
    "imageMessage": ("image", _media),
    "videoMessage": ("video", _media),
    "ptvMessage": ("video", _media),
    "audioMessage": ("audio", _media),
    "documentMessage": ("document", _media),
    "stickerMessage": ("sticker", _media),
    "locationMessage": ("location", _location),
    "liveLocationMessage": ("location", _location),
    "contactMessage": ("contacts", _contact),
    "contactsArrayMessage": ("contacts", _contact),
    "reactionMessage": ("reaction", _reaction),
    "encReactionMessage": ("reaction", _encrypted_reaction),
    "placeholderMessage": ("unsupported", lambda _: {}),  # WhatsApp shows it on the phone alone
    "buttonsResponseMessage": ("button", _button),
    "templateButtonReplyMessage": ("button", _button),
    "listResponseMessage": ("interactive", _list),
    "interactiveResponseMessage": ("interactive", _flow),
    "buttonsMessage": ("interactive", _menu),
    "listMessage": ("interactive", _menu),
    "interactiveMessage": ("interactive", _menu),
    "templateMessage": ("interactive", _menu),
    "orderMessage": ("order", _order),
}
