"""What a Baileys `message` object says, key by key, as canonical content fields. Pure."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from schemas.parsing.json_text import InvalidJSON, loads
from schemas.parsing.json_values import as_id, as_list, as_object, as_text, first_id, first_text

Fields = dict[str, Any]

_WRAPPERS = (
    "ephemeralMessage", "viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension", "editedMessage",
    "documentWithCaptionMessage", "groupMentionedMessage", "lottieStickerMessage", "deviceSentMessage",
    "botInvokeMessage",
)  # fmt: skip
_WRAPPER_NAMES = frozenset(_WRAPPERS)
_MAX_WRAPPERS = 8  # three are the most that real messages nest
# Keys beside the content, or instead of it when a message only carries keys of the group's encryption.
_NOISE = frozenset({
    "messageContextInfo", "senderKeyDistributionMessage", "fastRatchetKeySenderKeyDistributionMessage",
    "base64", "mediaUrl",
})  # fmt: skip
_REVOKE = (0, "REVOKE", None)  # 0 is the default of the protocol buffer, so some printers leave it out
_EDIT = (14, "MESSAGE_EDIT")


def content(message: Any) -> Fields | None:
    """`type` and the content fields of a message; None when it says nothing (keys, settings, an empty object)."""
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
    if "mediaUrl" in inner:  # the API's own copy can be fetched; WhatsApp's is encrypted
        fields["media_url"] = inner["mediaUrl"]
    return as_edit(fields) if edited else fields


def as_edit(fields: Fields, target_message_id: str | None = None) -> Fields:
    """The same content as the new version of a message."""
    target = target_message_id or fields.get("target_message_id")
    return {**fields, "type": "edit", "raw_type": None, "target_message_id": target}


def revoked_key(message: Any) -> Fields | None:
    """The key of the message that this one deletes, as its sender sees it; None when it deletes none."""
    protocol = _unwrapped(as_object(message))[0].get("protocolMessage")
    if not isinstance(protocol, dict) or protocol.get("type") not in _REVOKE or "editedMessage" in protocol:
        return None
    return as_object(protocol.get("key")) or None


def reaction_fields(reaction: Fields, target: Fields) -> Fields:
    """A reaction: an empty emoji, or none, takes an earlier one back."""
    emoji = as_text(reaction.get("text"))
    return {
        "type": "reaction",
        "text": emoji,
        "target_message_id": as_id(target.get("id")),
        "reaction_removed": True if emoji is None else None,
    }


def _unwrapped(message: Fields) -> tuple[Fields, bool]:
    edited = False
    for _ in range(_MAX_WRAPPERS):
        if _WRAPPER_NAMES.isdisjoint(message):  # nearly every message
            break
        wrapper = next((name for name in _WRAPPERS if isinstance(message.get(name), dict)), None)
        if wrapper is None:
            break
        edited = edited or wrapper == "editedMessage"
        message = as_object(message[wrapper].get("message"))
    return message, edited


def _content_key(message: Fields) -> str | None:
    """The key that holds the content: one that we read before one that we do not, whatever their order in the body."""
    for name in _READERS:
        if message.get(name) is not None:
            return name
    return min((name for name in message if name not in _NOISE and message[name] is not None), default=None)


def _edit(protocol: Fields) -> Fields | None:
    if protocol.get("type") not in _EDIT and "editedMessage" not in protocol:
        return None
    new = protocol.get("editedMessage")
    # An edit inside an edit does not exist, and following one would let a body choose our depth.
    said = content(new) if "protocolMessage" not in _unwrapped(as_object(new))[0] else None
    return as_edit(said or {}, as_id(as_object(protocol.get("key")).get("id")))


def _text(part: Fields) -> Fields:
    return {"text": part.get("text")}


def _media(part: Fields) -> Fields:
    return {
        "text": part.get("caption"),
        "media_url": part.get("url"),
        "media_mime": as_id(part.get("mimetype")),
        "media_filename": first_text(part.get("fileName"), part.get("title")),
        "media_sha256": _base64(part.get("fileSha256")),
    }


def _location(part: Fields) -> Fields:
    said = [
        found
        for found in (as_text(part.get("name")), as_text(part.get("address")), as_text(part.get("caption")))
        if found
    ]
    return {
        "latitude": part.get("degreesLatitude"),
        "longitude": part.get("degreesLongitude"),
        "text": ", ".join(said),
    }


def _contact(part: Fields) -> Fields:
    cards = [part, *(as_object(card) for card in as_list(part.get("contacts")))]
    names = [as_text(card.get("displayName")) for card in cards]
    return {"text": names[0] or ", ".join(name for name in names if name)}


def _reaction(part: Fields) -> Fields:
    return reaction_fields(part, as_object(part.get("key")))


def _button(part: Fields) -> Fields:
    return {
        "text": first_text(part.get("selectedDisplayText"), part.get("selectedButtonId"), part.get("selectedId")),
        "payload": first_id(part.get("selectedButtonId"), part.get("selectedId")),
    }


def _list(part: Fields) -> Fields:
    row = as_id(as_object(part.get("singleSelectReply")).get("selectedRowId"))
    return {"text": first_text(part.get("title"), part.get("description")), "payload": row}


def _flow(part: Fields) -> Fields:
    """A tapped button of the newer kind, or a form: its answers are a JSON text, its button's id stands in there."""
    answers = as_text(as_object(part.get("nativeFlowResponseMessage")).get("paramsJson"))
    return {"text": as_object(part.get("body")).get("text"), "payload": _answer_id(answers) or answers}


def _menu(part: Fields) -> Fields:
    """What a business sends with buttons or a list under it."""
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


def _order(part: Fields) -> Fields:
    return {"text": first_text(part.get("message"), part.get("orderTitle"))}


def _answer_id(answers: str | None) -> str | None:
    try:
        return as_id(as_object(loads((answers or "{}").encode("utf-8", "replace"))).get("id"))
    except InvalidJSON:
        return None


def _base64(value: Any) -> str | None:
    """Bytes are printed as base64, as {"type": "Buffer", "data": [...]}, as a list or as an object of indexes."""
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


_READERS: dict[str, tuple[str, Callable[[Fields], Fields]]] = {
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
