"""What one record of Kafka must have become, and of which body what is missing was a part. Pure."""

from array import array
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.parsing.times import parse_iso
from schemas.providers.registry import Formats
from schemas.settings.config import Config
from schemas.topics import RAW
from streams.load.decode import decode, decode_object
from streams.normalise.parse import parse_record
from streams.reconcile import hashes
from streams.reconcile.expected_hashes import Shelf, Shelves, numbers
from streams.reconcile.model import Place, Window, place
from streams.runtime.records import headers_of

SPOOLED = "spooled"


@dataclass(slots=True, frozen=True)
class Element:
    """One element of a record of wa.raw or wa.sent: an event (`event_id`), or dead (None)."""

    place: Place
    request_id: str
    topic: str
    partition: int
    offset: int
    index: int
    event_id: str | None

    @property
    def at(self) -> tuple[str, int, int, int]:
        """Where it lies."""
        return self.topic, self.partition, self.offset, self.index

    @property
    def id(self) -> str:
        """As `ackstream dead` names elements."""
        return letter_name(*self.at)

    @property
    def letter_hash(self) -> int:
        return hashes.of_letter(*self.at)

    @property
    def delivery_hash(self) -> int | None:
        """None for a dead one."""
        return None if self.event_id is None else hashes.of_delivery(self.event_id, self.request_id, self.index)


def letter_name(topic: str, partition: int, offset: int, index: int) -> str:
    """The id of an element for people."""
    return f"{'' if topic == RAW.name else f'{topic}:'}{partition}:{offset}:{index}"


@dataclass(slots=True, frozen=True)
class Reader:
    """Reads records as the streams do, with the settings that they have."""

    config: Config
    formats: Formats
    window: Window

    def elements(self, record: Any) -> list[Element]:
        """The elements of a record that lie in the window."""
        if record.topic == RAW.name and not self.window.takes(*_arrival(headers_of(record))):
            return []
        events, letters = parse_record(record, self.config, self.formats)
        found = [self._element(event.fields, event.fields["event_id"]) for event in events]
        found += [self._element(letter, None) for letter in letters]
        return [element for element in found if element is not None]

    def body(self, record: Any) -> tuple[Place, str] | None:
        """Place and request id of a record of wa.raw that lies in the window, by its headers alone."""
        headers = headers_of(record)
        source, received = _arrival(headers)
        if not self.window.takes(source, received):
            return None
        return place(source, received), headers.get("request_id") or ""

    def _element(self, said: Mapping[str, Any], event_id: str | None) -> Element | None:
        received, raw = parse_iso(said["received_at"]), said["raw"]
        if not self.window.takes(said["source"], received):
            return None
        where = (raw["topic"], raw["partition"], raw["offset"], raw["index"])
        return Element(place(said["source"], received), said["request_id"], *where, event_id)


def _arrival(headers: Mapping[str, str]) -> tuple[str, int | None]:
    return headers.get("source") or "", parse_iso(headers.get("received_at"))


def _shelves() -> Shelves:
    return defaultdict(Shelf)


@dataclass(slots=True)
class Tally:
    """Bodies of one place, as hashes of their request ids; a body may be in wa.raw more than once."""

    stored: "array[int]" = field(default_factory=numbers)
    spooled: "array[int]" = field(default_factory=numbers)
    understood: "array[int]" = field(default_factory=numbers)  # those of which anything is an event


@dataclass(slots=True)
class Moved:
    """What may change while it is read: of what the load workers had not done with when the check began."""

    events: set[str] = field(default_factory=set)
    messages: set[int] = field(default_factory=set)

    def take(self, event: dict[str, Any]) -> None:
        self.events.add(event["event_id"])
        if (message_id := event.get("message_id")) is not None:
            self.messages.add(hashes.hash_of(event["source"], message_id))

    def has_message(self, source: str, message_id: str) -> bool:
        return hashes.hash_of(source, message_id) in self.messages


