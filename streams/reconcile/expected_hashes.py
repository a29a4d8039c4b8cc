"""What ClickHouse must hold, as hashes by source and hour, and where a table differs from that.

Eight bytes for each delivery, body or dead letter; their names are looked up only where a table differs.
"""

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from streams.reconcile.hashes import MASK
from streams.reconcile.model import SourceHour

# Hashes that are compared as sets at a time: some 100 MB.
SLICE_HASHES: Final = 500_000


def hash_array() -> "array[int]":
    """An empty array of hashes."""
    return array("Q")


@dataclass(slots=True, frozen=True)
class HashSum:
    """How many hashes there are, and their sum modulo 2^64."""

    count: int
    total: int


@dataclass(slots=True)
class ExpectedHashes:
    """The hashes of one kind of thing at one place.

    `processed` ones must be in the table; the workers have not committed `unprocessed` ones, so that they may be in it.
    """

    processed: "array[int]" = field(default_factory=hash_array)
    unprocessed: "array[int]" = field(default_factory=hash_array)

    def add(self, number: int, *, processed: bool) -> None:
        """Adds a hash; the same one may be added again."""
        (self.processed if processed else self.unprocessed).append(number)

    def sort(self) -> None:
        """Sorts the hashes and removes repetitions."""
        self.processed = array("Q", sorted(set(self.processed)))
        self.unprocessed = array("Q", sorted(set(self.unprocessed)))

    @property
    def sum(self) -> HashSum:
        """Of what must be in the table; call `sort` before."""
        return HashSum(len(self.processed), sum(self.processed) & MASK)


HashesByHour = defaultdict[SourceHour, ExpectedHashes]


@dataclass(slots=True)
class HashDiff:
    """Of one place: hashes that the table lacks, hashes that it has too many, and how many are still unprocessed."""

    missing: list[int] = field(default_factory=list)
    extra: list[int] = field(default_factory=list)
    waiting: int = 0

    def __bool__(self) -> bool:
        return bool(self.missing or self.extra)


def compare(
    expected: HashesByHour,
    table: dict[SourceHour, HashSum],
    fetch: Callable[[SourceHour, int, int], Iterable[int]],
    slice_hashes: int = SLICE_HASHES,
) -> Iterator[tuple[SourceHour, HashDiff]]:
    """The places where the table differs, or where something is still unprocessed.

    `table` holds the table's sums. `fetch` returns its hashes at a place from one number to another, both inclusive;
    it is called only where the sums differ or something may still be unprocessed.
    """
    for place in sorted(expected.keys() | table.keys()):
        wanted, stored = expected[place], table.get(place, HashSum(0, 0))
        wanted.sort()
        if not wanted.unprocessed and wanted.sum == stored:
            continue
        diff = HashDiff()
        for first, last in _slices(max(len(wanted.processed), stored.count) // slice_hashes + 1):
            _compare_slice(wanted, first, last, set(fetch(place, first, last)), diff)
        if diff or diff.waiting:
            yield place, diff


def _slices(parts: int) -> Iterator[tuple[int, int]]:
    """The range of all hashes in equal parts."""
    edges = [MASK * part // parts for part in range(parts)] + [MASK + 1]
    for first, end in pairwise(edges):
        yield first, end - 1


def _compare_slice(wanted: ExpectedHashes, first: int, last: int, stored: set[int], diff: HashDiff) -> None:
    processed = _between(wanted.processed, first, last)
    unprocessed = _between(wanted.unprocessed, first, last)
    diff.waiting += len(unprocessed - stored)
    diff.missing += sorted(processed - stored - unprocessed)
    diff.extra += sorted(stored - processed - unprocessed)


def _between(numbers: "array[int]", first: int, last: int) -> set[int]:
    return set(numbers[bisect_left(numbers, first) : bisect_left(numbers, last + 1)])
