"""Bodies: what wa.raw holds against deliveries and dead letters in ClickHouse. IO: Kafka and ClickHouse.

Sums are compared first, then hashes where sums differ, then names of what differs: so a clean check of millions moves
a few numbers. What the workers have not done with is on its way, and is no residual.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition

from schemas.topics import DEAD, EVENTS
from streams.load.decode import decode
from streams.reconcile import expected_hashes, hashes
from streams.reconcile.classify_diffs import Differences, Extra, Resolver, question
from streams.reconcile.expect import Expected, Search
from streams.reconcile.expected_hashes import Shelves
from streams.reconcile.model import MOST_NAMED, Found, Place
from streams.reconcile.offsets import StageOffsets
from streams.reconcile.tables import Tables
from streams.runtime.topic_reader import Offsets, Span, TopicReader, between

Advance = Callable[[int], None]  # told how many records more were read


@dataclass(slots=True)
class Bodies:
    """One comparison. `expected` is filled, `found` is added to."""

    topics: TopicReader
    tables: Tables
    offsets: StageOffsets
    expected: Expected
    found: Found
    waiting: Counter[Place] = field(default_factory=Counter)
    _raw_seen: Offsets = field(default_factory=dict)  # where the next look at the tail begins
    _load_seen: Offsets = field(default_factory=dict)

    async def span(self) -> Span:
        """What of wa.raw and wa.sent is read; bodies without a time may lie anywhere."""
        window = self.expected.window
        if window.from_ms is None or window.timeless:
            return self.offsets.raw
        return await self.topics.seek_time(self.offsets.raw, window.from_ms)

    async def read(self, span: Span, advance: Advance) -> None:
        """Reads wa.raw and wa.sent, and what the load workers have still to take."""
        reached = self.offsets.raw_reached
        async for records in self.topics.read(span):
            for record in records:
                sure = record.offset < reached[TopicPartition(record.topic, record.partition)]
                self.expected.take(record, sure=sure)
            advance(len(records))
        await self._read_load(self.offsets.load)
        self._raw_seen, self._load_seen = dict(self.offsets.raw_end), dict(self.offsets.load_end)

    async def _read_load(self, span: Span) -> None:
        async for records in self.topics.read(span):
            for record in records:
                if record.topic == DEAD.name:
                    self.expected.letter_on_its_way(record)
                else:
                    self.expected.event_on_its_way(record)

    async def read_tail(self) -> None:
        """Reads what has come since: ClickHouse may have it by now."""
        raw, load = await self.topics.ends(self._raw_seen), await self.topics.ends(self._load_seen)
        async for records in self.topics.read(between(self._raw_seen, raw)):
            for record in records:
                self.expected.take(record, sure=False)
        await self._read_load(between(self._load_seen, load))
        self._raw_seen, self._load_seen = raw, load

    async def compare(self) -> None:
        """Adds the residuals of bodies, deliveries and dead letters."""
        if self.expected.fast:
            await self._name_bodies(await self._differences("bodies", self.expected.bodies))
            return
        deliveries = await self._differences("deliveries", self.expected.deliveries)
        letters = await self._differences("letters", self.expected.letters)
        asked = await asyncio.to_thread(question, self.tables, deliveries, letters, self.found)
        if not asked:
            return
        search = await self._search(asked.search, asked.hour)
        resolver = await asyncio.to_thread(Resolver, asked, search.found, self.tables, self.found)
        await self._name_strangers(resolver.run())

    async def _differences(self, family: str, shelves: Shelves) -> Differences:
        sums = await asyncio.to_thread(self.tables.sums, family)
        await self.read_tail()

        def compared() -> Differences:
            def fetch(where: Place, first: int, last: int) -> Any:
                return self.tables.hashes(family, where, first, last)

            return dict(expected_hashes.compare(shelves, sums, fetch))

        differences = await asyncio.to_thread(compared)
        if any(difference.extra for difference in differences.values()):
            await self.read_tail()  # what was fetched may be newer than the tail that was known
            for where, difference in differences.items():
                coming = set(shelves[where].maybe)
                difference.extra = [number for number in difference.extra if number not in coming]
        for where, difference in differences.items():
            self.waiting[where] += difference.waiting
        return differences

    async def _search(self, search: Search, from_hour: int) -> Search:
        ends = await self.topics.ends(self.offsets.raw_end)
        span = between(self.offsets.raw_start, ends)
        if from_hour:
            span = await self.topics.seek_time(span, from_hour)
        async for records in self.topics.read(span):
            for record in records:
                search.take(record, self.expected.reader)
        return search

    async def _name_strangers(self, extras: list[Extra]) -> None:
        """Deliveries that wa.raw knows nothing of: somebody else may have written them into wa.events."""
        wanted = {extra.hash: extra for extra in extras}
        span = between(self.offsets.load_start, await self.topics.ends(self.offsets.load_end))
        span = {tp: bounds for tp, bounds in span.items() if tp.topic == EVENTS.name}
        written = 0
        if wanted:
            async with aclosing(self.topics.read(span)) as portions:
                async for records in portions:
                    for record in records:
                        event, _ = decode(record)
                        if event is None:
                            continue
                        number = hashes.of_delivery(event["event_id"], event["request_id"], event["raw"]["index"])
                        written += wanted.pop(number, None) is not None
                    if not wanted:
                        break
        if written:
            self.found.notes.append(f"{written:,} deliveries were written into {EVENTS.name} by somebody else")
        for extra in wanted.values():
            self.found.add("extra", extra.place, f"event {extra.event_id} of request {extra.request_id}")

    async def _name_bodies(self, differences: Differences) -> None:
        missing = {number: where for where, found in differences.items() for number in found.missing}
        some = set(list(missing)[:MOST_NAMED])
        search = Search(bodies=some)
        if some:
            search = await self._search(search, min(where.hour for where in missing.values()))
        self.found.named(
            "body_lost",
            ((where, f"body {search.found_bodies.get(number, 'of wa.raw')}") for number, where in missing.items()),
        )
        for where, difference in differences.items():
            rows = await asyncio.to_thread(
                self.tables.named, "bodies", where, difference.extra[:MOST_NAMED], "request_id"
            )
            self.found.named("body_extra", ((where, f"request {request_id}") for (request_id,) in rows))
            self.found.add("body_extra", where, "and more", len(difference.extra) - len(rows))
