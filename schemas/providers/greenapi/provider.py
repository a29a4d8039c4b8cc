"""Green-API: one event each, named by `typeWebhook`.

Its documentation states that `idMessage` is unique within a chat only. It is used as the message id all the same: for
WhatsApp it is WhatsApp's own id, of 64 random bits or more, and the response to the send call and the statuses have it.
An id made of the chat as well would not join events that name the chat by a phone number once and by a hidden id
another time. Instances of other messengers, whose ids do repeat, give system events only.
"""

from collections.abc import Callable

from schemas.authentication.static_secret import verify_static_secret
from schemas.parsing.bodies import Elements, read_each
from schemas.parsing.identity import chat_id, group_member, is_group, is_lid, phone, phone_or_id
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_object, as_text, first_id
from schemas.parsing.results import Fields, Parsed, Rejected
from schemas.parsing.send_responses import sent_record
from schemas.parsing.times import parse_time
from schemas.providers._acts import is_act
from schemas.providers._fields import status_fields, status_word
from schemas.providers.base import Provider
from schemas.providers.greenapi.content import content
from schemas.reasons import Reason

_FAILURES = frozenset({"failed", "noaccount", "notingroup", "yellowcard", "noactivesession"})
_STATUSES = frozenset({"sent", "delivered", "read"})
_OTHER_MESSENGERS = frozenset({"telegram", "v3", "max"})
_ABOUT_PEOPLE = frozenset({"incomingcall", "outgoingcall", "incomingblock"})
_STATES = {
    "authorized": "connected", "online": "connected",
    "notauthorized": "disconnected", "sleepmode": "disconnected", "offline": "disconnected",
    "blocked": "banned",
    "yellowcard": "limited",
}  # fmt: skip


def parse(body: bytes) -> Elements:
    """Every element of a body in its order. Never raises."""
    return read_each(body, lambda raw: (_read_event(raw),))


def send_response(body: bytes) -> Elements:
    """The message of a response. Never raises."""
    return read_each(body, lambda raw: sent_record(raw, {"message_id": as_id(as_object(raw).get("idMessage"))}))


def _read_event(raw: Json) -> Parsed | Rejected:
    event = as_object(raw)
    if "typeWebhook" not in event and isinstance(event.get("body"), dict):
        event = as_object(event["body"])  # an event from their queue is inside a receipt
    word = as_id(event.get("typeWebhook"))
    if word is None:
        return Rejected(Reason.UNKNOWN_SHAPE, "the body has no typeWebhook", event or raw)
    instance = as_object(event.get("instanceData"))
    read = _READERS.get(word.lower())
    if read is None or (as_id(instance.get("typeInstance")) or "").lower() in _OTHER_MESSENGERS:
        return _system(word, instance, event)
    return read(event, instance)


def _incoming(raw: JsonObject, instance: JsonObject) -> Parsed | Rejected:
    return _message(raw, instance, mine=False)


def _outgoing(raw: JsonObject, instance: JsonObject) -> Parsed | Rejected:
    return _message(raw, instance, mine=True)


def _message(raw: JsonObject, instance: JsonObject, *, mine: bool) -> Parsed | Rejected:
    message_id, data = as_id(raw.get("idMessage")), as_object(raw.get("messageData"))
    if message_id is None and not data:
        return Rejected(Reason.BAD_ELEMENT, "a message has neither id nor content", raw)
    sender = as_object(raw.get("senderData"))
    fields = {**_parties(sender, instance, mine=mine), **_common(raw, instance), "message_id": message_id}
    if data.get("typeMessage") == "deletedMessage":
        return _deletion(data, fields, mine, raw)
    act = as_id(data.get("typeMessage"))
    if is_act(act, mine):
        return _act(act, fields, mine, raw)
    fields |= content(data)
    if fields["type"] == "edit":
        if message_id == fields["target_message_id"]:
            fields["message_id"] = None
        return Parsed("inbound", fields, raw)
    if mine:
        return Parsed("sent", {**fields, "origin": "echo"}, raw)
    name = first_id(sender.get("senderName"), sender.get("senderContactName"))
    return Parsed("inbound", {**fields, "sender_name": name}, raw)


