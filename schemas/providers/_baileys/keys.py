"""Keys and status numbers of Baileys, the library under WasenderApi, Evolution API and WAHA's NOWEB engine. Pure."""

from typing import Any

from schemas.parsing.identity import chat_id, group_member, is_broadcast, is_group, is_lid, phone, without_device
from schemas.parsing.json_values import as_id

Fields = dict[str, Any]

# WebMessageInfo.Status, and the words that Baileys and the APIs on top of it print for the same steps.
_NUMBERS = ("failed", "pending", "sent", "delivered", "read", "played")
_WORDS = {
    "error": "failed", "failed": "failed",
    "pending": "pending",
    "server_ack": "sent", "sent": "sent",
    "delivery_ack": "delivered", "delivered": "delivered",
    "read": "read",
    "played": "played",
    "deleted": "deleted",
}  # fmt: skip

# Spellings of the author that hold a phone, then the others. `cleaned...` are digits, `...Alt` is Baileys 7's.
_AUTHOR_PHONES = ("cleanedParticipantPn", "participantPn", "cleanedSenderPn", "senderPn")
_AUTHORS = ("participant", "participantAlt", "participantLid")
_AUTHOR_LIDS = ("participantLid", "participant", "participantAlt", "senderLid")
_SENDERS = ("cleanedSenderPn", "senderPn", "remoteJid", "remoteJidAlt")
_SENDER_LIDS = ("senderLid", "remoteJid", "remoteJidAlt")


def status_fields(value: Any) -> Fields | None:
    """`status` (and `raw_status` when unknown) of a number 0-5, its text or a word; None when there is none."""
    spelled = as_id(value)
    if spelled is None:
        return None
    if spelled.isascii() and spelled.isdigit() and int(spelled) < len(_NUMBERS):
        return {"status": _NUMBERS[int(spelled)]}
    known = _WORDS.get(spelled.lower())
    return {"status": known} if known else {"status": "unknown", "raw_status": spelled}


def from_me(key: Fields) -> bool | None:
    """Whether our side sent the message that the key names; None when the key does not say."""
    value = key.get("fromMe")
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return bool(value) if isinstance(value, int) and value in (0, 1) else None


def inbound_fields(key: Fields) -> Fields:
    """Author and chat of a message that somebody sent to us."""
    chat = key.get("remoteJid")
    fields = {**_chat(chat), "message_id": as_id(key.get("id"))}
    if is_group(chat) or is_broadcast(chat):
        author = author_of(key)
        fields["from"] = author
        fields["sender_lid"] = _lid(key, _AUTHOR_LIDS)
        if is_group(chat):
            fields["participant"] = author
    else:
        fields["from"] = group_member(*(key.get(name) for name in _SENDERS)) if not _has_own_id(chat) else as_id(chat)
        fields["sender_lid"] = _lid(key, _SENDER_LIDS)
    return fields


def outbound_fields(key: Fields) -> Fields:
    """Recipient and chat of a message of ours. The sender spellings in such a key are ourselves."""
    chat = key.get("remoteJid")
    recipient = phone(chat) or (phone(key.get("remoteJidAlt")) if is_lid(chat) else None) or without_device(chat)
    return {**_chat(chat), "message_id": as_id(key.get("id")), "to": recipient}


def about_fields(key: Fields) -> Fields:
    """The same for a status or a deletion: whose message it is about decides which side is which.

    The participant in a key of ours is ourselves, and no member that received it.
    """
    mine = from_me(key)
    if mine is False:
        fields = inbound_fields(key)
        fields.pop("sender_lid", None)
    else:
        fields = outbound_fields(key)
        if mine is None and is_group(key.get("remoteJid")):
            fields["participant"] = author_of(key)
    fields["from_me"] = mine
    return fields


def deletion_fields(key: Fields) -> Fields:
    """The same for a deletion."""
    return {**about_fields(key), "status": "deleted"}


def receiver_of(key: Fields, user: Any) -> str | None:
    """The group member who sent a receipt, given by the key and by the receipt's `userJid`, which wins."""
    given = group_member(user)
    if given is None:
        return author_of(key)
    same = given in (without_device(key.get("participant")), without_device(key.get("participantLid")))
    return author_of(key) if same else given


def author_of(key: Fields) -> str | None:
    """The group member whom a key names, in one stable spelling."""
    return group_member(*(key.get(name) for name in (*_AUTHOR_PHONES[:2], *_AUTHORS))) or group_member(
        *(key.get(name) for name in _AUTHOR_PHONES[2:])
    )


def _chat(chat: Any) -> Fields:
    return {"chat_id": chat_id(chat), "is_group": True if is_group(chat) else None}


def _has_own_id(chat: Any) -> bool:
    """A channel or a bot speaks for itself; whatever sender its key may name is not the address to answer."""
    return isinstance(chat, str) and chat.endswith(("@newsletter", "@bot"))


def _lid(key: Fields, names: tuple[str, ...]) -> str | None:
    for name in names:
        if is_lid(key.get(name)):
            return without_device(key[name])
    return None
