"""Waits until the load workers have processed what is in Kafka now."""

from schemas.settings.config import Config
from streams.runtime.progress import Progress
from streams.runtime.stages import wait_for_stage
from streams.runtime.topic_reader import TopicReader


async def wait_until_loaded(config: Config, progress: Progress) -> None:
    """Returns once they have. Raises Failure when they make no progress, KafkaError and OSError when Kafka is down."""
    async with TopicReader(config.kafka.bootstrap) as topics:
        await wait_for_stage(topics, "load", progress)
