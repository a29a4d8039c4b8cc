"""A replay into a shadow: killed and resumed, compared, and swapped with a crash at every step.

What an older version parsed differently is inserted by hand: events in the live tables that no body contains.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from schemas.events import Arrival, finish
from schemas.parsing.results import Parsed
from schemas.tables import EVENT_LOG, INSERT_SETTINGS
from schemas.topics import EVENTS, RAW, TOPICS
from streams.replay import saved_state
from streams.replay.reader import Selection, ends, replay
from streams.replay.saved_state import READY, SWAPPED, SWAPPING
from streams.replay.shadow import swap as swapping
from streams.replay.shadow.database import KEPT, database_of, tables
from streams.replay.sinks import ToStreams, ToTables
from streams.runtime.lag import GROUPS
from streams.runtime.progress import NoProgress
from tests.support import cli
from tests.support.fixtures import NewStack, end
from tests.support.stack import Stack, put
from tests.support.waiting import wait_until

NOON = 1_795_176_000_000  # 2026-11-20T12:00:00Z
PHONE = "+5511955550001"
BODIES = 120
EVENT_COUNT = "SELECT count() AS n FROM events"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory, new_stack: NewStack) -> Iterator[Stack]:
    """Kafka and ClickHouse with some bodies in both; the tests do the work of the workers."""
    stack = new_stack(tmp_path_factory.mktemp("replay"))
    try:
        stack.start("kafka")
        stack.start("clickhouse")
        with stack.environ():
            send(stack, range(BODIES))
            load_bodies(stack)
            yield stack
    finally:
        end(stack)


def send(stack: Stack, numbers: range) -> None:
    """Writes one `delivered` body a message; every tenth cannot be parsed."""
    records: list[tuple[str, bytes | None, dict[str, Any]]] = []
    for number in numbers:
        data = {"uuid": f"m{number}", "to": PHONE, "timestamp": "2026-11-20T12:00:00Z"}
        body = orjson.dumps({"event": "message.delivered", "instance_id": "i", "data": data})
        headers = {"source": "zapini", "provider": "zapini", "received_at": "2026-11-20T12:00:01.000Z"}
        records.append((RAW.name, body if number % 10 else body[:20], {**headers, "request_id": f"r{number}"}))
    put(stack, records)


def load_bodies(stack: Stack, selection: Selection | None = None) -> None:
    """Loads bodies into the live tables, as the workers do."""

    async def fill() -> None:
        async with ToTables(stack.config, None) as sink:
            async for _ in replay(stack.config, selection or Selection(), sink):
                pass

    asyncio.run(fill())


def insert_event(stack: Stack, kind: str, request_id: str, **fields: Any) -> None:
    """Inserts an event that no body in Kafka contains into the live tables."""
    arrival = Arrival("zapini", "zapini", request_id, NOON + 1000, {"topic": RAW.name, "partition": 0, "offset": 0})
    event = finish(Parsed(kind, {"occurred_at": NOON, **fields}, element=fields), arrival, 0)  # type: ignore[arg-type]
    stack.client.raw_insert(EVENT_LOG, insert_block=orjson.dumps(event), fmt="JSONEachRow", settings=INSERT_SETTINGS)


def topic_ends(stack: Stack) -> dict[str, int]:
    """The end offset of every partition of every topic."""
    return asyncio.run(ends(stack.config, [topic.name for topic in TOPICS]))


def groups(stack: Stack) -> set[str]:
    async def ask() -> set[str]:
        admin = AIOKafkaAdminClient(bootstrap_servers=stack.broker.bootstrap)
        await admin.start()
        try:
            return {name for name, _ in await admin.list_consumer_groups()}
        finally:
            await admin.close()

    return asyncio.run(ask())


def live(stack: Stack) -> dict[str, str]:
    """A hash of the rows of each live table."""
    names = [row["name"] for row in stack.query("SELECT name FROM system.tables WHERE database = 'ackstream'")]
    kept = [name for name in names if name.endswith("_log")]
    one = "SELECT sum(cityHash64(toString(tuple(*)))) AS h FROM "
    return {name: stack.query(one + name)[0]["h"] for name in kept}


def run(stack: Stack, *arguments: str, code: int = 0) -> str:
    """Runs `ackstream ...` in this process, which starts faster; returns its stdout, or stderr when that is empty."""
    done = cli.run(*arguments, ACKSTREAM_CONFIG=str(stack.folder / "ackstream.toml"))
    assert done.code == code, done
    return done.stdout or done.stderr


def diff(stack: Stack, name: str, code: int) -> Any:
    return json.loads(run(stack, "diff", name, "--json", code=code))


def test_a_killed_replay_resumes_where_it_was_and_writes_only_its_own_tables(parts: Stack) -> None:
    before, ends = live(parts), topic_ends(parts)
    arguments = ("replay", "--from", "beginning", "--into", "slow", "--rate", "10")
    parts.spawn("replay", "deploy.cli", *arguments)
    wait_until("some are done", lambda: (known := state(parts, "slow")) is not None and known.run.done > 0)
    parts.kill("replay")
    done = state(parts, "slow")
    assert done is not None
    assert 0 < done.run.done < BODIES
    assert "is still being read" in run(parts, "diff", "slow", code=2)
    other = ("replay", "--from", "beginning", "--source", "meta", "--into", "slow")
    assert "was begun with other arguments" in run(parts, *other, code=1)

    output = run(parts, "replay", "--resume")
    assert "continuing the replay begun" in output
    assert f"{done.run.done} of {BODIES} records are done" in output
    assert f"replayed {BODIES} bodies from beginning: {BODIES * 9 // 10} events, {BODIES // 10} dead letters" in output
    assert "no replay was interrupted" in run(parts, "replay", "--resume", code=1)
    assert diff(parts, "slow", 0)["messages_compared"] == BODIES * 9 // 10
    assert (live(parts), topic_ends(parts), groups(parts)) == (before, ends, set())
    run(parts, "replay", "--drop", "slow")
    assert parts.query("SELECT count() AS n FROM system.databases WHERE name = 'ackstream_slow'") == [{"n": 0}]


def test_offsets_choose_partitions_and_a_rate_limits(parts: Stack) -> None:
    async def read() -> tuple[tuple[int, int], float]:
        selection = Selection(topics=(RAW.name,), from_offsets={0: 10}, to_offsets={0: 30, 1: 5})
        async with ToStreams(parts.config) as sink:
            steps = replay(parts.config, selection, sink, rate=20)
            await anext(steps)  # nothing is read before
            began = time.monotonic()
            found = [(step.done, step.total) async for step in steps]
            return found[-1], time.monotonic() - began

    before = topic_ends(parts)
    last, seconds = asyncio.run(read())
    assert last == (20, 20)  # all bodies are in partition 0
    assert seconds > 0.9
    after = topic_ends(parts)
    assert {place.rpartition(":")[0] for place in after if after[place] != before[place]} <= {"wa.events", "wa.dead"}


def test_events_of_the_topic_fill_the_live_tables(parts: Stack) -> None:
    asyncio.run(to_streams(parts))
    parts.client.command("TRUNCATE TABLE event_log")
    ends = topic_ends(parts)
    run(parts, "replay", "--from", "beginning", "--topic", EVENTS.name, "--source", "zapini")
    assert parts.query(EVENT_COUNT) == [{"n": BODIES * 9 // 10}]
    assert topic_ends(parts) == ends


def test_a_difference_is_shown_with_its_reason_and_a_swap_survives_a_crash_at_every_step(parts: Stack) -> None:
    insert_event(parts, "status", "r1", message_id="m1", status="read")  # a reading that no body reports
    insert_event(
        parts, "status", "r2", message_id="ghost", status="failed", error_code="1"
    )  # and a message that no body names
    insert_event(
        parts, "sent", "gone", message_id="m3", template="spring", to=PHONE, origin="api"
    )  # its body is deleted
    insert_event(parts, "status", "gone too", message_id="old", status="read")
    parts.client.command("DELETE FROM event_log WHERE message_id = 'm4'")
    parts.client.command("DELETE FROM lifecycle_log WHERE message_id = 'm4'")
    run(parts, "replay", "--from", "beginning", "--into", "better")

    found = diff(parts, "better", 1)
    assert found["units"] == {"added": 1, "removed": 1, "changed": 1}
    assert {"status", "read_at"} <= set(found["columns"]) <= {"status", "read_at", "last_event_at", "first_seen_at"}
    assert found["messages_not_covered"] == 1  # old
    (rate,) = found["rates"]
    assert rate["cohort_day"] == "2026-11-20"
    assert [after - before for before, after in zip(rate["before"], rate["after"], strict=True)] == [0, 1, -1, -1]
    assert {(change, word) for _, change, _, word, _ in found["events"]} == {
        ("removed", "read"), ("removed", "failed"), ("added", "delivered"),
    }  # fmt: skip
    shown = run(parts, "diff", "better", code=1)
    assert "read_at" in shown
    assert PHONE[1:] not in shown + json.dumps(found)

    asyncio.run(commit_as_load_workers(parts))
    swap_with_crashes(parts, "better")
    assert parts.query("SELECT status FROM messages WHERE message_id = 'm1'") == [{"status": "delivered"}]
    assert parts.query("SELECT count() AS n FROM messages WHERE message_id = 'ghost'") == [{"n": 0}]
    assert parts.query("SELECT template FROM messages WHERE message_id = 'm3'") == [{"template": "spring"}]
    assert parts.query("SELECT status FROM messages WHERE message_id = 'old'") == [{"status": "read"}]
    assert "has been swapped" in run(parts, "diff", "better", code=2)
    run(parts, "replay", "--drop", "better")
    run(parts, "replay", "--from", "beginning", "--into", "again")
    assert diff(parts, "again", 0)["units"] == {"added": 0, "removed": 0, "changed": 0}


def swap_with_crashes(parts: Stack, name: str) -> None:
    """Before every crash, and after the last, another body arrives and is loaded into the live tables."""
    count = BODIES + 1
    for step in ("caught up", "complete", "marked", "marked", "half", "exchanged", "noted", "done"):
        if step == "half":  # as if the server had crashed between two tables
            exchange_some(parts, name)
        else:
            asyncio.run(swap_until(parts, name, step))
        known = state(parts, name)
        assert known is not None
        if step in ("marked", "half", "noted"):
            assert known.step not in (READY, SWAPPED)
            refused = run(parts, "replay", "--from", "beginning", "--into", "other", code=1)
            assert f"finish it first with `ackstream replay --swap {name}`" in refused
        if step != "done":
            send(parts, range(count, count + 1))
            load_bodies(parts, Selection(topics=(RAW.name,), from_offsets={0: count - 1}))
            count += 1
    newest = [f"m{number}" for number in range(BODIES + 1, count)]
    there = parts.query("SELECT message_id FROM messages WHERE message_id IN {ids:Array(String)}", ids=newest)
    assert sorted(row["message_id"] for row in there) == newest
    known = state(parts, name)
    assert known is not None
    assert known.step == SWAPPED


async def swap_until(parts: Stack, name: str, last: str) -> None:
    """Swaps, and stops after this step as a crash would."""
    known = state(parts, name)
    assert known is not None
    async with aclosing(swapping.swap(parts.config, known, NoProgress())) as steps:
        async for step in steps:
            if step == last:
                return
    raise AssertionError(f"there was no step {last}")


def exchange_some(parts: Stack, name: str) -> None:
    known = state(parts, name)
    assert known is not None
    assert known.step == SWAPPING
    for table in ("cohort_log", "delivery_log"):
        parts.client.command(f"EXCHANGE TABLES ackstream.{table} AND ackstream_{name}.{table}")


def state(parts: Stack, name: str) -> saved_state.SavedReplay | None:
    return saved_state.find(parts.config, saved_state.shadow_id(name))


async def commit_as_load_workers(parts: Stack) -> None:
    """Commits the ends of all topics of the load stage, as its workers do when they have loaded everything."""
    group, topics = GROUPS["load"]
    consumer = AIOKafkaConsumer(bootstrap_servers=parts.broker.bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(one.name, number) for one in topics for number in range(4)]
        consumer.assign(partitions)
        await consumer.commit(await consumer.end_offsets(partitions))
    finally:
        await consumer.stop()


async def to_streams(parts: Stack) -> None:
    async with ToStreams(parts.config) as sink:
        async for _ in replay(parts.config, Selection(), sink):
            pass


def test_every_table_is_either_exchanged_or_declared_to_stay(parts: Stack) -> None:
    """Tables made of events are exchanged; tables of measurements and settings stay."""
    made_of_events = {
        "event_log", "delivery_log", "dead_letter_log", "lifecycle_log", "touched_log", "copied_log",
        "copy_state", "cohort_log", "recent_log", "failure_log", "system_log", "changed_log", "rebuilt_log",
        "outbound_log", "outbound_day_log", "inbound_log", "turn_log", "customer_log", "customer_slot_log",
        "suspect_log", "delivery_time_log", "arrival_log", "repeat_log", "opt_out_log",
    }  # fmt: skip
    found = set(tables(parts.client, "ackstream"))
    assert found == made_of_events
    assert not found & KEPT
    assert database_of(parts.config, "x") == "ackstream_x"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("replay", "--from-offset", "3"), "give a partition and an offset, such as 3:1207"),
        (("replay", "--swap", "x", "--from", "beginning"), "give --from or an offset"),
        (("replay", "--from", "beginning", "--into", "No-Name"), "'No-Name' names no shadow"),
        (("replay", "--from-offset", "0:1", "--topic", "wa.events", "--into", "x"), "takes no offsets of wa.events"),
        (("diff", "nothing"), "there is no shadow nothing"),
    ],
)
def test_wrong_arguments_are_answered_by_one_sentence(parts: Stack, arguments: tuple[str, ...], sentence: str) -> None:
    assert sentence in run(parts, *arguments, code=2)
