"""WAHA: HMAC-SHA512 over the raw body, one event each, message ids that name their chat. Pure.

Its acks are Baileys' numbers minus one. The same message comes as `message` and as `message.any`, and a session's
webhook beside a global one sends everything twice. Login codes and passkeys stay in the raw body.
"""

import hmac
from collections.abc import Callable, Sequence
from hashlib import sha512
from itertools import chain
from typing import Any

from schemas.authentication.request import REJECT, UNSIGNED, Request, Verdict
from schemas.authentication.secrets import matching_signature, verdict_for
from schemas.authentication.static_secret import verify_static_secret as verify_static
from schemas.parsing.bodies import Elements, elements_of
from schemas.parsing.json_values import as_id, as_list, as_object
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.send_responses import responses_of
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
    """`X-Webhook-Hmac: <hex>` of the body as it came; without it a custom header may hold the secret."""
    if not secrets:
        return UNSIGNED
    given = request.headers.get(SIGNATURE)
    if given is None:
        return verify_static(request, secrets)
    if request.headers.get(ALGORITHM, "sha512").strip().lower() != "sha512":
        return REJECT
    digest = given.strip().lower()
    secret = matching_signature(digest, secrets, lambda key: (hmac.digest(key, request.body, sha512).hex(),))
    return verdict_for("hmac-sha512", secret)


def parse(body: bytes) -> Elements:
    """Every element of a body in its order. Never raises."""
    return elements_of(body, lambda root: chain.from_iterable(map(_envelope, as_list(root))))


def send_response(body: bytes) -> Elements:
    """The message of an answer, as any of the engines prints it. Never raises."""
    return responses_of(body, read_response)


def _envelope(raw: Any) -> Elements:
    name = as_id(raw.get("event")) if isinstance(raw, dict) else None
    if name is None:
        yield Rejected(Reason.UNKNOWN_SHAPE, "the body has no event", raw)
        return
    event = Event(name, raw)
    read = _READERS.get(name.lower())
    if read is None:
        yield _system(event)
    elif not isinstance(event.payload, dict):
        yield Rejected(Reason.BAD_ELEMENT, "the event has no payload", raw)
    else:
        yield from read(event.payload, event)


def _system(event: Event) -> Parsed:
    facts = as_object(event.payload)
    fields = {"account": event.account, "occurred_at": event.occurred_at, "event": event.name}
    if event.name.lower() in ("session.status", "state.change"):
        word = as_id(facts.get("status")) or as_id(facts.get("state"))
        limit = _limit(as_object(facts.get("data")))
        fields |= {
            "state": "limited" if limit else _STATES.get((word or "").lower(), "unknown"),
            "raw_state": word,
            "reason_code": limit,
        }
    return Parsed("system", fields, event.element())


def _limit(data: dict[str, Any]) -> str | None:
    """The word of a limit on writing to new contacts, while the session itself works on."""
    timelock, capping = (
        as_object(data.get("reachoutTimelock")),
        as_id(as_object(data.get("messageCapping")).get("cappingStatus")),
    )
    if timelock.get("isActive") is True:
        return as_id(timelock.get("enforcementType")) or "reachoutTimelock"
    return capping if capping == "CAPPED" else None


_READERS: dict[str, Callable[[dict[str, Any], Event], Elements]] = {
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