def _act(act: str | None, fields: Fields, mine: bool, raw: JsonObject) -> Parsed:
    """What was done in a chat without a message, by us or by whom `from` names."""
    kept = {name: fields.get(name) for name in ("account", "occurred_at", *(() if mine else ("from", "sender_lid")))}
    return Parsed("system", {**kept, "event": as_id(raw.get("typeWebhook")), "raw_state": act}, raw)


def _deletion(data: JsonObject, fields: Fields, mine: bool, raw: JsonObject) -> Parsed | Rejected:
    deleted = as_id(as_object(data.get("deletedMessageData")).get("stanzaId"))
    if deleted is None:
        return Rejected(Reason.BAD_ELEMENT, "a deletion does not name the message", raw)
    shared = {name: value for name, value in fields.items() if name != "sender_lid"}
    return Parsed("status", {**shared, "message_id": deleted, "status": "deleted", "from_me": mine})


def _status(raw: JsonObject, instance: JsonObject) -> Parsed | Rejected:
    word, message_id = status_word(raw, "status"), as_id(raw.get("idMessage"))
    if word is None or message_id is None:
        return Rejected(Reason.BAD_ELEMENT, "a status names no message or no status", raw)
    known = "failed" if word.lower() in _FAILURES else word.lower() if word.lower() in _STATUSES else None
    fields = {
        **_parties({"chatId": raw.get("chatId")}, instance, mine=True),
        **_common(raw, instance),
        "message_id": message_id,
        **status_fields(known, word),
        # The word for a failure is its reason, except for the word failed.
        "error_code": word if known == "failed" and word.lower() != "failed" else None,
        "error_text": as_text(raw.get("description")) if known in ("failed", None) else None,
    }
    return Parsed("status", fields)


def _common(raw: JsonObject, instance: JsonObject) -> Fields:
    return {"account": as_id(instance.get("idInstance")), "occurred_at": parse_time(raw.get("timestamp"))}


def _parties(sender: JsonObject, instance: JsonObject, *, mine: bool) -> Fields:
    chat, own = sender.get("chatId"), phone(instance.get("wid"))
    group = is_group(chat)
    fields: Fields = {"chat_id": chat_id(chat), "is_group": True if group else None}
    if mine:
        return {**fields, "from": own, "to": phone_or_id(chat)}
    others = (sender.get("sender"), None if group else chat)
    author = phone(sender.get("senderPhoneNumber")) or group_member(*others)
    fields |= {"to": own, "from": author, "sender_lid": next((as_id(one) for one in others if is_lid(one)), None)}
    return {**fields, "participant": author} if group else fields


def _system(word: str, instance: JsonObject, raw: JsonObject) -> Parsed:
    state = first_id(raw.get("stateInstance"), raw.get("statusInstance"))
    fields = {**_common(raw, instance), "event": word, "raw_state": first_id(state, raw.get("status"))}
    if word.lower() in ("stateinstancechanged", "statusinstancechanged"):
        fields["state"] = _STATES.get((state or "").lower(), "unknown")
    elif word.lower() == "quotaexceeded":
        fields["state"] = "limited"
    elif word.lower() in _ABOUT_PEOPLE:
        person = first_id(raw.get("from"), raw.get("chatId"))
        fields |= {
            "from": phone_or_id(person),
            "to": phone_or_id(raw.get("to")),
            "sender_lid": person if is_lid(person) else None,
        }
    return Parsed("system", fields, raw)


_READERS: dict[str, Callable[[JsonObject, JsonObject], Parsed | Rejected]] = {
    "incomingmessagereceived": _incoming,
    "outgoingmessagereceived": _outgoing,
    "outgoingapimessagereceived": _outgoing,
    "outgoingmessagestatus": _status,
}

PROVIDER = Provider(
    name="green-api", verify=verify_static_secret, parse=parse, signed=False, send_response=send_response
)
