"""The normalise worker stops when it understands nobody any more, says so, and goes on once that may be mended."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.stack.lag import lags
from schemas.topics import DEAD, RAW
from streams.share import LEAST
from streams.vitals import EXIT_HELD
from tests.support.stack import Stack, wait_until

STRANGE = b'{"v": 9}'


def post(stack: Stack, bodies: int, source: str, auth: str) -> None:
    """Bodies on wa.raw, as the edge writes them."""

    async def write() -> None:
        headers = {"source": source, "provider": "wasender", "received_at": "2026-11-20T12:00:00.000Z", "auth": auth}
        producer = AIOKafkaProducer(bootstrap_servers=stack.broker.bootstrap)
        await producer.start()
        try:
            for number in range(bodies):
                told = {**headers, "request_id": f"{source}-{number}"}
                await producer.send(
                    RAW.name, STRANGE, partition=0, headers=[(name, text.encode()) for name, text in told.items()]
                )
        finally:
            await producer.stop()

    asyncio.run(write())


def letters(stack: Stack) -> int:
    """How many dead letters there are on wa.dead."""

    async def count() -> Any:
        consumer = AIOKafkaConsumer(bootstrap_servers=stack.broker.bootstrap, enable_auto_commit=False)
        await consumer.start()
        try:
            places = [TopicPartition(DEAD.name, number) for number in range(stack.config.kafka.partitions)]
            return sum((await consumer.end_offsets(places)).values())
        finally:
            await consumer.stop()

    return int(asyncio.run(count()))


def test_it_stops_says_why_stays_so_over_restarts_and_goes_on_when_told(bare_kafka: Stack) -> None:
    stack, hostile, ours = bare_kafka, 3 * LEAST, 2 * LEAST
    post(stack, hostile, "open", "unsigned")
    stack.start("normalise")
    wait_until("whoever proves nothing stops nothing", lambda: letters(stack) == hostile)
    post(stack, ours, "wasender", "static;key=1")
    assert wait_until("the worker stops", lambda: stack.processes["normalise"].poll()) == EXIT_HELD
    why = stack.heartbeat("normalise")["last_error"]
    assert "wasender" in why
    assert "streams.dead_share_limit = 0" in why
    before = letters(stack)
    assert before < hostile + LEAST

    stack.start("normalise")
    assert wait_until("the next one stops too", lambda: stack.processes["normalise"].poll()) == EXIT_HELD
    assert stack.heartbeat("normalise")["last_error"] == why
    assert stack.logs("normalise").count(why) == 2
    assert letters(stack) == before
    assert lags(stack.broker.bootstrap)["normalise"] > 0

    stack.env["ACKSTREAM_STREAMS_DEAD_SHARE_LIMIT"] = "0"
    stack.start("normalise")
    wait_until("it goes on", lambda: lags(stack.broker.bootstrap)["normalise"] == 0)
    assert letters(stack) >= hostile + ours  # what was under way when it stopped may be there twice
    assert stack.heartbeat("normalise")["ready"]
