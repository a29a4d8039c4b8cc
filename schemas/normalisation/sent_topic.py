"""One record of wa.sent to canonical events and dead letters. Pure.

The topic is for the user's own producers: key, partition and schema are theirs, and a value holds what a body of /sent
may. Nothing in it proves who wrote it: whoever may write to Kafka may write sent records.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from schemas.events import Arrival
from schemas.normalisation.raw_topic import Event, resolved_letter, sort_in
from schemas.normalisation.sent_records import judged, parse_record
from schemas.parsing.json_values import as_object
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.times import EARLIEST_MS, LATEST_MS
from schemas.reasons import Reason
from schemas.settings.config import Config

_NO_SOURCE = "the record names no source: give it a field or a header `source`"
_UNKNOWN_SOURCE = "the settings have no source of the name that the record gives"
_NO_TIME = "the record has no time in Kafka: let wa.sent stamp them (message.timestamp.type = LogAppendTime)"


class Record(NamedTuple):
    """A record of wa.sent: its headers as text, value, place (topic, partition, offset), and Kafka's time of it, ms."""

    headers: Mapping[str, str]
    value: bytes
    position: Mapping[str, Any]
    timestamp_ms: int | None


def normalise_record(record: Record, config: Config) -> tuple[list[Event], list[dict[str, Any]]]:
    """Events and dead letters of a record by the settings' sources. Never raises.

    The header `source` is that of the sent records that do not name theirs. Kafka's time is when they were received.
    """
    events: list[Event] = []
    dead: list[dict[str, Any]] = []
    for index, (arrival, element) in enumerate(_elements(record, config)):
        sort_in(element, arrival, index, events, dead)
    return events, dead


def resolved_records(record: Record, config: Config, indexes: Iterable[int]) -> list[dict[str, Any]]:
    """The letters of elements that were dead and are no more."""
    arrivals = [arrival for arrival, _ in _elements(record, config)]
    return [resolved_letter(arrivals[min(index, len(arrivals) - 1)], index) for index in indexes]


def named_sources(record: Record) -> set[str]:
    """The sources of its sent records, whether the settings have them or not."""
    return {_source(said, record.headers) for said, _ in judged(record.value)}


def _source(said: Any, headers: Mapping[str, str]) -> str:
    named = as_object(said).get("source") or headers.get("source")
    return named if isinstance(named, str) else ""


def _elements(record: Record, config: Config) -> Iterator[tuple[Arrival, Parsed | Rejected]]:
    """At least one. The request id is made of the place, so that every reading of the record is the same delivery."""
    time, place = record.timestamp_ms, record.position
    received_at = time if time is not None and EARLIEST_MS <= time < LATEST_MS else 0
    request_id = f"{place['topic']}-{place['partition']}-{place['offset']}-{received_at}"
    arrivals: dict[str, Arrival] = {}
    for said, reason in judged(record.value) or [(None, "The record is empty.")]:
        source = _source(said, record.headers)
        arrival = arrivals.get(source)
        if arrival is None:
            settings = config.sources.get(source)
            known, provider = (source, settings.provider) if settings is not None else ("", "")
            arrival = Arrival(known, provider, request_id, received_at, dict(place))
            arrivals[source] = arrival
        yield arrival, _element(said, reason, source, arrival)


def _element(record: Any, reason: str | None, source: str, arrival: Arrival) -> Parsed | Rejected:
    if reason is not None:
        return Rejected(Reason.BAD_ELEMENT, reason, record)
    if not source:
        return Rejected(Reason.BAD_ENVELOPE, _NO_SOURCE, record)
    if not arrival.source:
        return Rejected(Reason.UNKNOWN_SOURCE, _UNKNOWN_SOURCE, record)
    if not arrival.received_at:
        return Rejected(Reason.BAD_ENVELOPE, _NO_TIME, record)
    return parse_record(record)