@dataclass(slots=True)
class Expected:
    """Everything that the records so far must have become. `fast`: bodies alone, nothing of them is read."""

    reader: Reader
    fast: bool = False
    bodies: Shelves = field(default_factory=_shelves)
    deliveries: Shelves = field(default_factory=_shelves)
    letters: Shelves = field(default_factory=_shelves)
    tallies: defaultdict[Place, Tally] = field(default_factory=lambda: defaultdict(Tally))
    moved: Moved = field(default_factory=Moved)

    @property
    def window(self) -> Window:
        return self.reader.window

    def take(self, record: Any, *, sure: bool) -> None:
        """A record of wa.raw or wa.sent; `sure`: the streams have done with it."""
        spooled = any(name == SPOOLED for name, _ in record.headers)
        if self.fast and record.topic == RAW.name:
            if (body := self.reader.body(record)) is not None:
                where, number = body[0], hashes.hash_of(body[1])
                self._body(where, number, understood=False, spooled=spooled)
                self.bodies[where].add(number, sure=sure)
            return
        bodies: dict[tuple[Place, str], bool] = {}
        for element in self.reader.elements(record):
            body = element.place, element.request_id
            bodies[body] = bodies.get(body, False) or element.event_id is not None
            if self.fast:
                continue
            if (delivery := element.delivery_hash) is None:
                self.letters[element.place].add(element.letter_hash, sure=sure)
            else:
                self.deliveries[element.place].add(delivery, sure=sure)
        for (where, request_id), is_understood in bodies.items():
            number = hashes.hash_of(request_id)
            self._body(where, number, understood=is_understood, spooled=spooled)
            if self.fast:
                self.bodies[where].add(number, sure=sure)

    def _body(self, where: Place, number: int, *, understood: bool, spooled: bool) -> None:
        tally = self.tallies[where]
        tally.stored.append(number)
        if spooled:
            tally.spooled.append(number)
        if understood:
            tally.understood.append(number)

    def event_on_its_way(self, record: Any) -> None:
        """A record of wa.events that the load workers have not done with."""
        event, _ = decode(record)
        if event is None:
            return
        self.moved.take(event)
        received = parse_iso(event["received_at"])
        if not self.window.takes(event["source"], received):
            return
        where = place(event["source"], received)
        if self.fast:
            self.bodies[where].add(hashes.hash_of(event["request_id"]), sure=False)
        else:
            number = hashes.of_delivery(event["event_id"], event["request_id"], event["raw"]["index"])
            self.deliveries[where].add(number, sure=False)

    def letter_on_its_way(self, record: Any) -> None:
        """The same of wa.dead."""
        letter = decode_object(record.value)
        if letter is None:
            return
        source, received = letter.get("source") or "", parse_iso(letter.get("received_at"))
        if not self.window.takes(source, received):
            return
        where, raw = place(source, received), letter["raw"]
        if self.fast:
            self.bodies[where].add(hashes.hash_of(letter.get("request_id") or ""), sure=False)
        elif isinstance(raw, dict):
            at = tuple(raw.get(name) for name in ("topic", "partition", "offset", "index"))
            self.letters[where].add(hashes.of_letter(*at), sure=False)


@dataclass(slots=True)
class Search:
    """Elements wanted by the hash of their delivery or of their place, or by their request; bodies by that alone."""

    deliveries: set[int] = field(default_factory=set)
    letters: set[int] = field(default_factory=set)
    requests: set[str] = field(default_factory=set)
    bodies: set[int] = field(default_factory=set)
    found: list[Element] = field(default_factory=list)
    found_bodies: dict[int, str] = field(default_factory=dict)  # where a wanted body lies

    def take(self, record: Any, reader: Reader) -> None:
        """A record of wa.raw or wa.sent. A hash is computed only where one of its kind is wanted."""
        for element in reader.elements(record):
            if self.bodies and (number := hashes.hash_of(element.request_id)) in self.bodies:
                self.found_bodies[number] = f"{element.partition}:{element.offset} of {element.topic}"
            if (
                element.request_id in self.requests
                or (self.letters and element.letter_hash in self.letters)
                or (self.deliveries and element.delivery_hash in self.deliveries)
            ):
                self.found.append(element)
