"""Tables and views that are missing or differ are named, and restored where that is safe."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.settings.config import Config
from streams.runtime.clickhouse import connect
from streams.runtime.migrations import migrate
from streams.runtime.schema_objects import Drift, compare, drift_of, restore, sentences
from tests.support.clickhouse import ADMIN, Server


def test_what_is_missing_or_differs_is_named_with_its_remedy() -> None:
    expected = {"t": ("MergeTree", "CREATE t"), "t_mv": ("MaterializedView", "CREATE mv"), "v": ("View", "CREATE v")}
    assert compare({}, {}) == Drift({}, {})
    assert not compare(expected, {**expected, "of_the_user": ("MergeTree", "CREATE u")})
    replay = "then `ackstream replay --from beginning` fills it with what Kafka has"
    table, view, plain = sentences(compare(expected, {}))
    assert table == f"ClickHouse lacks the table t: `ackstream migrate` makes it anew, {replay}"
    assert view.startswith("ClickHouse lacks the materialized view t_mv, so that its table gets no rows: ")
    assert view.endswith(f"`ackstream migrate` restores it, {replay}")
    assert plain == "ClickHouse lacks the view v: `ackstream migrate` restores it"
    (changed,) = sentences(compare(expected, {**expected, "v": ("View", "CREATE other")}))
    assert changed.endswith("is not as the migrations make it: `DROP VIEW v` and `ackstream migrate` restore it")


@pytest.fixture
def config(clickhouse: Server, tmp_path: Path) -> Iterator[Config]:
    """Settings of a database of the test's own."""
    (tmp_path / "password").write_text(ADMIN[1])
    settings = {
        "url": clickhouse.url, "user": ADMIN[0], "database": "drift", "password": {"file": str(tmp_path / "password")},
    }  # fmt: skip
    yield Config.model_validate({"data_dir": tmp_path, "clickhouse": settings})
    clickhouse.ok("DROP DATABASE IF EXISTS drift SYNC")


def test_missing_objects_are_restored_and_changed_ones_are_left(config: Config, clickhouse: Server) -> None:
    migrate(config)
    with connect(config.clickhouse) as client:
        assert not drift_of(client, "drift")  # nobody has kept what the migrations make
        assert restore(config) == []
        assert not drift_of(client, "drift")
        for statement in (
            "DROP VIEW messages SYNC", "DROP VIEW delivery_log_mv SYNC", "DROP TABLE ledger_log SYNC",
            "ALTER TABLE event_log ADD COLUMN note String",
        ):  # fmt: skip
            client.command(statement)
        drift = drift_of(client, "drift")
        assert set(drift.missing) == {"messages", "delivery_log_mv", "ledger_log"}
        assert set(drift.different) == {"event_log"}
        made = restore(config)
        assert [line.partition(";")[0].partition(" in ")[0] for line in made] == [
            "restored delivery_log_mv", "restored ledger_log", "restored messages", "event_log",
        ]  # fmt: skip
        assert set(drift_of(client, "drift").missing) == set()
        assert client.command("SELECT count() FROM messages") == 0
    assert clickhouse.ok("SELECT count() FROM system.databases WHERE name LIKE 'drift_schema%'") == "0\n"
