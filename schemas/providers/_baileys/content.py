"""The content of a Baileys `message` object as canonical fields, key by key."""

from base64 import b64encode
from collections.abc import Callable

from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_list, as_object, as_text, first_id, first_text
from schemas.parsing.results import Fields
from schemas.providers import _fields
from schemas.providers._fields import id_in_json_text, joined, location_fields

_WRAPPERS = (
    "ephemeralMessage", "viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension", "editedMessage",
    "documentWithCaptionMessage", "groupMentionedMessage", "lottieStickerMessage", "deviceSentMessage",
    "botInvokeMessage",
)  # fmt: skip
_WRAPPER_NAMES = frozenset(_WRAPPERS)
_MAX_WRAPPERS = 8  # real messages nest three at most
# Keys that are not content. A message that only carries keys of the group's encryption has nothing else.
_NOISE = frozenset({
    "messageContextInfo", "senderKeyDistributionMessage", "fastRatchetKeySenderKeyDistributionMessage",
    "base64", "mediaUrl",
})  # fmt: skip
_REVOKE = (0, "REVOKE", None)  # 0 is the default of the protocol buffer, and some APIs leave defaults out
_EDIT = (14, "MESSAGE_EDIT")


def content(message: Json) -> Fields | None:
    """`type` and the content fields of a message; None when it has no content (keys, settings, an empty object)."""
    inner, edited = _unwrapped(as_object(message))
    protocol = inner.get("protocolMessage")
    if isinstance(protocol, dict):
        return _edit(protocol)
    name = _content_key(inner)
    if name is None:
        return None
    value = inner[name]
    part = as_object(value)
    reader = _READERS.get(name)
    fields: Fields = {"type": "unknown", "raw_type": as_id(name), "text": as_text(part.get("name"))}
    if reader is not None:
        fields = {"type": reader[0], **reader[1](part if name != "conversation" else {"text": value})}
    context = as_object(part.get("contextInfo"))
    fields["reply_to"] = as_id(context.get("stanzaId"))
    fields["forwarded"] = True if context.get("isForwarded") is True else None
    if "mediaUrl" in inner:  # the API's own copy can be fetched; the one at WhatsApp is encrypted
        fields["media_url"] = inner["mediaUrl"]
    return as_edit(fields) if edited else fields


def as_edit(fields: Fields, target_message_id: str | None = None) -> Fields:
    """The same content as the new version of a message."""
    target = target_message_id or fields.get("target_message_id")
    return {**fields, "type": "edit", "raw_type": None, "target_message_id": target}


def revoked_key(message: Json) -> JsonObject | None:
    """The key of the message that this message deletes, from its sender's view; None when it deletes none."""
    protocol = _unwrapped(as_object(message))[0].get("protocolMessage")
    if not isinstance(protocol, dict) or protocol.get("type") not in _REVOKE or "editedMessage" in protocol:
        return None
    return as_object(protocol.get("key")) or None


def reaction_fields(reaction: JsonObject, target: JsonObject) -> Fields:
    """The content of a reaction to the message with the key `target`."""
    return {"type": "reaction", **_fields.reaction_fields(as_text(reaction.get("text")), as_id(target.get("id")))}


def _unwrapped(message: JsonObject) -> tuple[JsonObject, bool]:
    """The message inside its wrappers, and whether one of them makes it an edit."""
    edited = False
    for _ in range(_MAX_WRAPPERS):
        if _WRAPPER_NAMES.isdisjoint(message):  # nearly every message
            break
        wrapper = next((name for name in _WRAPPERS if isinstance(message.get(name), dict)), None)
        if wrapper is None:
            break
        edited = edited or wrapper == "editedMessage"
        message = as_object(as_object(message[wrapper]).get("message"))
    return message, edited


def _content_key(message: JsonObject) -> str | None:
    """The key of the content: a known key before an unknown one, whatever their order in the body."""
    for name in _READERS:
        if message.get(name) is not None:
            return name
    return min((name for name in message if name not in _NOISE and message[name] is not None), default=None)


def _edit(protocol: JsonObject) -> Fields | None:
    if protocol.get("type") not in _EDIT and "editedMessage" not in protocol:
        return None
    new = protocol.get("editedMessage")
    # An edit inside an edit does not exist, and following one would let a body choose our depth.
    fields = content(new) if "protocolMessage" not in _unwrapped(as_object(new))[0] else None
    return as_edit(fields or {}, as_id(as_object(protocol.get("key")).get("id")))


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
    cards = [part, *(as_object(card) for card in as_list(part.get("contacts")))]
    names = [as_text(card.get("displayName")) for card in cards]
    return {"text": names[0] or joined(names)}


def _reaction(part: JsonObject) -> Fields:
    return reaction_fields(part, as_object(part.get("key")))


def _button(part: JsonObject) -> Fields:
    return {
        "text": first_text(part.get("selectedDisplayText"), part.get("selectedButtonId"), part.get("selectedId")),
        "payload": first_id(part.get("selectedButtonId"), part.get("selectedId")),
    }


def _list(part: JsonObject) -> Fields:
    row = as_id(as_object(part.get("singleSelectReply")).get("selectedRowId"))
    return {"text": first_text(part.get("title"), part.get("description")), "payload": row}


def _flow(part: JsonObject) -> Fields:
    """A tapped button of the newer kind, or a form: both answer in a JSON text, where a button's id is `id`."""
    answers = as_text(as_object(part.get("nativeFlowResponseMessage")).get("paramsJson"))
    return {"text": as_object(part.get("body")).get("text"), "payload": id_in_json_text(answers, "id") or answers}


def _menu(part: JsonObject) -> Fields:
    """A message of a business with buttons or a list below it."""
    hydrated = as_object(part.get("hydratedTemplate")) or as_object(part.get("hydratedFourRowTemplate"))
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
