"""Records that Kafka deletes before a worker has read them are counted and reported until they are accepted."""

import asyncio
import json
import signal
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from tests.support.fixtures import NewStack, end
from tests.support.stack import TOKEN, Stack

SIGNED = {"Authorization": f"Bearer {TOKEN}"}


def post(stack: Stack, first: int, count: int) -> None:
    for number in range(first, first + count):
        record = json.dumps({"message_id": f"m{number}", "to": "+5511955554444", "sent_at": "2026-11-20T12:00:00Z"})
        assert stack.post("/sent/meta", record.encode(), SIGNED)[0] == 200


async def delete(bootstrap: str, topic: str, kept: int) -> None:
    """Deletes all but the last `kept` records of each partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await consumer.start()
    await admin.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(4)]
        starts, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        upto = {tp: max(ends[tp] - kept, starts[tp]) for tp in partitions}
        await admin.delete_records({tp: RecordsToDelete(before_offset=offset) for tp, offset in upto.items()})
    finally:
        await admin.close()
        await consumer.stop()


def test_deleted_records_are_counted_and_stand_until_they_are_accepted(tmp_path: Path, new_stack: NewStack) -> None:
    stack = new_stack(tmp_path)
    try:
        stack.up()
        post(stack, 0, 8)
        stack.wait_until_loaded()
        assert stack.run("check").returncode == 0

        stack.kill("normalise", signal.SIGSTOP)
        post(stack, 8, 40)
        asyncio.run(delete(stack.broker.bootstrap, "wa.raw", kept=1))
        before = stack.run("check", check=False)
        assert before.returncode == 1
        assert "where no worker has come yet" in before.stdout
        stack.kill("normalise", signal.SIGCONT)
        stack.wait_until_loaded()
        # What the worker had read is deleted as well, and so is an answer to a fetch that Kafka sent it while it stood.
        missing = 48 - stack.query("SELECT count() AS n FROM events")[0]["n"]
        assert 30 < missing <= 36
        gaps = stack.query("SELECT topic, sum(records) AS records FROM gaps WHERE accepted_at IS NULL GROUP BY topic")
        assert gaps == [{"topic": "wa.raw", "records": missing}]
        assert stack.query("SELECT count() AS n FROM dead_letters") == [{"n": 0}]
        check = stack.run("check", check=False)
        assert check.returncode == 1
        assert f"{missing} records that Kafka deleted before a worker had read them (gap)" in check.stdout
        assert "nothing lost" not in check.stdout

        stack.kill("load", signal.SIGSTOP)
        post(stack, 48, 20)
        asyncio.run(delete(stack.broker.bootstrap, "wa.events", kept=0))
        stack.kill("load", signal.SIGCONT)
        post(stack, 68, 20)
        stack.wait_until_loaded()
        assert {row["topic"] for row in stack.query("SELECT DISTINCT topic FROM gaps")} == {"wa.raw", "wa.events"}
        accepted = stack.run("check", "--accept-gap", "records of a test", check=False)
        assert accepted.returncode == 1  # the bodies are still there: their events are missing
        stack.run("replay", "--from", "beginning")
        again = stack.run("check")
        assert "accepted by" in again.stdout
        assert "records of accepted gaps nothing lost" in again.stdout
    finally:
        end(stack)
