"""Kafka or ClickHouse dies under a command: within a minute the command ends with one sentence."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from schemas.errors import Failure
from schemas.topics import RAW
from streams.replay.reader import Selection, replay
from streams.replay.retry import retry
from streams.replay.sinks import ToStreams, ToTables
from streams.runtime.element_position import ElementPosition
from streams.runtime.progress import NoProgress
from streams.runtime.stages import wait_for_stage
from streams.runtime.topic_reader import TopicReader
from tests.e2e.test_garbage import HEADERS
from tests.support.stack import Stack, put
from tests.support.waiting import wait_until

PAD = "x" * 3 * 1024 * 1024  # two of them are more than the client reads ahead
BODIES = [b'{"message_id":"m%d","pad":"%s"}' % (number, PAD.encode()) for number in range(6)]
LIMIT_SECONDS = 60


def fill(stack: Stack) -> None:
    put(stack, [(RAW.name, body, {**HEADERS, "kind": "sent"}) for body in BODIES])


async def read_topic(stack: Stack) -> AsyncIterator[object]:
    """The records of a check, one at a time."""
    async with TopicReader(stack.broker.bootstrap) as topics:
        async for records in topics.read(await topics.whole(RAW), most=1):
            if records:
                yield records


async def wait_for_workers(stack: Stack) -> AsyncIterator[object]:
    async with TopicReader(stack.broker.bootstrap) as topics:
        yield topics
        await wait_for_stage(topics, "normalise", NoProgress())


async def replay_to_streams(stack: Stack) -> AsyncIterator[object]:
    async with ToStreams(stack.config) as sink:
        async for step in replay(stack.config, Selection(), sink, rate=1):
            if step.done:
                yield step


def running(stack: Stack) -> dict[str, AsyncIterator[Any]]:
    """Everything that reads or writes Kafka for a command."""
    return {
        "check": read_topic(stack),
        "replay": replay_to_streams(stack),
        "dead retry": retry(stack.config, [ElementPosition(RAW.name, 0, offset, 0) for offset in range(len(BODIES))]),
        "waiting for workers": wait_for_workers(stack),
    }


async def to_the_end(steps: AsyncIterator[Any]) -> None:
    async for _ in steps:
        await asyncio.sleep(0.1)


async def test_every_reader_and_writer_of_kafka_fails_within_a_minute_after_its_death(bare_kafka: Stack) -> None:
    await asyncio.to_thread(fill, bare_kafka)
    works = running(bare_kafka)
    for steps in works.values():
        await anext(steps)
    bare_kafka.kill("kafka")
    ends = [asyncio.create_task(to_the_end(steps), name=name) for name, steps in works.items()]
    await asyncio.wait(ends, timeout=LIMIT_SECONDS)
    assert {task.get_name() for task in ends if not task.done()} == set()
    for task in ends:
        assert isinstance(task.exception(), KafkaError | OSError), (task.get_name(), task.exception())


@pytest.mark.parametrize("arguments", [("replay", "--from", "beginning", "--rate", "1"), ("dead", "retry", "0:1:0")])
def test_a_command_ends_with_one_sentence(bare_kafka: Stack, arguments: tuple[str, ...]) -> None:
    fill(bare_kafka)
    command = [sys.executable, "-m", "deploy.cli", *arguments]
    if arguments[0] == "dead":
        bare_kafka.kill("kafka")
    process = subprocess.Popen(command, env=bare_kafka.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        if arguments[0] == "replay":
            states = bare_kafka.config.data_dir / "replay"
            wait_until("the replay has begun", lambda: list(states.glob("*.json")))
            time.sleep(1)
            bare_kafka.kill("kafka")
        _, errors = process.communicate(timeout=LIMIT_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 1, errors
    assert len(errors.splitlines()) == 1, errors[-3000:]
    (line,) = errors.splitlines()
    assert line.startswith(f"ackstream: Kafka at {bare_kafka.broker.bootstrap} does not answer")


async def test_a_replay_into_tables_fails_when_clickhouse_stays_away(bare_kafka: Stack) -> None:
    await asyncio.to_thread(put, bare_kafka, [(RAW.name, b'{"message_id":"m1"}', {**HEADERS, "kind": "sent"})])
    await asyncio.to_thread(bare_kafka.start_clickhouse, tables=True)
    reasons: list[str | None] = []
    with bare_kafka.environ():
        async with ToTables(bare_kafka.config, None, reasons.append, give_up_seconds=2) as sink:
            bare_kafka.kill("clickhouse")
            with pytest.raises(Failure, match="run the same command again"):
                async for _ in replay(bare_kafka.config, Selection(), sink):
                    pass
    assert len(reasons) > 2
    assert None not in reasons
