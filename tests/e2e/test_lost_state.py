"""A load worker whose disk, changelog or committed offsets are not what they should be starts and stays exact."""

import asyncio
import json
import shutil
import signal
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata

from deploy.admin.topics import ensure_topics_sync
from schemas.topics import MESSAGES, RAW, STATE
from tests.e2e.topic_records import records_of
from tests.support.fixtures import NewStack, end
from tests.support.stack import TOKEN, Stack, put
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, new_stack: NewStack) -> Iterator[Stack]:
    stack = new_stack(tmp_path_factory.mktemp("stack"))
    try:
        yield stack.up()
    finally:
        end(stack)


def post(stack: Stack, message_id: str, to: str = "+5511955554444") -> None:
    record = json.dumps({"message_id": message_id, "to": to, "sent_at": "2026-11-20T12:00:00Z"}).encode()
    assert stack.post("/sent/meta", record, {"Authorization": f"Bearer {TOKEN}"})[0] == 200


def restart(stack: Stack, part: str) -> None:
    stack.start(part)
    wait_until(f"{part} is ready", lambda: stack.works(part))


def newest(stack: Stack, message_id: str) -> Any:
    key = orjson.dumps(["meta", message_id, ""])
    values = [record.value or b"" for record in records_of(stack, MESSAGES) if record.key == key]
    return orjson.loads(values[-1])


def test_records_of_the_changelog_that_are_no_states_are_counted_and_skipped(whole: Stack) -> None:
    post(whole, "kept")
    whole.wait_until_loaded()
    whole.kill("load", signal.SIGTERM)
    shutil.rmtree(whole.config.data_dir / "state" / "load-0")

    async def write() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=whole.broker.bootstrap)
        await producer.start()
        try:
            key = orjson.dumps(["meta", "kept", ""])
            for own, value in ((key, b"\x00rubbish"), (key, b'{"a":1}'), (key, b'["a"]'), (b"no key", b"[]")):
                await producer.send_and_wait(STATE.name, value, key=own, partition=0)
        finally:
            await producer.stop()

    asyncio.run(write())
    restart(whole, "load")
    notes = whole.heartbeat("load")["notes"]
    assert notes == ["4 records of wa.state are no states and were skipped; another program has written them"]
    put(whole, [("wa.sent", b'{"message_id": "kept", "source": "meta", "template": "offer"}', {})])
    whole.wait_until_loaded()
    assert (newest(whole, "kept")["recipient"], newest(whole, "kept")["template"]) == ("+5511955554444", "offer")
    assert whole.run("check").returncode == 0


def test_states_of_a_deleted_changelog_are_set_aside(whole: Stack) -> None:
    post(whole, "before")
    whole.wait_until_loaded()
    whole.kill("load", signal.SIGTERM)

    async def delete() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=whole.broker.bootstrap)
        await admin.start()
        try:
            await admin.delete_topics([STATE.name])
        finally:
            await admin.close()

    asyncio.run(delete())
    settings = whole.config.kafka

    def made() -> bool:
        changes = ensure_topics_sync(
            settings.bootstrap, settings.partitions, settings.replication, settings.retention_days
        )
        return STATE.name in changes.created

    wait_until("the topic is made anew", made)
    restart(whole, "load")
    (note,) = whole.heartbeat("load")["notes"]
    assert note.startswith("the states are those of a wa.state that was deleted; they were set aside in load-0.aside-")
    assert len(list((whole.config.data_dir / "state").glob("load-0.aside-*"))) == 1
    post(whole, "after")
    whole.wait_until_loaded()
    assert newest(whole, "after")["recipient"] == "+5511955554444"
    assert whole.run("check").returncode == 0
    whole.kill("load", signal.SIGTERM)
    restart(whole, "load")
    assert whole.heartbeat("load")["notes"] == []


def test_a_log_that_is_shorter_than_what_was_committed_is_read_from_its_start(whole: Stack) -> None:
    whole.wait_until_loaded()
    whole.kill("normalise", signal.SIGTERM)
    known = {row["n"] for row in whole.query("SELECT count() AS n FROM messages")}

    async def commit() -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=whole.broker.bootstrap, group_id="ackstream-normalise", enable_auto_commit=False
        )
        await consumer.start()
        try:
            partitions = [TopicPartition(RAW.name, number) for number in range(4)]
            consumer.assign(partitions)
            await consumer.commit({tp: OffsetAndMetadata(1_000_000, "") for tp in partitions})
        finally:
            await consumer.stop()

    wait_until("the group is empty", lambda: committed(commit))
    post(whole, "late")
    restart(whole, "normalise")
    wait_until("it is loaded", lambda: whole.query("SELECT count() AS n FROM messages")[0]["n"] == max(known) + 1)
    whole.wait_until_loaded()
    # The states were lost in the test before, so the row of a unit whose events were only partly read again is partial.
    assert whole.run("check", "--repair").returncode == 0


def committed(commit: Any) -> bool:
    """Whether the commit went through: a group with members accepts none from outside."""
    try:
        asyncio.run(commit())
    except Exception:
        return False
    return True
