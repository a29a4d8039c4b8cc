"""`ackstream worker analytics` as processes on real Kafka and ClickHouse: one of them works, whatever happens to it."""

import json
import signal
from typing import Any

import orjson

from schemas.process.tasks import EXIT_BROKEN
from schemas.tables import EVENT_LOG, INSERT_SETTINGS
from streams.runtime.clickhouse import connect
from streams.runtime.migrations import migrate
from tests.support.events import NOON, event
from tests.support.stack import Stack
from tests.support.waiting import wait_until

BOTH = ("analytics", "analytics-1")
STARTED = "started\n"


def leads(stack: Stack, part: str) -> bool:
    """Whether the running process leads, by its log."""
    if stack.processes[part].poll() is not None:
        return False
    lines = stack.logs(part).rpartition(STARTED)[2]
    return lines.count('"message":"leading"') > lines.count('"message":"not_leading"')


def leader(stack: Stack) -> str | None:
    """The process that leads; None while there is none."""
    found = [part for part in BOTH if leads(stack, part)]
    assert len(found) < 2
    return found[0] if found else None


def start(stack: Stack, part: str) -> None:
    """Starts a process and waits until it is ready; a line in its log marks the start."""
    with (stack.folder / f"{part}.log").open("a") as log:
        log.write(STARTED)
    stack.start(part)
    wait_until(f"{part} is ready", lambda: beat(stack, part).get("ready"))


def beat(stack: Stack, part: str) -> dict[str, Any]:
    """The heartbeat of this process; empty before its first."""
    instance = part.partition("-")[2] or "0"
    try:
        text = (stack.config.data_dir / "run" / f"worker-analytics-{instance}.json").read_text()
    except FileNotFoundError:
        return {}
    found: dict[str, Any] = json.loads(text)
    return found if found["pid"] == stack.processes[part].pid else {}


def insert(stack: Stack, message_id: str) -> None:
    """One more event, as the load workers insert it."""
    row = orjson.dumps(event("sent", message_id=message_id, at=NOON))
    stack.client.raw_insert(EVENT_LOG, insert_block=row, fmt="JSONEachRow", settings=INSERT_SETTINGS)


def copied(stack: Stack, message_id: str) -> bool:
    found = stack.query("SELECT count() AS n FROM cohorts WHERE message_id = {id:String}", id=message_id)
    return bool(found[0]["n"])


def arrives(stack: Stack, message_id: str) -> None:
    """A new message reaches the copy."""
    insert(stack, message_id)
    wait_until(f"{message_id} is copied", lambda: copied(stack, message_id))


def test_one_of_two_works_and_the_other_takes_over_when_it_is_killed_stalled_or_stopped(bare_kafka: Stack) -> None:
    stack = bare_kafka
    stack.start_clickhouse(tables=True)
    for part in BOTH:
        start(stack, part)
    first = wait_until("one leads", lambda: leader(stack))
    arrives(stack, "a")

    stack.kill(first)
    second = wait_until("the other leads", lambda: leader(stack))
    assert second != first
    arrives(stack, "b")

    start(stack, first)
    still = wait_until("one leads", lambda: leader(stack))
    other = BOTH[1 - BOTH.index(still)]
    stack.kill(still, signal.SIGSTOP)
    wait_until("the other leads", lambda: leads(stack, other))
    arrives(stack, "c")
    stack.kill(still, signal.SIGCONT)
    assert wait_until("the stalled process ends itself", lambda: stack.processes[still].poll()) == EXIT_BROKEN
    arrives(stack, "d")

    start(stack, still)
    last = wait_until("one leads", lambda: leader(stack))
    stack.kill(last, signal.SIGTERM)
    assert stack.processes[last].returncode == 0
    wait_until("the other leads", lambda: leads(stack, BOTH[1 - BOTH.index(last)]))
    arrives(stack, "e")


def test_it_waits_for_tables_and_survives_clickhouse_and_kafka(bare_kafka: Stack) -> None:
    stack = bare_kafka
    stack.start("analytics")
    wait_until("it reports that ClickHouse is unreachable", lambda: beat(stack, "analytics").get("last_error"))
    stack.start_clickhouse(tables=False)
    with stack.environ(), connect(stack.config.clickhouse, database="") as client:
        client.command(f"CREATE DATABASE {stack.config.clickhouse.database}")
    with stack.environ():
        migrate(stack.config)
    wait_until("it is ready", lambda: beat(stack, "analytics").get("ready"))
    arrives(stack, "a")

    stack.kill("clickhouse")
    wait_until("it reports that ClickHouse is unreachable", lambda: beat(stack, "analytics").get("last_error"))
    stack.start("clickhouse")
    arrives(stack, "b")
    # Rollups rest for up to a minute after a pass that took long.
    wait_until("both are in a rollup", lambda: stack.query("SELECT sum(sent) AS n FROM outbound")[0]["n"] == 2, 180)
    wait_until("a sample was taken", lambda: stack.query("SELECT count() AS n FROM samples")[0]["n"])
    wait_until("all is well", lambda: not beat(stack, "analytics").get("last_error"))

    stack.kill("kafka")
    insert(stack, "c")
    stack.start("kafka")
    wait_until("it is ready", lambda: beat(stack, "analytics").get("ready"))
    wait_until("c is copied", lambda: copied(stack, "c"))
    arrives(stack, "d")
    assert stack.processes["analytics"].poll() is None

    stack.kill("analytics", signal.SIGTERM)
    assert stack.processes["analytics"].returncode == 0
