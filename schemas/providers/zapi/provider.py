"""Z-API: flat bodies whose `type` names the event, with one webhook address for each type or one for all.

Nothing is signed; a header or a secret in the address proves the sender. `momment` is their spelling; it is in
milliseconds, in some bodies in seconds.
"""

from collections.abc import Callable

from schemas.authentication.static_secret import verify_static_secret
from schemas.parsing.bodies import Elements, read_each, read_named
from schemas.parsing.identity import chat_id, group_member, is_group, is_lid, phone, phone_or_id
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_list, as_object, as_text, first_id
from schemas.parsing.results import Fields, Parsed, Rejected
from schemas.parsing.send_responses import sent_record
from schemas.parsing.times import parse_time
from schemas.providers._fields import status_fields, status_word
from schemas.providers.base import Provider
from schemas.providers.zapi.content import act_of, content
from schemas.reasons import Reason

_STATUSES = {
    "pending": "pending",
    "sent": "sent",
    "received": "delivered",
    "read": "read", "read_by_me": "read",
    "played": "played",
}  # fmt: skip
_READ_BY_ME = "read_by_me"


def parse(body: bytes) -> Elements:
    """Every element of a body in its order. Never raises."""
    return read_named(body, "type", lambda word, raw: _READERS.get(word.lower(), _other)(raw))


def send_response(body: bytes) -> Elements:
    """The message of a response; `id` repeats `messageId`, and `zaapId` is Z-API's own. Never raises."""
    return read_each(body, _read_response)


def _read_response(raw: Json) -> Elements:
    response = as_object(raw)
    return sent_record(raw, {"message_id": first_id(response.get("messageId"), response.get("id"))})


def _received(raw: JsonObject) -> Elements:
    """A message of either direction: our own arrive too when the user has switched them on."""
    notification = as_text(raw.get("notification"))
    if notification is not None:
        yield _system(raw, raw_state=as_id(notification), **_who(raw, notification))
        return
    mine = raw.get("fromMe") is True
    act = act_of(raw, mine)
    if act is not None:
        yield _system(raw, raw_state=act, **({} if mine else _who(raw, act)))
        return
    fields = content(raw)
    message_id, edited = as_id(raw.get("messageId")), raw.get("isEdit") is True
    if message_id is None and fields is None:
        yield Rejected(Reason.BAD_ELEMENT, "a message has neither id nor content", raw)
        return
    if fields is None:
        fields = {"type": "unsupported" if raw.get("waitingMessage") is True else "unknown"}
    if edited:  # messageId is the id of the edited message
        target = first_id(raw.get("editMessageId"), message_id)
        fields |= {"type": "edit", "raw_type": None, "target_message_id": target}
    fields |= {
        **_parties(raw, outbound=mine),
        "account": as_id(raw.get("instanceId")),
        "message_id": None if edited else message_id,
        "occurred_at": parse_time(raw.get("momment")),
        "reply_to": as_id(raw.get("referenceMessageId")),
        "forwarded": True if raw.get("forwarded") is True else None,
    }
    if mine and not edited:
        yield Parsed("sent", {**fields, "origin": "echo"}, raw)
    else:
        yield Parsed("inbound", {**fields, "sender_name": None if mine else as_id(raw.get("senderName"))}, raw)


def _status(raw: JsonObject) -> Elements:
    """One status of several messages."""
    word = status_word(raw, "status")
    ids = as_list(raw.get("ids")) or as_list(first_id(raw.get("messageId"), raw.get("id")))
    if word is None or not ids:
        yield Rejected(Reason.BAD_ELEMENT, "a status names no message or no status", raw)
        return
    by_us = word.lower() == _READ_BY_ME
    fields = {
        **_parties(raw, outbound=not by_us),
        "account": as_id(raw.get("instanceId")),
        "occurred_at": parse_time(raw.get("momment")),
        **status_fields(_STATUSES.get(word.lower()), word),
        "from_me": False if by_us else None,
    }
    if fields.get("is_group") and not by_us:
        fields["participant"] = group_member(
            raw.get("participantPhone"), raw.get("participantLid"), raw.get("participant")
        )
    for one in ids:
        message_id = as_id(one)
        if message_id is None:
            yield Rejected(Reason.BAD_ELEMENT, "a status has an invalid message id", raw)
        else:
            yield Parsed("status", {**fields, "message_id": message_id})


