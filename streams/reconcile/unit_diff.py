"""Compares the units of the lifecycle with what `messages` shows, and with wa.messages."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from streams.reconcile import hashes, published
from streams.reconcile.expect import Unsettled
from streams.reconcile.model import Findings, SourceHour
from streams.reconcile.published import PublishedRow
from streams.reconcile.units import UnitHash, UnitKey, Units
from streams.runtime.topic_reader import Span, TopicReader

# Buckets whose units are named; their numbers are part of the URL, of which servers accept up to 1 MiB.
_MOST_BUCKETS: Final = 20_000


Advance = Callable[[int], None]  # called with how much more is done


@dataclass(slots=True)
class DifferentUnit:
    """A unit that is not the same everywhere: in the lifecycle (None: not there), as shown, in wa.messages."""

    key: UnitKey
    truth: UnitHash | None
    shown: list[UnitHash] = field(default_factory=list)
    topic: list[PublishedRow] = field(default_factory=list)

    @property
    def place(self) -> SourceHour:
        """Where it is counted: the hour in which it was first seen."""
        known = [row.hour for row in (self.truth, *self.shown, *self.topic) if row is not None]
        return SourceHour(self.key[0], known[0])

    @property
    def copy_problem(self) -> str:
        """What is wrong with the unit as it is shown; '' when nothing is."""
        wanted = [] if self.truth is None else [self.truth.entry]
        return _problem(wanted, [row.entry for row in self.shown])

    @property
    def topic_problem(self) -> str:
        """What is wrong with its row in wa.messages; '' when nothing is."""
        wanted = [] if self.truth is None else [self.truth.row]
        return _problem(wanted, [row.row for row in self.topic])


def _problem(wanted: list[int], found: list[int]) -> str:
    if wanted == found:
        return ""
    if not found:
        return "is missing"
    if not wanted:
        return "is one too many"
    return f"exists {len(found)} times" if len(found) > 1 else "differs"


def shown_key(key: UnitKey) -> str:
    """A unit as it is printed; a group member may be a phone number, so only its last digits are shown."""
    source, message_id, participant = key
    member = f" …{participant[-4:]}" if participant else ""
    return f"{source} {message_id}{member}"


@dataclass(slots=True)
class UnitDiff:
    """One comparison of all units of a source, or of all sources."""

    topics: TopicReader
    units: Units
    messages: Span
    unsettled: Unsettled
    findings: Findings

    async def different(self, on_slice: Advance, on_records: Advance) -> list[DifferentUnit]:
        """The units that differ anywhere; events of some of them may still be unprocessed. Reads `units` too."""
        await asyncio.to_thread(self.units.read, on_slice)
        shown = await asyncio.to_thread(self.units.shown)
        topic = await published.sums(self.topics, self.messages, self.units.source, on_records)
        buckets = self._chosen(self.units.entries.different(shown) | self.units.rows.different(topic))
        return await self.rows(buckets) if buckets else []

    async def rows(self, buckets: set[int]) -> list[DifferentUnit]:
        """The units of some buckets that differ."""
        truth = await asyncio.to_thread(self.units.truth_rows, buckets)
        shown = await asyncio.to_thread(self.units.shown_rows, buckets)
        topic = await published.rows(self.topics, self.messages, self.units.source, buckets)
        every = [
            DifferentUnit(key, truth.get(key), shown.get(key, []), topic.get(key, []))
            for key in sorted(truth.keys() | shown.keys() | topic.keys())
        ]
        return [one for one in every if one.copy_problem or one.topic_problem]

    def _chosen(self, buckets: set[int]) -> set[int]:
        if len(buckets) <= _MOST_BUCKETS:
            return buckets
        buckets -= {number % hashes.BUCKETS for number in self.unsettled.messages}
        chosen = set(sorted(buckets)[:_MOST_BUCKETS])
        rest = len(buckets) - len(chosen)
        what = f"and messages in {rest:,} more groups, which were not examined"
        self.findings.add("copy", SourceHour("", 0), what, rest)
        return chosen

    def add_residuals(self, different: list[DifferentUnit]) -> list[DifferentUnit]:
        """Adds the units without unprocessed events to the residuals, and returns them."""
        settled = [one for one in different if not self.unsettled.has_message(*one.key[:2])]
        if changing := len(different) - len(settled):
            self.findings.notes.append(f"{changing:,} units changed while they were read and were not compared")
        named = [(one.place, shown_key(one.key), one.copy_problem, one.topic_problem) for one in settled]
        self.findings.add_named("copy", [(place, f"{name} {copy}") for place, name, copy, _ in named if copy])
        self.findings.add_named("published", [(place, f"{name} {topic}") for place, name, _, topic in named if topic])
        return settled
