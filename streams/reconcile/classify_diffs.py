"""Names what differs between wa.raw and ClickHouse, and classifies it.

An element of a body is accounted for once: by its delivery, or by a dead letter that is not resolved. So an element
that this version parses and an earlier one did not is no loss while its dead letter exists, and vice versa.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.reasons import Reason
from streams.reconcile import hashes
from streams.reconcile.expect import Element, Search
from streams.reconcile.expected_hashes import HashDiff
from streams.reconcile.model import MOST_NAMED, Findings, SourceHour
from streams.reconcile.tables import Tables
from streams.runtime.element_position import ElementPosition

Diffs = dict[SourceHour, HashDiff]


@dataclass(slots=True, frozen=True)
class ExtraDelivery:
    """A row of `deliveries` that is not expected from wa.raw."""

    place: SourceHour
    request_id: str
    index: int
    event_id: str

    @property
    def hash(self) -> int:
        """The hash of the row."""
        return hashes.of_delivery(self.event_id, self.request_id, self.index)


@dataclass(slots=True)
class NamedDiffs:
    """What differs and is examined one by one: at most MOST_NAMED of each kind."""

    missing: dict[int, SourceHour] = field(default_factory=dict)
    extras: list[ExtraDelivery] = field(default_factory=list)
    missing_dead_letters: dict[int, SourceHour] = field(default_factory=dict)
    extra_dead_letters: dict[int, tuple[SourceHour, str]] = field(default_factory=dict)

    @property
    def hour(self) -> int:
        """The earliest hour of arrival among them (ms); 0 when one of them has no time."""
        places = [*self.missing.values(), *(extra.place for extra in self.extras), *self.missing_dead_letters.values()]
        places += [place for place, _ in self.extra_dead_letters.values()]
        return min((place.hour for place in places), default=0)

    @property
    def search(self) -> Search:
        """What to search for in wa.raw."""
        requests = {extra.request_id for extra in self.extras}
        return Search(set(self.missing), {*self.missing_dead_letters, *self.extra_dead_letters}, requests)

    def __bool__(self) -> bool:
        return bool(self.missing or self.extras or self.missing_dead_letters or self.extra_dead_letters)


def name_diffs(tables: Tables, deliveries: Diffs, dead_letters: Diffs, findings: Findings) -> NamedDiffs:
    """The differences to examine one by one; those beyond MOST_NAMED are added to `findings` without a name."""
    named = NamedDiffs()
    named.missing = {number: place for place, number in _some(deliveries, "missing", "lost", findings)}
    named.missing_dead_letters = {
        number: place for place, number in _some(dead_letters, "missing", "dead_lost", findings)
    }
    for place, numbers in _by_place(_some(deliveries, "extra", "extra", findings)).items():
        rows = tables.named("deliveries", place, numbers, "request_id, `index`, toString(event_id)")
        named.extras += [ExtraDelivery(place, *row) for row in rows]
    for place, numbers in _by_place(_some(dead_letters, "extra", "dead_extra", findings)).items():
        columns = "toString(raw.topic), raw.partition, raw.offset, raw.index"
        for position in tables.named("dead_letters", place, numbers, columns):
            number = hashes.of_dead_letter(*position)
            named.extra_dead_letters[number] = place, ElementPosition(*position).id
    return named


def _some(diffs: Diffs, side: str, kind: str, findings: Findings) -> list[tuple[SourceHour, int]]:
    every = [(place, number) for place, diff in diffs.items() for number in getattr(diff, side)]
    rest = Counter(place for place, _ in every[MOST_NAMED:])
    for place, count in rest.items():
        findings.add(kind, place, f"and {count:,} more, which were not examined", count)
    return every[:MOST_NAMED]


def _by_place(pairs: Iterable[tuple[SourceHour, int]]) -> dict[SourceHour, list[int]]:
    places: dict[SourceHour, list[int]] = defaultdict(list)
    for place, number in pairs:
        places[place].append(number)
    return places


class Classifier:
    """Finds out for each difference which residual it is, if it is one."""

    def __init__(self, named: NamedDiffs, elements: Iterable[Element], tables: Tables, findings: Findings) -> None:
        """`elements`: what the search in wa.raw found."""
        self._named = named
        self._findings = findings
        self._by_delivery: dict[int, Element] = {}
        self._by_dead_letter: dict[int, Element] = {}
        self._by_index: dict[tuple[str, int], Element] = {}
        for one in elements:
            if (number := one.delivery_hash) is not None:
                self._by_delivery[number] = one
            self._by_dead_letter[one.dead_letter_hash] = one
            self._by_index[one.request_id, one.position.index] = one
        every = list(self._by_dead_letter.values())
        self._reasons = tables.dead_letter_reasons(one.position for one in every)
        self._delivered = tables.delivered({one.request_id for one in every})
        self._understood_now: set[ElementPosition] = set()
        self._understood_before: set[ElementPosition] = set()

    def run(self) -> list[ExtraDelivery]:
        """Adds the residuals to the findings; returns the extra deliveries that wa.raw does not explain."""
        replacing = self._classify_missing()
        unknown = [
            extra for extra in self._named.extras if extra.hash not in replacing and not self._classify_extra(extra)
        ]
        self._classify_missing_dead_letters()
        self._classify_extra_dead_letters()
        if count := len(self._understood_now):
            self._findings.notes.append(
                f"{count:,} dead letters can be parsed by this version: `ackstream dead retry --all`"
            )
        if count := len(self._understood_before):
            self._findings.notes.append(f"{count:,} elements are stored as events that this version cannot parse")
        return unknown

    def _is_dead(self, one: Element) -> bool:
        return self._reasons.get(one.position, Reason.RESOLVED) != Reason.RESOLVED

    def _classify_missing(self) -> set[int]:
        """Returns the hashes of extra deliveries that are stored in the place of a missing one."""
        replacing: set[int] = set()
        extras: dict[tuple[str, int], list[ExtraDelivery]] = defaultdict(list)
        for extra in self._named.extras:
            extras[extra.request_id, extra.index].append(extra)
        for number, place in self._named.missing.items():
            one = self._by_delivery.get(number)
            if one is None:
                self._findings.add("lost", place, "a delivery whose body has just been deleted by retention")
            elif self._is_dead(one):
                self._understood_now.add(one.position)
            elif same_element := extras.get((one.request_id, one.position.index)):
                other = same_element.pop()
                replacing.add(other.hash)
                self._findings.add("changed", place, f"{_name(one)} is stored as event {other.event_id}")
            else:
                self._findings.add("lost", place, _name(one))
        return replacing

    def _classify_extra(self, extra: ExtraDelivery) -> bool:
        """Whether wa.raw explains the delivery."""
        one = self._by_index.get((extra.request_id, extra.index))
        if one is None:
            return False
        if one.event_id is not None:
            self._findings.add("extra", extra.place, f"event {extra.event_id} beside {_name(one)}")
        elif self._is_dead(one):
            what = f"dead letter {one.position.id} exists, and so does event {extra.event_id}"
            self._findings.add("dead_extra", extra.place, what)
        else:
            self._understood_before.add(one.position)
        return True

    def _classify_missing_dead_letters(self) -> None:
        for number, place in self._named.missing_dead_letters.items():
            one = self._by_dead_letter.get(number)
            if one is None:
                self._findings.add("dead_lost", place, "a dead letter whose body has just been deleted by retention")
            elif one.position in self._reasons or (one.request_id, one.position.index) in self._delivered:
                self._understood_before.add(one.position)
            else:
                self._findings.add("dead_lost", place, f"dead letter {one.position.id} of request {one.request_id}")

    def _classify_extra_dead_letters(self) -> None:
        for number, (place, name) in self._named.extra_dead_letters.items():
            one = self._by_dead_letter.get(number)
            if one is None:
                self._findings.add("dead_extra", place, f"dead letter {name}: Kafka has no such element")
            elif one.event_id in self._delivered.get((one.request_id, one.position.index), ()):
                what = f"dead letter {name} exists, and so does its event {one.event_id}"
                self._findings.add("dead_extra", place, what)


def _name(one: Element) -> str:
    return f"event {one.event_id} of request {one.request_id} (element {one.position.id})"
