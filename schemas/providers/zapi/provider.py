"""Z-API: flat bodies told apart by `type`, one address for each kind or one for all. Pure.

Nothing is signed; what proves the sender is a header or a secret in the address. `momment` is their spelling; it is
milliseconds, in some bodies seconds.
"""

from collections.abc import Callable
from itertools import chain
from typing import Any

from schemas.authentication.static_secret import verify_static_secret
from schemas.parsing.bodies import Elements, elements_of
from schemas.parsing.identity import chat_id, group_member, is_group, is_lid, phone, phone_or_id
from schemas.parsing.json_values import as_id, as_list, as_object, as_text, first_id
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.send_responses import responses_of, sent_record
from schemas.parsing.times import parse_time
from schemas.providers.base import Provider
from schemas.providers.zapi.content import content
from schemas.reasons import Reason

Fields = dict[str, Any]

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
    return elements_of(body, lambda root: chain.from_iterable(map(_callback, as_list(root))))


def send_response(body: bytes) -> Elements:
    """The message of an answer; `id` repeats `messageId`, and `zaapId` is their own. Never raises."""
    return responses_of(body, _answer)


def _answer(raw: Any) -> Elements:
    said = as_object(raw)
    yield from sent_record(raw, {"message_id": first_id(said.get("messageId"), said.get("id"))})


def _callback(raw: Any) -> Elements:
    word = as_id(raw.get("type")) if isinstance(raw, dict) else None
    if word is None:
        yield Rejected(Reason.UNKNOWN_SHAPE, "the body has no type", raw)
        return
    yield from _READERS.get(word.lower(), _other)(raw)


def _received(raw: Fields) -> Elements:
    """A message of either direction: ours come here when they are asked for."""
    said = content(raw)
    if as_text(raw.get("notification")) is not None:
        yield _system(raw, raw_state=as_id(raw.get("notification")))
        return
    message_id, edited = as_id(raw.get("messageId")), raw.get("isEdit") is True
    if message_id is None and said is None:
        yield Rejected(Reason.BAD_ELEMENT, "a message has neither id nor content", raw)
        return
    if said is None:
        said = {"type": "unsupported" if raw.get("waitingMessage") is True else "unknown"}
    if edited:  # the id is that of the message which was edited
        target = first_id(raw.get("editMessageId"), message_id)
        said = {**said, "type": "edit", "raw_type": None, "target_message_id": target}
    mine = raw.get("fromMe") is True
    fields = {
        **said,
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


def _status(raw: Fields) -> Elements:
    """One status of several messages."""
    word = as_id(raw.get("status"))
    ids = as_list(raw.get("ids")) or as_list(first_id(raw.get("messageId"), raw.get("id")))
    if word is None or not ids:
        yield Rejected(Reason.BAD_ELEMENT, "a status names no message or no status", raw)
        return
    known = _STATUSES.get(word.lower())
    by_us = word.lower() == _READ_BY_ME
    fields = {
        **_parties(raw, outbound=not by_us),
        "account": as_id(raw.get("instanceId")),
        "occurred_at": parse_time(raw.get("momment")),
        "status": known or "unknown",
        "raw_status": None if known else word,
        "from_me": False if by_us else None,
    }
    if fields.get("is_group") and not by_us:
        fields["participant"] = group_member(
            raw.get("participantPhone"), raw.get("participantLid"), raw.get("participant")
        )
    for one in ids:
        message_id = as_id(one)
        if message_id is None:
            yield Rejected(Reason.BAD_ELEMENT, "a status has an id that is none", raw)
        else:
            yield Parsed("status", {**fields, "message_id": message_id})


def _delivery(raw: Fields) -> Elements:
    """Handed over to WhatsApp, or the error that kept it from being."""
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


def _connected(raw: Fields) -> Elements:
    yield _system(raw, state="unknown" if raw.get("connected") is False else "connected")


def _disconnected(raw: Fields) -> Elements:
    state = "unknown" if raw.get("disconnected") is False else "disconnected"
    yield _system(raw, state=state, error_text=as_text(raw.get("error")))


def _other(raw: Fields) -> Elements:
    yield _system(raw, raw_state=as_id(raw.get("status")))


def _system(raw: Fields, **more: str | None) -> Parsed:
    shared = {
        "account": as_id(raw.get("instanceId")),
        "occurred_at": parse_time(raw.get("momment")),
        "event": as_id(raw.get("type")),
    }
    return Parsed("system", {**shared, **more}, raw)


def _parties(raw: Fields, *, outbound: bool) -> Fields:
    """`phone` is the chat: the other side, a group or a channel. A group's ends with `-group`."""
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


_READERS: dict[str, Callable[[Fields], Elements]] = {
    "receivedcallback": _received,
    "messagestatuscallback": _status,
    "deliverycallback": _delivery,
    "connectedcallback": _connected,
    "disconnectedcallback": _disconnected,
}

PROVIDER = Provider(name="z-api", verify=verify_static_secret, parse=parse, signed=False, send_response=send_response)
