"""The database of a shadow: its name, its tables, how it is created and removed."""

import re
from typing import TYPE_CHECKING, Final

from schemas.errors import Failure
from schemas.settings.config import Config
from schemas.tables import ACCEPTED_GAP_LOG, RATE_LOG, RATE_STEP_LOG, SAMPLES, SCHEMA_OBJECTS
from streams.replay.sinks import REPLAYED
from streams.runtime.clickhouse import connect
from streams.runtime.migrations import MigrationError, migrate

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_]{0,31}")

# Tables that are not made from events and are not swapped: applied migrations, measurements, settings, checks.
KEPT: Final = frozenset({
    "schema_migrations", SAMPLES, "sample_slot_log", RATE_LOG, RATE_STEP_LOG, "ledger_log", ACCEPTED_GAP_LOG,
    SCHEMA_OBJECTS,
})  # fmt: skip

# Tables of a shadow in addition to those of the live set.
_OWN: Final = {
    # The bodies that the replay has read; other rows of the live tables are not compared.
    REPLAYED: "(request_id String) ENGINE = ReplacingMergeTree ORDER BY request_id",
    # The messages of these bodies, as parsed by this version or by the one that filled the live tables.
    "compared": "(source LowCardinality(String), message_id String) "
    "ENGINE = ReplacingMergeTree ORDER BY (message_id, source)",
    # Units that differed in the last comparison: their columns before and after, empty = no such unit.
    "different_units": "(source LowCardinality(String), message_id String, participant String, "
    "before Array(String), after Array(String)) ENGINE = MergeTree ORDER BY (source, message_id, participant)",
    # How many events differed, by source and kind.
    "different_events": "(source LowCardinality(String), change LowCardinality(String), kind LowCardinality(String), "
    "word String, events UInt64) ENGINE = MergeTree ORDER BY (source, change, kind)",
}


def database_of(config: Config, name: str) -> str:
    """The name of the shadow's database."""
    return f"{config.clickhouse.database}_{name}"


def config_of(config: Config, name: str) -> Config:
    """The settings with the shadow's database as the database."""
    clickhouse = config.clickhouse.model_copy(update={"database": database_of(config, name)})
    return config.model_copy(update={"clickhouse": clickhouse})


def names(config: Config) -> list[str]:
    """The existing shadows."""
    prefix = database_of(config, "")
    with connect(config.clickhouse) as client:
        found = client.query(
            "SELECT database FROM system.tables WHERE name = {table:String} AND startsWith(database, {prefix:String})",
            parameters={"table": REPLAYED, "prefix": prefix},
        ).result_rows
    return sorted(database.removeprefix(prefix) for (database,) in found)


def make(config: Config, name: str) -> None:
    """Creates the shadow's missing tables. Raises Failure when its database exists and is no shadow."""
    database = database_of(config, name)
    with connect(config.clickhouse) as client:
        if name not in names(config) and client.command(
            "SELECT count() FROM system.tables WHERE database = {name:String}", {"name": database}
        ):
            raise Failure(f"ClickHouse has a database {database} that is not a shadow: choose another name")
        client.command(f"CREATE DATABASE IF NOT EXISTS `{database}`")
        for table, columns in _OWN.items():  # first, because they identify a shadow
            client.command(f"CREATE TABLE IF NOT EXISTS `{database}`.`{table}` {columns}")
    update(config, name)


def update(config: Config, name: str) -> None:
    """Applies the shadow's pending migrations. Raises Failure."""
    try:
        migrate(config_of(config, name))
    except MigrationError as error:
        raise Failure(f"{database_of(config, name)}: {error}") from None


def drop(config: Config, name: str) -> bool:
    """Removes the shadow; whether there was one. Another database of that name is not touched."""
    if name not in names(config):
        return False
    with connect(config.clickhouse) as client:
        client.command(f"DROP DATABASE `{database_of(config, name)}` SYNC")
    return True


def tables(client: "Client", database: str) -> dict[str, str]:
    """The UUIDs, by name, of the tables that are made from events."""
    found = client.query(
        "SELECT name, toString(uuid) FROM system.tables "
        "WHERE database = {database:String} AND engine LIKE '%MergeTree' AND name NOT LIKE '.inner%'",
        parameters={"database": database},
    ).result_rows
    return {name: uuid for name, uuid in found if name not in KEPT and name not in _OWN}
