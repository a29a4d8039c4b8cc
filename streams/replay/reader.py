"""Reads a topic again and hands what it holds on once more. IO: Kafka. Idempotent: every number stays the same.

The raw record keeps when and as what a body arrived, so the events of a replay are those of the first time, byte for
byte, unless the parsers know more by now. Where they go is a sink's business (streams.replay.sinks). Nothing else is
triggered by a replay, and no consumer group knows of it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from schemas.settings.config import Config
from schemas.topics import EVENTS, RAW, SENT, TOPICS
from streams.load.decode import decode_object
from streams.normalise.parse import sources_of
from streams.replay.sinks import Sink
from streams.runtime.lag import GROUPS

CHUNK_RECORDS = 500
# A sink that gathers rows is emptied after so long at the latest: what a kill makes a replay do again.
FLUSH_SECONDS = 2.0


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

    def takes(self, record: Any) -> bool:
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


def _sources(record: Any) -> set[str]:
    if record.topic == EVENTS.name:
        return {str((decode_object(record.value) or {}).get("source", ""))}
    return sources_of(record)


async def replay(
    config: Config, wanted: Wanted, sink: Sink, run: Run | None = None, rate: float = 0.0
) -> AsyncIterator[Run]:
    """Replays the wanted records among those there at the start of the run, at most `rate` a second (0: no limit).

    Yields the run, once before anything is read and then whenever the sink has durably got all that comes before its
    positions: who keeps the run and hands it in again goes on from there. Raises KafkaError when the broker is away.
    """
    run = Run() if run is None else run
    if run.is_placed and not run.left:
        yield run
        return
    consumer = AIOKafkaConsumer(
        bootstrap_servers=config.kafka.bootstrap,
        enable_auto_commit=False,
        max_partition_fetch_bytes=max(topic.max_bytes for topic in TOPICS if topic.name in wanted.topics),
        auto_offset_reset="earliest",  # retention may delete what is about to be read: go on with what is left
    )
    try:
        await consumer.start()
        if not run.is_placed:
            await _find(config, consumer, wanted, run)
        consumer.assign(list(run.left))
        for tp in run.left:
            consumer.seek(tp, run.next[place_of(tp)])
        yield run
        async for _ in _read(consumer, wanted, sink, run, rate):
            yield run
    finally:
        await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, wanted: Wanted, sink: Sink, run: Run, rate: float) -> AsyncIterator[None]:
    """Reads on; a step after each time the sink was emptied."""
    left = run.left
    done, events, dead = run.done, run.events, run.dead
    reached = dict(run.next)
    began = flushed = time.monotonic()
    taken = 0
    while left:
        consumer.pause(*(tp for tp in consumer.assignment() if tp not in left))
        portion = CHUNK_RECORDS if rate == 0 else max(1, min(CHUNK_RECORDS, int(rate)))
        fetched = await consumer.getmany(timeout_ms=1000, max_records=portion)
        for tp, records in fetched.items():
            for record in records:
                if tp in left and record.offset < left[tp]:
                    done += 1
                    if wanted.takes(record):
                        taken += 1
                        sink.take(record)
        for tp in list(left):  # also without records: retention may have passed the end
            reached[place_of(tp)] = min(await consumer.position(tp), left[tp])
            if reached[place_of(tp)] == left[tp]:
                del left[tp]
        if sink.is_full or not left or time.monotonic() - flushed > FLUSH_SECONDS:
            await sink.flush()
            flushed = time.monotonic()
            run.next, run.done = dict(reached), done
            run.events, run.dead = events + sink.events, dead + sink.dead
            yield
        if rate:
            await asyncio.sleep(max(0.0, began + taken / rate - time.monotonic()))


async def _find(config: Config, consumer: AIOKafkaConsumer, wanted: Wanted, run: Run) -> None:
    """Where a run that has no positions begins and ends."""
    async with _admin(config) as admin:
        partitions = await _partitions(admin, wanted.topics)
    ends = await consumer.end_offsets(partitions)
    starts = await consumer.beginning_offsets(partitions)
    if wanted.from_ms is not None:
        later = await consumer.offsets_for_times(dict.fromkeys(partitions, wanted.from_ms))
        starts = {tp: ends[tp] if later[tp] is None else later[tp].offset for tp in partitions}
    run.present = {place_of(tp): ends[tp] for tp in partitions}
    named = {*wanted.from_offsets, *wanted.to_offsets}
    for tp in partitions:
        if not named or tp.partition in named:
            end = min(ends[tp], wanted.to_offsets.get(tp.partition, ends[tp]))
            run.end[place_of(tp)] = end
            run.next[place_of(tp)] = min(max(starts[tp], wanted.from_offsets.get(tp.partition, 0)), end)
    run.total = sum(run.end[place] - run.next[place] for place in run.end)
    run.is_placed = True


async def ends(config: Config, topics: Iterable[str]) -> dict[str, int]:
    """The end of each partition of these topics now, by place."""
    consumer = AIOKafkaConsumer(bootstrap_servers=config.kafka.bootstrap, enable_auto_commit=False)
    try:
        await consumer.start()
        async with _admin(config) as admin:
            found = await consumer.end_offsets(await _partitions(admin, topics))
        return {place_of(tp): end for tp, end in found.items()}
    finally:
        await consumer.stop()


async def loading(config: Config) -> AsyncIterator[int]:
    """How many of the events and dead letters on Kafka now the load workers have still to take; ends with 0."""
    group, topics = GROUPS["load"]
    consumer = AIOKafkaConsumer(bootstrap_servers=config.kafka.bootstrap, enable_auto_commit=False)
    try:
        await consumer.start()
        async with _admin(config) as admin:
            partitions = await _partitions(admin, [topic.name for topic in topics])
            ends = await consumer.end_offsets(partitions)
            left = 1
            while left:
                committed = await admin.list_consumer_group_offsets(group, partitions=partitions)
                reached = {tp: committed[tp].offset if tp in committed else 0 for tp in partitions}
                left = sum(max(end - max(reached[tp], 0), 0) for tp, end in ends.items())
                yield left
    finally:
        await consumer.stop()


@asynccontextmanager
async def _admin(config: Config) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=config.kafka.bootstrap)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def _partitions(admin: AIOKafkaAdminClient, topics: Iterable[str]) -> list[TopicPartition]:
    found = await admin.describe_topics(list(topics))
    return [TopicPartition(one["topic"], each["partition"]) for one in found for each in one["partitions"]]
