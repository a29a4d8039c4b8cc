"""Reads a topic again and hands what it holds on once more. IO: Kafka. Idempotent: every number stays the same.

The raw record keeps when and as what a body arrived, so the events of a replay are those of the first time, byte for
byte, unless the parsers know more by now. Where they go is a sink's business (streams.replay.sinks). Nothing else is
triggered by a replay, and no consumer group knows of it.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from aiokafka import TopicPartition

from schemas.settings.config import Config
from schemas.topics import EVENTS, RAW, SENT, TOPICS
from streams.load.decode import decode_object
from streams.normalise.parse import sources_of
from streams.replay.sinks import Sink
from streams.runtime.topic_reader import KafkaRecord, TopicReader

CHUNK_RECORDS = 500
# A sink that gathers rows is emptied after so long at the latest: what a kill makes a replay do again.
FLUSH_SECONDS = 2.0
_TOPICS = {topic.name: topic for topic in TOPICS}


@dataclass(slots=True)
class Run:
    """How far a replay is, by place (`topic:partition`): what is before `next` is done, what is at `end` came later.

    `present` are the ends of all partitions of the topics at the start, whichever of them are read.
    """

    next: dict[str, int] = field(default_factory=dict)
    end: dict[str, int] = field(default_factory=dict)
    present: dict[str, int] = field(default_factory=dict)
    is_placed: bool = False  # whether the above is known
    total: int = 0
    done: int = 0
    events: int = 0
    dead: int = 0

    @property
    def left(self) -> dict[TopicPartition, int]:
        """The end of each partition that has records left."""
        return {_partition(place): end for place, end in self.end.items() if self.next[place] < end}


@dataclass(slots=True, frozen=True)
class Wanted:
    """Which records: received from `from_ms` and before `to_ms` (None: no bound), that speak of one source or of any.

    Offsets bound partitions, the upper one is not read; once there are any, partitions without them are not read.
    """

    from_ms: int | None = None
    to_ms: int | None = None
    source: str | None = None
    topics: tuple[str, ...] = (RAW.name, SENT.name)
    from_offsets: Mapping[int, int] = field(default_factory=dict)
    to_offsets: Mapping[int, int] = field(default_factory=dict)

    def takes(self, record: KafkaRecord) -> bool:
        """Whether the record is wanted: a body that waited in the spool stands behind later ones, so each is asked."""
        if self.from_ms is not None and record.timestamp < self.from_ms:
            return False
        if self.to_ms is not None and record.timestamp >= self.to_ms:
            return False
        return self.source is None or self.source in _sources(record)


def place_of(tp: TopicPartition) -> str:
    """The place of a partition in a Run."""
    return f"{tp.topic}:{tp.partition}"


def _partition(place: str) -> TopicPartition:
    topic, _, number = place.rpartition(":")
    return TopicPartition(topic, int(number))


def _sources(record: KafkaRecord) -> set[str]:
    if record.topic == EVENTS.name:
        return {str((decode_object(record.value) or {}).get("source", ""))}
    return sources_of(record)


async def replay(
    config: Config, wanted: Wanted, sink: Sink, run: Run | None = None, rate: float = 0.0
) -> AsyncGenerator[Run, None]:
    """Replays the wanted records among those there at the start of the run, at most `rate` a second (0: no limit).

    Yields the run, once before anything is read and then whenever the sink has stored durably all that comes before
    its positions: a run that was kept and is given again continues there. Raises KafkaError and OSError when Kafka
    does not answer.
    """
    run = Run() if run is None else run
    if run.is_placed and not run.left:
        yield run
        return
    async with TopicReader(config.kafka.bootstrap) as topics:
        if not run.is_placed:
            await _place(topics, wanted, run)
        yield run
        async with aclosing(_read(topics, wanted, sink, run, rate)) as steps:
            async for _ in steps:
                yield run


async def _read(topics: TopicReader, wanted: Wanted, sink: Sink, run: Run, rate: float) -> AsyncGenerator[None, None]:
    """Reads the rest of a run; yields each time the sink was flushed."""
    left = run.left
    done, events, dead = run.done, run.events, run.dead
    reached = dict(run.next)
    began = flushed = time.monotonic()
    taken = 0

    async def flush() -> None:
        await sink.flush()
        run.next, run.done = dict(reached), done
        run.events, run.dead = events + sink.events, dead + sink.dead

    portion = CHUNK_RECORDS if rate == 0 else max(1, min(CHUNK_RECORDS, int(rate)))
    span = {tp: (run.next[place_of(tp)], end) for tp, end in left.items()}
    async with aclosing(topics.read(span, portion)) as portions:
        async for records in portions:
            done += len(records)
            for record in records:
                if wanted.takes(record):
                    taken += 1
                    sink.take(record)
            for tp in left:  # also without records: retention may have passed the end
                reached[place_of(tp)] = min(await topics.position(tp), left[tp])
            if sink.is_full or time.monotonic() - flushed > FLUSH_SECONDS:
                await flush()
                flushed = time.monotonic()
                yield
            if rate:
                await asyncio.sleep(max(0.0, began + taken / rate - time.monotonic()))
    await flush()
    yield


async def _place(topics: TopicReader, wanted: Wanted, run: Run) -> None:
    """Sets where a run that has no positions begins and ends."""
    partitions = [tp for name in wanted.topics for tp in await topics.partitions(_TOPICS[name])]
    ends = await topics.ends(partitions)
    starts = await topics.starts(partitions)
    if wanted.from_ms is not None:
        later = await topics.seek_time({tp: (starts[tp], ends[tp]) for tp in partitions}, wanted.from_ms)
        starts = {tp: later[tp][0] if tp in later else ends[tp] for tp in partitions}
    run.present = {place_of(tp): ends[tp] for tp in partitions}
    named = {*wanted.from_offsets, *wanted.to_offsets}
    for tp in partitions:
        if not named or tp.partition in named:
            end = min(ends[tp], wanted.to_offsets.get(tp.partition, ends[tp]))
            run.end[place_of(tp)] = end
            run.next[place_of(tp)] = min(max(starts[tp], wanted.from_offsets.get(tp.partition, 0)), end)
    run.total = sum(run.end[place] - run.next[place] for place in run.end)
    run.is_placed = True


async def ends(config: Config, names: Iterable[str]) -> dict[str, int]:
    """The end of each partition of these topics now, by place."""
    async with TopicReader(config.kafka.bootstrap) as topics:
        found = await topics.ends([tp for name in names for tp in await topics.partitions(_TOPICS[name])])
        return {place_of(tp): end for tp, end in found.items()}
