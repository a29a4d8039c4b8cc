"""The product's tables on a real ClickHouse, filled as the product fills them, and panels queried as the page does."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from clickhouse_connect.driver import Client

from dashboards.panel import Panel
from streams.analytics import copy, rollups
from tests.dashboards.panels.model import utc
from tests.support.clickhouse import ADMIN, VIEWER, Server
from tests.support.engine import Engine

# The parameters of a panel unless a test sets others: everything that is stored.
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
    """The answer of a panel: its columns in order with ClickHouse's types, and the rows by column name."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[Row]


class Tables:
    """A database. Events go in through event_log and the product's own jobs; the read-only user asks the panels."""

    def __init__(self, server: Server, database: str) -> None:
        self.engine = Engine(server, database)
        self.writer: Client = server.client(ADMIN, database=database)
        self.reader: Client = server.client(VIEWER, database=database)

    def load(self, *batches: Sequence[dict[str, Any]]) -> None:
        """One INSERT for each batch; afterwards the copy and the rollups are up to date."""
        for batch in batches:
            if batch:
                self.engine.load(batch)
        self.settle()

    def settle(self) -> None:
        """Brings the copy and the rollups up to date."""
        copy.catch_up(self.writer)
        rollups.catch_up(self.writer)

    def clear(self) -> None:
        """Empties every table that holds rows, except the state of the copy: without it the copy would be rebuilt."""
        filled = self.engine.rows(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%Tree' "
            "AND total_rows > 0 AND name != 'copy_state'"
        )
        for table in filled:
            self.engine.run(f"TRUNCATE TABLE {table['name']}")

    def ask(self, panel: Panel, **values: Any) -> Answer:
        """The panel's answer. `start` and `end` are the range in ms or datetimes; times are returned in UTC."""
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
        """ClickHouse's clock, ms."""
        ((milliseconds,),) = self.writer.query("SELECT toUnixTimestamp64Milli(now64(3))").result_rows
        return int(milliseconds)


def _value(kind: str, value: Any) -> Any:
    """Times as UTC datetimes; money with all decimals, other fractions as floats."""
    if value is None:
        return None
    if "DateTime" in kind:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    if "Decimal" in kind:
        return Decimal(value)
    return float(value) if isinstance(value, Decimal) else value
