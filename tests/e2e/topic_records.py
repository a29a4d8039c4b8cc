"""Reads what a topic holds at present."""

import asyncio

from schemas.topics import Topic
from streams.runtime.topic_reader import KafkaRecord, TopicReader
from tests.support.stack import Stack


def records_of(stack: Stack, topic: Topic) -> list[KafkaRecord]:
    """Every record of the topic, in order within each partition."""

    async def read() -> list[KafkaRecord]:
        async with TopicReader(stack.broker.bootstrap) as reader:
            span = await reader.whole(topic)
            return [record async for portion in reader.read(span) for record in portion]

    return asyncio.run(read())
