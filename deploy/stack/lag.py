"""How far the workers are behind, from Kafka itself, so also when none runs. IO."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy import blocking, ports
from schemas.topics import DEAD, EVENTS, RAW

# Consumer group and what it reads.
GROUPS = {"normalise": ("ackstream-normalise", (RAW,)), "load": ("ackstream-load", (EVENTS, DEAD))}
_SECONDS = 10.0


def lags(bootstrap: str) -> dict[str, int | None]:
    """Records not yet processed, by stage; None when Kafka does not answer or the topics do not exist."""
    host, _, port = bootstrap.split(",")[0].rpartition(":")
    if not ports.accepts(host, int(port)):
        return dict.fromkeys(GROUPS)
    try:
        return blocking.run(asyncio.wait_for(_lags(bootstrap), _SECONDS))
    except (KafkaError, OSError, TimeoutError):
        return dict.fromkeys(GROUPS)


async def _lags(bootstrap: str) -> dict[str, int | None]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        await consumer.start()
        return {stage: await _lag(admin, consumer, stage) for stage in GROUPS}
    finally:
        await consumer.stop()
        await admin.close()


async def _lag(admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, stage: str) -> int | None:
    group, topics = GROUPS[stage]
    found = await admin.describe_topics([topic.name for topic in topics])
    if any(topic["error_code"] for topic in found):
        return None
    partitions = [TopicPartition(topic["topic"], part["partition"]) for topic in found for part in topic["partitions"]]
    committed = await admin.list_consumer_group_offsets(group, partitions=partitions)
    first, end = await asyncio.gather(consumer.beginning_offsets(partitions), consumer.end_offsets(partitions))
    total = 0
    for partition in partitions:
        position = committed[partition].offset if partition in committed else -1
        # What was deleted after its retention cannot be processed any more.
        total += end[partition] - max(position, first[partition])
    return max(total, 0)
