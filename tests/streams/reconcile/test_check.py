"""`ackstream check` on the whole way: right when all is right, and whatever is changed by hand it finds and names.

One stack for the file; each test leaves it right.
"""

import asyncio
import json
import signal
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from deploy.cli.commands.check import Options, check
from schemas.providers import registry
from schemas.topics import MESSAGES, RAW, SENT
from streams.reconcile.model import Window
from streams.reconcile.run import Report
from streams.replay.retry import retry
from streams.runtime.clickhouse import connect
from streams.runtime.element_position import ElementPosition
from streams.runtime.progress import NoProgress
from tests.e2e.test_dead import fixed_provider
from tests.e2e.test_pipeline import START, signed
from tests.support import cli
from tests.support.fixtures import NewStack, end
from tests.support.stack import TOKEN, Stack, put
from tests.support.waiting import wait_until

BEARER = {"Authorization": f"Bearer {TOKEN}"}
LETTER = """
INSERT INTO dead_letter_log (source, provider, received_at, request_id, raw, reason)
SELECT 'meta', 'meta', received_at, 'r',
    tuple('wa.raw', toInt32({partition}), toInt64({offset}), toInt32(0)), 'bad_element'
FROM event_log LIMIT 1"""
UNKNOWN_SHAPE = b'{"v": 9, "words": "hello", "id": "m9"}'


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, new_stack: NewStack) -> Iterator[Stack]:
    """Twelve messages with statuses and sent records, half of the bodies twice, two that cannot be understood."""
    whole = new_stack(tmp_path_factory.mktemp("check"))
    try:
        whole.up()
        for number in range(12):
            message_id = f"wamid.{number:04d}"
            words = ["sent", "delivered", "read"][: 1 + number % 3]
            body, headers = signed([status(message_id, word, number) for word in words])
            for _ in range(1 + number % 2):
                assert whole.post("/webhooks/meta", body, headers)[0] == 200
            record = orjson.dumps({"message_id": message_id, "template": "t", "sent_at": START + number})
            assert whole.post("/sent/meta", record, BEARER)[0] == 200
        for body in (UNKNOWN_SHAPE, b'{"event": "message.rec'):
            assert whole.post("/webhooks/zapini", body)[0] == 200
        yield whole
    finally:
        end(whole)


def status(message_id: str, word: str, number: int) -> dict[str, Any]:
    return {"id": message_id, "status": word, "timestamp": str(START + number), "recipient_id": "5511955550001"}


def look(stack: Stack, window: Window | None = None, **options: Any) -> Report:
    chosen = Options(**{"wait": True, **options})
    with stack.environ(), connect(stack.config.clickhouse) as client:
        return asyncio.run(check(stack.config, client, window or Window(), chosen, NoProgress()))


def kinds(report: Report) -> dict[str, int]:
    return {kind: count for kind, count in report.findings.by_kind().items() if count}


def change(stack: Stack, statement: str) -> None:
    more = " SETTINGS mutations_sync = 2" if statement.startswith("ALTER") else ""
    stack.client.command(statement + more)


def test_correct_tables_have_residual_0_and_a_complete_ledger(stack: Stack) -> None:
    done = stack.run("check", "--wait", "--json")
    result = json.loads(done.stdout)
    assert (result["residual"], result["named"], result["notes"]) == (0, [], [])
    total = result["total"]
    assert (total["stored"], total["understood"], total["dead_bodies"], total["dead"]) == (32, 30, 2, 2)
    assert (total["split"], total["loaded"], total["events"], total["duplicates"]) == (48, 48, 36, 12)
    assert (total["joined"], total["orphan"], result["units"]) == (24, 0, 12)
    (row,) = stack.query("SELECT sum(ledger.loaded) AS loaded, sum(ledger.residual) AS residual FROM ledger")
    assert row == {"loaded": 48, "residual": 0}
    assert kinds(look(stack, fast=True)) == {}
    assert look(stack, Window(source="zapini", timeless=False)).ledger.keys() == {
        where for where in look(stack).ledger if where.source == "zapini"
    }


