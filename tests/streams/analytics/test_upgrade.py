"""A database that has the tables of the first version, with messages in them, while workers insert."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from schemas.tables import migrations
from streams.analytics import rollups
from streams.analytics.audit import Audit
from streams.analytics.copy import catch_up
from tests.streams.load.test_lifecycle import rows_of
from tests.support.clickhouse import Server
from tests.support.engine import Engine
from tests.support.events import DAY, NOON, event
from tests.support.stack import wait_until

FIRST = 2  # migrations of the first version
SLOW = 8  # and of the last one without the tables that make panels fast


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("clickhouse") / "data")
    try:
        yield server
    finally:
        server.kill()


def upgrade(engine: Engine, first: int = FIRST) -> None:
    for migration in migrations()[first:]:
        engine.apply(migration)


def messages(engine: Engine) -> list[dict[str, Any]]:
    return engine.rows("SELECT * FROM messages ORDER BY message_id, participant")


def truth(*events: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(rows_of(list(events)).values(), key=lambda row: (row["message_id"], row["participant"]))


def test_what_was_stored_before_is_carried_over_and_joins_what_comes(server: Server) -> None:
    engine = Engine(server, "carried", last=FIRST)
    before = [event("status", message_id=f"m{n}", status="delivered", at=NOON + n) for n in range(50)]
    before += [event("sent", message_id="g", at=NOON, template="t", to="+4930901820")]
    before += [event("system", event="session.status", state="connected", at=NOON)]
    for _ in range(2):
        engine.load(before)
    upgrade(engine)
    assert messages(engine) == truth(*before)
    after = [event("sent", message_id=f"m{n}", at=NOON - n * DAY) for n in range(0, 50, 3)]
    after += [event("status", message_id="g", status="read", participant="11@lid", at=NOON + 5)]
    engine.load(after)
    assert messages(engine) == truth(*before, *after)
    with engine.client() as client:
        catch_up(client)
        assert Audit(client).pass_once() == 0
    assert messages(engine) == truth(*before, *after)
    assert len(engine.rows("SELECT * FROM system_events")) == 1
    tables = {row["name"] for row in engine.rows("SHOW TABLES")}
    assert not {"lifecycle", "lifecycle_mv"} & tables


def test_an_insert_that_was_under_way_is_not_lost(server: Server) -> None:
    engine = Engine(server, "under_way", last=FIRST)
    # An INSERT that lasts for seconds, and was begun with the views of the first version.
    engine.run("CREATE TABLE slow (n UInt8) ENGINE = Null")
    engine.run("CREATE MATERIALIZED VIEW slow_mv TO slow AS SELECT sleepEachRow(0.5) AS n FROM event_log")
    told = [event("sent", message_id=f"m{number}", at=NOON) for number in range(6)]
    inserts = "SELECT count() AS n FROM system.processes WHERE query_kind = 'Insert' AND query LIKE '%event_log%'"
    with ThreadPoolExecutor(1) as pool:
        inserting = pool.submit(engine.load, told)
        wait_until("the INSERT runs", lambda: engine.rows(inserts)[0]["n"])
        upgrade(engine)
        inserting.result()
    assert messages(engine) == truth(*told)


def test_what_older_rollups_and_copies_hold_is_carried_over_and_completed(server: Server) -> None:
    engine = Engine(server, "faster", last=SLOW)
    now = engine.rows("SELECT toUnixTimestamp64Milli(now64(3)) AS ms")[0]["ms"]
    told = [event("sent", message_id=f"m{n}", at=now - DAY, to="+4915550001") for n in range(4)]
    told += [event("status", message_id="m1", status="delivered", at=now - DAY + 1000)]
    told += [event("status", message_id="m2", status="failed", error_code="131026", at=now - DAY + 1000)]
    engine.load(told)
    with engine.client() as client:
        catch_up(client)
        # As the version before left it, with another checksum than this one's.
        client.command(
            "INSERT INTO outbound_log (source, slot, error_code, sent, delivered, failed, checksum, version) "
            "SELECT source, toStartOfFifteenMinutes(cohort_at) AS slot, '', count(), countIf(status = 'delivered'), "
            "countIf(status = 'failed'), 1, 1 FROM cohorts GROUP BY source, slot"
        )
        upgrade(engine, first=SLOW)
        counted = "SELECT sum(o.sent), sum(o.pending), sumForEach(delivered_within) FROM outbound AS o"
        assert client.query(counted).first_row == (4, 2, [])
        assert client.query("SELECT message_id FROM failures").result_rows == [("m2",)]
        assert client.query("SELECT count() FROM recent").first_row == (4,)
        rollups.catch_up(client)
        assert client.query(counted).first_row == (4, 2, [1, 1, 1, 1])
        assert client.query("SELECT count() FROM recipients").first_row == (1,)
    tables = {row["name"] for row in engine.rows("SHOW TABLES")}
    assert not {"rebuilds", "number_log", "number_changes_mv"} & tables
