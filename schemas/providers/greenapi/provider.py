"""Green-API: one event each, told apart by `typeWebhook`. Pure.

Its pages say that `idMessage` is unique in a chat only, and it is taken as the id all the same: for WhatsApp it is
WhatsApp's own, of 64 random bits or more; the send call answers with it and statuses carry it. Joined with the chat it
would fall apart whenever the chat is spelled with a phone once and with a hidden id the next time. Instances of other
messengers, whose ids do repeat, are no WhatsApp messages and never become any.
"""

from collections.abc import Callable
from typing import Any

from schemas.authentication.static_secret import verify_static_secret
from schemas.parsing.bodies import Elements, elements_of
from schemas.parsing.identity import chat_id, group_member, is_group, is_lid, phone, phone_or_id
from schemas.parsing.json_values import as_id, as_list, as_object, as_text, first_id
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.send_responses import responses_of, sent_record
from schemas.parsing.times import parse_time
from schemas.providers.base import Provider
from schemas.providers.greenapi.content import content
from schemas.reasons import Reason

Fields = dict[str, Any]

_FAILURES = frozenset({"failed", "noaccount", "notingroup", "yellowcard", "noactivesession"})
_STATUSES = frozenset({"sent", "delivered", "read"})
_OTHER_MESSENGERS = frozenset({"telegram", "v3", "max"})
_STATES = {
    "authorized": "connected", "online": "connected",
    "notauthorized": "disconnected", "sleepmode": "disconnected", "offline": "disconnected",
    "blocked": "banned",
    "yellowcard": "limited",
}  # fmt: skip


def parse(body: bytes) -> Elements:
    """Every element of a body in its order. Never raises."""
    return elements_of(body, lambda root: map(_event, as_list(root)))


def send_response(body: bytes) -> Elements:
    """The message of an answer. Never raises."""
    return responses_of(body, lambda raw: sent_record(raw, {"message_id": as_id(as_object(raw).get("idMessage"))}))


def _event(raw: Any) -> Parsed | Rejected:
    if isinstance(raw, dict) and "typeWebhook" not in raw and isinstance(raw.get("body"), dict):
        raw = raw["body"]  # as their queue is polled, with a receipt around it
    word = as_id(raw.get("typeWebhook")) if isinstance(raw, dict) else None
    if word is None:
        return Rejected(Reason.UNKNOWN_SHAPE, "the body has no typeWebhook", raw)
    instance = as_object(raw.get("instanceData"))
    read = _READERS.get(word.lower())
    if read is None or (as_id(instance.get("typeInstance")) or "").lower() in _OTHER_MESSENGERS:
        return _system(word, instance, raw)
    return read(raw, instance)


def _incoming(raw: Fields, instance: Fields) -> Parsed | Rejected:
    return _message(raw, instance, mine=False)


def _outgoing(raw: Fields, instance: Fields) -> Parsed | Rejected:
    return _message(raw, instance, mine=True)


def _message(raw: Fields, instance: Fields, *, mine: bool) -> Parsed | Rejected:
    message_id, data = as_id(raw.get("idMessage")), as_object(raw.get("messageData"))
    if message_id is None and not data:
        return Rejected(Reason.BAD_ELEMENT, "a message has neither id nor content", raw)
    sender = as_object(raw.get("senderData"))
    fields = {**_parties(sender, instance, mine=mine), **_shared(raw, instance), "message_id": message_id}
    if data.get("typeMessage") == "deletedMessage":
        return _deletion(data, fields, mine, raw)
    fields |= content(data)
    if fields["type"] == "edit":
        if message_id == fields["target_message_id"]:
            fields["message_id"] = None
        return Parsed("inbound", fields, raw)
    if mine:
        return Parsed("sent", {**fields, "origin": "echo"}, raw)
    name = first_id(sender.get("senderName"), sender.get("senderContactName"))
    return Parsed("inbound", {**fields, "sender_name": name}, raw)


def _deletion(data: Fields, fields: Fields, mine: bool, raw: Fields) -> Parsed | Rejected:
    deleted = as_id(as_object(data.get("deletedMessageData")).get("stanzaId"))
    if deleted is None:
        return Rejected(Reason.BAD_ELEMENT, "a deletion does not name the message", raw)
    facts = {name: value for name, value in fields.items() if name != "sender_lid"}
    return Parsed("status", {**facts, "message_id": deleted, "status": "deleted", "from_me": mine})


def _status(raw: Fields, instance: Fields) -> Parsed | Rejected:
    word, message_id = as_id(raw.get("status")), as_id(raw.get("idMessage"))
    if word is None or message_id is None:
        return Rejected(Reason.BAD_ELEMENT, "a status names no message or no status", raw)
    known = "failed" if word.lower() in _FAILURES else word.lower() if word.lower() in _STATUSES else None
    fields = {
        **_parties({"chatId": raw.get("chatId")}, instance, mine=True),
        **_shared(raw, instance),
        "message_id": message_id,
        "status": known or "unknown",
        "raw_status": None if known else word,
        # Why it failed is told by the word itself.
        "error_code": word if known == "failed" and word.lower() != "failed" else None,
        "error_text": as_text(raw.get("description")) if known in ("failed", None) else None,
    }
    return Parsed("status", fields)


def _shared(raw: Fields, instance: Fields) -> Fields:
    return {"account": as_id(instance.get("idInstance")), "occurred_at": parse_time(raw.get("timestamp"))}


def _parties(sender: Fields, instance: Fields, *, mine: bool) -> Fields:
    chat, own = sender.get("chatId"), phone(instance.get("wid"))
    fields = {"chat_id": chat_id(chat), "is_group": True if is_group(chat) else None}
    if mine:
        return {**fields, "from": own, "to": phone_or_id(chat)}
    author = phone(sender.get("senderPhoneNumber")) or group_member(
        sender.get("sender"), None if is_group(chat) else chat
    )
    lids = (sender.get("sender"), None if is_group(chat) else chat)
    fields |= {"to": own, "from": author, "sender_lid": next((as_id(lid) for lid in lids if is_lid(lid)), None)}
    return {**fields, "participant": author} if is_group(chat) else fields


def _system(word: str, instance: Fields, raw: Fields) -> Parsed:
    state = first_id(raw.get("stateInstance"), raw.get("statusInstance"))
    fields = {**_shared(raw, instance), "event": word, "raw_state": first_id(state, raw.get("status"))}
    if word.lower() in ("stateinstancechanged", "statusinstancechanged"):
        fields["state"] = _STATES.get((state or "").lower(), "unknown")
    elif word.lower() == "quotaexceeded":
        fields["state"] = "limited"
    return Parsed("system", fields, raw)


_READERS: dict[str, Callable[[Fields, Fields], Parsed | Rejected]] = {
    "incomingmessagereceived": _incoming,
    "outgoingmessagereceived": _outgoing,
    "outgoingapimessagereceived": _outgoing,
    "outgoingmessagestatus": _status,
}

PROVIDER = Provider(
    name="green-api", verify=verify_static_secret, parse=parse, signed=False, send_response=send_response
)
