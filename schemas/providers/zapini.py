"""Zapini: no signature documented, and one event of which one simplified example is. Pure.

So everything else is read by what its REST API calls things, in any of the likely spellings; what is not there is left
out, and what is not known becomes a system event under its own name.
"""

from collections.abc import Sequence
from typing import Any

from schemas.authentication.request import REJECT, UNSIGNED, Request, Verdict
from schemas.authentication.secrets import matching_secret, verdict_for
from schemas.parsing.bodies import Elements, elements_of
from schemas.parsing.json_values import as_id, as_list, as_object, first_id
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.send_responses import recipient_fields, responses_of, sent_record
from schemas.providers._undocumented import STATUS_EVENTS, STATUSES, moment, read_message, read_status
from schemas.providers.base import Provider
from schemas.reasons import Reason

Fields = dict[str, Any]

# Their send call answers with a uuid and their page speaks of a message identifier: statuses tie by the former.
_INBOUND_IDS = ("message_id", "id", "uuid", "external_id")
_OUTBOUND_IDS = ("uuid", "message_id", "id", "external_id")
_STATES = {
    "connected": "connected", "open": "connected",
    "disconnected": "disconnected", "offline": "disconnected",
    "qr_ready": "qr",
}  # fmt: skip


def verify(request: Request, secrets: Sequence[str]) -> Verdict:
    """Nothing is signed, so a secret that the user put into the webhook's address or headers stands in."""
    if not secrets:
        return UNSIGNED
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    candidates = (
        ("bearer", bearer.strip() if scheme.lower() == "bearer" else ""),
        ("static", request.headers.get("x-webhook-secret", "")),
        ("token", request.query.get("token", "")),
    )
    for name, given in candidates:
        secret = matching_secret(given, secrets)
        if secret is not None:
            return verdict_for(name, secret)
    return REJECT


def parse(body: bytes) -> Elements:
    """Every element of a body in its order. Never raises."""
    return elements_of(body, lambda root: map(_event, as_list(root)))


def send_response(body: bytes) -> Elements:
    """The message of an answer: it has their own `uuid` and not WhatsApp's id, since sending waits. Never raises."""
    return responses_of(body, _answer)


def _answer(raw: Any) -> Elements:
    data = as_object(as_object(raw).get("data"))
    to = first_id(data.get("to"), data.get("phone"), data.get("number"))
    yield from sent_record(
        raw, {"message_id": first_id(*(data.get(name) for name in _OUTBOUND_IDS)), **recipient_fields(to)}
    )


def _event(raw: Any) -> Parsed | Rejected:
    event = as_id(raw.get("event")) if isinstance(raw, dict) else None
    if event is None:
        return Rejected(Reason.UNKNOWN_SHAPE, "the body has no event", raw)
    data = raw["data"] if isinstance(raw.get("data"), dict) else raw
    area, _, what = event.lower().partition(".")
    if area in ("message", "messages"):
        account = as_id(raw.get("instance_id"))
        if what in STATUSES or what in STATUS_EVENTS:
            return read_status(what, data, raw, account, _OUTBOUND_IDS)
        if what in ("received", "incoming", "created", "new"):
            return read_message(data, raw, account, _INBOUND_IDS, _OUTBOUND_IDS)
    return _system(event, area, what, data, raw)


def _system(event: str, area: str, what: str, data: Fields, raw: Fields) -> Parsed:
    fields: Fields = {
        "account": as_id(raw.get("instance_id")),
        "occurred_at": moment(data, raw, "timestamp", "updated_at", "received_at", "created_at"),
        "event": event,
        "reason_code": first_id(data.get("reason_code"), data.get("reason")),
    }
    if area == "instance":
        word = first_id(data.get("status"), data.get("state"), what)
        fields |= {"raw_state": word, "state": _STATES.get((word or "").lower(), "unknown")}
    return Parsed("system", fields, raw)


PROVIDER = Provider(name="zapini", verify=verify, parse=parse, signed=False, send_response=send_response)