def test_lost_rows_are_named_and_restored_by_a_replay(stack: Stack) -> None:
    chosen = "SELECT event_id FROM event_log WHERE message_id = '{}' AND kind = 'sent'"
    change(stack, f"ALTER TABLE delivery_log DELETE WHERE event_id IN ({chosen.format('wamid.0001')})")
    change(stack, "ALTER TABLE event_log DELETE WHERE message_id = 'wamid.0003' AND kind = 'sent'")
    change(stack, "ALTER TABLE lifecycle_log DELETE WHERE message_id = 'wamid.0005'")
    change(stack, "ALTER TABLE dead_letter_log DELETE WHERE reason = 'invalid_json'")
    done = stack.run("check", "--json", check=False)
    assert done.returncode == 1
    result = json.loads(done.stdout)
    found = {kind: count for kind, count in result["residuals"].items() if count}
    # wamid.0005 was read: three statuses and a sent record of which its unit knows nothing.
    assert found == {"lost": 1, "event_extra": 1, "event_lost": 1, "unit_lost": 4, "dead_lost": 1, "published": 1}
    (lost,) = [one for one in result["named"] if one["kind"] == "lost"]
    assert lost["source"] == "meta"
    assert result["ledger"]
    (row,) = stack.query(
        "SELECT sum(ledger.residual) AS residual, toString(groupArray(ledger.kinds)) AS kinds FROM ledger"
    )
    assert row["residual"] == result["residual"]
    assert "event_extra 1, event_lost 1, lost 1" in row["kinds"]
    stack.run("replay", "--from", "beginning")
    assert kinds(look(stack)) == {}


def test_a_fast_check_finds_a_lost_body(stack: Stack) -> None:
    change(stack, "ALTER TABLE dead_letter_log DELETE WHERE reason = 'invalid_json'")
    report = look(stack, fast=True)
    assert kinds(report) == {"body_lost": 1}
    assert "of wa.raw" in report.findings.residuals[0].what
    stack.run("replay", "--from", "beginning")
    assert kinds(look(stack, fast=True)) == {}


def test_added_and_changed_rows_are_named(stack: Stack) -> None:
    one = "FROM delivery_log WHERE event_id IN (SELECT event_id FROM event_log WHERE kind = 'sent') ORDER BY request_id"
    change(stack, f"INSERT INTO delivery_log SELECT source, 'strange', 0, event_id, received_at {one} LIMIT 1")
    other = "toUUID('00000000-0000-4000-8000-000000000001')"
    change(stack, f"INSERT INTO delivery_log SELECT source, request_id, `index`, {other}, received_at {one} LIMIT 1")
    first = f"(SELECT (event_id, request_id) {one} LIMIT 1)"
    change(stack, f"ALTER TABLE delivery_log DELETE WHERE (event_id, request_id) = {first}")
    query = "SELECT raw.partition AS partition, raw.offset AS offset FROM event_log WHERE kind = 'status' LIMIT 1"
    (good,) = stack.query(query)
    for where in (good, {"partition": 0, "offset": 10**6}):
        change(stack, LETTER.format(**where))
    report = look(stack)
    assert kinds(report) == {"extra": 1, "changed": 1, "event_lost": 1, "dead_extra": 2}
    named = {residual.kind: residual.what for residual in report.findings.residuals}
    assert "of request strange" in named["extra"]
    assert "is stored as event 00000000-0000-4000-8000-000000000001" in named["changed"]
    change(
        stack, "ALTER TABLE delivery_log DELETE WHERE request_id = 'strange' OR toString(event_id) LIKE '00000000-%'"
    )
    change(stack, "ALTER TABLE dead_letter_log DELETE WHERE reason = 'bad_element'")
    stack.run("replay", "--from", "beginning")
    assert kinds(look(stack)) == {}


def newest(stack: Stack, key: bytes) -> tuple[int, bytes | None]:
    """Partition and newest row of a unit on wa.messages."""

    async def read() -> tuple[int, bytes | None]:
        consumer = AIOKafkaConsumer(bootstrap_servers=stack.broker.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            numbers = range(stack.config.kafka.partitions)
            partitions = [TopicPartition(MESSAGES.name, number) for number in numbers]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            found: tuple[int, bytes | None] = -1, None
            while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        if record.key == key:
                            found = record.partition, record.value
            return found
        finally:
            await consumer.stop()

    return asyncio.run(read())


def test_wa_messages_is_compared_and_repaired_through_the_workers(stack: Stack) -> None:
    keys = [orjson.dumps(["meta", f"wamid.{number:04d}", ""]) for number in (2, 4)]
    rows = [newest(stack, key) for key in keys]
    bent = orjson.dumps({**orjson.loads(rows[0][1] or b""), "status": "failed"})
    stray = orjson.dumps(["meta", "nobody", ""])
    publish(stack, [(rows[0][0], keys[0], bent), (rows[1][0], keys[1], None), (1, stray, bent)])
    report = look(stack)
    assert kinds(report) == {"published": 3}
    assert {residual.what for residual in report.findings.residuals} == {
        "meta wamid.0002 differs", "meta wamid.0004 is missing", "meta nobody is one too many",
    }  # fmt: skip
    repaired = look(stack, repair=True)
    assert kinds(repaired) == {}
    assert "3 rows of wa.messages differed and were published again" in repaired.findings.notes
    assert [newest(stack, key) for key in keys] == rows
    assert newest(stack, stray) == (1, None)


def publish(stack: Stack, rows: list[tuple[int, bytes, bytes | None]]) -> None:
    async def write() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=stack.broker.bootstrap)
        await producer.start()
        for partition, key, value in rows:
            await producer.send_and_wait(MESSAGES.name, value, key=key, partition=partition)
        await producer.stop()

    asyncio.run(write())


