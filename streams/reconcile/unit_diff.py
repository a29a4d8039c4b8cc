"""Units: the truth against what is shown, and against wa.messages. IO: Kafka and ClickHouse."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from streams.reconcile import hashes, published
from streams.reconcile.expect import Moved
from streams.reconcile.model import Found, Place
from streams.reconcile.published import Published
from streams.reconcile.units import Key, Row, Units
from streams.runtime.topic_reader import Span, TopicReader

# Buckets of which names are read; they travel in the URL, which servers take up to 1 MiB of.
_MOST_BUCKETS: Final = 20_000


Advance = Callable[[int], None]  # told how many things more are done


@dataclass(slots=True)
class Differing:
    """A unit that is not the same everywhere: the truth (None: there is no such unit), what is shown, the topic."""

    key: Key
    truth: Row | None
    shown: list[Row] = field(default_factory=list)
    topic: list[Published] = field(default_factory=list)

    @property
    def place(self) -> Place:
        known = [row.hour for row in (self.truth, *self.shown, *self.topic) if row is not None]
        return Place(self.key[0], known[0])

    @property
    def copy_problem(self) -> str:
        """What is wrong with the unit as it is shown; '' when nothing is."""
        wanted = [] if self.truth is None else [self.truth.entry]
        return _problem(wanted, [row.entry for row in self.shown])

    @property
    def topic_problem(self) -> str:
        """The same of wa.messages."""
        wanted = [] if self.truth is None else [self.truth.row]
        return _problem(wanted, [row.row for row in self.topic])


def _problem(wanted: list[int], there: list[int]) -> str:
    if wanted == there:
        return ""
    if not there:
        return "is missing"
    if not wanted:
        return "is one too many"
    return f"stands {len(there)} times" if len(there) > 1 else "differs"


def shown_key(key: Key) -> str:
    """A unit for people; a member of a group may be a phone: only its last digits are shown."""
    source, message_id, participant = key
    member = f" …{participant[-4:]}" if participant else ""
    return f"{source} {message_id}{member}"


@dataclass(slots=True)
class Compared:
    """One comparison of all units of a source, or of all sources."""

    topics: TopicReader
    units: Units
    messages: Span
    moved: Moved
    found: Found

    async def differing(self, on_slice: Advance, on_records: Advance) -> list[Differing]:
        """The units that differ anywhere; some of them may only be on their way. Reads `units` too."""
        await asyncio.to_thread(self.units.read, on_slice)
        shown = await asyncio.to_thread(self.units.shown)
        topic = await published.sums(self.topics, self.messages, self.units.source, on_records)
        buckets = self._chosen(self.units.entries.differing(shown) | self.units.rows.differing(topic))
        return await self.rows(buckets) if buckets else []

    async def rows(self, buckets: set[int]) -> list[Differing]:
        """The units of some buckets that differ."""
        truth = await asyncio.to_thread(self.units.truth_rows, buckets)
        shown = await asyncio.to_thread(self.units.shown_rows, buckets)
        topic = await published.rows(self.topics, self.messages, self.units.source, buckets)
        every = [
            Differing(key, truth.get(key), shown.get(key, []), topic.get(key, []))
            for key in sorted(truth.keys() | shown.keys() | topic.keys())
        ]
        return [one for one in every if one.copy_problem or one.topic_problem]

    def _chosen(self, buckets: set[int]) -> set[int]:
        if len(buckets) <= _MOST_BUCKETS:
            return buckets
        buckets -= {number % hashes.BUCKETS for number in self.moved.messages}
        chosen = set(sorted(buckets)[:_MOST_BUCKETS])
        rest = len(buckets) - len(chosen)
        self.found.add("copy", Place("", 0), f"and messages in {rest:,} more groups, which were not looked into", rest)
        return chosen

    def tell(self, differing: list[Differing]) -> list[Differing]:
        """Adds what differs and is not on its way to the residuals; those units."""
        lasting = [one for one in differing if not self.moved.has_message(*one.key[:2])]
        if moving := len(differing) - len(lasting):
            self.found.notes.append(f"{moving:,} units changed while they were read and were not compared")
        said = [(one.place, shown_key(one.key), one.copy_problem, one.topic_problem) for one in lasting]
        self.found.named("copy", [(place, f"{name} {copy}") for place, name, copy, _ in said if copy])
        self.found.named("published", [(place, f"{name} {topic}") for place, name, _, topic in said if topic])
        return lasting
