"""Workers read every partition of their topics, also new ones and those of topics made anew, and notice a namesake."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from deploy.admin.topics import ensure_topics_sync
from schemas.topics import EVENTS, MESSAGES, RAW, SENT, STATE
from streams.runtime.heartbeat import EXIT_CIRCUIT_OPEN
from tests.support.fixtures import NewStack, end
from tests.support.stack import TOKEN, Stack
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, new_stack: NewStack) -> Iterator[Stack]:
    stack = new_stack(tmp_path_factory.mktemp("stack"))
    try:
        yield stack.up()
    finally:
        end(stack)


def supervise(stack: Stack, part: str) -> None:
    """Starts the part, again if it ends, until it is ready."""
    stack.start(part)

    def ready() -> bool:
        if stack.processes[part].poll() is not None:
            stack.start(part)
        return stack.works(part)

    wait_until(f"{part} is ready", ready)


def restart_when_ended(stack: Stack, part: str) -> None:
    wait_until(f"{part} ends", lambda: stack.processes[part].poll() is not None)
    supervise(stack, part)


def post(stack: Stack, message_id: str) -> None:
    record = json.dumps({"message_id": message_id, "to": "+5511955554444", "sent_at": "2026-11-20T12:00:00Z"}).encode()
    assert stack.post("/sent/meta", record, {"Authorization": f"Bearer {TOKEN}"})[0] == 200


def messages(stack: Stack) -> set[str]:
    return {row["message_id"] for row in stack.query("SELECT message_id FROM messages")}


async def change(stack: Stack, *, delete: list[str] | None = None, grow: dict[str, int] | None = None) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.broker.bootstrap)
    await admin.start()
    try:
        if delete:
            await admin.delete_topics(delete)
        if grow:
            await admin.create_partitions({topic: NewPartitions(total_count=count) for topic, count in grow.items()})
    finally:
        await admin.close()


def make_topics(stack: Stack, wanted: set[str], partitions: int) -> None:
    """A topic that is being deleted cannot be made yet."""
    settings, made = stack.config.kafka, set[str]()

    def all_made() -> bool:
        made.update(ensure_topics_sync(settings.bootstrap, partitions, 1, settings.retention_days).created)
        return wanted <= made

    wait_until("the topics are made anew", all_made)


def test_a_topic_that_is_made_anew_is_read_from_its_start(whole: Stack) -> None:
    for number in range(24):
        post(whole, f"old{number}")
    whole.wait_until_loaded()
    asyncio.run(change(whole, delete=[RAW.name]))
    make_topics(whole, {RAW.name}, 4)
    wait_until("ingest stores", lambda: whole.stores())
    for number in range(60):
        post(whole, f"new{number}")
    restart_when_ended(whole, "normalise")
    wait_until("all are loaded", lambda: {f"new{number}" for number in range(60)} <= messages(whole))
    assert "was deleted and made anew" in whole.logs("normalise")
    whole.wait_until_loaded()
    check = whole.run("check")
    assert "ClickHouse has bodies of an earlier life of wa.raw" in check.stdout
    assert "nothing lost and nothing counted twice" in check.stdout


def test_new_partitions_are_read(whole: Stack) -> None:
    asyncio.run(change(whole, grow={SENT.name: 6}))
    restart_when_ended(whole, "normalise")
    assert "nobody in ackstream-normalise reads wa.sent/4, wa.sent/5" in whole.logs("normalise")

    async def write() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=whole.broker.bootstrap)
        await producer.start()
        try:
            await producer.send_and_wait(SENT.name, b'{"message_id": "five", "source": "meta"}', partition=5)
        finally:
            await producer.stop()

    asyncio.run(write())
    wait_until("it is loaded", lambda: "five" in messages(whole))


def test_a_namesake_on_another_machine_is_named_and_one_of_the_two_ends_for_good(whole: Stack, tmp_path: Path) -> None:
    settings = (whole.folder / "ackstream.toml").read_text()
    (tmp_path / "ackstream.toml").write_text(settings)
    env = {**whole.env, "ACKSTREAM_CONFIG": str(tmp_path / "ackstream.toml")}
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-m", "deploy.cli", "worker", "normalise"]
        other = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    both = (other, whole.processes["normalise"])
    try:
        wait_until("one of them ends", lambda: any(process.poll() is not None for process in both))
        assert EXIT_CIRCUIT_OPEN in (other.poll(), both[1].poll())
        said = (tmp_path / "log").read_text() + whole.logs("normalise")
        assert f"has joined ackstream-normalise with the id normalise-0 of this one on {os.uname().nodename}" in said
    finally:
        other.kill()
        other.wait(30)
        if whole.processes["normalise"].poll() is not None:
            whole.start("normalise")
        wait_until("normalise is ready", lambda: whole.works("normalise"))


def test_more_partitions_for_keys_are_refused_and_new_topics_with_a_replay_are_exact(whole: Stack) -> None:
    keyed = [EVENTS.name, STATE.name, MESSAGES.name]
    asyncio.run(change(whole, grow=dict.fromkeys(keyed, 6)))
    wait_until("load ends", lambda: whole.processes["load"].poll() is not None)
    whole.start("load")
    wait_until("load refuses", lambda: whole.processes["load"].poll() == EXIT_CIRCUIT_OPEN)
    assert "wa.state has 6 partitions now, but the states were made with 4" in whole.logs("load")

    # The documented way.
    before = messages(whole)
    whole.kill("normalise", signal.SIGTERM)
    asyncio.run(change(whole, delete=keyed))
    settings = whole.folder / "ackstream.toml"
    settings.write_text(settings.read_text().replace("partitions = 4", "partitions = 6"))
    make_topics(whole, set(keyed), 6)
    shutil.rmtree(whole.config.data_dir / "state" / "load-0")
    for part in ("normalise", "load"):
        supervise(whole, part)
    whole.ready()
    whole.run("replay", "--from", "beginning")
    whole.wait_until_loaded()
    assert messages(whole) == before
    assert whole.run("check", "--repair").returncode == 0
