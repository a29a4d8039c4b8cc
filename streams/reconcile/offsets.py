"""The offsets of every stage at the start of a check, waiting for the stages, and the limit that retention sets."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from aiokafka import TopicPartition

from schemas.parsing.times import to_iso
from schemas.topics import DAY_MS
from streams.reconcile.model import Window
from streams.runtime.lag import GROUPS
from streams.runtime.progress import Progress
from streams.runtime.stages import wait_for_stage, wait_until_done
from streams.runtime.topic_reader import Offsets, Span, TopicReader, between, length


@dataclass(slots=True)
class StageOffsets:
    """Offsets of one moment: `raw` of wa.raw and wa.sent, `load` of what the load workers take from Kafka.

    `reached` is what the stage's workers have committed.
    """

    raw_start: Offsets
    raw_reached: Offsets
    raw_end: Offsets
    load_start: Offsets
    load_reached: Offsets
    load_end: Offsets

    @property
    def raw(self) -> Span:
        """All that wa.raw and wa.sent held."""
        return between(self.raw_start, self.raw_end)

    @property
    def load(self) -> Span:
        """What the load workers had still to process."""
        return between(self.load_reached, self.load_end)


@dataclass(slots=True, frozen=True)
class InTransit:
    """What is still in transit, and so in no residual: bodies in the spool, records that workers have not processed."""

    spooled: int = 0
    normalise: int = 0
    load: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.spooled + self.normalise + self.load


@dataclass(slots=True, frozen=True)
class StoredOffsets:
    """Which records ClickHouse has: the highest offset of each partition, and the partitions whose first two offsets it
    has of two records each, because the topic was made anew and counts from 0 again.
    """

    highest: Offsets
    twice: set[TopicPartition]

    def of_earlier_lives(self, ends: Offsets) -> set[TopicPartition]:
        """Partitions of topics of which ClickHouse has an earlier life, which Kafka has lost or somebody has deleted.

        That shows in most partitions of a topic, unlike single rows that somebody has added.
        """
        beyond = {tp for tp, offset in self.highest.items() if offset >= ends.get(tp, 0)} | self.twice
        known = Counter(tp.topic for tp in self.highest)
        lost = {topic for topic, count in Counter(tp.topic for tp in beyond).items() if 2 * count > known[topic]}
        return {tp for tp in ends if tp.topic in lost}


async def current(topics: TopicReader) -> StageOffsets:
    """The offsets now. What normalise has committed is in wa.events before the end of that is asked for."""
    raw, load = await _partitions(topics, "normalise"), await _partitions(topics, "load")
    raw_start, load_start = await topics.starts(raw), await topics.starts(load)
    load_reached = await topics.reached(GROUPS["load"][0], load_start)
    raw_reached = await topics.reached(GROUPS["normalise"][0], raw_start)
    raw_end, load_end = await topics.ends(raw), await topics.ends(load)
    return StageOffsets(raw_start, raw_reached, raw_end, load_start, load_reached, load_end)


async def _partitions(topics: TopicReader, stage: str) -> list[TopicPartition]:
    return [tp for topic in GROUPS[stage][1] for tp in await topics.partitions(topic)]


def in_transit(offsets: StageOffsets, spooled: int) -> InTransit:
    """What the workers had still to process."""
    normalise = length(between(offsets.raw_reached, offsets.raw_end))
    return InTransit(spooled, normalise, length(offsets.load))


async def wait_for_all_stages(topics: TopicReader, spooled: Callable[[], int], progress: Progress) -> None:
    """Waits until all that is there now has passed every stage. Raises Failure when a stage makes no progress.

    `spooled` counts the records in this machine's spool; it blocks.
    """

    async def in_spool() -> int:
        return await asyncio.to_thread(spooled)

    await wait_until_done(in_spool, "waiting for the spool", "ingest does not empty the spool", progress)
    await wait_for_stage(topics, "normalise", progress)
    await wait_for_stage(topics, "load", progress)


async def within_kafka(
    topics: TopicReader, offsets: StageOffsets, stored: StoredOffsets, asked: Window, retention_days: int
) -> tuple[Window, str | None]:
    """The window without what Kafka has no longer, and a sentence about the cut; None when nothing was cut.

    `stored` was read before `offsets`.
    """
    lost = stored.of_earlier_lives(offsets.raw_end)
    cut = {tp: first for tp, first in offsets.raw_start.items() if first > 0 or tp in lost}
    if not cut:
        return asked, None
    kept = {tp: (first, offsets.raw_end[tp]) for tp, first in cut.items() if first < offsets.raw_end[tp]}
    times = list((await topics.first_times(kept)).values())
    if len(times) < len(cut):  # an empty partition: what it held was older than the retention
        now = time.time_ns() // 1_000_000
        times.append(now - retention_days * DAY_MS if retention_days > 0 else now)
    bound = max(times) + 1
    if asked.from_ms is not None and asked.from_ms >= bound:
        return asked, None
    if lost:
        names = " and ".join(sorted({tp.topic for tp in lost}))
        why = f"ClickHouse has bodies of an earlier life of {names}, which Kafka has lost or somebody has deleted"
        note = f"{why}: what was received before {to_iso(bound)} is in ClickHouse alone and cannot be compared any more"
    else:
        note = f"Kafka's retention has deleted bodies received before {to_iso(bound)}: they cannot be compared any more"
    return replace(asked, from_ms=bound), note
