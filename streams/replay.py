"""Reads `wa.raw` again and sends what it holds to the streams once more. IO. Idempotent: every number stays the same.

The raw record keeps when and as what a body arrived, so the events of a replay are those of the first time, byte for
byte, unless the parsers know more by now. Nothing else is triggered by a replay.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from schemas.config import Config
from schemas.topics import EVENTS, RAW
from streams.lag import GROUPS
from streams.normalise import Normaliser, headers_of
from streams.outbox import new_producer, stored

CHUNK_RECORDS = 500


@dataclass(slots=True, frozen=True)
class Progress:
    """Records read of those that were there at the start, and what the wanted ones of them held."""

    done: int
    total: int
    events: int
    dead: int


@dataclass(slots=True, frozen=True)
class Wanted:
    """Which raw records: received from `from_ms` and before `to_ms` (None: no bound), of one source or of all."""

    from_ms: int | None = None
    to_ms: int | None = None
    source: str | None = None

    def takes(self, record: Any) -> bool:
        """Whether the record is wanted; `from_ms` is seen to by seeking."""
        if self.to_ms is not None and record.timestamp >= self.to_ms:
            return False
        return self.source is None or headers_of(record).get("source") == self.source


async def replay(config: Config, wanted: Wanted) -> AsyncIterator[Progress]:
    """Replays the wanted raw records among those there now; progress as it goes.

    Ends when Kafka has stored the last event. Raises KafkaError when the broker is away.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=config.kafka.bootstrap,
        enable_auto_commit=False,
        max_partition_fetch_bytes=RAW.max_bytes,
        auto_offset_reset="earliest",  # retention may delete what is about to be read: go on with what is left
    )
    producer = new_producer(config.kafka.bootstrap, "ackstream-replay")
    try:
        await consumer.start()
        await producer.start()
        normaliser = Normaliser(producer, len(await producer.partitions_for(EVENTS.name)))
        left, total = await _seek(consumer, sorted(await producer.partitions_for(RAW.name)), wanted.from_ms)
        done = 0
        yield Progress(done, total, 0, 0)
        while left:
            consumer.pause(*(tp for tp in consumer.assignment() if tp not in left))
            fetched = await consumer.getmany(timeout_ms=1000, max_records=CHUNK_RECORDS)
            for tp, records in fetched.items():
                for record in records:
                    if tp in left and record.offset < left[tp]:
                        done += 1
                        if wanted.takes(record):
                            normaliser.take(record)
            for tp in list(left):  # also without records: retention may have passed the end
                if await consumer.position(tp) >= left[tp]:
                    del left[tp]
            await stored(await normaliser.send())
            yield Progress(done, total, normaliser.events, normaliser.dead)
    finally:
        await producer.stop()
        await consumer.stop()


async def _seek(
    consumer: AIOKafkaConsumer, numbers: list[int], from_ms: int | None
) -> tuple[dict[TopicPartition, int], int]:
    """Stands at the first record wanted of each partition: (end offset of each that has any, records wanted)."""
    partitions = [TopicPartition(RAW.name, number) for number in numbers]
    consumer.assign(partitions)
    ends = await consumer.end_offsets(partitions)
    starts = await consumer.beginning_offsets(partitions)
    if from_ms is not None:
        found = await consumer.offsets_for_times(dict.fromkeys(partitions, from_ms))
        starts = {tp: ends[tp] if found[tp] is None else found[tp].offset for tp in partitions}
    left = {tp: ends[tp] for tp in partitions if starts[tp] < ends[tp]}
    for tp in left:
        consumer.seek(tp, starts[tp])
    return left, sum(ends[tp] - starts[tp] for tp in left)


async def loading(config: Config) -> AsyncIterator[int]:
    """How many of the events and dead letters on Kafka now the load workers have still to take; ends with 0."""
    group, topics = GROUPS["load"]
    consumer = AIOKafkaConsumer(bootstrap_servers=config.kafka.bootstrap, enable_auto_commit=False)
    admin = AIOKafkaAdminClient(bootstrap_servers=config.kafka.bootstrap)
    try:
        await consumer.start()
        await admin.start()
        found = await admin.describe_topics([topic.name for topic in topics])
        partitions = [TopicPartition(one["topic"], each["partition"]) for one in found for each in one["partitions"]]
        ends = await consumer.end_offsets(partitions)
        left = 1
        while left:
            committed = await admin.list_consumer_group_offsets(group, partitions=partitions)
            reached = {tp: committed[tp].offset if tp in committed else 0 for tp in partitions}
            left = sum(max(end - max(reached[tp], 0), 0) for tp, end in ends.items())
            yield left
    finally:
        await admin.close()
        await consumer.stop()
