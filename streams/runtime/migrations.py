"""The numbered SQL files of `schemas/clickhouse`: applied by commands, waited for by workers."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from schemas.errors import Failure
from schemas.settings.config import Config
from schemas.tables import Migration, migrations
from streams.runtime.clickhouse import CLICKHOUSE_ERRORS, ClickHouseError, connect, describe
from streams.runtime.retries import Report, Retries

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

COUNT_APPLIED = "SELECT uniqExact(number) FROM schema_migrations"


class MigrationError(Failure):
    """The database and the files disagree; the text is one sentence with the remedy."""


async def wait_for_migrations(count_applied: Callable[[], Awaitable[int]], report: Report) -> None:
    """Returns when the database has every migration of this version; `count_applied` runs COUNT_APPLIED."""
    retries = Retries(report)
    while True:
        try:
            applied = await count_applied()
        except CLICKHOUSE_ERRORS as error:
            await retries.pause(f"ClickHouse does not report its migrations: {describe(error)}")
        else:
            if applied >= len(migrations()):
                retries.succeeded()
                return
            await retries.pause("ClickHouse lacks migrations of this version: run `ackstream migrate`")


def migrate(config: Config) -> list[str]:
    """Creates the database and applies the pending files; returns their names. Safe to repeat after a crash.

    Every statement is IF NOT EXISTS, so a file that was interrupted is applied again from its start.
    Raises MigrationError for an applied file that was edited or removed, and for a statement that fails.
    """
    database = config.clickhouse.database
    with connect(config.clickhouse, database="") as client:
        client.command(f"CREATE DATABASE IF NOT EXISTS {database}")
    with connect(config.clickhouse) as client:
        client.command(
            "CREATE TABLE IF NOT EXISTS schema_migrations (number UInt32, name String, checksum String, "
            "applied_at DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = ReplacingMergeTree ORDER BY number"
        )
        pending = unapplied(client, migrations())
        for migration in pending:
            _apply(client, migration)
    return [migration.name for migration in pending]


def unapplied(client: "Client", files: list[Migration]) -> list[Migration]:
    """The files that the database does not have. Raises MigrationError when an applied file differs."""
    applied = {
        number: (name, checksum)
        for number, name, checksum in client.query(
            "SELECT number, name, checksum FROM schema_migrations FINAL ORDER BY number"
        ).result_rows
    }
    for number, (name, checksum) in applied.items():
        file = files[number - 1] if number <= len(files) else None
        if file is None:
            raise MigrationError(f"the database has migration {name}, this version does not: run a newer ackstream")
        if file.checksum != checksum:
            raise MigrationError(f"{file.name} was edited after it was applied: restore it and add a new file instead")
    return [file for file in files if file.number not in applied]


def _apply(client: "Client", migration: Migration) -> None:
    for statement in migration.statements:
        try:
            client.command(statement)
        except ClickHouseError as error:
            first = statement.removeprefix("-- ").splitlines()[0]
            raise MigrationError(f"{migration.name} failed at {first!r}: {error}") from None
    client.insert(
        "schema_migrations",
        [[migration.number, migration.name, migration.checksum]],
        column_names=["number", "name", "checksum"],
    )
