"""Evolution API, versions 1 and 2: Baileys messages, authenticated by a JWT or by a header that its user sets.

`date_time` is the local time of its host written as if it were UTC, so it is not used as a time. `apikey` and the codes
that log in stay in the raw body.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from schemas.authentication.request import Request, Verdict
from schemas.authentication.secrets import verdict_for
from schemas.authentication.static_secret import bearer_token, verify_static_secret
from schemas.authentication.tokens import token_signer
from schemas.parsing.bodies import Elements, read_each, read_named
from schemas.parsing.identity import phone
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_list, as_object, first_id
from schemas.parsing.results import Fields, Parsed, Rejected
from schemas.parsing.send_responses import sent_record
from schemas.parsing.times import parse_epoch, parse_time
from schemas.providers._baileys.elements import Envelope, listed, read_deletion
from schemas.providers._baileys.keys import caller_fields, outbound_fields, status_of
from schemas.providers.base import Provider
from schemas.providers.evolution.elements import read_edited, read_new, read_past, read_updated
from schemas.reasons import Reason

# A token is valid for 600 s and is made once for all ten attempts, which take up to 1,458 s of pauses and ten time-outs
# of 60 s. A late attempt that is refused would be lost: Evolution does not repeat what was answered with 401.
_RETRIES_AFTER_EXPIRY_SECONDS = 1_500

_STATES = {
    "open": "connected",
    "close": "disconnected", "closed": "disconnected", "refused": "disconnected", "removed": "disconnected",
}  # fmt: skip
_GONE = frozenset({"logout.instance", "remove.instance", "instance.delete"})
_FORBIDDEN = "403"  # Baileys' reason when WhatsApp has closed the connection for good: the number is banned


def verify(request: Request, secrets: Sequence[str]) -> Verdict:
    """The verdict on a JWT signed with the source's secret, else on the secret in any header or in the query.

    The webhooks of an instance may send headers. The webhook that is global to a server cannot, so its secret is in the
    query.
    """
    secret = token_signer(bearer_token(request), "HS256", secrets, request.now_ms, _RETRIES_AFTER_EXPIRY_SECONDS)
    return verdict_for("jwt-hs256", secret) if secret is not None else verify_static_secret(request, secrets)


def parse(body: bytes) -> Elements:
    """Every element of a body in its order. Never raises."""
    return read_named(body, "event", _read_event)


def send_response(body: bytes) -> Elements:
    """The message of a response, in Baileys' form. Never raises."""
    return read_each(body, _read_response)


def _read_response(raw: Json) -> Elements:
    response = as_object(raw)
    fields = outbound_fields(as_object(response.get("key")))
    fields["occurred_at"] = parse_epoch(response.get("messageTimestamp"))
    return sent_record(raw, fields, status_of(response.get("status")))


def _read_event(event: str, raw: JsonObject) -> Elements:
    name = event.lower().replace("_", ".")  # in their queues the name is MESSAGES_UPSERT
    read = _READERS.get(name)
    if read is None:
        elements: Iterable[Parsed | Rejected] = (_system(name, event, raw),)
    else:
        found = listed(raw.get("data"))
        envelope = Envelope(event, None)
        elements = chain.from_iterable(read(item, envelope) for item in found)
        if not found:
            yield Rejected(Reason.BAD_ELEMENT, "the event has no data", raw)
    for element in elements:
        if isinstance(element, Parsed):
            _add_instance(element, raw)
        yield element


def _add_instance(element: Parsed, raw: JsonObject) -> None:
    """Adds the instance's name and its own number, which the envelope calls the sender."""
    fields, own = element.fields, phone(raw.get("sender"))
    fields["account"] = first_id(raw.get("instance"), as_object(raw.get("instance")).get("instanceName"))
    if element.kind == "sent" or fields.get("from_me") is True:
        fields.setdefault("from", own)
    elif fields.get("from_me") is False or (element.kind == "inbound" and fields.get("type") != "edit"):
        fields.setdefault("to", own)  # not for edits: their author is not always known


def _system(name: str, event: str, raw: JsonObject) -> Parsed:
    facts = as_object(raw.get("data"))
    word = first_id(facts.get("state"), facts.get("status"))
    reason = first_id(facts.get("statusReason"), facts.get("disconnectionReasonCode"), facts.get("statusCode"))
    state = None
    if name in ("connection.update", "status.instance"):
        state = "banned" if reason == _FORBIDDEN else _STATES.get((word or "").lower(), "unknown")
    elif name == "qrcode.updated":
        state = "qr" if "qrcode" in facts else "unknown"  # without a code the event announces that no more will follow
    elif name in _GONE:
        state = "disconnected"
    fields: Fields = {
        "occurred_at": parse_time(facts.get("disconnectionAt")),
        "event": event,
        **(caller_fields(as_object(next(iter(as_list(raw.get("data"))), None))) if name == "call" else {}),
        "state": state,
        "raw_state": word,
        "reason_code": reason,
    }
    return Parsed("system", fields, {"event": event, "instance": raw.get("instance"), "data": facts})


_READERS: dict[str, Callable[[Json, Envelope], Elements]] = {
    "messages.upsert": read_new,
    "send.message": read_new,
    "send.message.update": read_edited,
    "messages.edited": read_edited,
    "messages.update": read_updated,
    "messages.delete": read_deletion,
    "messages.set": read_past,
}

# With byEvents, Evolution posts to the address and the event's name: /messages-upsert, /group-participants-update.
# Unknown names are accepted too, because Evolution does not repeat what was answered with 404.
_EVENT_NAME = re.compile("[a-z]{1,32}([-_.][a-z]{1,32}){0,3}", re.IGNORECASE)

PROVIDER = Provider(
    name="evolution", verify=verify, parse=parse, signed=False, send_response=send_response, subpath=_EVENT_NAME
)
