"""Message keys and statuses of Baileys: sender, recipient, chat and status of a message."""

from schemas.parsing.identity import chat_id, group_member, is_broadcast, is_group, is_lid, phone, without_device
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id
from schemas.parsing.results import Fields
from schemas.providers._fields import status_fields, status_word

# WebMessageInfo.Status, and the words that Baileys and the APIs built on it write for the same steps.
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

# Names of the author in a key: those with a phone number, then the others. `cleaned...` are digits, `...Alt` is of
# Baileys 7.
_AUTHOR_PHONES = ("cleanedParticipantPn", "participantPn", "cleanedSenderPn", "senderPn")
_AUTHORS = ("participant", "participantAlt", "participantLid")
_AUTHOR_LIDS = ("participantLid", "participant", "participantAlt", "senderLid")
_SENDERS = ("cleanedSenderPn", "senderPn", "remoteJid", "remoteJidAlt")
_SENDER_LIDS = ("senderLid", "remoteJid", "remoteJidAlt")


def status_of(value: Json) -> Fields | None:
    """`status` (and `raw_status` when unknown) of a number from 0 to 5, its text, or a word; None for anything else."""
    word = as_id(value)
    if word is None:
        return None
    if word.isascii() and word.isdigit() and int(word) < len(_NUMBERS):
        return {"status": _NUMBERS[int(word)]}
    return status_fields(_WORDS.get(word.lower()), word)


def changed_status(holder: JsonObject) -> Fields | None:
    """`status_of` a change of a status: without a word in it, the change is to a status that nobody knows."""
    return status_fields(None, "") if status_word(holder, "status") == "" else status_of(holder.get("status"))


def from_me(key: JsonObject) -> bool | None:
    """Whether our side sent the message of this key; None when the key does not state it."""
    value = key.get("fromMe")
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return bool(value) if isinstance(value, int) and value in (0, 1) else None


def inbound_fields(key: JsonObject) -> Fields:
    """Author, chat and id of a message that somebody sent to us."""
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


def outbound_fields(key: JsonObject) -> Fields:
    """Recipient, chat and id of a message of ours. The sender in such a key is ourselves."""
    chat = key.get("remoteJid")
    recipient = phone(chat) or (phone(key.get("remoteJidAlt")) if is_lid(chat) else None) or without_device(chat)
    return {**_chat(chat), "message_id": as_id(key.get("id")), "to": recipient}


def message_fields(key: JsonObject) -> Fields:
    """The other side, chat and id of a message of either direction."""
    return outbound_fields(key) if from_me(key) is True else inbound_fields(key)


def about_fields(key: JsonObject) -> Fields:
    """The same fields for a status or a deletion, with `from_me`: who sent the message decides which side is which.

    The participant in a key of our own message is ourselves, not a member who received it.
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


def deletion_fields(key: JsonObject) -> Fields:
    """The fields of the deletion of the message with this key."""
    return {**about_fields(key), "status": "deleted"}


def receiver_of(key: JsonObject, user: Json) -> str | None:
    """The group member who sent a receipt: the receipt's `userJid`, else the author in the key."""
    given = group_member(user)
    if given is None:
        return author_of(key)
    same = given in (without_device(key.get("participant")), without_device(key.get("participantLid")))
    return author_of(key) if same else given


def author_of(key: JsonObject) -> str | None:
    """The group member in a key, in one stable spelling."""
    return group_member(*(key.get(name) for name in (*_AUTHOR_PHONES[:2], *_AUTHORS))) or group_member(
        *(key.get(name) for name in _AUTHOR_PHONES[2:])
    )


def caller_fields(call: JsonObject) -> Fields:
    """Who called: their phone if the call has it, else their lid."""
    spellings = [call.get(name) for name in ("callerPn", "from", "chatId", "remoteJid")]
    return {
        "from": group_member(*spellings[:2]) or group_member(*spellings[2:]),
        "sender_lid": next((without_device(one) for one in (call.get("callerLid"), *spellings) if is_lid(one)), None),
    }


def _chat(chat: Json) -> Fields:
    return {"chat_id": chat_id(chat), "is_group": True if is_group(chat) else None}


def _has_own_id(chat: Json) -> bool:
    """Whether the chat is a channel or a bot: it is the sender itself, even when its key names another one."""
    return isinstance(chat, str) and chat.endswith(("@newsletter", "@bot"))


def _lid(key: JsonObject, names: tuple[str, ...]) -> str | None:
    for name in names:
        if is_lid(key.get(name)):
            return without_device(key[name])
    return None
