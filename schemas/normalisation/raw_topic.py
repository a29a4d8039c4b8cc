"""One record of wa.raw to canonical events and dead letters. Pure; the same in the streams, in `explain`, in a replay.

Nothing that a body, a header or a parser does gets out of here as an exception: what cannot be understood becomes a
dead letter that says where it lies, and its siblings become events.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from schemas.events import Arrival, finish
from schemas.normalisation import sent_records
from schemas.normalisation.redact import excerpt
from schemas.parsing.json_text import InvalidJSON, dumps, loads
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.times import parse_iso, to_iso
from schemas.providers.base import Provider
from schemas.providers.registry import Formats
from schemas.reasons import Reason
from schemas.topics import EVENTS

# The record's key, headers and framing share the topic's limit with the event.
MAX_EVENT_BYTES = EVENTS.max_bytes - 64 * 1024
# Twice what Meta batches. Dead letters point into wa.raw, so the rest of a body that is all wrong loses nothing.
MAX_DEAD = 2_000
# Header `kind` of a body that came to /sent: records, or a provider's own answer, with the header `facts` beside it.
SENT, SEND_RESPONSE = "sent", "send_response"

Parse = Callable[[bytes], Iterable[Parsed | Rejected]]


class Event(NamedTuple):
    """A canonical event ready for wa.events: `key` and `value` are its bytes there, `fields` the same event decoded."""

    key: bytes
    value: bytes
    fields: dict[str, Any]


def normalise(
    headers: Mapping[str, str], body: bytes, position: Mapping[str, Any], formats: Formats | None = None
) -> tuple[list[Event], list[dict[str, Any]]]:
    """Events and dead letters of a record. Never raises.

    formats: those of the settings (schemas.providers.registry.load); without them sources with a mapping are not read.

    headers: source, provider, received_at (ISO), request_id; for a body of /sent `kind` = "sent" or "send_response".
    position: topic, partition and offset of the record in wa.raw. Each element's index counts rejected ones too.
    """
    arrival, problem = _arrival(headers, position)
    provider = (formats or Formats()).of(arrival.source, arrival.provider)
    if problem is None and provider is None and headers.get("kind") != SENT:
        problem = Rejected(Reason.UNKNOWN_PROVIDER, "the raw record's provider is not one of this version")
    if problem is not None:
        return [], [dead_letter(arrival, 0, problem)]
    events: list[Event] = []
    dead: list[dict[str, Any]] = []
    parse = _parser(headers, provider)
    index = 0
    try:
        for index, element in enumerate(parse(body), 1):
            sort_in(element, arrival, index - 1, events, dead)
    except Exception as error:  # the parser's: everything else in the loop keeps its own
        dead.append(dead_letter(arrival, index, Rejected(Reason.PARSER_ERROR, type(error).__name__)))
    if not events and not dead:
        dead.append(dead_letter(arrival, 0, Rejected(Reason.UNKNOWN_SHAPE, "the body holds no event")))
    return events, dead


def sort_in(
    element: Parsed | Rejected, arrival: Arrival, index: int, events: list[Event], dead: list[dict[str, Any]]
) -> None:
    """Adds the element's event to `events`, or its letter to `dead` while that has room. Never raises."""
    outcome = element if isinstance(element, Rejected) else _event_of(element, arrival, index)
    if not isinstance(outcome, Rejected):
        events.append(outcome)
    elif len(dead) < MAX_DEAD:
        dead.append(dead_letter(arrival, index, outcome))


def resolved(headers: Mapping[str, str], position: Mapping[str, Any], indexes: Iterable[int]) -> list[dict[str, Any]]:
    """The letters of elements that were dead and are no more; headers and position as of `normalise`."""
    arrival, _ = _arrival(headers, position)
    return [resolved_letter(arrival, index) for index in indexes]


def parse_sent(body: bytes) -> Iterable[Parsed | Rejected]:
    """The elements of a /sent body. Never raises."""
    for record, reason in sent_records.split(body):
        yield Rejected(Reason.BAD_ELEMENT, reason or "") if record is None else sent_records.parse_record(record)


def response_facts(headers: Mapping[str, str]) -> dict[str, str]:
    """What came to /sent beside a provider's answer, by the header `facts`. Never raises."""
    try:
        facts = loads(headers.get("facts", "{}").encode())
    except InvalidJSON:
        return {}
    return {name: value for name, value in facts.items() if isinstance(value, str)} if isinstance(facts, dict) else {}


def _parser(headers: Mapping[str, str], provider: Provider | None) -> Parse:
    if provider is None or headers.get("kind") == SENT:
        return parse_sent
    if headers.get("kind") != SEND_RESPONSE:
        return provider.parse
    read = provider.send_response
    if read is None:
        return _no_answers
    return lambda body: sent_records.parse_send_response(read, body, response_facts(headers))


def _no_answers(_: bytes) -> Iterable[Parsed | Rejected]:
    yield Rejected(Reason.UNKNOWN_PROVIDER, "this version does not read what the provider answers to a send")


def _event_of(parsed: Parsed, arrival: Arrival, index: int) -> Event | Rejected:
    """The canonical event, or why there can be none. Never raises."""
    try:
        fields = finish(parsed, arrival, index)
        value = dumps(fields)
        key = dumps([arrival.source, fields.get("message_id") or fields["event_id"]])
    except Exception as error:
        return Rejected(Reason.PARSER_ERROR, type(error).__name__, parsed.element)
    if len(value) > MAX_EVENT_BYTES:
        return Rejected(Reason.TOO_LARGE, f"the event has {len(value)} bytes, {MAX_EVENT_BYTES} fit", parsed.element)
    return Event(key, value, fields)


def _arrival(headers: Mapping[str, str], position: Mapping[str, Any]) -> tuple[Arrival, Rejected | None]:
    source, provider, request_id = headers.get("source"), headers.get("provider"), headers.get("request_id")
    received_at = parse_iso(headers.get("received_at"))
    raw = {"topic": position.get("topic"), "partition": position.get("partition"), "offset": position.get("offset")}
    arrival = Arrival(source or "", provider or "", request_id or "", received_at or 0, raw)
    if source and provider and request_id and received_at is not None:
        return arrival, None
    present = {"source": source, "provider": provider, "request_id": request_id, "received_at": received_at}
    missing = ", ".join(name for name, value in present.items() if not value)
    return arrival, Rejected(Reason.BAD_ENVELOPE, f"the raw record lacks a usable header: {missing}")


def dead_letter(arrival: Arrival, index: int, rejected: Rejected) -> dict[str, Any]:
    """What wa.dead says of an element."""
    return {
        "raw": {**arrival.raw, "index": index},
        "source": arrival.source,
        "provider": arrival.provider,
        "received_at": to_iso(arrival.received_at) if arrival.received_at else None,
        "request_id": arrival.request_id,
        "reason": str(rejected.reason),
        "detail": rejected.detail,
        "excerpt": excerpt(rejected.element),
    }


def resolved_letter(arrival: Arrival, index: int) -> dict[str, Any]:
    """What wa.dead says of an element that was dead and is no more."""
    return dead_letter(arrival, index, Rejected(Reason.RESOLVED, ""))
