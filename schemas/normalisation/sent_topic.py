"""One record of wa.sent to canonical events and dead letters.

The topic is for the user's own producers: key, partition and schema are theirs, and a value has the form of a body of
/sent. Records are not authenticated: everybody who can write to Kafka can write sent records.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from schemas.events import Arrival
from schemas.normalisation.dead_letters import DeadLetter, resolved_letter
from schemas.normalisation.raw_topic import Event, add_outcome
from schemas.normalisation.sent_records import checked, parse_record
from schemas.parsing.json_types import Json
from schemas.parsing.json_values import as_object
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.times import EARLIEST_MS, LATEST_MS
from schemas.reasons import Reason
from schemas.settings.config import Config

_NO_SOURCE = "the record names no source: give it a field or a header `source`"
_UNKNOWN_SOURCE = "the settings have no source of the name that the record gives"
_NO_TIME = "the record has no time in Kafka: set message.timestamp.type = LogAppendTime on wa.sent"


class SentRecord(NamedTuple):
    """A record of wa.sent: headers as text, value, position (topic, partition, offset), and Kafka's time in ms."""

    headers: Mapping[str, str]
    value: bytes
    position: Mapping[str, Any]
    timestamp_ms: int | None


def normalise_record(record: SentRecord, config: Config) -> tuple[list[Event], list[DeadLetter]]:
    """Events and dead letters of a record, for the sources of the settings. Never raises.

    A sent record without a source of its own has that of the header `source`. It was received at Kafka's time.
    """
    events: list[Event] = []
    dead: list[DeadLetter] = []
    for index, (arrival, element) in enumerate(_elements(record, config)):
        add_outcome(element, arrival, index, events, dead)
    return events, dead


def resolved_letters(record: SentRecord, config: Config, indexes: Iterable[int]) -> list[DeadLetter]:
    """The records that cancel the dead letters of these elements."""
    arrivals = [arrival for arrival, _ in _elements(record, config)]
    return [resolved_letter(arrivals[min(index, len(arrivals) - 1)], index) for index in indexes]


def named_sources(record: SentRecord) -> set[str]:
    """The sources that its sent records name, whether the settings have them or not."""
    return {_source(value, record.headers) for value, _ in checked(record.value)}


def _source(value: Json, headers: Mapping[str, str]) -> str:
    named = as_object(value).get("source") or headers.get("source")
    return named if isinstance(named, str) else ""


def _elements(record: SentRecord, config: Config) -> Iterator[tuple[Arrival, Parsed | Rejected]]:
    """At least one. The request id is made of the position, so that every reading of a record is the same delivery."""
    time, position = record.timestamp_ms, record.position
    received_at = time if time is not None and EARLIEST_MS <= time < LATEST_MS else 0
    request_id = f"{position['topic']}-{position['partition']}-{position['offset']}-{received_at}"
    arrivals: dict[str, Arrival] = {}
    for value, reason in checked(record.value) or [(None, "The record is empty.")]:
        source = _source(value, record.headers)
        arrival = arrivals.get(source)
        if arrival is None:
            settings = config.sources.get(source)
            name, provider = (source, settings.provider) if settings is not None else ("", "")
            arrival = Arrival(name, provider, request_id, received_at, dict(position))
            arrivals[source] = arrival
        yield arrival, _element(value, reason, source, arrival)


def _element(value: Any, reason: str | None, source: str, arrival: Arrival) -> Parsed | Rejected:
    if reason is not None:
        return Rejected(Reason.BAD_ELEMENT, reason, value)
    if not source:
        return Rejected(Reason.BAD_ENVELOPE, _NO_SOURCE, value)
    if not arrival.source:
        return Rejected(Reason.UNKNOWN_SOURCE, _UNKNOWN_SOURCE, value)
    if not arrival.received_at:
        return Rejected(Reason.BAD_ENVELOPE, _NO_TIME, value)
    return parse_record(value)
