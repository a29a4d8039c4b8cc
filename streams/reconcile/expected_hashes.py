"""What ClickHouse must hold, as hashes by source and hour, and where a table differs from that. Pure.

Eight bytes for each thing; names are found again only for what differs.
"""

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from streams.reconcile.hashes import MASK
from streams.reconcile.model import Place

# Hashes that are compared as sets at a time: some 100 MB.
SLICE: Final = 500_000


def numbers() -> "array[int]":
    """An empty row of hashes."""
    return array("Q")


@dataclass(slots=True, frozen=True)
class Sum:
    """How many hashes there are, and their sum modulo 2^64."""

    count: int
    total: int


@dataclass(slots=True)
class Shelf:
    """The hashes of one kind of thing at one place. `sure`: must be in the table; `maybe`: on its way, may be in it."""

    sure: "array[int]" = field(default_factory=numbers)
    maybe: "array[int]" = field(default_factory=numbers)

    def add(self, number: int, *, sure: bool) -> None:
        (self.sure if sure else self.maybe).append(number)

    def settle(self) -> None:
        """Sorts, and takes repetitions out."""
        self.sure = array("Q", sorted(set(self.sure)))
        self.maybe = array("Q", sorted(set(self.maybe)))

    @property
    def sum(self) -> Sum:
        """Of what must be there; call `settle` before."""
        return Sum(len(self.sure), sum(self.sure) & MASK)


Shelves = defaultdict[Place, Shelf]


@dataclass(slots=True)
class Difference:
    """Of one place: what the table lacks, what it has too much, and how much is still on its way."""

    missing: list[int] = field(default_factory=list)
    extra: list[int] = field(default_factory=list)
    waiting: int = 0

    def __bool__(self) -> bool:
        return bool(self.missing or self.extra)


def compare(
    shelves: Shelves, table: dict[Place, Sum], fetch: Callable[[Place, int, int], Iterable[int]]
) -> Iterator[tuple[Place, Difference]]:
    """Where shelves and table are not the same, or something is on its way.

    `table` holds the table's sums, `fetch` its hashes at a place from one number and up to another, both inclusive;
    it is asked only where the sums differ or something may be on its way.
    """
    for where in sorted(shelves.keys() | table.keys()):
        shelf, told = shelves[where], table.get(where, Sum(0, 0))
        shelf.settle()
        if not shelf.maybe and shelf.sum == told:
            continue
        difference = Difference()
        for first, last in _slices(max(len(shelf.sure), told.count)):
            _compare_slice(shelf, first, last, set(fetch(where, first, last)), difference)
        if difference or difference.waiting:
            yield where, difference


def _slices(count: int) -> Iterator[tuple[int, int]]:
    """The range of all hashes in parts of about SLICE hashes each."""
    parts = count // SLICE + 1
    edges = [MASK * part // parts for part in range(parts)] + [MASK + 1]
    for first, end in pairwise(edges):
        yield first, end - 1


def _compare_slice(shelf: Shelf, first: int, last: int, there: set[int], found: Difference) -> None:
    sure, maybe = _between(shelf.sure, first, last), _between(shelf.maybe, first, last)
    found.waiting += len(maybe - there)
    found.missing += sorted(sure - there - maybe)
    found.extra += sorted(there - sure - maybe)


def _between(row: "array[int]", first: int, last: int) -> set[int]:
    return set(row[bisect_left(row, first) : bisect_left(row, last + 1)])
