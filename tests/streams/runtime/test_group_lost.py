"""aiokafka gives up its part in a group without a word; a worker has to notice, or it would stand still for ever."""

import asyncio
from types import SimpleNamespace

from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState

from streams.runtime.partition_batches import BatchConsumerThread


async def test_a_worker_sees_that_its_group_has_lost_it() -> None:
    """The same error as from a broker that comes back and names no broker yet: nobody to ask for the coordinator."""
    client, subscriptions = AIOKafkaClient(bootstrap_servers="127.0.0.1:1"), SubscriptionState()
    subscriptions.register_fetch_waiters(set())
    consumer = SimpleNamespace(_coordinator=GroupCoordinator(client, subscriptions, group_id="g"))
    thread = object.__new__(BatchConsumerThread)
    thread._consumer = None
    assert not thread.uncoordinated  # it has not begun
    thread._consumer = consumer
    assert not thread.uncoordinated
    subscriptions.subscribe(topics={"t"})
    task = consumer._coordinator._coordination_task
    await asyncio.wait([task], timeout=60)
    assert task.done()
    assert isinstance(getattr(task.exception(), "__cause__", None), AssertionError)
    assert thread.uncoordinated
    await client.close()
