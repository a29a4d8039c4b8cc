"""Reads a topic again and passes its records on. Idempotent: every number stays the same.

The raw record holds when and how its body arrived, so the events of a replay are those of the first time, byte for
byte, unless this version can parse more. A sink (streams.replay.sinks) stores them. A replay triggers nothing else,
and no consumer group is involved.
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
# A sink that collects rows is flushed at least this often: what a killed replay has to repeat.
FLUSH_SECONDS = 2.0
_TOPICS = {topic.name: topic for topic in TOPICS}


@dataclass(slots=True)
class Run:
    """The progress of a replay, by partition (`topic:number`): records before `next` are done, `end` is not read.

    `ends_at_start` has all partitions of the topics, also those that are not read.
    """

    next: dict[str, int] = field(default_factory=dict)
    end: dict[str, int] = field(default_factory=dict)
    ends_at_start: dict[str, int] = field(default_factory=dict)
    has_positions: bool = False  # whether the above is set
    total: int = 0
    done: int = 0
    events: int = 0
    dead: int = 0

    @property
    def left(self) -> dict[TopicPartition, int]:
        """The end of each partition that has records left."""
        return {_partition(name): end for name, end in self.end.items() if self.next[name] < end}


@dataclass(slots=True, frozen=True)
class Selection:
    """Which records are replayed: received from `from_ms` and before `to_ms` (None: no bound), of one source or of all.

    Offsets limit partitions, the upper one is not read; if there are any, only partitions with an offset are read.
    """

    from_ms: int | None = None
    to_ms: int | None = None
    source: str | None = None
    topics: tuple[str, ...] = (RAW.name, SENT.name)
    from_offsets: Mapping[int, int] = field(default_factory=dict)
    to_offsets: Mapping[int, int] = field(default_factory=dict)

    def includes(self, record: KafkaRecord) -> bool:
        """Whether the record is selected. Each is compared, because a body from the spool is behind later ones."""
        if self.from_ms is not None and record.timestamp < self.from_ms:
            return False
        if self.to_ms is not None and record.timestamp >= self.to_ms:
            return False
        return self.source is None or self.source in _sources(record)


def partition_name(tp: TopicPartition) -> str:
    """The name of a partition in a Run."""
    return f"{tp.topic}:{tp.partition}"


def _partition(name: str) -> TopicPartition:
    topic, _, number = name.rpartition(":")
    return TopicPartition(topic, int(number))


def _sources(record: KafkaRecord) -> set[str]:
    if record.topic == EVENTS.name:
        return {str((decode_object(record.value) or {}).get("source", ""))}
    return sources_of(record)


async def replay(
    config: Config, selection: Selection, sink: Sink, run: Run | None = None, rate: float = 0.0
) -> AsyncGenerator[Run, None]:
    """Replays the selected records among those there at the start of the run, at most `rate` a second (0: no limit).

    Yields the run, once before anything is read and then whenever the sink has stored durably all that comes before
    its positions: a saved run that is passed again continues there. Raises KafkaError and OSError when Kafka
    does not answer.
    """
    run = Run() if run is None else run
    if run.has_positions and not run.left:
        yield run
        return
    async with TopicReader(config.kafka.bootstrap) as topics:
        if not run.has_positions:
            await _set_positions(topics, selection, run)
        yield run
        async with aclosing(_read(topics, selection, sink, run, rate)) as steps:
            async for _ in steps:
                yield run


async def _read(
    topics: TopicReader, selection: Selection, sink: Sink, run: Run, rate: float
) -> AsyncGenerator[None, None]:
    """Reads the rest of a run; yields each time the sink was flushed."""
    left = run.left
    done, events, dead = run.done, run.events, run.dead
    reached = dict(run.next)
    began = flushed = time.monotonic()
    sent = 0

    async def flush() -> None:
        await sink.flush()
        run.next, run.done = dict(reached), done
        run.events, run.dead = events + sink.events, dead + sink.dead

    portion = CHUNK_RECORDS if rate == 0 else max(1, min(CHUNK_RECORDS, int(rate)))
    span = {tp: (run.next[partition_name(tp)], end) for tp, end in left.items()}
    async with aclosing(topics.read(span, portion)) as portions:
        async for records in portions:
            done += len(records)
            for record in records:
                if selection.includes(record):
                    sent += 1
                    sink.add(record)
            for tp in left:  # also without records: retention may have passed the end
                reached[partition_name(tp)] = min(await topics.position(tp), left[tp])
            if sink.is_full or time.monotonic() - flushed > FLUSH_SECONDS:
                await flush()
                flushed = time.monotonic()
                yield
            if rate:
                await asyncio.sleep(max(0.0, began + sent / rate - time.monotonic()))
    await flush()
    yield


async def _set_positions(topics: TopicReader, selection: Selection, run: Run) -> None:
    """Sets where a run that has no positions begins and ends."""
    partitions = [tp for name in selection.topics for tp in await topics.partitions(_TOPICS[name])]
    ends = await topics.ends(partitions)
    starts = await topics.starts(partitions)
    if selection.from_ms is not None:
        later = await topics.seek_time({tp: (starts[tp], ends[tp]) for tp in partitions}, selection.from_ms)
        starts = {tp: later[tp][0] if tp in later else ends[tp] for tp in partitions}
    run.ends_at_start = {partition_name(tp): ends[tp] for tp in partitions}
    named = {*selection.from_offsets, *selection.to_offsets}
    for tp in partitions:
        if not named or tp.partition in named:
            end = min(ends[tp], selection.to_offsets.get(tp.partition, ends[tp]))
            run.end[partition_name(tp)] = end
            run.next[partition_name(tp)] = min(max(starts[tp], selection.from_offsets.get(tp.partition, 0)), end)
    run.total = sum(run.end[name] - run.next[name] for name in run.end)
    run.has_positions = True


async def ends(config: Config, names: Iterable[str]) -> dict[str, int]:
    """The end of each partition of these topics now, by partition name."""
    async with TopicReader(config.kafka.bootstrap) as topics:
        found = await topics.ends([tp for name in names for tp in await topics.partitions(_TOPICS[name])])
        return {partition_name(tp): end for tp, end in found.items()}
