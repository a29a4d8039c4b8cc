"""WasenderApi: a static secret in a header, Baileys messages in several envelopes. Pure.

Documentation and SDKs disagree about whether `data` is an object or a list, whether a status is a number or a word and
whether times are seconds or milliseconds; all of it is taken. `sessionId` is a credential and QR texts log somebody in:
neither gets into an event.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from schemas.authentication.request import UNSIGNED, Request, Verdict
from schemas.authentication.secrets import matching_hmac, matching_secret, verdict_for
from schemas.parsing.bodies import Elements, elements_of
from schemas.parsing.json_values import as_id, as_list, as_object, first_id
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.send_responses import recipient_fields, responses_of, sent_record
from schemas.parsing.times import parse_epoch, parse_time
from schemas.providers._baileys.elements import (
    Envelope,
    read_deletion,
    read_message,
    read_reaction,
    read_receipt,
    read_update,
)
from schemas.providers._baileys.keys import outbound_fields, status_fields
from schemas.providers.base import Provider
from schemas.reasons import Reason

_SIGNATURE = "x-webhook-signature"
_STATES = {
    "connected": "connected",
    "disconnected": "disconnected", "logged_out": "disconnected", "expired": "disconnected",
    "need_scan": "qr",
}  # fmt: skip
_CREDENTIALS = frozenset({"sessionId", "session_id"})


def verify(request: Request, secrets: Sequence[str]) -> Verdict:
    """The header is the secret itself; a hex HMAC-SHA256 of the raw body is taken too, should they begin to sign."""
    if not secrets:
        return UNSIGNED
    given = request.headers.get(_SIGNATURE, "")
    static, signing = matching_secret(given, secrets), matching_hmac(request.body, given, secrets)
    return verdict_for("static", static) if static is not None else verdict_for("hmac-sha256", signing)


def parse(body: bytes) -> Elements:
    """Every element of a body in its order. Never raises."""
    return elements_of(body, lambda root: chain.from_iterable(map(_envelope, as_list(root))))


def send_response(body: bytes) -> Elements:
    """The message of an answer to a send, or to a question about a message, which names it by its key. Never raises.

    The former has `msgId` alone, a number of their own. No page says whether webhooks carry it; theirs have the key.
    """
    return responses_of(body, _answer)


def _answer(raw: Any) -> Elements:
    data = as_object(as_object(raw).get("data"))
    key = as_object(data.get("key"))
    to = first_id(data.get("jid"), data.get("remoteJid"), data.get("to"))
    fields = (
        outbound_fields(key)
        if key
        else {"message_id": first_id(data.get("id"), data.get("msgId")), **recipient_fields(to)}
    )
    fields["occurred_at"] = parse_epoch(data.get("messageTimestamp"))
    yield from sent_record(raw, fields, status_fields(data.get("status")))


def _envelope(raw: Any) -> Elements:
    event = as_id(raw.get("event")) if isinstance(raw, dict) else None
    if event is None:
        yield Rejected(Reason.UNKNOWN_SHAPE, "the body has no event", raw)
        return
    envelope = Envelope(event, parse_time(raw.get("timestamp")))
    data = raw.get("data")
    read = _READERS.get(event.lower())
    if read is None:
        yield _system(raw, data, envelope)
        return
    elements = _elements(data)
    if not elements:
        yield Rejected(Reason.BAD_ELEMENT, "the event holds no data", raw)
    for item in elements:
        yield from read(item, envelope)


def _elements(data: Any) -> list[Any]:
    """`data.messages` as an object or a list, `data` as a list, or `data` itself."""
    return as_list(data["messages"] if isinstance(data, dict) and data.get("messages") is not None else data)


def _system(raw: dict[str, Any], data: Any, envelope: Envelope) -> Parsed:
    facts = as_object(data)
    name, state, word = envelope.event.lower(), None, None
    if name == "qrcode.updated":
        state = "qr"
    elif name == "session.status":
        word = first_id(facts.get("status"), data)
        state = _STATES.get((word or "").lower(), "unknown")
    elif name in ("call", "call.received"):
        word = first_id(as_object(facts.get("call")).get("status"), facts.get("status"))
    fields = {
        "occurred_at": envelope.occurred_at,
        "event": envelope.event,
        "state": state,
        "raw_state": word,
        "reason_code": first_id(facts.get("reason"), as_object(facts.get("reason")).get("code")),
    }
    public = {name: value for name, value in facts.items() if name not in _CREDENTIALS} if facts else data
    others = {name: value for name, value in raw.items() if name != "data" and name not in _CREDENTIALS}
    return Parsed("system", fields, {**others, "data": public})


_READERS: dict[str, Callable[[Any, Envelope], Elements]] = {
    **dict.fromkeys(
        (
            "messages.received",
            "messages.recieved",  # so spelled in their Python SDK
            "messages-personal.received",
            "messages-group.received",
            "messages-newsletter.received",
            "messages.upsert",
            "message.sent",
        ),
        read_message,
    ),
    "messages.update": read_update,
    "message-receipt.update": read_receipt,
    "messages.reaction": read_reaction,
    "messages.delete": read_deletion,
}

PROVIDER = Provider(name="wasender", verify=verify, parse=parse, signed=False, send_response=send_response)
