"""Evolution API, versions 1 and 2: Baileys messages, a JWT or a header that its user sets. Pure.

`date_time` is the wall clock of its host printed as UTC, so it counts as no time. `apikey` and the codes that log
somebody in stay in the raw body.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

from schemas.authentication.request import Request, Verdict
from schemas.authentication.secrets import verdict_for
from schemas.authentication.static_secret import bearer_token
from schemas.authentication.static_secret import verify_static_secret as verify_static
from schemas.authentication.tokens import token_signer
from schemas.parsing.bodies import Elements, elements_of
from schemas.parsing.identity import phone
from schemas.parsing.json_values import as_id, as_list, as_object, first_id
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.send_responses import responses_of, sent_record
from schemas.parsing.times import parse_epoch, parse_time
from schemas.providers._baileys.elements import Envelope, read_deletion
from schemas.providers._baileys.keys import outbound_fields, status_fields
from schemas.providers.base import Provider
from schemas.providers.evolution.elements import read_edited, read_new, read_past, read_updated
from schemas.reasons import Reason

# A token lives 600 s and is made once for all ten attempts, which take up to 1,458 s of waiting and ten time-outs of
# 60 s. To refuse a late attempt would lose it: Evolution never repeats what was answered with 401.
_RETRIES_AFTER_EXPIRY_SECONDS = 1_500

_STATES = {
    "open": "connected",
    "close": "disconnected", "closed": "disconnected", "refused": "disconnected", "removed": "disconnected",
}  # fmt: skip
_GONE = frozenset({"logout.instance", "remove.instance", "instance.delete"})
_FORBIDDEN = "403"  # Baileys' reason of a connection that WhatsApp closed for good: the number is banned


def verify(request: Request, secrets: Sequence[str]) -> Verdict:
    """A JWT signed with the source's secret, else the secret itself in any header or in the address's query.

    Instances may send headers; the webhook that is global to a server sends none, so there only the query is left.
    """
    secret = token_signer(bearer_token(request), "HS256", secrets, request.now_ms, _RETRIES_AFTER_EXPIRY_SECONDS)
    return verdict_for("jwt-hs256", secret) if secret is not None else verify_static(request, secrets)


def parse(body: bytes) -> Elements:
    """Every element of a body in its order. Never raises."""
    return elements_of(body, lambda root: chain.from_iterable(map(_envelope, as_list(root))))


def _envelope(raw: Any) -> Elements:
    event = as_id(raw.get("event")) if isinstance(raw, dict) else None
    if event is None:
        yield Rejected(Reason.UNKNOWN_SHAPE, "the body has no event", raw)
        return
    name = event.lower().replace("_", ".")  # queues of theirs spell MESSAGES_UPSERT
    read = _READERS.get(name)
    if read is None:
        elements: Iterable[Parsed | Rejected] = (_system(name, event, raw),)
    else:
        found = _elements(raw.get("data"))
        envelope = Envelope(event, None)
        elements = chain.from_iterable(read(item, envelope) for item in found)
        if not found:
            yield Rejected(Reason.BAD_ELEMENT, "the event holds no data", raw)
    for element in elements:
        if isinstance(element, Parsed):
            _complete(element, raw)
        yield element


def send_response(body: bytes) -> Elements:
    """The message of an answer, in Baileys' form. Never raises."""
    return responses_of(body, _answer)


def _answer(raw: Any) -> Elements:
    said = as_object(raw)
    fields = {**outbound_fields(as_object(said.get("key"))), "occurred_at": parse_epoch(said.get("messageTimestamp"))}
    yield from sent_record(raw, fields, status_fields(said.get("status")))


def _elements(data: Any) -> list[Any]:
    return as_list(data["messages"] if isinstance(data, dict) and data.get("messages") is not None else data)


def _complete(element: Parsed, raw: dict[str, Any]) -> None:
    """Whose instance it was: its name, and its own number, which the envelope calls the sender."""
    fields, own = element.fields, phone(raw.get("sender"))
    fields["account"] = first_id(raw.get("instance"), as_object(raw.get("instance")).get("instanceName"))
    if element.kind == "sent" or fields.get("from_me") is True:
        fields.setdefault("from", own)
    elif fields.get("from_me") is False or (element.kind == "inbound" and fields.get("type") != "edit"):
        fields.setdefault("to", own)  # who made an edit is not always told


def _system(name: str, event: str, raw: dict[str, Any]) -> Parsed:
    facts = as_object(raw.get("data"))
    word = first_id(facts.get("state"), facts.get("status"))
    reason = first_id(facts.get("statusReason"), facts.get("disconnectionReasonCode"), facts.get("statusCode"))
    state = None
    if name in ("connection.update", "status.instance"):
        state = "banned" if reason == _FORBIDDEN else _STATES.get((word or "").lower(), "unknown")
    elif name == "qrcode.updated":
        state = "qr" if "qrcode" in facts else "unknown"  # without one its data says that no more are made
    elif name in _GONE:
        state = "disconnected"
    fields = {
        "occurred_at": parse_time(facts.get("disconnectionAt")),
        "event": event,
        "state": state,
        "raw_state": word,
        "reason_code": reason,
    }
    return Parsed("system", fields, {"event": event, "instance": raw.get("instance"), "data": facts})


_READERS: dict[str, Callable[[Any, Envelope], Elements]] = {
    "messages.upsert": read_new,
    "send.message": read_new,
    "send.message.update": read_edited,
    "messages.edited": read_edited,
    "messages.update": read_updated,
    "messages.delete": read_deletion,
    "messages.set": read_past,
}

# Its byEvents mode posts to the address and the event's name: /messages-upsert, /group-participants-update. Names that
# are not known yet are taken as well, for Evolution never repeats what was answered with 404.
_EVENT_NAME = re.compile("[a-z]{1,32}(-[a-z]{1,32}){0,3}")

PROVIDER = Provider(
    name="evolution", verify=verify, parse=parse, signed=False, send_response=send_response, subpath=_EVENT_NAME
)