def _delivery(raw: JsonObject) -> Elements:
    """The message was handed over to WhatsApp, or could not be because of an error."""
    message_id, error = first_id(raw.get("messageId"), raw.get("zaapId")), as_text(raw.get("error"))
    if message_id is None:
        yield Rejected(Reason.BAD_ELEMENT, "a delivery names no message", raw)
        return
    fields = {
        **_parties(raw, outbound=True),
        "account": as_id(raw.get("instanceId")),
        "message_id": message_id,
        "occurred_at": parse_time(raw.get("momment")),
        "status": "sent" if error is None else "failed",
        "error_text": error,
        "callback_data": as_id(raw.get("customId")),
    }
    yield Parsed("status", fields)


def _connected(raw: JsonObject) -> Elements:
    yield _system(raw, state="unknown" if raw.get("connected") is False else "connected")


def _disconnected(raw: JsonObject) -> Elements:
    state = "unknown" if raw.get("disconnected") is False else "disconnected"
    yield _system(raw, state=state, error_text=as_text(raw.get("error")))


def _other(raw: JsonObject) -> Elements:
    yield _system(raw, raw_state=as_id(raw.get("status")))


def _who(raw: JsonObject, notification: str) -> dict[str, str | None]:
    """Whom a notification is about, and the new number of somebody who changed it."""
    parties = _parties(raw, outbound=raw.get("fromMe") is True)
    who = {name: as_id(parties.get(name)) for name in ("from", "to", "sender_lid")}
    if "CHANGE_NUMBER" in notification.upper() or "CHANGED_NUMBER" in notification.upper():
        numbers = map(phone, as_list(raw.get("notificationParameters")))
        who["to"] = next((number for number in numbers if number not in (None, who["from"])), None)
    return who


def _system(raw: JsonObject, **more: str | None) -> Parsed:
    fields: Fields = {
        "account": as_id(raw.get("instanceId")),
        "occurred_at": parse_time(raw.get("momment")),
        "event": as_id(raw.get("type")),
    }
    return Parsed("system", {**fields, **more}, raw)


def _parties(raw: JsonObject, *, outbound: bool) -> Fields:
    """Sender, recipient and chat. `phone` is the chat: the other side, a channel, or a group (`...-group`)."""
    chat, own = raw.get("phone"), phone(raw.get("connectedPhone"))
    group = raw.get("isGroup") is True or is_group(chat)
    fields: Fields = {"chat_id": as_id(chat) if group else chat_id(chat), "is_group": True if group else None}
    if outbound:
        return {**fields, "from": own, "to": as_id(chat) if group else phone_or_id(chat)}
    lids = [raw.get("participantLid"), raw.get("senderLid"), None if group else raw.get("chatLid"), chat]
    fields |= {"to": own, "sender_lid": next((as_id(lid) for lid in lids if is_lid(lid)), None)}
    if group:
        author = group_member(raw.get("participantPhone"), raw.get("participantLid"), raw.get("senderLid"))
        return {**fields, "from": author, "participant": author}
    return {**fields, "from": phone_or_id(chat) or fields["sender_lid"]}


_READERS: dict[str, Callable[[JsonObject], Elements]] = {
    "receivedcallback": _received,
    "messagestatuscallback": _status,
    "deliverycallback": _delivery,
    "connectedcallback": _connected,
    "disconnectedcallback": _disconnected,
}

PROVIDER = Provider(name="z-api", verify=verify_static_secret, parse=parse, signed=False, send_response=send_response)
