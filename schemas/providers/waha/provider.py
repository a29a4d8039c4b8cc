"""WAHA: HMAC-SHA512 over the raw body, one event each, message ids that name their chat.

Its acks are Baileys' numbers minus one. The same message arrives as `message` and as `message.any`, and everything
arrives twice when a session's webhook exists beside a global one. Login codes and passkeys stay in the raw body.
"""

import hmac
from collections.abc import Callable, Sequence
from hashlib import sha512

from schemas.authentication.request import REJECT, UNSIGNED, Request, Verdict
from schemas.authentication.secrets import matching_signature, verdict_for
from schemas.authentication.static_secret import verify_static_secret
from schemas.parsing.bodies import Elements, read_each, read_named
from schemas.parsing.json_types import JsonObject
from schemas.parsing.json_values import as_id, as_object, first_id
from schemas.parsing.results import Fields, Parsed, Rejected
from schemas.providers._baileys.keys import caller_fields
from schemas.providers.base import Provider
from schemas.providers.waha.elements import (
    Event,
    read_ack,
    read_edit,
    read_message,
    read_reaction,
    read_response,
    read_revocation,
)
from schemas.reasons import Reason

SIGNATURE = "x-webhook-hmac"
ALGORITHM = "x-webhook-hmac-algorithm"

_STATES = {
    "working": "connected",
    "stopped": "disconnected", "failed": "disconnected",
    "scan_qr_code": "qr",
}  # fmt: skip


def verify(request: Request, secrets: Sequence[str]) -> Verdict:
    """The verdict on `X-Webhook-Hmac: <hex>` over the raw body; without that header, on a secret in another one."""
    if not secrets:
        return UNSIGNED
    given = request.headers.get(SIGNATURE)
    if given is None:
        return verify_static_secret(request, secrets)
    if request.headers.get(ALGORITHM, "sha512").strip().lower() != "sha512":
        return REJECT
    digest = given.strip().lower()
    secret = matching_signature(digest, secrets, lambda key: (hmac.digest(key, request.body, sha512).hex(),))
    return verdict_for("hmac-sha512", secret)


def parse(body: bytes) -> Elements:
    """Every element of a body in its order. Never raises."""
    return read_named(body, "event", _read_event)


def send_response(body: bytes) -> Elements:
    """The message of a response, in the form of any engine. Never raises."""
    return read_each(body, read_response)


def _read_event(name: str, raw: JsonObject) -> Elements:
    event = Event(name, raw)
    read = _READERS.get(name.lower())
    if read is None:
        yield _system(event)
    elif not isinstance(event.payload, dict):
        yield Rejected(Reason.BAD_ELEMENT, "the event has no payload", raw)
    else:
        yield from read(event.payload, event)


def _system(event: Event) -> Parsed:
    payload = as_object(event.payload)
    fields: Fields = {"account": event.account, "occurred_at": event.occurred_at, "event": event.name}
    if event.name.lower().startswith("call."):
        fields |= caller_fields(payload)
    if event.name.lower() in ("session.status", "state.change"):
        word = first_id(payload.get("status"), payload.get("state"))
        limit = _limit(as_object(payload.get("data")))
        fields |= {
            "state": "limited" if limit else _STATES.get((word or "").lower(), "unknown"),
            "raw_state": word,
            "reason_code": limit,
        }
    return Parsed("system", fields, event.element())


def _limit(data: JsonObject) -> str | None:
    """The name of a limit on writing to new contacts, with which the session goes on working."""
    timelock = as_object(data.get("reachoutTimelock"))
    if timelock.get("isActive") is True:
        return as_id(timelock.get("enforcementType")) or "reachoutTimelock"
    capping = as_id(as_object(data.get("messageCapping")).get("cappingStatus"))
    return capping if capping == "CAPPED" else None


_READERS: dict[str, Callable[[JsonObject, Event], Elements]] = {
    "message": read_message,
    "message.any": read_message,
    "message.waiting": read_message,
    "message.reaction": read_reaction,
    "message.ack": read_ack,
    "message.ack.group": read_ack,
    "message.edited": read_edit,
    "message.revoked": read_revocation,
}

PROVIDER = Provider(
    name="waha", verify=verify, parse=parse, proof_headers=(SIGNATURE, ALGORITHM), send_response=send_response
)
