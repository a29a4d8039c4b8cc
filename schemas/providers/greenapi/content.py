"""The content of a Green-API message as canonical fields: `typeMessage` names the object that holds it."""

from collections.abc import Callable

from schemas.parsing.json_types import JsonObject
from schemas.parsing.json_values import as_id, as_list, as_object, as_text, first_id, first_text
from schemas.parsing.results import Fields
from schemas.providers._fields import joined, location_fields, reaction_fields


def content(data: JsonObject) -> Fields:
    """`type` and the content fields of a `messageData` that is not a deletion."""
    word = as_id(data.get("typeMessage"))
    reader = _READERS.get(word or "")
    extended = as_object(data.get("extendedTextMessageData"))
    fields: Fields = {"type": "unknown", "raw_type": word}
    if reader is not None:
        fields = {"type": reader[0], **reader[1](data)}
    holders = (extended, as_object(data.get("fileMessageData")), as_object(data.get("textMessageData")), data)
    fields["forwarded"] = True if any(holder.get("isForwarded") is True for holder in holders) else None
    if fields["type"] not in ("reaction", "edit"):
        quoted = first_id(as_object(data.get("quotedMessage")).get("stanzaId"), extended.get("stanzaId"))
        fields["reply_to"] = fields.get("reply_to") or quoted
    return fields


def _text(data: JsonObject) -> Fields:
    plain, extended = as_object(data.get("textMessageData")), as_object(data.get("extendedTextMessageData"))
    return {"text": first_text(plain.get("textMessage"), extended.get("text"))}


def _file(data: JsonObject) -> Fields:
    part = as_object(data.get("fileMessageData"))
    return {
        "text": part.get("caption"),
        "media_url": as_text(part.get("downloadUrl")),
        "media_mime": as_id(part.get("mimeType")),
        "media_filename": as_text(part.get("fileName")),
    }


def _location(data: JsonObject) -> Fields:
    part = as_object(data.get("locationMessageData"))
    return location_fields(part.get("latitude"), part.get("longitude"), part.get("nameLocation"), part.get("address"))


def _contacts(data: JsonObject) -> Fields:
    inner = as_object(data.get("messageData"))
    cards = [data.get("contactMessageData"), *as_list(data.get("contacts")), *as_list(inner.get("contacts"))]
    return {"text": joined(as_object(card).get("displayName") for card in cards)}


def _reaction(data: JsonObject) -> Fields:
    extended, quoted = as_object(data.get("extendedTextMessageData")), as_object(data.get("quotedMessage"))
    return reaction_fields(as_text(extended.get("text")), first_id(quoted.get("stanzaId"), extended.get("stanzaId")))


def _edit(data: JsonObject) -> Fields:
    part = as_object(data.get("editedMessageData"))
    return {
        "text": first_text(part.get("textMessage"), part.get("caption")),
        "target_message_id": as_id(part.get("stanzaId")),
    }


def _button(data: JsonObject) -> Fields:
    part = as_object(data.get("buttonsResponseMessage")) or as_object(data.get("templateButtonReplyMessage"))
    return {
        "text": first_text(part.get("selectedButtonText"), part.get("selectedDisplayText")),
        "payload": first_id(part.get("selectedButtonId"), part.get("selectedId")),
        "reply_to": as_id(part.get("stanzaId")),
    }


def _list(data: JsonObject) -> Fields:
    part = as_object(data.get("listResponseMessage"))
    chosen = part.get("singleSelectReply")
    return {
        "text": as_text(part.get("title")),
        "payload": first_id(chosen, as_object(chosen).get("selectedRowId")),
        "reply_to": as_id(part.get("stanzaId")),
    }


def _vote(data: JsonObject) -> Fields:
    """A vote in a poll. The body has the votes of everybody, so the text is the poll's name."""
    part = as_object(data.get("pollMessageData"))
    return {
        "raw_type": "pollUpdateMessage",
        "text": as_text(part.get("name")),
        "target_message_id": as_id(part.get("stanzaId")),
    }


def _menu(data: JsonObject) -> Fields:
    names = (
        "buttonsMessage", "templateMessage", "listMessage", "interactiveButtons", "interactiveButtonsReply",
        "interactiveButtonsResponse",
    )  # fmt: skip
    part = next((as_object(data[name]) for name in names if isinstance(data.get(name), dict)), {})
    texts = (part.get("contentText"), part.get("selectedDisplayText"), part.get("body"), part.get("title"))
    return {
        "text": first_text(*texts),
        "payload": as_id(part.get("selectedId")),
        "reply_to": as_id(part.get("stanzaId")),
    }


_READERS: dict[str, tuple[str, Callable[[JsonObject], Fields]]] = {
    "textMessage": ("text", _text),
    "extendedTextMessage": ("text", _text),
    "quotedMessage": ("text", _text),
    "imageMessage": ("image", _file),
    "videoMessage": ("video", _file),
    "audioMessage": ("audio", _file),
    "documentMessage": ("document", _file),
    "stickerMessage": ("sticker", _file),
    "locationMessage": ("location", _location),
    "contactMessage": ("contacts", _contacts),
    "contactsArrayMessage": ("contacts", _contacts),
    "reactionMessage": ("reaction", _reaction),
    "editedMessage": ("edit", _edit),
    "buttonsResponseMessage": ("button", _button),
    "templateButtonsReplyMessage": ("button", _button),
    "listResponseMessage": ("interactive", _list),
    "buttonsMessage": ("interactive", _menu),
    "templateMessage": ("interactive", _menu),
    "listMessage": ("interactive", _menu),
    "interactiveButtons": ("interactive", _menu),
    "interactiveButtonsReply": ("interactive", _menu),
    "interactiveButtonsResponse": ("button", _menu),
    "pollUpdateMessage": ("unknown", _vote),
}
