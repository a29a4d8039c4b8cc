"""Whether ClickHouse still has the tables and views that the migrations make.

A dropped materialized view loses rows without an error. So the objects that the migrations of this version make are
read from an empty database in which all of them were applied, kept in the table `schema_objects`, and compared with
those of the live database: by `ackstream migrate` and `make up`, which restore what is missing, by the load worker at
its start, and by `ackstream status`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from schemas.settings.config import Config
from schemas.tables import SCHEMA_OBJECTS, migrations
from streams.runtime.clickhouse import connect
from streams.runtime.migrations import migrate

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# name -> (engine, definition)
Objects = Mapping[str, tuple[str, str]]
LIVE: Final = (
    "SELECT name, engine, create_table_query FROM system.tables "
    "WHERE database = {database:String} AND NOT startsWith(name, '.inner')"
)
EXPECTED: Final = f"SELECT name, engine, definition FROM {SCHEMA_OBJECTS} FINAL WHERE version = {{version:String}}"  # noqa: S608
_REPLAY: Final = "then `ackstream replay --from beginning` fills it with what Kafka has"


@dataclass(slots=True, frozen=True)
class Drift:
    """The objects of the migrations that the database lacks, and those that it has in another form; name -> engine."""

    missing: Mapping[str, str]
    different: Mapping[str, str]

    def __bool__(self) -> bool:
        return bool(self.missing or self.different)


def version() -> str:
    """A name of the set of migrations of this version."""
    return sha256("".join(file.checksum for file in migrations()).encode()).hexdigest()[:16]


def objects(rows: Iterable[Sequence[Any]], database: str) -> dict[str, tuple[str, str]]:
    """The rows of LIVE by name, with definitions that do not depend on the name of the database."""
    return {name: (engine, query.replace(f"{database}.", "")) for name, engine, query in rows}


def compare(expected: Objects, live: Objects) -> Drift:
    """What the database lacks or has in another form. Without `expected` nothing is known, and nothing is reported."""
    return Drift(
        {name: engine for name, (engine, _) in expected.items() if name not in live},
        {name: engine for name, (engine, text) in expected.items() if name in live and live[name][1] != text},
    )


def sentences(drift: Drift) -> list[str]:
    """One for each object, with the remedy."""
    lines = []
    for name, engine in sorted(drift.missing.items()):
        if engine == "View":
            lines.append(f"ClickHouse lacks the view {name}: `ackstream migrate` restores it")
        elif engine == "MaterializedView":
            lines.append(
                f"ClickHouse lacks the materialized view {name}, so that its table gets no rows: `ackstream migrate` "
                f"restores it, {_REPLAY}"
            )
        else:
            lines.append(f"ClickHouse lacks the table {name}: `ackstream migrate` makes it anew, {_REPLAY}")
    for name, engine in sorted(drift.different.items()):
        if engine in ("View", "MaterializedView"):
            remedy = f"`DROP VIEW {name}` and `ackstream migrate` restore it"
        else:
            remedy = "undo the ALTER, or rename the table, run `ackstream migrate` and replay"
        lines.append(f"{name} in ClickHouse is not as the migrations make it: {remedy}")
    return lines


def drift_of(client: "Client", database: str) -> Drift:
    """How the database differs from the migrations; no drift while nobody has run `ackstream migrate` of this version.

    Raises ClickHouseError.
    """
    live = objects(client.query(LIVE, parameters={"database": database}).result_rows, database)
    if SCHEMA_OBJECTS not in live:
        return Drift({}, {})
    rows = client.query(EXPECTED, parameters={"version": version()}).result_rows
    return compare({name: (engine, text) for name, engine, text in rows}, live)


def restore(config: Config) -> list[str]:
    """Makes the missing objects, after `migrate`; returns sentences about what was made and what still differs.

    Raises MigrationError and ClickHouseError.
    """
    database = config.clickhouse.database
    with connect(config.clickhouse) as client:
        client.command(
            f"CREATE TABLE IF NOT EXISTS {SCHEMA_OBJECTS} (version String, name String, engine String, "
            "definition String) ENGINE = ReplacingMergeTree ORDER BY (version, name)"
        )
        known = client.query(EXPECTED, parameters={"version": version()}).result_rows
        if not known:
            known = _record(config, client)
        expected = {name: (engine, text) for name, engine, text in known}
        drift = drift_of(client, database)
        for name in _in_order(drift.missing):
            client.command(expected[name][1])
    made = [
        f"restored {name}" + ("" if engine == "View" else f"; {_REPLAY}")
        for name, engine in sorted(drift.missing.items())
    ]
    return made + sentences(Drift({}, drift.different))


def _in_order(missing: Mapping[str, str]) -> list[str]:
    """Tables before materialized views, which write into them and read from them, and views at the end."""
    rank = {"MaterializedView": 1, "View": 2}
    return sorted(missing, key=lambda name: (rank.get(missing[name], 0), name))


def _record(config: Config, client: "Client") -> list[tuple[str, str, str]]:
    """Keeps what the migrations make in a database of their own; returns its rows."""
    scratch = f"{config.clickhouse.database}_schema_{version()}"
    clickhouse = config.clickhouse.model_copy(update={"database": scratch})
    try:
        migrate(config.model_copy(update={"clickhouse": clickhouse}))
        found = objects(client.query(LIVE, parameters={"database": scratch}).result_rows, scratch)
    finally:
        client.command(f"DROP DATABASE IF EXISTS {scratch} SYNC")
    rows = [(name, engine, text) for name, (engine, text) in sorted(found.items())]
    client.insert(
        SCHEMA_OBJECTS,
        [[version(), *row] for row in rows],
        column_names=["version", "name", "engine", "definition"],
    )
    return rows
