"""How far a stage is behind, against a real Kafka: what was not committed yet, and how old the first of it is."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from deploy.local.kafka.broker import Broker
from deploy.local.worker_lag import lags
from schemas.topics import DEAD, EVENTS, RAW
from streams.runtime.lag import GROUPS, Lags
from tests.support.stack import Stack

T = TypeVar("T")
HOUR_MS = 3_600_000


async def put(bootstrap: str, *records: tuple[str, int, int]) -> None:
    """Writes a record to (topic, partition) with a timestamp so many ms ago."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    now = time.time_ns() // 1_000_000
    try:
        for topic, partition, age in records:
            await producer.send_and_wait(topic, b"x", partition=partition, timestamp_ms=now - age)
    finally:
        await producer.stop()


async def commit(bootstrap: str, stage: str, **offsets: int) -> None:
    """Commits offsets of partition 0; keys are topics with _ for the dot."""
    group, topics = GROUPS[stage]
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic.name, 0) for topic in topics])
        await consumer.commit({TopicPartition(topic.replace("_", "."), 0): at for topic, at in offsets.items()})
    finally:
        await consumer.stop()


def ask(bootstrap: str, work: Callable[[Lags], Awaitable[T]]) -> T:
    async def run() -> T:
        async with Lags(bootstrap) as found:
            return await work(found)

    return asyncio.run(run())


def test_records_and_age_of_the_oldest_of_each_stage(bare_kafka: Stack) -> None:
    bootstrap = bare_kafka.broker.bootstrap

    async def tell(found: Lags) -> None:
        idle = await found.behind()
        assert {stage: (lag.records, lag.oldest_seconds) for stage, lag in idle.items() if lag} == {
            "normalise": (0, 0.0),
            "load": (0, 0.0),
        }
        await put(bootstrap, (RAW.name, 0, 5 * HOUR_MS), (RAW.name, 0, 3 * HOUR_MS), (RAW.name, 1, HOUR_MS))
        await put(bootstrap, (EVENTS.name, 2, HOUR_MS), (DEAD.name, 3, 2 * HOUR_MS))
        assert_behind(await found.behind(), {"normalise": (3, 5.0), "load": (2, 2.0)})
        # What is committed is done; the next record is the oldest.
        await commit(bootstrap, "normalise", wa_raw=1)
        assert_behind(await found.behind(), {"normalise": (2, 3.0), "load": (2, 2.0)})
        await commit(bootstrap, "normalise", wa_raw=2)
        assert_behind(await found.behind(), {"normalise": (1, 1.0), "load": (2, 2.0)})
        # A clock that runs ahead makes no record younger than now.
        await put(bootstrap, (RAW.name, 2, -HOUR_MS // 2))
        assert_behind(await found.behind(), {"normalise": (2, 1.0), "load": (2, 2.0)})
        assert await found.records() == {"normalise": 2, "load": 2}

    ask(bootstrap, tell)
    assert lags(bootstrap) == {"normalise": 2, "load": 2}


def assert_behind(found: object, wanted: dict[str, tuple[int, float]]) -> None:
    """Records, and hours of the oldest to the minute."""
    assert isinstance(found, dict)
    found_lags = {stage: (behind.records, round(behind.oldest_seconds / 3600, 1)) for stage, behind in found.items()}
    assert found_lags == wanted


def test_what_kafka_has_deleted_is_no_lag(bare_kafka: Stack) -> None:
    bootstrap = bare_kafka.broker.bootstrap

    async def delete() -> None:
        await put(bootstrap, *[(RAW.name, 0, age * HOUR_MS) for age in (9, 8, 7)])
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            await admin.delete_records({TopicPartition(RAW.name, 0): RecordsToDelete(before_offset=2)})
        finally:
            await admin.close()

    asyncio.run(delete())
    found = ask(bootstrap, Lags.behind)
    assert_behind({"normalise": found["normalise"]}, {"normalise": (1, 7.0)})


def test_nothing_is_claimed_of_topics_that_do_not_exist(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "kafka")
    broker.start()
    try:
        assert ask(broker.bootstrap, Lags.behind) == {"normalise": None, "load": None}
        assert lags(broker.bootstrap) == {"normalise": None, "load": None}
    finally:
        broker.stop()
    assert lags(broker.bootstrap) == {"normalise": None, "load": None}
