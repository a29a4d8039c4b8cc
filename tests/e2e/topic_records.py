"""Reads what a topic holds at present."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.support.stack import Stack


def records_of(stack: Stack, topic: str) -> list[Any]:
    """Every record of the topic, in order within each partition."""

    async def read() -> list[Any]:
        async with AIOKafkaConsumer(bootstrap_servers=stack.broker.bootstrap, enable_auto_commit=False) as consumer:
            partitions = [TopicPartition(topic, number) for number in range(stack.config.kafka.partitions)]
            consumer.assign(partitions)
            await consumer.seek_to_beginning()
            ends = await consumer.end_offsets(partitions)
            found: list[Any] = []
            while any([await consumer.position(partition) < end for partition, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    found += records
            return found

    return asyncio.run(read())
