"""One broker for all stacks of a test process: each stack finds it as empty as a new one."""

import asyncio
import time

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import DeleteGroupsRequest
from aiokafka.protocol.group import LeaveGroupRequest

from deploy.local.kafka.broker import Broker

INTERNAL_TOPICS = {"__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata"}
_READY_SECONDS = 60.0


def make_empty(broker: Broker) -> None:
    """Starts the broker if it does not run, and removes every consumer group and every topic with its records."""
    if not broker.running:
        broker.start()
    asyncio.run(_until_empty(broker.bootstrap))


async def _until_empty(bootstrap: str) -> None:
    """A broker that was just started answers with errors until it has loaded its groups."""
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            return await _remove_all(bootstrap)
        except KafkaError as error:
            if not error.retriable or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


async def _remove_all(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await client.bootstrap()
        for group in [found[0] for found in await admin.list_consumer_groups()]:
            await _remove_group(admin, client, group)
        topics = set(await admin.list_topics()) - INTERNAL_TOPICS
        if topics:
            await admin.delete_topics(list(topics))
    finally:
        await client.close()
        await admin.close()


async def _remove_group(admin: AIOKafkaAdminClient, client: AIOKafkaClient, group: str) -> None:
    """Killed members would stay in the group, and the next one would wait for them, until their sessions end."""
    node = await admin.find_coordinator(group)
    for described in (await admin.describe_consumer_groups([group], node))[0].groups:
        for member in described[5]:
            await client.send(node, LeaveGroupRequest(group, member[0]))
    await client.send(node, DeleteGroupsRequest([group]))
