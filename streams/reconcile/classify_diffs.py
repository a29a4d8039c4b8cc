"""What differs between wa.raw and ClickHouse, by name, and why. IO: asks ClickHouse; the rest is pure.

An element of a body is accounted for once: as a delivery, or as a dead letter that stands. So what this version
understands and an earlier one did not is no loss as long as its letter stands, and the other way round.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from streams.reconcile import hashes
from streams.reconcile.expect import Element, Search, letter_name
from streams.reconcile.expected_hashes import Difference
from streams.reconcile.model import MOST_NAMED, Found, Place
from streams.reconcile.tables import At, Tables

Differences = dict[Place, Difference]
RESOLVED: Final = "resolved"


@dataclass(slots=True, frozen=True)
class Extra:
    """A row of `deliveries` that wa.raw does not account for."""

    place: Place
    request_id: str
    index: int
    event_id: str

    @property
    def hash(self) -> int:
        return hashes.of_delivery(self.event_id, self.request_id, self.index)


@dataclass(slots=True)
class Question:
    """What differs, cut down to what can be named; the rest is counted as it is."""

    missing: dict[int, Place] = field(default_factory=dict)
    extras: list[Extra] = field(default_factory=list)
    missing_letters: dict[int, Place] = field(default_factory=dict)
    extra_letters: dict[int, tuple[Place, str]] = field(default_factory=dict)

    @property
    def hour(self) -> int:
        """The earliest hour that anything of it was received in (ms); 0 when anything has no time."""
        places = [*self.missing.values(), *(extra.place for extra in self.extras), *self.missing_letters.values()]
        places += [where for where, _ in self.extra_letters.values()]
        return min((where.hour for where in places), default=0)

    @property
    def search(self) -> Search:
        """What to look for in wa.raw."""
        requests = {extra.request_id for extra in self.extras}
        return Search(set(self.missing), {*self.missing_letters, *self.extra_letters}, requests)

    def __bool__(self) -> bool:
        return bool(self.missing or self.extras or self.missing_letters or self.extra_letters)


def question(tables: Tables, deliveries: Differences, letters: Differences, found: Found) -> Question:
    """What is to be looked into one by one; what is more than that is added to `found` as it stands."""
    asked = Question()
    asked.missing = {number: where for where, number in _some(deliveries, "missing", "lost", found)}
    asked.missing_letters = {number: where for where, number in _some(letters, "missing", "dead_lost", found)}
    for where, numbers in _by_place(_some(deliveries, "extra", "extra", found)).items():
        rows = tables.named("deliveries", where, numbers, "request_id, `index`, toString(event_id)")
        asked.extras += [Extra(where, *row) for row in rows]
    for where, numbers in _by_place(_some(letters, "extra", "dead_extra", found)).items():
        columns = "toString(raw.topic), raw.partition, raw.offset, raw.index"
        for at in tables.named("letters", where, numbers, columns):
            asked.extra_letters[hashes.of_letter(*at)] = where, letter_name(*at)
    return asked


def _some(differences: Differences, side: str, kind: str, found: Found) -> list[tuple[Place, int]]:
    everything = [(where, number) for where, difference in differences.items() for number in getattr(difference, side)]
    rest = Counter(where for where, _ in everything[MOST_NAMED:])
    for where, count in rest.items():
        found.add(kind, where, f"and {count:,} more, which were not looked into", count)
    return everything[:MOST_NAMED]


def _by_place(pairs: Iterable[tuple[Place, int]]) -> dict[Place, list[int]]:
    places: dict[Place, list[int]] = defaultdict(list)
    for where, number in pairs:
        places[where].append(number)
    return places


class Resolver:
    """Tells for each thing that differs what it is."""

    def __init__(self, asked: Question, located: Iterable[Element], tables: Tables, found: Found) -> None:
        self._asked = asked
        self._found = found
        self._by_delivery: dict[int, Element] = {}
        self._by_letter: dict[int, Element] = {}
        self._by_element: dict[tuple[str, int], Element] = {}
        for one in located:
            if (number := one.delivery_hash) is not None:
                self._by_delivery[number] = one
            self._by_letter[one.letter_hash] = one
            self._by_element[one.request_id, one.index] = one
        every = list(self._by_letter.values())
        self._letters = tables.letters(one.at for one in every)
        self._delivered = tables.delivered({one.request_id for one in every})
        self._understood_now: set[At] = set()
        self._understood_before: set[At] = set()

    def run(self) -> list[Extra]:
        """Adds the residuals to `found`; what of the extras wa.raw knows nothing of is given back."""
        consumed = self._missing()
        unknown = [extra for extra in self._asked.extras if extra.hash not in consumed and not self._known(extra)]
        self._missing_letters()
        self._extra_letters()
        if self._understood_now:
            count = len(self._understood_now)
            self._found.notes.append(
                f"{count:,} dead letters are understood by this version: `ackstream dead retry --all`"
            )
        if self._understood_before:
            self._found.notes.append(
                f"{len(self._understood_before):,} elements stand as events that this version would not understand"
            )
        return unknown

    def _stands_dead(self, one: Element) -> bool:
        return self._letters.get(one.at, RESOLVED) != RESOLVED

    def _missing(self) -> set[int]:
        """Hashes of the extras that stand where something else must."""
        consumed: set[int] = set()
        extras: dict[tuple[str, int], list[Extra]] = defaultdict(list)
        for extra in self._asked.extras:
            extras[extra.request_id, extra.index].append(extra)
        for number, where in self._asked.missing.items():
            one = self._by_delivery.get(number)
            if one is None:
                self._found.add("lost", where, "a delivery whose body retention deletes just now")
            elif self._stands_dead(one):
                self._understood_now.add(one.at)
            elif instead := extras.get((one.request_id, one.index)):
                other = instead.pop()
                consumed.add(other.hash)
                self._found.add("changed", where, f"{_named(one)} stands as event {other.event_id}")
            else:
                self._found.add("lost", where, _named(one))
        return consumed

    def _known(self, extra: Extra) -> bool:
        """Whether wa.raw says what the delivery is."""
        one = self._by_element.get((extra.request_id, extra.index))
        if one is None:
            return False
        if one.event_id is not None:
            self._found.add("extra", extra.place, f"event {extra.event_id} beside {_named(one)}")
        elif self._stands_dead(one):
            self._found.add("dead_extra", extra.place, f"letter {one.id} stands, and so does event {extra.event_id}")
        else:
            self._understood_before.add(one.at)
        return True

    def _missing_letters(self) -> None:
        for number, where in self._asked.missing_letters.items():
            one = self._by_letter.get(number)
            if one is None:
                self._found.add("dead_lost", where, "a letter whose body retention deletes just now")
            elif one.at in self._letters or (one.request_id, one.index) in self._delivered:
                self._understood_before.add(one.at)
            else:
                self._found.add("dead_lost", where, f"letter {one.id} of request {one.request_id}")

    def _extra_letters(self) -> None:
        for number, (where, name) in self._asked.extra_letters.items():
            one = self._by_letter.get(number)
            if one is None:
                self._found.add("dead_extra", where, f"letter {name}: nothing lies there")
            elif one.event_id in self._delivered.get((one.request_id, one.index), ()):
                self._found.add("dead_extra", where, f"letter {name} stands, and so does its event {one.event_id}")


def _named(one: Element) -> str:
    return f"event {one.event_id} of request {one.request_id} (element {one.id})"
