"""A load worker that is up before the tables are: it waits for the last of them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from deploy.clickhouse_client import connect
from deploy.migrations import migrate
from schemas.tables import migrations
from schemas.topics import EVENTS
from streams.load import APPLIED
from tests.e2e.test_garbage import put
from tests.support.events import NOON, event
from tests.support.stack import Stack, wait_until


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Stack]:
    """Kafka alone; its logs are shown when the test fails."""
    stack = Stack(tmp_path)
    try:
        stack.start("kafka")
        yield stack
    finally:
        stack.down()
        sys.stdout.write(stack.logs("load")[-4000:])


def test_no_event_is_inserted_before_the_views_that_make_messages_of_it(bare: Stack) -> None:
    put(bare, [(EVENTS.name, orjson.dumps(event("status", message_id="m", status="read", at=NOON)), {})])
    bare.start("load")
    wait_until("the worker misses ClickHouse", lambda: bare.heartbeat("load").get("last_error"))
    bare.start_clickhouse(tables=False)
    first = migrations()[0].statements
    with bare.environ():
        with connect(bare.config.clickhouse, database="") as client:
            client.command(f"CREATE DATABASE {bare.config.clickhouse.database}")
        with connect(bare.config.clickhouse) as client:
            client.command(
                "CREATE TABLE schema_migrations (number UInt32, name String, checksum String, "
                "applied_at DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = ReplacingMergeTree ORDER BY number"
            )
            for statement in first:
                client.command(statement)
    wait_until("it misses the tables", lambda: "migrations" in (bare.heartbeat("load").get("last_error") or ""))
    assert bare.query("SELECT count() AS n FROM event_log") == [{"n": 0}]
    with bare.environ():
        migrate(bare.config)
    assert list(bare.query(APPLIED)[0].values()) == [len(migrations())]
    wait_until("the message", lambda: bare.query("SELECT status FROM messages") == [{"status": "read"}])
