"""Sends the raw bodies of dead letters through the parsers again. IO: Kafka.

The raw record keeps when and as what it arrived, so what becomes an event now is the event of the first time: nothing
is counted twice. An element that is dead no more gets a letter with the reason `resolved`, which takes its place.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass

from aiokafka import TopicPartition

from schemas.settings.config import Config
from schemas.topics import EVENTS, RAW
from streams.normalise.worker import Normaliser
from streams.runtime.batch_producer import wait_until_stored
from streams.runtime.topic_reader import KAFKA_SECONDS, KafkaRecord, TopicReader, started_producer


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


async def retry(config: Config, places: Iterable[Place]) -> AsyncGenerator[Progress, None]:
    """Retries the elements; yields the progress after each body, once Kafka has stored what became of it.

    Raises KafkaError and OSError when Kafka does not answer.
    """
    wanted: dict[TopicPartition, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for place in places:
        wanted[TopicPartition(place.topic, place.partition)][place.offset].add(place.index)
    progress = Progress()
    bootstrap = config.kafka.bootstrap
    async with TopicReader(bootstrap) as topics, started_producer(bootstrap, "ackstream-retry") as producer:
        normaliser = Normaliser(producer, len(await producer.partitions_for(EVENTS.name)), config)
        for partition, offsets in wanted.items():
            for offset in sorted(offsets):
                _retry_one(normaliser, await _record(topics, partition, offset), offsets[offset], progress)
                async with asyncio.timeout(KAFKA_SECONDS):
                    await wait_until_stored(await normaliser.send())
                yield progress


async def body(config: Config, place: Place) -> bytes | None:
    """The raw body that the element is part of, None when Kafka does not have it any more.

    Raises KafkaError and OSError when Kafka does not answer.
    """
    async with TopicReader(config.kafka.bootstrap) as topics:
        record = await _record(topics, TopicPartition(place.topic, place.partition), place.offset)
        return None if record is None else record.value or b""


async def _record(topics: TopicReader, partition: TopicPartition, offset: int) -> KafkaRecord | None:
    """The record at an offset, None when Kafka does not have it any more."""
    first = (await topics.starts([partition]))[partition]
    end = (await topics.ends([partition]))[partition]
    if first <= offset < end:
        async with aclosing(topics.read({partition: (offset, offset + 1)}, most=1)) as portions:
            async for records in portions:
                for record in records:
                    return record
    return None


def _retry_one(normaliser: Normaliser, record: KafkaRecord | None, indexes: set[int], progress: Progress) -> None:
    if record is None:
        progress.gone += len(indexes)
        return
    dead = {letter["raw"]["index"] for letter in normaliser.take(record)}
    progress.dead += len(indexes & dead)
    if understood := sorted(indexes - dead):
        normaliser.resolve(record, understood)
        progress.resolved += len(understood)
