"""The product's tables on the real engine, filled as the product fills them, and panels asked as the page asks. IO."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver import Client

from dashboards.panel import Panel
from streams.analytics import copy, rollups
from tests.dashboards.panels.model import utc
from tests.support.clickhouse import ADMIN, VIEWER, Server
from tests.support.engine import Engine

DATABASE = "panels_test"
# What a panel is asked with unless a test says otherwise: everything there can be.
EVERYTHING: dict[str, Any] = {
    "from": datetime(2009, 1, 1, tzinfo=UTC),
    "to": datetime(2100, 1, 1, tzinfo=UTC),
    "zone": "UTC",
    "bucket": "day",
    "sources": [],
    "templates": [],
    "campaigns": [],
    "mask": 1,
}
Row = dict[str, Any]


@dataclass(slots=True, frozen=True)
class Answer:
    """What came back: the columns in their order with ClickHouse's types, the rows by name."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[Row]


class Tables:
    """Events go in through event_log and the product's own jobs; answers come out for the read-only user."""

    def __init__(self, server: Server) -> None:
        self.engine = Engine(server, DATABASE)
        self.writer: Client = server.client(ADMIN, database=DATABASE)
        self.reader: Client = server.client(VIEWER, database=DATABASE)

    def load(self, *batches: Sequence[dict[str, Any]]) -> None:
        """Each batch is one INSERT; then the copy and the rollups have everything."""
        for batch in batches:
            if batch:
                self.engine.load(batch)
        self.settle()

    def settle(self) -> None:
        """Lets the copy and the rollups catch up."""
        copy.catch_up(self.writer)
        rollups.catch_up(self.writer)

    def clear(self) -> None:
        """Empties every table that holds rows, whatever the migrations have made."""
        tables = "FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%Tree' AND total_rows > 0"
        found = self.engine.rows(f"SELECT name {tables}")
        for table in found:
            self.engine.run(f"TRUNCATE TABLE {table['name']}")

    def ask(self, panel: Panel, **values: Any) -> Answer:
        """The panel's answer. `start` and `end` are the range in ms or datetimes; times come back in UTC."""
        for name, parameter in (("start", "from"), ("end", "to")):
            if name in values:
                moment = values.pop(name)
                values[parameter] = moment if isinstance(moment, datetime) else utc(moment)
        text = self.reader.raw_query(panel.sql, EVERYTHING | values, fmt="JSONCompact")
        found = json.loads(text, parse_float=Decimal)
        names, types = ([column[key] for column in found["meta"]] for key in ("name", "type"))
        rows = [[_value(*cell) for cell in zip(types, row, strict=True)] for row in found["data"]]
        return Answer(tuple(names), tuple(types), [dict(zip(names, row, strict=True)) for row in rows])

    def rows(self, panel: Panel, **values: Any) -> list[Row]:
        """The rows of `ask`."""
        return self.ask(panel, **values).rows

    def row(self, panel: Panel, **values: Any) -> Row:
        """The only row of `ask`."""
        (row,) = self.rows(panel, **values)
        return row

    def now(self) -> int:
        """The engine's clock, ms."""
        return int(self.writer.command("SELECT toUnixTimestamp64Milli(now64(3))"))


def _value(kind: str, value: Any) -> Any:
    """Moments as such, all of them in UTC; money with every decimal, other fractions as floats."""
    if value is None:
        return None
    if "DateTime" in kind:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    if "Decimal" in kind:
        return Decimal(value)
    return float(value) if isinstance(value, Decimal) else value


@pytest.fixture(scope="session")
def _tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tables]:
    server = Server(tmp_path_factory.mktemp("panels") / "data")
    try:
        yield Tables(server)
    finally:
        server.kill()


@pytest.fixture
def tables(_tables: Tables) -> Tables:
    """Empty tables; a Hypothesis test calls `tables.clear()` before each example."""
    _tables.clear()
    return _tables
