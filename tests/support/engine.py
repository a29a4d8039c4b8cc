"""The product's tables on the real ClickHouse engine, for tests of the SQL alone."""

import json
from collections.abc import Sequence
from typing import Any

import orjson
from clickhouse_connect.driver import Client

from schemas.tables import EVENT_LOG, INSERT_SETTINGS, Migration, migrations
from tests.support.clickhouse import Server


class Engine:
    """A database with all migrations applied, or only those up to number `last`."""

    def __init__(self, server: Server, database: str = "schema_test", last: int | None = None) -> None:
        self.server = server
        self.database = database
        server.ok(f"CREATE DATABASE {database} ENGINE = Atomic")
        for migration in migrations()[:last]:
            self.apply(migration)

    def apply(self, migration: Migration, upto: int | None = None) -> None:
        """Runs the statements of a migration, or only the first `upto`."""
        for statement in migration.statements[:upto]:
            self.run(statement)

    def client(self) -> Client:
        """A client as the product's own processes use it, for the user with all rights."""
        return self.server.client(database=self.database)

    def load(self, events: Sequence[dict[str, Any]]) -> None:
        """Inserts events with one INSERT, as the workers do."""
        rows = b"\n".join(map(orjson.dumps, events))
        self.run(rows, query=f"INSERT INTO {EVENT_LOG} FORMAT JSONEachRow", **INSERT_SETTINGS)

    def clear(self) -> None:
        """Empties every table that has rows."""
        filled = "SELECT name FROM system.tables WHERE database = currentDatabase() AND total_rows > 0"
        for table in self.rows(filled):
            self.run(f"TRUNCATE TABLE {table['name']}")

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a query; times as ISO text."""
        form = {"date_time_output_format": "iso", "output_format_json_quote_64bit_integers": "0"}
        found: list[dict[str, Any]] = json.loads(self.run(sql, default_format="JSON", **form))["data"]
        return found

    def run(self, sql: str | bytes, **parameters: str) -> str:
        """The text of the answer. Fails with ClickHouse's error."""
        return self.server.ok(sql, database=self.database, **parameters)
