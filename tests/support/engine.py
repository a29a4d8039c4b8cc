"""The real ClickHouse engine inside the test process, with the product's migrations applied. IO: memory only."""

import json
from collections.abc import Sequence
from typing import Any

import chdb
import orjson

from schemas.tables import EVENT_LOG, INSERT_SETTINGS, migrations


class Engine:
    """A database of its own in the process's one engine."""

    _connection: Any = None

    def __init__(self, database: str) -> None:
        if Engine._connection is None:
            Engine._connection = chdb.connect(":memory:")
        self._run(f"DROP DATABASE IF EXISTS {database}")
        self._run(f"CREATE DATABASE {database} ENGINE = Atomic")
        self._run(f"USE {database}")
        for migration in migrations():
            for statement in migration.statements:
                self._run(statement)

    def load(self, events: Sequence[dict[str, Any]]) -> None:
        """One INSERT, as the workers make it."""
        settings = ", ".join(f"{name} = '{value}'" for name, value in INSERT_SETTINGS.items())
        rows = b"\n".join(map(orjson.dumps, events)).decode()
        self._run(f"INSERT INTO {EVENT_LOG} SETTINGS {settings} FORMAT JSONEachRow {rows}\n")

    def clear(self) -> None:
        """Empties every table that holds rows."""
        for table in ("event_log", "delivery_log", "lifecycle", "dead_letter_log"):
            self._run(f"TRUNCATE TABLE {table}")

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a query; times as ISO text."""
        text = str(
            self._connection.query(
                f"{sql} SETTINGS date_time_output_format = 'iso', output_format_json_quote_64bit_integers = 0", "JSON"
            )
        )
        found: list[dict[str, Any]] = json.loads(text)["data"]
        return found

    def _run(self, sql: str) -> None:
        self._connection.query(sql)
