"""Sends the raw bodies of dead letters through the parsers again. IO: Kafka.

The raw record keeps when and as what it arrived, so what becomes an event now is the event of the first time: nothing
is counted twice. An element that is dead no more gets a letter with the reason `resolved`, which takes its place.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.settings.config import Config
from schemas.topics import EVENTS, RAW
from streams.normalise.worker import Normaliser
from streams.runtime.batch_producer import new_producer, wait_until_stored

FETCH_MS = 2_000


@dataclass(slots=True, frozen=True)
class Place:
    """Where an element lies: a record of wa.raw or of wa.sent, and its place in that body."""

    partition: int
    offset: int
    index: int
    topic: str = RAW.name


@dataclass(slots=True)
class Progress:
    """Elements so far: understood now, still dead, and those whose body Kafka has deleted."""

    resolved: int = 0
    dead: int = 0
    gone: int = 0

    @property
    def done(self) -> int:
        return self.resolved + self.dead + self.gone


async def retry(config: Config, places: Iterable[Place]) -> AsyncIterator[Progress]:
    """Retries the elements; progress after each body. Ends when Kafka has stored the last. Raises KafkaError."""
    wanted: dict[TopicPartition, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for place in places:
        wanted[TopicPartition(place.topic, place.partition)][place.offset].add(place.index)
    consumer = _consumer(config)
    producer = new_producer(config.kafka.bootstrap, "ackstream-retry")
    progress = Progress()
    try:
        await consumer.start()
        await producer.start()
        normaliser = Normaliser(producer, len(await producer.partitions_for(EVENTS.name)), config)
        for partition, offsets in wanted.items():
            async for offset, record in _records(consumer, partition, sorted(offsets)):
                _retry_one(normaliser, record, offsets[offset], progress)
                await wait_until_stored(await normaliser.send())
                yield progress
    finally:
        await producer.stop()
        await consumer.stop()


async def body(config: Config, place: Place) -> bytes | None:
    """The raw body that the element is part of, None when Kafka does not have it any more. Raises KafkaError."""
    consumer = _consumer(config)
    await consumer.start()
    try:
        partition = TopicPartition(place.topic, place.partition)
        (record,) = [record async for _, record in _records(consumer, partition, [place.offset])]
        return None if record is None else bytes(record.value or b"")
    finally:
        await consumer.stop()


def _consumer(config: Config) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=config.kafka.bootstrap,
        enable_auto_commit=False,
        max_partition_fetch_bytes=RAW.max_bytes,
        auto_offset_reset="none",
    )


async def _records(
    consumer: AIOKafkaConsumer, partition: TopicPartition, offsets: list[int]
) -> AsyncIterator[tuple[int, Any]]:
    """The records at these offsets, None for one that Kafka does not have any more."""
    consumer.assign([partition])
    first = (await consumer.beginning_offsets([partition]))[partition]
    end = (await consumer.end_offsets([partition]))[partition]
    for offset in offsets:
        if not first <= offset < end:
            yield offset, None
            continue
        consumer.seek(partition, offset)
        found = None
        while found is None:
            fetched = await consumer.getmany(partition, timeout_ms=FETCH_MS, max_records=1)
            found = next(iter(fetched.get(partition, ())), None)
        yield offset, found if found.offset == offset else None


def _retry_one(normaliser: Normaliser, record: Any, indexes: set[int], progress: Progress) -> None:
    if record is None:
        progress.gone += len(indexes)
        return
    dead = {letter["raw"]["index"] for letter in normaliser.take(record)}
    progress.dead += len(indexes & dead)
    if understood := sorted(indexes - dead):
        normaliser.resolve(record, understood)
        progress.resolved += len(understood)
