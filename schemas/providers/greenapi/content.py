"""What a Green-API message says: `typeMessage` and the object that holds its content. Pure."""

from collections.abc import Callable
from typing import Any

from schemas.parsing.lenient import first, first_text, ident, items, mapping, text

Fields = dict[str, Any]


def content(data: Fields) -> Fields:
    """`type` and the content fields of a `messageData`; a deletion is not among them."""
    word = ident(data.get("typeMessage"))
    reader = _READERS.get(word or "")
    extended = mapping(data.get("extendedTextMessageData"))
    fields: Fields = {"type": "unknown", "raw_type": word}
    if reader is not None:
        fields = {"type": reader[0], **reader[1](data)}
    holders = (extended, mapping(data.get("fileMessageData")), mapping(data.get("textMessageData")), data)
    fields["forwarded"] = True if any(holder.get("isForwarded") is True for holder in holders) else None
    if fields["type"] not in ("reaction", "edit"):
        quoted = first(mapping(data.get("quotedMessage")).get("stanzaId"), extended.get("stanzaId"))
        fields["reply_to"] = fields.get("reply_to") or quoted
    return fields


def _text(data: Fields) -> Fields:
    plain, extended = mapping(data.get("textMessageData")), mapping(data.get("extendedTextMessageData"))
    return {"text": first_text(plain.get("textMessage"), extended.get("text"))}


def _file(data: Fields) -> Fields:
    part = mapping(data.get("fileMessageData"))
    return {
        "text": part.get("caption"),
        "media_url": text(part.get("downloadUrl")),
        "media_mime": ident(part.get("mimeType")),
        "media_filename": text(part.get("fileName")),
    }


def _location(data: Fields) -> Fields:
    part = mapping(data.get("locationMessageData"))
    said = [found for found in (text(part.get("nameLocation")), text(part.get("address"))) if found]
    return {"latitude": part.get("latitude"), "longitude": part.get("longitude"), "text": ", ".join(said)}


def _contacts(data: Fields) -> Fields:
    inner = mapping(data.get("messageData"))
    cards = [data.get("contactMessageData"), *items(data.get("contacts")), *items(inner.get("contacts"))]
    names = (text(mapping(card).get("displayName")) for card in cards)
    return {"text": ", ".join(name for name in names if name)}


def _reaction(data: Fields) -> Fields:
    said, quoted = mapping(data.get("extendedTextMessageData")), mapping(data.get("quotedMessage"))
    emoji = text(said.get("text"))
    return {
        "text": emoji,
        "target_message_id": first(quoted.get("stanzaId"), said.get("stanzaId")),
        "reaction_removed": True if emoji is None else None,
    }


def _edit(data: Fields) -> Fields:
    part = mapping(data.get("editedMessageData"))
    return {
        "text": first_text(part.get("textMessage"), part.get("caption")),
        "target_message_id": ident(part.get("stanzaId")),
    }


def _button(data: Fields) -> Fields:
    part = mapping(data.get("buttonsResponseMessage")) or mapping(data.get("templateButtonReplyMessage"))
    return {
        "text": first_text(part.get("selectedButtonText"), part.get("selectedDisplayText")),
        "payload": first(part.get("selectedButtonId"), part.get("selectedId")),
        "reply_to": ident(part.get("stanzaId")),
    }


def _list(data: Fields) -> Fields:
    part = mapping(data.get("listResponseMessage"))
    chosen = part.get("singleSelectReply")
    return {
        "text": text(part.get("title")),
        "payload": first(chosen, mapping(chosen).get("selectedRowId")),
        "reply_to": ident(part.get("stanzaId")),
    }


def _menu(data: Fields) -> Fields:
    names = (
        "buttonsMessage", "templateMessage", "listMessage", "interactiveButtons", "interactiveButtonsReply",
        "interactiveButtonsResponse",
    )  # fmt: skip
    part: Fields = next((data[name] for name in names if isinstance(data.get(name), dict)), {})
    said = (part.get("contentText"), part.get("selectedDisplayText"), part.get("body"), part.get("title"))
    return {"text": first_text(*said), "payload": first(part.get("selectedId"))}


_READERS: dict[str, tuple[str, Callable[[Fields], Fields]]] = {
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
}
