"""Migrations on the real engine: applied once, again without effect, while events come; refused when edited."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from schemas.settings.base import Secret
from schemas.settings.config import Config
from schemas.settings.sections import ClickHouse
from schemas.tables import Migration, migrations
from streams.analytics import copy_sql
from streams.analytics.copy import catch_up
from streams.runtime.clickhouse import connect
from streams.runtime.migrations import MigrationError, migrate, unapplied
from tests.streams.load.test_lifecycle import rows_of
from tests.support.clickhouse import ADMIN
from tests.support.engine import Engine
from tests.support.events import NOON, event
from tests.support.waiting import wait_until


@pytest.fixture
def config(engine: Engine, tmp_path: Path) -> Config:
    """The settings of a database of this test alone."""
    password = tmp_path / "password"
    password.write_text(ADMIN[1])
    password.chmod(0o600)
    database = f"migrated_{tmp_path.name}".replace("-", "_")
    return Config(
        clickhouse=ClickHouse(url=engine.server.url, user=ADMIN[0], password=Secret(file=password), database=database)
    )


def replaced(files: list[Migration], place: int, file: Migration) -> list[Migration]:
    return [*files[:place], file, *files[place + 1 :]]


def test_migrations_are_applied_once(config: Config) -> None:
    assert migrate(config) == [file.name for file in migrations()]
    assert migrate(config) == []
    with connect(config.clickhouse) as client:
        assert unapplied(client, migrations()) == []


def test_an_edited_or_missing_file_is_refused_with_the_way_out(config: Config) -> None:
    migrate(config)
    files = migrations()
    edited = Migration(2, files[1].name, files[1].statements, "another checksum")
    with connect(config.clickhouse) as client:
        with pytest.raises(MigrationError, match=r"0002_lifecycle.sql was edited .* restore it and add a new file"):
            unapplied(client, replaced(files, 1, edited))
        with pytest.raises(MigrationError, match=f"has migration {files[-1].name}, .* run a newer ackstream"):
            unapplied(client, files[:-1])


def copy_without_the_column(engine: Engine) -> None:
    """Copies all units as the version before callback_data did."""
    state = {"rebuild": 1, "touched_before": time.time_ns(), "complete": 1, "message_id": ""}
    with engine.client() as client:
        client.command(copy_sql.COPY_REST.replace("callback_data, ", ""), parameters={"first": ""})
        client.command(copy_sql.SET_STATE, parameters=state)


def test_a_new_column_is_filled_from_events_that_were_stored_before_and_from_inserts_under_way(engine: Engine) -> None:
    """The migration of callback_data, while an INSERT runs that began with the views of before, applied twice."""
    place = next(place for place, file in enumerate(migrations()) if "callback_data" in file.name)
    old = Engine(engine.server, "before_callback_data", last=place)
    stored = [event("sent", message_id=f"m{n}", at=NOON, template="t", callback_data=f"c{n}") for n in range(5)]
    stored += [event("status", message_id="m1", status="read", participant="+4915550009", at=NOON + 1)]
    old.load(stored)
    copy_without_the_column(old)
    old.run("CREATE TABLE slow (n UInt8) ENGINE = Null")
    old.run("CREATE MATERIALIZED VIEW slow_mv TO slow AS SELECT sleepEachRow(0.5) AS n FROM event_log")
    arriving = [event("sent", message_id=f"n{n}", at=NOON, callback_data=f"d{n}") for n in range(6)]
    inserts = "SELECT count() AS n FROM system.processes WHERE query_kind = 'Insert' AND query LIKE '%event_log%'"
    with ThreadPoolExecutor(1) as pool:
        inserting = pool.submit(old.load, arriving)
        wait_until("the INSERT runs", lambda: old.rows(inserts)[0]["n"])
        for file in migrations()[place:] * 2:
            old.apply(file)
        inserting.result()
    expected = sorted(rows_of(stored, arriving).values(), key=lambda row: (row["message_id"], row["participant"]))
    assert {row["callback_data"] for row in expected} == {*(f"c{n}" for n in range(5)), *(f"d{n}" for n in range(6))}
    messages = "SELECT * FROM messages ORDER BY message_id, participant"
    assert old.rows(messages) == expected
    with old.client() as client:
        catch_up(client)
    assert old.rows(messages) == expected
    assert [row["name"] for row in old.rows("SHOW TABLES LIKE 'lifecycle_log%'")] == [
        "lifecycle_log",
        "lifecycle_log_mv",
    ]
