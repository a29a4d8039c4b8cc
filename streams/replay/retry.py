"""Parses the raw bodies of dead letters again.

The raw record holds when and how its body arrived, so an element that can be parsed now becomes the same event as if it
had been parsed the first time: nothing is counted twice. Its dead letter is replaced by one with the reason `resolved`.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass

from aiokafka import TopicPartition

from schemas.settings.config import Config
from streams.normalise.worker import Normaliser, count_partitions
from streams.runtime.batch_producer import wait_until_stored
from streams.runtime.element_position import ElementPosition
from streams.runtime.topic_reader import KAFKA_SECONDS, KafkaRecord, TopicReader, started_producer


@dataclass(slots=True)
class RetryCounts:
    """Elements so far: parsed now, still dead, and those whose body Kafka has deleted."""

    resolved: int = 0
    dead: int = 0
    gone: int = 0

    @property
    def done(self) -> int:
        """How many were tried."""
        return self.resolved + self.dead + self.gone


async def retry(config: Config, positions: Iterable[ElementPosition]) -> AsyncGenerator[RetryCounts, None]:
    """Retries the elements; yields the counts after each body, once Kafka has stored its events and dead letters.

    Raises KafkaError and OSError when Kafka does not answer.
    """
    selection: dict[TopicPartition, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for position in positions:
        selection[TopicPartition(position.topic, position.partition)][position.offset].add(position.index)
    counts = RetryCounts()
    bootstrap = config.kafka.bootstrap
    async with TopicReader(bootstrap) as topics, started_producer(bootstrap, "ackstream-retry") as producer:
        normaliser = Normaliser(producer, await count_partitions(producer), config)
        for partition, offsets in selection.items():
            for offset in sorted(offsets):
                _retry_one(normaliser, await _record(topics, partition, offset), offsets[offset], counts)
                async with asyncio.timeout(KAFKA_SECONDS):
                    await wait_until_stored(await normaliser.send())
                yield counts


async def body(config: Config, position: ElementPosition) -> bytes | None:
    """The raw body that the element is part of, None when Kafka does not have it any more.

    Raises KafkaError and OSError when Kafka does not answer.
    """
    async with TopicReader(config.kafka.bootstrap) as topics:
        record = await _record(topics, TopicPartition(position.topic, position.partition), position.offset)
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


def _retry_one(normaliser: Normaliser, record: KafkaRecord | None, indexes: set[int], counts: RetryCounts) -> None:
    if record is None:
        counts.gone += len(indexes)
        return
    dead = {dead_letter["raw"]["index"] for dead_letter in normaliser.take(record)}
    counts.dead += len(indexes & dead)
    if understood := sorted(indexes - dead):
        normaliser.resolve(record, understood)
        counts.resolved += len(understood)
