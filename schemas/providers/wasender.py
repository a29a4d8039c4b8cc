"""WasenderApi: a static secret in a header, Baileys messages in several envelopes.

Its documentation and SDKs disagree on whether `data` is an object or a list, whether a status is a number or a word,
and whether times are in seconds or milliseconds; all of these are read. `sessionId` is a credential and the text of a
QR code logs in: neither gets into an event.
"""

from collections.abc import Callable, Sequence

from schemas.authentication.request import UNSIGNED, Request, Verdict
from schemas.authentication.secrets import matching_hmac, matching_secret, verdict_for
from schemas.parsing.bodies import Elements, read_each, read_named
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_list, as_object, first_id
from schemas.parsing.results import Fields, Parsed, Rejected
from schemas.parsing.send_responses import recipient_fields, sent_record
from schemas.parsing.times import parse_epoch, parse_time
from schemas.providers._baileys.elements import (
    Envelope,
    listed,
    read_deletion,
    read_message,
    read_reaction,
    read_receipt,
    read_update,
)
from schemas.providers._baileys.keys import caller_fields, outbound_fields, status_of
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
    """The verdict on the header, which is the secret itself or a hex HMAC-SHA256 of the raw body.

    WasenderApi sends the secret today; signatures are accepted so that a change to them loses nothing.
    """
    if not secrets:
        return UNSIGNED
    given = request.headers.get(_SIGNATURE, "")
    static = matching_secret(given, secrets)
    if static is not None:
        return verdict_for("static", static)
    return verdict_for("hmac-sha256", matching_hmac(request.body, given, secrets))


def parse(body: bytes) -> Elements:
    """Every element of a body in its order. Never raises."""
    return read_named(body, "event", _read_event)


def send_response(body: bytes) -> Elements:
    """The message of a response to a send call, or to a query for a message, which has the message's key. Never raises.

    The former has only `msgId`, a number of WasenderApi. Webhooks have the key; no page states whether they carry the
    number too.
    """
    return read_each(body, _read_response)


def _read_response(raw: Json) -> Elements:
    data = as_object(as_object(raw).get("data"))
    key = as_object(data.get("key"))
    if key:
        fields = outbound_fields(key)
    else:
        to = first_id(data.get("jid"), data.get("remoteJid"), data.get("to"))
        fields = {"message_id": first_id(data.get("id"), data.get("msgId")), **recipient_fields(to)}
    fields["occurred_at"] = parse_epoch(data.get("messageTimestamp"))
    return sent_record(raw, fields, status_of(data.get("status")))


def _read_event(event: str, raw: JsonObject) -> Elements:
    envelope = Envelope(event, parse_time(raw.get("timestamp")))
    data = raw.get("data")
    read = _READERS.get(event.lower())
    if read is None:
        yield _system(raw, data, envelope)
        return
    elements = listed(data)
    if not elements:
        yield Rejected(Reason.BAD_ELEMENT, "the event has no data", raw)
    for item in elements:
        yield from read(item, envelope)


def _system(raw: JsonObject, data: Json, envelope: Envelope) -> Parsed:
    facts = as_object(data)
    name, state, word = envelope.event.lower(), None, None
    caller: Fields = {}
    if name == "qrcode.updated":
        state = "qr"
    elif name == "session.status":
        word = first_id(facts.get("status"), data)
        state = _STATES.get((word or "").lower(), "unknown")
    elif name in ("call", "call.received"):
        calls = as_list(facts.get("call")) or as_list(data)  # an object, or a list as in Baileys
        call = as_object(calls[0]) if calls else facts
        word, caller = first_id(call.get("status"), facts.get("status")), caller_fields({**facts, **call})
    fields: Fields = {
        "occurred_at": envelope.occurred_at,
        "event": envelope.event,
        **caller,
        "state": state,
        "raw_state": word,
        "reason_code": first_id(facts.get("reason"), as_object(facts.get("reason")).get("code")),
    }
    public = {name: value for name, value in facts.items() if name not in _CREDENTIALS} if facts else data
    others = {name: value for name, value in raw.items() if name != "data" and name not in _CREDENTIALS}
    return Parsed("system", fields, {**others, "data": public})


_READERS: dict[str, Callable[[Json, Envelope], Elements]] = {
    **dict.fromkeys(
        (
            "messages.received",
            "messages.recieved",  # the spelling in their Python SDK
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
