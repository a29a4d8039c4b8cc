"""Writes of a suspended worker that arrive late never replace the rows of its successor."""

import asyncio
import signal
from collections.abc import Iterator
from functools import partial
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerFenced

from schemas.process.tasks import EXIT_BROKEN
from schemas.topics import EVENTS, MESSAGES, STATE, Topic
from streams.runtime.batch_producer import BatchProducer, new_producer, wait_until_stored
from streams.runtime.fence import RENEW_SECONDS, Claim, Fence, FencedBatch
from streams.runtime.records import partition_of
from tests.e2e.topic_records import records_of
from tests.e2e.valve import Valve
from tests.support.events import NOON, event
from tests.support.fixtures import NewStack, end
from tests.support.stack import Stack
from tests.support.waiting import wait_until

KEY = orjson.dumps(["shop", "m"])
UNIT = orjson.dumps(["shop", "m", ""])


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory, new_stack: NewStack) -> Iterator[Stack]:
    whole = new_stack(tmp_path_factory.mktemp("stack"))
    whole.env["ACKSTREAM_STREAMS_SESSION_SECONDS"] = "6"
    try:
        whole.start("kafka")
        yield whole
    finally:
        end(whole)


def newest(stack: Stack, topic: Topic, key: bytes) -> Any:
    """The newest value of a key: the one that compaction keeps."""
    values = [record.value or b"" for record in records_of(stack, topic) if record.key == key]
    return orjson.loads(values[-1]) if values else None


def write_status(stack: Stack, status: str, at: int) -> None:
    """Writes one status of the message to wa.events."""

    async def write() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=stack.broker.bootstrap)
        await producer.start()
        try:
            value = orjson.dumps(event("status", message_id="m", status=status, at=at, request=status))
            place = partition_of(KEY, stack.config.kafka.partitions)
            await producer.send_and_wait(EVENTS.name, value, key=KEY, partition=place)
        finally:
            await producer.stop()

    asyncio.run(write())


def status_of(stack: Stack) -> str | None:
    row = newest(stack, MESSAGES, UNIT)
    return None if row is None else str(row["status"])


def test_a_suspended_worker_does_not_overwrite_the_rows_of_its_successor(kafka: Stack) -> None:
    kafka.start_clickhouse(tables=True)
    valve = Valve(kafka.broker.port)
    kafka.spawn("load", "tests.e2e.valved_worker", str(valve.port), "0")
    write_status(kafka, "sent", NOON)
    wait_until("the first owner writes", lambda: status_of(kafka) == "sent")
    valve.shut()
    write_status(kafka, "delivered", NOON + 1000)
    wait_until("its next row is held back", lambda: b'"status":"delivered"' in valve.held)
    kafka.kill("load", signal.SIGSTOP)
    kafka.start("load-1")
    wait_until("another owner has read the event too", lambda: status_of(kafka) == "delivered")
    write_status(kafka, "read", NOON + 2000)
    wait_until("a newer row is written", lambda: status_of(kafka) == "read")
    state = newest(kafka, STATE, UNIT)

    before = valve.open()
    wait_until("Kafka has received the rows that were held back", lambda: valve.answers > before)
    assert status_of(kafka) == "read"
    kafka.kill("load", signal.SIGCONT)
    assert wait_until("the first owner ends", lambda: kafka.processes["load"].poll()) == EXIT_BROKEN
    assert status_of(kafka) == "read"
    assert newest(kafka, STATE, UNIT) == state
    assert kafka.processes["load-1"].poll() is None
    valve.close()


class Owner:
    """A producer with a fence, and its view of the group."""

    def __init__(self, bootstrap: str, renew_seconds: float = RENEW_SECONDS) -> None:
        self.producer = new_producer(bootstrap, "owner")
        self.fence = Fence(self.producer, "owner", (MESSAGES.name,), renew_seconds=renew_seconds)
        self.current = True
        self.member = True
        self.asked = 0

    async def claim_partition(self) -> bool:
        async def is_member() -> bool:
            self.asked += 1
            return self.member

        return await self.fence.ensure_claim(0, lambda: self.current, is_member)

    @property
    def claim(self) -> Claim:
        found = self.fence.claim_of(0)
        assert found is not None
        return found

    async def write(self, claim: Claim | None = None, *, records: int = 1) -> None:
        batches = BatchProducer(self.producer, MESSAGES.name, partial(FencedBatch, claim or self.claim, lambda: None))
        for number in range(records):
            batches.add(0, b"%d" % number, b"row")
        await wait_until_stored(await batches.send())


async def test_only_the_newest_owner_of_a_partition_can_write_to_it(kafka: Stack) -> None:
    first, second = Owner(kafka.broker.bootstrap), Owner(kafka.broker.bootstrap)
    renewing = Owner(kafka.broker.bootstrap, renew_seconds=0.0)
    for owner in (first, second, renewing):
        await owner.producer.start()
    try:
        assert await first.claim_partition()
        await first.write(records=3)
        held = first.claim
        assert await first.claim_partition()
        assert first.claim is held

        assert await second.claim_partition()
        await second.write()
        with pytest.raises(ProducerFenced):
            await first.write()
        # As a worker does that gets a partition back.
        old = first.claim
        first.fence.forget()
        assert first.fence.claim_of(0) is None
        assert await first.claim_partition()
        for _ in range(2):
            await first.write(records=2)
        with pytest.raises(ProducerFenced):
            await second.write()
        with pytest.raises(ProducerFenced):
            await second.write(old)

        assert await renewing.claim_partition()
        held = renewing.claim
        await renewing.write()
        assert await renewing.claim_partition()
        assert renewing.claim.epoch > held.epoch
        await renewing.write()
    finally:
        for owner in (first, second, renewing):
            await owner.producer.stop()


async def test_a_worker_that_has_left_the_group_does_not_fence_off_its_successor(kafka: Stack) -> None:
    first, second = Owner(kafka.broker.bootstrap), Owner(kafka.broker.bootstrap)
    for owner in (first, second):
        await owner.producer.start()
    try:
        assert await first.claim_partition()
        await first.write()
        second.member = False
        waiting = asyncio.create_task(second.claim_partition())
        await asyncio.to_thread(wait_until, "it has asked several times", lambda: second.asked > 3)
        await first.write()
        second.current = False
        assert not await waiting
        assert second.fence.claim_of(0) is None
        await first.write()
    finally:
        for owner in (first, second):
            await owner.producer.stop()
