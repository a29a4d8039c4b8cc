"""The product's tables on the real ClickHouse engine, for tests of the SQL alone. IO: a server process."""

import json
from collections.abc import Sequence
from typing import Any

import orjson

from schemas.tables import EVENT_LOG, INSERT_SETTINGS, migrations
from tests.support.clickhouse import Server


class Engine:
    """A database with all migrations applied."""

    def __init__(self, server: Server, database: str = "schema_test") -> None:
        self._server = server
        self._database = database
        server.ok(f"CREATE DATABASE {database} ENGINE = Atomic")
        for migration in migrations():
            for statement in migration.statements:
                self.run(statement)

    def load(self, events: Sequence[dict[str, Any]]) -> None:
        """One INSERT, as the workers make it."""
        rows = b"\n".join(map(orjson.dumps, events))
        self.run(rows, query=f"INSERT INTO {EVENT_LOG} FORMAT JSONEachRow", **INSERT_SETTINGS)

    def clear(self) -> None:
        """Empties every table that holds rows."""
        for table in ("event_log", "delivery_log", "lifecycle", "dead_letter_log"):
            self.run(f"TRUNCATE TABLE {table}")

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a query; times as ISO text."""
        form = {"date_time_output_format": "iso", "output_format_json_quote_64bit_integers": "0"}
        found: list[dict[str, Any]] = json.loads(self.run(sql, default_format="JSON", **form))["data"]
        return found

    def run(self, sql: str | bytes, **parameters: str) -> str:
        """The text of an answer. Fails with ClickHouse's error."""
        return self._server.ok(sql, database=self._database, **parameters)
