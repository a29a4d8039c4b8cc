# ruff: noqa: S608  (names of tables and columns that are in this file)
"""The tables of the rollups on the real engine: units are inserted as the copy writes them, views are read."""

from collections.abc import Iterable

import orjson
from clickhouse_connect.driver import Client

from streams.analytics import rollups
from tests.streams.analytics import rollup_model as model
from tests.streams.analytics.rollup_model import Row, Unit
from tests.support.clickhouse import ADMIN, Server
from tests.support.engine import Engine

DATABASE = "rollups_test"
COLUMNS = {
    "outbound": "source, slot, account, provider, template, campaign, category, country, is_group, pricing_category, "
    "pricing_type, error_code, sent, delivered, read, failed, pending, orphan, billable, to_delivered_ms, to_read_ms, "
    "negative_delivered, negative_read, delivered_within, read_within",
    "inbound": "source, slot, account, country, type, is_group, messages",
    "turns": "source, slot, account, country, turns, answered, response_ms",
    "number_evidence": "source, customer, country, sends, undeliverable, silent, first_evidence_at, last_evidence_at, "
    "last_sent_at, last_delivered_at, last_read_at, last_inbound_at",
    "arrivals": "source, slot, kind, deliveries, repeats, last_received_at",
}
# A slot may have two rows, which panels add up.
VIEWS = {
    "arrivals": "(SELECT source, slot, kind, sum(a.deliveries) AS deliveries, sum(a.repeats) AS repeats, "
    "max(a.last_received_at) AS last_received_at FROM arrivals AS a GROUP BY source, slot, kind)"
}


class Tables:
    """One database. `units` = the units in the copy at present."""

    def __init__(self, server: Server, database: str = DATABASE) -> None:
        self.server = server
        self.engine = Engine(server, database)
        self.client: Client = server.client(ADMIN, database=database)
        self.units: dict[tuple[str, str, str], Unit] = {}
        self._version = 0

    def put(self, *units: Unit) -> None:
        """One INSERT of the copy: each unit as it is now, and a row `gone` at the day where it was before."""
        self._version += 1
        rows = []
        for unit in units:
            before = self.units.get(unit.key)
            if before is not None and before.at // model.DAY != unit.at // model.DAY:
                rows.append(self._row(unit, before.at // model.DAY * model.DAY, gone=True))
            rows.append(self._row(unit, unit.at, gone=False))
            self.units[unit.key] = unit
        self.insert("cohort_log", rows)

    def insert(self, table: str, rows: Iterable[dict[str, object]]) -> None:
        """One INSERT."""
        self.engine.run(b"\n".join(map(orjson.dumps, rows)), query=f"INSERT INTO {table} FORMAT JSONEachRow")

    def _row(self, unit: Unit, at: int, *, gone: bool) -> dict[str, object]:
        named = {name: getattr(unit, name) for name in Unit.__slots__ if name != "at"}
        moments = {name: _seconds(value) for name, value in named.items() if name.endswith("_at")}
        known = {"cohort_at": _seconds(at), "provider": "meta", "version": self._version, "gone": int(gone)}
        return named | moments | known

    def rows(self, view: str) -> set[Row]:
        """All rows of a view: times in ms, lists as tuples. Fails when two are the same."""
        names = COLUMNS[view].split(", ")
        chosen = [f"{_MS.format(name)} AS {name}_" if name in _TIMES else name for name in names]
        found = self.client.query(f"SELECT {', '.join(chosen)} FROM {VIEWS.get(view, view)}").result_rows
        rows = [tuple(tuple(cell) if isinstance(cell, list) else cell for cell in row) for row in found]
        assert len(set(rows)) == len(rows)
        return set(rows)

    def check(self) -> None:
        """Every rollup of the copy equals its units."""
        units = self.units.values()
        assert self.rows("outbound") == model.outbound(units)
        assert self.number(_DIFFERENT_DAYS) == 0
        assert self.rows("inbound") == model.inbound(units)
        assert self.rows("turns") == model.turns(units)
        assert self.rows("number_evidence") == model.evidence(units, self.now())

    def settle(self) -> None:
        """Lets the rollups catch up, and checks them."""
        rollups.catch_up(self.client)
        self.check()

    def now(self) -> int:
        """The engine's clock, ms."""
        return self.number("SELECT toUnixTimestamp64Milli(now64(3))")

    def number(self, sql: str) -> int:
        """The only cell of an answer."""
        return int(self.client.query(sql).result_rows[0][0])

    def clear(self) -> None:
        """Empties every table that has rows."""
        tables = "FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%Tree' AND total_rows > 0"
        for (table,) in self.client.query(f"SELECT name {tables}").result_rows:
            self.client.command(f"TRUNCATE TABLE {table}")
        self.units.clear()


# Rows of the rollup of days that are not the sums of `outbound`, and the reverse.
_DIFFERENT_DAYS = """
WITH (SELECT arraySort(groupArray((source, slot, template, campaign, category, is_group, sent, delivered, read, failed,
    orphan))) FROM outbound_day_log FINAL WHERE sent > 0) AS days,
    (SELECT arraySort(groupArray((source, day, template, campaign, category, is_group, totals.1, totals.2, totals.3,
        totals.4, totals.5)))
    FROM
    (
        SELECT source, toStartOfDay(o.slot) AS day, template, campaign, category, is_group,
            (sum(o.sent), sum(o.delivered), sum(o.read), sum(o.failed), sum(o.orphan)) AS totals
        FROM outbound AS o
        GROUP BY source, day, template, campaign, category, is_group
    )) AS sums
SELECT days != sums"""
_TIMES = (
    "slot", "first_evidence_at", "last_evidence_at", "last_sent_at", "last_delivered_at", "last_read_at",
    "last_inbound_at", "last_received_at",
)  # fmt: skip
_MS = "toUnixTimestamp64Milli(toDateTime64({}, 3, 'UTC'))"


def _seconds(ms: int | None) -> str | None:
    """A moment as ClickHouse reads it from JSON."""
    return None if ms is None else f"{ms / 1000:.3f}"
