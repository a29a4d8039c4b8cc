"""aiokafka may leave its consumer group without any report; a worker must notice, or it would stop working."""

import asyncio
from types import SimpleNamespace

from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState

from streams.runtime.partition_batches import BatchConsumerThread


async def test_a_worker_notices_that_its_client_has_left_the_group() -> None:
    """The same error as from a broker that comes back and lists no broker yet: no node can be asked."""
    client, subscriptions = AIOKafkaClient(bootstrap_servers="127.0.0.1:1"), SubscriptionState()
    subscriptions.register_fetch_waiters(set())
    consumer = SimpleNamespace(_coordinator=GroupCoordinator(client, subscriptions, group_id="g"))
    thread = object.__new__(BatchConsumerThread)
    thread._consumer = None
    assert not thread.uncoordinated  # it has not started
    thread._consumer = consumer
    assert not thread.uncoordinated
    subscriptions.subscribe(topics={"t"})
    task = consumer._coordinator._coordination_task
    await asyncio.wait([task], timeout=60)
    assert task.done()
    assert isinstance(getattr(task.exception(), "__cause__", None), AssertionError)
    assert thread.uncoordinated
    await client.close()
