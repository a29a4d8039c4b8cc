"""One record of wa.raw to canonical events and dead letters; the same in the streams, in `explain` and in a replay.

Nothing that a body, a header or a parser does leaves this module as an exception: an element that cannot be parsed
becomes a dead letter, and the elements beside it become events.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from schemas.events import Arrival, finish
from schemas.lengths import clipped, too_long
from schemas.normalisation import sent_records
from schemas.normalisation.dead_letters import DeadLetter, dead_letter, resolved_letter
from schemas.parsing.content_coding import NotInflated, inflated
from schemas.parsing.json_text import InvalidJSON, dumps, loads
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.times import parse_iso
from schemas.providers.base import Provider
from schemas.providers.registry import Formats
from schemas.reasons import Reason
from schemas.topics import EVENTS

# The record's key, headers and framing share the topic's limit with the event.
MAX_EVENT_BYTES = EVENTS.max_bytes - 64 * 1024
# Twice what Meta batches. Dead letters point into wa.raw, so nothing of a body with more bad elements is lost.
MAX_DEAD_LETTERS = 2_000
# Header `kind` of a body of /sent: sent records; a provider's response to a send, with the header `facts` beside it.
SENT, SEND_RESPONSE = "sent", "send_response"

Parse = Callable[[bytes], Iterable[Parsed | Rejected]]


class Event(NamedTuple):
    """A canonical event ready for wa.events: `key` and `value` are its bytes there, `fields` the same event decoded."""

    key: bytes
    value: bytes
    fields: dict[str, Any]


def normalise(
    headers: Mapping[str, str], body: bytes, position: Mapping[str, Any], formats: Formats | None = None
) -> tuple[list[Event], list[DeadLetter]]:
    """Events and dead letters of a record. Never raises.

    headers: source, provider, received_at (ISO), request_id; content-encoding if the
    body is compressed; for a body of /sent `kind` = "sent" or "send_response".
    position: topic, partition and offset of the record in wa.raw. formats: those of the settings
    (schemas.providers.registry.load); without them sources with a mapping are not read. The index of an element counts
    the rejected ones too.
    """
    arrival, problem = _arrival(headers, position)
    provider = (formats or Formats()).of(arrival.source, arrival.provider)
    if problem is None and provider is None and headers.get("kind") != SENT:
        problem = Rejected(Reason.UNKNOWN_PROVIDER, "this version has no provider of the name in the raw record")
    if problem is not None:
        return [], [dead_letter(arrival, 0, problem)]
    events: list[Event] = []
    dead: list[DeadLetter] = []
    parse = _parser(headers, provider)
    index = 0
    try:
        for index, element in enumerate(parse(inflated(body, headers.get("content-encoding", ""))), 1):
            add_outcome(element, arrival, index - 1, events, dead)
    except NotInflated as error:
        reason = Reason.TOO_LARGE if error.too_large else Reason.INVALID_JSON
        dead.append(dead_letter(arrival, index, Rejected(reason, str(error))))
    except Exception as error:  # raised by the parser: the rest of the loop never raises
        dead.append(dead_letter(arrival, index, Rejected(Reason.PARSER_ERROR, type(error).__name__)))
    if not events and not dead:
        dead.append(dead_letter(arrival, 0, Rejected(Reason.UNKNOWN_SHAPE, "the body holds no event")))
    return events, dead


def add_outcome(
    element: Parsed | Rejected, arrival: Arrival, index: int, events: list[Event], dead: list[DeadLetter]
) -> None:
    """Adds the element's event to `events`, or its dead letter to `dead` up to MAX_DEAD_LETTERS. Never raises."""
    outcome = element if isinstance(element, Rejected) else _event(element, arrival, index)
    if not isinstance(outcome, Rejected):
        events.append(outcome)
    elif len(dead) < MAX_DEAD_LETTERS:
        dead.append(dead_letter(arrival, index, outcome))


def resolved_letters(
    headers: Mapping[str, str], position: Mapping[str, Any], indexes: Iterable[int]
) -> list[DeadLetter]:
    """The records that cancel the dead letters of these elements; headers and position as for `normalise`."""
    arrival, _ = _arrival(headers, position)
    return [resolved_letter(arrival, index) for index in indexes]


def parse_sent(body: bytes) -> Iterable[Parsed | Rejected]:
    """The elements of a /sent body. Never raises."""
    for record, reason in sent_records.split(body):
        yield Rejected(Reason.BAD_ELEMENT, reason or "") if record is None else sent_records.parse_record(record)


def response_facts(headers: Mapping[str, str]) -> dict[str, str]:
    """What came to /sent beside a provider's response, by the header `facts`. Never raises."""
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
        return _reject_response
    return lambda body: sent_records.parse_send_response(read, body, response_facts(headers))


def _reject_response(_: bytes) -> Iterable[Parsed | Rejected]:
    yield Rejected(Reason.UNKNOWN_PROVIDER, "this version does not read the provider's responses to a send")


def _event(parsed: Parsed, arrival: Arrival, index: int) -> Event | Rejected:
    """The canonical event, or the reason why it cannot be made. Never raises."""
    try:
        fields = finish(parsed, arrival, index)
        value = dumps(fields)
        key = dumps([arrival.source, fields.get("message_id") or fields["event_id"]])
    except Exception as error:
        return Rejected(Reason.PARSER_ERROR, type(error).__name__, parsed.element)
    problem = too_long(fields)
    if problem is None and len(value) > MAX_EVENT_BYTES:
        problem = f"the event has {len(value)} bytes, the limit is {MAX_EVENT_BYTES}"
    if problem is not None:
        return Rejected(Reason.TOO_LARGE, problem, parsed.element)
    return Event(key, value, fields)


def _arrival(headers: Mapping[str, str], position: Mapping[str, Any]) -> tuple[Arrival, Rejected | None]:
    source, provider, request_id = headers.get("source"), headers.get("provider"), headers.get("request_id")
    received_at = parse_iso(headers.get("received_at"))
    raw = {"topic": position.get("topic"), "partition": position.get("partition"), "offset": position.get("offset")}
    named = {name: headers.get(name) or "" for name in ("source", "provider", "request_id")}
    kept = {name: clipped(name, value) for name, value in named.items()}
    arrival = Arrival(**kept, received_at=received_at or 0, raw=raw)
    if (problem := too_long(named)) is not None:
        return arrival, Rejected(Reason.BAD_ENVELOPE, f"the raw record's header {problem}")
    if source and provider and request_id and received_at is not None:
        return arrival, None
    present = {"source": source, "provider": provider, "request_id": request_id, "received_at": received_at}
    missing = ", ".join(name for name, value in present.items() if not value)
    return arrival, Rejected(Reason.BAD_ENVELOPE, f"the raw record lacks a usable header: {missing}")
