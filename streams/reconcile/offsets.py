"""How far everything is when a check begins, waiting for it, and what retention has left to compare. IO: Kafka."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from aiokafka import TopicPartition
from rich.progress import Progress

from schemas.parsing.times import to_iso
from schemas.topics import DAY_MS
from streams.reconcile.bodies import Standing
from streams.reconcile.model import CheckError, Window
from streams.reconcile.topic_reader import Kafka, between, length
from streams.runtime.lag import GROUPS

# Without anything taken for this long the part that should take it is taken for dead.
PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.3


@dataclass(slots=True, frozen=True)
class OnTheWay:
    """What has not arrived yet, and so is in no residual: bodies in the spool, records that workers have to take."""

    spooled: int = 0
    normalise: int = 0
    load: int = 0

    @property
    def total(self) -> int:
        return self.spooled + self.normalise + self.load


async def _partitions(kafka: Kafka, stage: str) -> list[TopicPartition]:
    return [tp for topic in GROUPS[stage][1] for tp in await kafka.partitions(topic)]


async def stand(kafka: Kafka) -> Standing:
    """Offsets as they are now. What normalise has done with, is in wa.events before its end is asked for."""
    raw, load = await _partitions(kafka, "normalise"), await _partitions(kafka, "load")
    raw_start, load_start = await kafka.starts(raw), await kafka.starts(load)
    load_reached = await kafka.reached(GROUPS["load"][0], load_start)
    raw_reached = await kafka.reached(GROUPS["normalise"][0], raw_start)
    raw_end, load_end = await kafka.ends(raw), await kafka.ends(load)
    return Standing(raw_start, raw_reached, raw_end, load_start, load_reached, load_end)


def on_the_way(standing: Standing, spooled: int) -> OnTheWay:
    """What a standing leaves to do. Pure."""
    normalise = length(between(standing.raw_reached, standing.raw_end))
    return OnTheWay(spooled, normalise, length(standing.load))


async def settle(kafka: Kafka, spooled: Callable[[], int], bar: Progress) -> None:
    """Waits until everything that is there now has gone the whole way. Raises CheckError when nothing moves.

    `spooled` counts the records in this machine's spool; it blocks.
    """

    async def held() -> int:
        return await asyncio.to_thread(spooled)

    await _down_to_zero(held, "waiting for the spool", "ingest does not empty the spool", bar)
    raw_end = await kafka.ends(await _partitions(kafka, "normalise"))
    first = await kafka.starts(raw_end)

    async def raw_left() -> int:
        return length(between(await kafka.reached(GROUPS["normalise"][0], first), raw_end))

    await _down_to_zero(raw_left, "waiting for normalise", "the normalise worker takes nothing", bar)
    load_end = await kafka.ends(await _partitions(kafka, "load"))
    load_first = await kafka.starts(load_end)

    async def load_left() -> int:
        return length(between(await kafka.reached(GROUPS["load"][0], load_first), load_end))

    await _down_to_zero(load_left, "waiting for load", "the load worker takes nothing", bar)


async def _down_to_zero(measure: Callable[[], Awaitable[int]], what: str, trouble: str, bar: Progress) -> None:
    lowest = total = await measure()
    moved = time.monotonic()
    task = bar.add_task(what, total=total) if total else None
    while left := await measure():
        if left < lowest:
            lowest, moved = left, time.monotonic()
        if task is not None:
            bar.update(task, completed=total - left)
        if time.monotonic() - moved > PATIENCE_SECONDS:
            raise CheckError(f"{trouble}, {left:,} are waiting: see `make status`, or leave out --wait")
        await asyncio.sleep(_POLL_SECONDS)
    if task is not None:
        bar.update(task, completed=total)


async def bounded(kafka: Kafka, standing: Standing, asked: Window, retention_days: int) -> tuple[Window, str | None]:
    """The window without what retention has deleted, and a sentence that says so."""
    cut = {tp: first for tp, first in standing.raw_start.items() if first > 0}
    if not cut:
        return asked, None
    kept = {tp: (first, standing.raw_end[tp]) for tp, first in cut.items() if first < standing.raw_end[tp]}
    times = list((await kafka.first_times(kept)).values())
    if len(times) < len(cut):  # a partition that has nothing left: what was there was older than the retention
        now = time.time_ns() // 1_000_000
        times.append(now - retention_days * DAY_MS if retention_days > 0 else now)
    bound = max(times) + 1
    if asked.from_ms is not None and asked.from_ms >= bound:
        return asked, None
    said = f"Kafka's retention has deleted bodies received before {to_iso(bound)}: they cannot be compared any more"
    return replace(asked, from_ms=bound), said
