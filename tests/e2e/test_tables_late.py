"""A load worker that starts before the tables exist waits for the last migration."""

import orjson

from schemas.tables import migrations
from schemas.topics import EVENTS
from streams.runtime.clickhouse import connect
from streams.runtime.migrations import COUNT_APPLIED, migrate
from tests.support.events import NOON, event
from tests.support.stack import Stack, put
from tests.support.waiting import wait_until


def test_no_event_is_inserted_before_its_materialized_views_exist(bare_kafka: Stack) -> None:
    put(bare_kafka, [(EVENTS.name, orjson.dumps(event("status", message_id="m", status="read", at=NOON)), {})])
    bare_kafka.start("load")
    wait_until(
        "the worker reports that ClickHouse does not answer", lambda: bare_kafka.heartbeat("load").get("last_error")
    )
    bare_kafka.start_clickhouse(tables=False)
    first = migrations()[0].statements
    with bare_kafka.environ():
        with connect(bare_kafka.config.clickhouse, database="") as client:
            client.command(f"CREATE DATABASE {bare_kafka.config.clickhouse.database}")
        with connect(bare_kafka.config.clickhouse) as client:
            client.command(
                "CREATE TABLE schema_migrations (number UInt32, name String, checksum String, "
                "applied_at DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = ReplacingMergeTree ORDER BY number"
            )
            for statement in first:
                client.command(statement)
    wait_until(
        "the worker reports the missing migrations",
        lambda: "migrations" in (bare_kafka.heartbeat("load").get("last_error") or ""),
    )
    assert bare_kafka.query("SELECT count() AS n FROM event_log") == [{"n": 0}]
    with bare_kafka.environ():
        migrate(bare_kafka.config)
    assert list(bare_kafka.query(COUNT_APPLIED)[0].values()) == [len(migrations())]
    wait_until(
        "the message is in its view", lambda: bare_kafka.query("SELECT status FROM messages") == [{"status": "read"}]
    )
