"""Compares wa.raw and wa.sent with the deliveries and dead letters in ClickHouse.

Sums are compared first, then hashes where the sums differ, then each difference is named: a check of millions of bodies
without a difference transfers only a few numbers. What the workers have not processed yet is no residual.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field

from aiokafka import TopicPartition

from schemas.topics import DEAD, EVENTS
from streams.load.decode import decode
from streams.reconcile import hashes
from streams.reconcile.classify_diffs import Classifier, Diffs, ExtraDelivery, name_diffs
from streams.reconcile.expect import Expected, Search
from streams.reconcile.expected_hashes import HashesByHour, compare
from streams.reconcile.model import MOST_NAMED, Findings, SourceHour
from streams.reconcile.offsets import StageOffsets
from streams.reconcile.tables import Tables
from streams.runtime.topic_reader import Offsets, Span, TopicReader, between

Advance = Callable[[int], None]  # called with how many more records were read


@dataclass(slots=True)
class Bodies:
    """One comparison: `expected` is filled from Kafka, `findings` get the residuals."""

    topics: TopicReader
    tables: Tables
    offsets: StageOffsets
    expected: Expected
    findings: Findings
    waiting: Counter[SourceHour] = field(default_factory=Counter)
    _raw_read: Offsets = field(default_factory=dict)  # what `read_tail` has to read next
    _load_read: Offsets = field(default_factory=dict)

    async def span(self) -> Span:
        """The part of wa.raw and wa.sent to read; bodies without a time may be anywhere in it."""
        window = self.expected.window
        if window.from_ms is None or window.timeless:
            return self.offsets.raw
        return await self.topics.seek_time(self.offsets.raw, window.from_ms)

    async def read(self, span: Span, advance: Advance) -> None:
        """Reads wa.raw and wa.sent, and what the load workers have still to process."""
        reached = self.offsets.raw_reached
        async for records in self.topics.read(span):
            for record in records:
                processed = record.offset < reached[TopicPartition(record.topic, record.partition)]
                self.expected.add(record, processed=processed)
            advance(len(records))
        await self._read_load(self.offsets.load)
        self._raw_read, self._load_read = dict(self.offsets.raw_end), dict(self.offsets.load_end)

    async def _read_load(self, span: Span) -> None:
        async for records in self.topics.read(span):
            for record in records:
                if record.topic == DEAD.name:
                    self.expected.add_unloaded_dead_letter(record)
                else:
                    self.expected.add_unloaded_event(record)

    async def read_tail(self) -> None:
        """Reads what has been added to the topics since: ClickHouse may have it by now."""
        raw, load = await self.topics.ends(self._raw_read), await self.topics.ends(self._load_read)
        async for records in self.topics.read(between(self._raw_read, raw)):
            for record in records:
                self.expected.add(record, processed=False)
        await self._read_load(between(self._load_read, load))
        self._raw_read, self._load_read = raw, load

    async def compare(self) -> None:
        """Adds the residuals of bodies, deliveries and dead letters."""
        if self.expected.fast:
            await self._name_bodies(await self._diffs("bodies", self.expected.bodies))
            return
        deliveries = await self._diffs("deliveries", self.expected.deliveries)
        dead_letters = await self._diffs("dead_letters", self.expected.dead_letters)
        named = await asyncio.to_thread(name_diffs, self.tables, deliveries, dead_letters, self.findings)
        if not named:
            return
        search = await self._search(named.search, named.hour)
        classifier = await asyncio.to_thread(Classifier, named, search.found, self.tables, self.findings)
        await self._name_unknown(classifier.run())

    async def _diffs(self, family: str, expected: HashesByHour) -> Diffs:
        sums = await asyncio.to_thread(self.tables.sums, family)
        await self.read_tail()

        def compared() -> Diffs:
            def fetch(place: SourceHour, first: int, last: int) -> Iterable[int]:
                return self.tables.hashes(family, place, first, last)

            return dict(compare(expected, sums, fetch))

        diffs = await asyncio.to_thread(compared)
        if any(diff.extra for diff in diffs.values()):
            await self.read_tail()  # the table's hashes may be newer than the records read so far
            for place, diff in diffs.items():
                unprocessed = set(expected[place].unprocessed)
                diff.extra = [number for number in diff.extra if number not in unprocessed]
        for place, diff in diffs.items():
            self.waiting[place] += diff.waiting
        return diffs

    async def _search(self, search: Search, from_hour: int) -> Search:
        ends = await self.topics.ends(self.offsets.raw_end)
        span = between(self.offsets.raw_start, ends)
        if from_hour:
            span = await self.topics.seek_time(span, from_hour)
        async for records in self.topics.read(span):
            for record in records:
                search.add(record, self.expected.parser)
        return search

    async def _name_unknown(self, extras: list[ExtraDelivery]) -> None:
        """Names deliveries that wa.raw does not explain; another producer may have written them to wa.events."""
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
            self.findings.notes.append(f"{written:,} deliveries were written to {EVENTS.name} by another producer")
        for extra in wanted.values():
            self.findings.add("extra", extra.place, f"event {extra.event_id} of request {extra.request_id}")

    async def _name_bodies(self, diffs: Diffs) -> None:
        missing = {number: place for place, diff in diffs.items() for number in diff.missing}
        some = set(list(missing)[:MOST_NAMED])
        search = Search(bodies=some)
        if some:
            search = await self._search(search, min(place.hour for place in missing.values()))
        self.findings.add_named(
            "body_lost",
            ((place, f"body {search.found_bodies.get(number, 'of wa.raw')}") for number, place in missing.items()),
        )
        for place, diff in diffs.items():
            rows = await asyncio.to_thread(self.tables.named, "bodies", place, diff.extra[:MOST_NAMED], "request_id")
            self.findings.add_named("body_extra", ((place, f"request {request_id}") for (request_id,) in rows))
            self.findings.add("body_extra", place, "and more", len(diff.extra) - len(rows))
