"""Zapini: no signature is documented, and of its events only one, by a simplified example.

So events are read by the names that its REST API uses, in any likely spelling. A fact that is missing is left out, and
an unknown event becomes a system event under its own name.
"""

from collections.abc import Sequence

from schemas.authentication.request import REJECT, UNSIGNED, Request, Verdict
from schemas.authentication.secrets import matching_secret, verdict_for
from schemas.authentication.static_secret import bearer_token
from schemas.parsing.bodies import Elements, read_each, read_named
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_object, first_id
from schemas.parsing.results import Fields, Parsed, Rejected
from schemas.parsing.send_responses import recipient_fields, sent_record
from schemas.providers._fields import KNOWN_STATUSES
from schemas.providers._undocumented import STATUS_EVENTS, moment, person_fields, read_message, read_status
from schemas.providers.base import Provider

# The response to a send call has a uuid, while the documentation mentions a message identifier: a status belongs to the
# message with its uuid.
_INBOUND_IDS = ("message_id", "id", "uuid", "external_id")
_OUTBOUND_IDS = ("uuid", "message_id", "id", "external_id")
_STATES = {
    "connected": "connected", "open": "connected",
    "disconnected": "disconnected", "offline": "disconnected",
    "qr_ready": "qr",
}  # fmt: skip


def verify(request: Request, secrets: Sequence[str]) -> Verdict:
    """The verdict on a secret that the user put into the webhook's headers or address."""
    if not secrets:
        return UNSIGNED
    candidates = (
        ("bearer", bearer_token(request)),
        ("static", request.headers.get("x-webhook-secret", "")),
        ("token", request.query.get("token", "")),
    )
    for scheme, given in candidates:
        secret = matching_secret(given, secrets)
        if secret is not None:
            return verdict_for(scheme, secret)
    return REJECT


def parse(body: bytes) -> Elements:
    """Every element of a body in its order. Never raises."""
    return read_named(body, "event", lambda event, raw: (_read_event(event, raw),))


def send_response(body: bytes) -> Elements:
    """The message of a response: it has Zapini's `uuid`, since WhatsApp's id does not exist yet. Never raises."""
    return read_each(body, _read_response)


def _read_response(raw: Json) -> Elements:
    data = as_object(as_object(raw).get("data"))
    to = first_id(data.get("to"), data.get("phone"), data.get("number"))
    message_id = first_id(*(data.get(name) for name in _OUTBOUND_IDS))
    return sent_record(raw, {"message_id": message_id, **recipient_fields(to)})


def _read_event(event: str, raw: JsonObject) -> Parsed | Rejected:
    inner = raw.get("data")
    data = inner if isinstance(inner, dict) else raw
    area, _, what = event.lower().partition(".")
    if area in ("message", "messages"):
        account = as_id(raw.get("instance_id"))
        if what in KNOWN_STATUSES or what in STATUS_EVENTS:
            return read_status(what, data, raw, account, _OUTBOUND_IDS)
        if what in ("received", "incoming", "created", "new"):
            return read_message(data, raw, account, _INBOUND_IDS, _OUTBOUND_IDS)
    return _system(event, area, what, data, raw)


def _system(event: str, area: str, what: str, data: JsonObject, raw: JsonObject) -> Parsed:
    fields: Fields = {
        "account": as_id(raw.get("instance_id")),
        "occurred_at": moment(data, raw, "timestamp", "updated_at", "received_at", "created_at"),
        "event": event,
        **person_fields(event, data),
        "reason_code": first_id(data.get("reason_code"), data.get("reason")),
    }
    if area == "instance":
        word = first_id(data.get("status"), data.get("state"), what)
        fields |= {"raw_state": word, "state": _STATES.get((word or "").lower(), "unknown")}
    return Parsed("system", fields, raw)


PROVIDER = Provider(name="zapini", verify=verify, parse=parse, signed=False, send_response=send_response)
