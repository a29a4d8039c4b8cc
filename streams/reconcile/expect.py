"""What ClickHouse must have for each record of Kafka, and the position of a missing element."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from schemas.parsing.json_types import JsonObject
from schemas.parsing.times import parse_iso
from schemas.providers.registry import Formats
from schemas.reasons import Reason
from schemas.settings.config import Config
from schemas.topics import RAW
from streams.load.decode import decode, decode_object
from streams.normalise.parse import parse_record
from streams.reconcile import hashes
from streams.reconcile.expected_hashes import ExpectedHashes, HashesByHour, hash_array
from streams.reconcile.model import SourceHour, Window, source_hour
from streams.runtime.element_position import ElementPosition
from streams.runtime.records import headers_of
from streams.runtime.topic_reader import KafkaRecord

if TYPE_CHECKING:
    from array import array

# The header of a body that was in the spool.
SPOOLED = "spooled"


@dataclass(slots=True, frozen=True)
class Element:
    """One element of a record of wa.raw or wa.sent: an event (`event_id`), or dead (None)."""

    place: SourceHour
    request_id: str
    position: ElementPosition
    event_id: str | None

    @property
    def dead_letter_hash(self) -> int:
        """The hash of its dead letter, whether it has one or not."""
        at = self.position
        return hashes.of_dead_letter(at.topic, at.partition, at.offset, at.index)

    @property
    def delivery_hash(self) -> int | None:
        """The hash of its delivery, None for a dead element."""
        return (
            None if self.event_id is None else hashes.of_delivery(self.event_id, self.request_id, self.position.index)
        )


@dataclass(slots=True, frozen=True)
class RecordParser:
    """Parses records as the workers do, with their settings, and keeps what is in the window."""

    config: Config
    formats: Formats
    window: Window

    def elements(self, record: KafkaRecord) -> list[Element]:
        """The elements of a record that are in the window."""
        if record.topic == RAW.name and not self.window.includes(*_arrival(headers_of(record))):
            return []
        events, dead_letters = parse_record(record, self.config, self.formats)
        found = [self._element(event.fields, event.fields["event_id"]) for event in events]
        found += [self._element(dead_letter, None) for dead_letter in dead_letters]
        return [element for element in found if element is not None]

    def body(self, record: KafkaRecord) -> tuple[SourceHour, str] | None:
        """Place and request id of a record of wa.raw, from its headers alone; None outside of the window."""
        headers = headers_of(record)
        source, received = _arrival(headers)
        if not self.window.includes(source, received):
            return None
        return source_hour(source, received), headers.get("request_id") or ""

    def _element(self, fields: Mapping[str, Any], event_id: str | None) -> Element | None:
        received, raw = parse_iso(fields["received_at"]), fields["raw"]
        if not self.window.includes(fields["source"], received):
            return None
        position = ElementPosition(raw["topic"], raw["partition"], raw["offset"], raw["index"])
        return Element(source_hour(fields["source"], received), fields["request_id"], position, event_id)


def _arrival(headers: Mapping[str, str]) -> tuple[str, int | None]:
    return headers.get("source") or "", parse_iso(headers.get("received_at"))


def _hashes_by_hour() -> HashesByHour:
    return defaultdict(ExpectedHashes)


@dataclass(slots=True)
class BodyHashes:
    """Bodies of one place, as hashes of their request ids; a body may be in wa.raw more than once."""

    stored: "array[int]" = field(default_factory=hash_array)
    spooled: "array[int]" = field(default_factory=hash_array)
    understood: "array[int]" = field(default_factory=hash_array)  # those with at least one event


@dataclass(slots=True)
class Unsettled:
    """What may change while it is compared: the events that the load workers had not processed."""

    events: set[str] = field(default_factory=set)
    messages: set[int] = field(default_factory=set)

    def add(self, event: Mapping[str, Any]) -> None:
        """Adds an event, and its message."""
        self.events.add(event["event_id"])
        if (message_id := event.get("message_id")) is not None:
            self.messages.add(hashes.hash_of(event["source"], message_id))

    def has_message(self, source: str, message_id: str) -> bool:
        """Whether an event of the message is among them."""
        return hashes.hash_of(source, message_id) in self.messages


@dataclass(slots=True)
class Expected:
    """Everything that the records so far must have become. `fast`: bodies are counted and not parsed."""

    parser: RecordParser
    fast: bool = False
    bodies: HashesByHour = field(default_factory=_hashes_by_hour)
    deliveries: HashesByHour = field(default_factory=_hashes_by_hour)
    dead_letters: HashesByHour = field(default_factory=_hashes_by_hour)
    body_hashes: defaultdict[SourceHour, BodyHashes] = field(default_factory=lambda: defaultdict(BodyHashes))
    unsettled: Unsettled = field(default_factory=Unsettled)

    @property
    def window(self) -> Window:
        """The window of the check."""
        return self.parser.window

    def add(self, record: KafkaRecord, *, processed: bool) -> None:
        """Adds a record of wa.raw or wa.sent; `processed`: the normalise workers have committed it."""
        spooled = any(name == SPOOLED for name, _ in record.headers)
        if self.fast and record.topic == RAW.name:
            if (body := self.parser.body(record)) is not None:
                place, number = body[0], hashes.hash_of(body[1])
                self._add_body(place, number, understood=False, spooled=spooled)
                self.bodies[place].add(number, processed=processed)
            return
        bodies: dict[tuple[SourceHour, str], bool] = {}
        for element in self.parser.elements(record):
            key = element.place, element.request_id
            bodies[key] = bodies.get(key, False) or element.event_id is not None
            if self.fast:
                continue
            if (delivery := element.delivery_hash) is None:
                self.dead_letters[element.place].add(element.dead_letter_hash, processed=processed)
            else:
                self.deliveries[element.place].add(delivery, processed=processed)
        for (place, request_id), understood in bodies.items():
            number = hashes.hash_of(request_id)
            self._add_body(place, number, understood=understood, spooled=spooled)
            if self.fast:
                self.bodies[place].add(number, processed=processed)

    def _add_body(self, place: SourceHour, number: int, *, understood: bool, spooled: bool) -> None:
        here = self.body_hashes[place]
        here.stored.append(number)
        if spooled:
            here.spooled.append(number)
        if understood:
            here.understood.append(number)

    def add_unloaded_event(self, record: KafkaRecord) -> None:
        """Adds a record of wa.events that the load workers have not processed."""
        event, _ = decode(record)
        if event is None:
            return
        self.unsettled.add(event)
        received = parse_iso(event["received_at"])
        if not self.window.includes(event["source"], received):
            return
        place = source_hour(event["source"], received)
        if self.fast:
            self.bodies[place].add(hashes.hash_of(event["request_id"]), processed=False)
        else:
            number = hashes.of_delivery(event["event_id"], event["request_id"], event["raw"]["index"])
            self.deliveries[place].add(number, processed=False)

    def add_unloaded_dead_letter(self, record: KafkaRecord) -> None:
        """Adds a record of wa.dead that the load workers have not processed."""
        dead_letter: JsonObject | None = decode_object(record.value)
        if dead_letter is None or dead_letter.get("reason") == Reason.RECORDS_DELETED:
            return
        source, received = str(dead_letter.get("source") or ""), parse_iso(dead_letter.get("received_at"))
        if not self.window.includes(source, received):
            return
        place, raw = source_hour(source, received), dead_letter.get("raw")
        if self.fast:
            self.bodies[place].add(hashes.hash_of(str(dead_letter.get("request_id") or "")), processed=False)
        elif isinstance(raw, dict):
            position = tuple(raw.get(name) for name in ("topic", "partition", "offset", "index"))
            self.dead_letters[place].add(hashes.of_dead_letter(*position), processed=False)


@dataclass(slots=True)
class Search:
    """A search in wa.raw and wa.sent for elements, by the hash of their delivery or dead letter or by their request.

    `bodies` are searched for by the hash of their request id alone.
    """

    deliveries: set[int] = field(default_factory=set)
    dead_letters: set[int] = field(default_factory=set)
    requests: set[str] = field(default_factory=set)
    bodies: set[int] = field(default_factory=set)
    found: list[Element] = field(default_factory=list)
    found_bodies: dict[int, str] = field(default_factory=dict)  # the position of a body by its hash

    def add(self, record: KafkaRecord, parser: RecordParser) -> None:
        """Searches a record of wa.raw or wa.sent. A hash is computed only where one of its kind is wanted."""
        for element in parser.elements(record):
            if self.bodies and (number := hashes.hash_of(element.request_id)) in self.bodies:
                at = element.position
                self.found_bodies[number] = f"{at.partition}:{at.offset} of {at.topic}"
            if (
                element.request_id in self.requests
                or (self.dead_letters and element.dead_letter_hash in self.dead_letters)
                or (self.deliveries and element.delivery_hash in self.deliveries)
            ):
                self.found.append(element)