def test_sent_records_of_the_topic_are_compared_too(stack: Stack) -> None:
    record = b'{"message_id":"wamid.topic","source":"meta"}\n{"message_id":"wamid.nowhere","source":"nobody"}'
    put(stack, [(SENT.name, record, {})])
    report = look(stack)
    assert kinds(report) == {}
    assert report.units == 13
    change(stack, "ALTER TABLE delivery_log DELETE WHERE startsWith(request_id, 'wa.sent')")
    assert kinds(look(stack)) == {"lost": 1, "event_extra": 1}
    stack.run("replay", "--from", "beginning")
    assert kinds(look(stack)) == {}


def test_unprocessed_records_are_no_residual_and_can_be_waited_for(stack: Stack) -> None:
    stack.kill("load", signal.SIGTERM)
    body, headers = signed([status("wamid.late", "sent", 1)])
    assert stack.post("/webhooks/meta", body, headers)[0] == 200

    def normalised() -> Report | None:
        found = look(stack, wait=False)
        return found if found.in_transit.load else None

    report = wait_until("normalise has it", normalised)
    assert kinds(report) == {}
    assert sum(line.waiting for line in report.ledger.values()) == 1
    stack.start("load")
    report = look(stack)
    assert (kinds(report), report.in_transit.total) == ({}, 0)


async def test_a_dead_letter_that_can_be_parsed_now_is_no_loss_before_and_after_its_retry(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked() -> Report:
        return look(stack)

    with monkeypatch.context() as patch:
        patch.setitem(registry.built_in(), "zapini", fixed_provider())
        before = await asyncio.to_thread(looked)
        assert kinds(before) == {}
        assert before.findings.notes == ["1 dead letters can be parsed by this version: `ackstream dead retry --all`"]
        query = "SELECT raw.partition AS p, raw.offset AS o FROM dead_letters WHERE reason = 'unknown_shape'"
        (letter,) = stack.query(query)
        position = ElementPosition(RAW.name, letter["p"], letter["o"], 0)
        assert [counts.resolved async for counts in retry(stack.config, [position])] == [1]
        after = await asyncio.to_thread(looked)
        assert (kinds(after), after.findings.notes) == ({}, [])
    again = await asyncio.to_thread(looked)  # the version of before reads the tables of the later one
    assert kinds(again) == {}
    assert again.findings.notes == ["1 elements are stored as events that this version cannot parse"]


def test_bodies_deleted_by_retention_are_noted_and_not_compared(stack: Stack) -> None:
    async def delete() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=stack.broker.bootstrap)
        await admin.start()
        consumer = AIOKafkaConsumer(bootstrap_servers=stack.broker.bootstrap)
        await consumer.start()
        partitions = [TopicPartition(RAW.name, number) for number in range(stack.config.kafka.partitions)]
        ends = await consumer.end_offsets(partitions)
        await consumer.stop()
        wanted = {tp: RecordsToDelete(before_offset=end - 1) for tp, end in ends.items() if end > 1}
        await admin.delete_records(wanted)
        await admin.close()

    asyncio.run(delete())
    report = look(stack)
    assert kinds(report) == {}
    (note,) = [note for note in report.findings.notes if "retention" in note]
    assert note.startswith("Kafka's retention has deleted bodies received before 20")
    assert report.window.from_ms is not None


def test_a_check_without_services_has_exit_code_2_and_one_sentence(tmp_path_factory: pytest.TempPathFactory) -> None:
    nothing = Stack(tmp_path_factory.mktemp("nothing"))
    done = nothing.run("check", check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("ackstream: ")
    assert len(done.stderr.splitlines()) == 1
    wrong = (("--fast", "--repair"), ("--truth", "x", "--fast"), ("--from", "soonish"))
    assert [cli.run("check", *options).code for options in wrong] == [2, 2, 2]
    assert "2  the comparison could not be made" in cli.run("check", "--help").stdout
