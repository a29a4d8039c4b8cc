"""The settings' rate card as a table, so that page, Grafana and SQL see the same prices. IO: ClickHouse."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from schemas.config import Costs
from schemas.tables import RATE_LOG

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_COLUMNS = ("currency", "valid_from", "category", "country", "price")
_Row = tuple[str, date, str, str, Decimal]
_EMPTY_DAY = date(1970, 1, 1)


def publish(client: "Client", costs: Costs) -> bool:
    """Makes `costs` the card in force; False when it is already. Raises ClickHouseError and OSError."""
    newest = f"written_at = (SELECT max(written_at) FROM {RATE_LOG})"  # noqa: S608
    stored = client.query(f"SELECT {', '.join(_COLUMNS)}, written_at FROM {RATE_LOG} WHERE {newest}").result_rows  # noqa: S608
    wanted = _rows(costs)
    if {tuple(row[:-1]) for row in stored} == set(wanted):
        return False
    at = datetime.now(UTC)
    if stored:  # a clock that was set back must not leave an old card in force
        at = max(at, stored[0][-1].replace(tzinfo=UTC) + timedelta(microseconds=1))
    client.insert(RATE_LOG, [(at, *row) for row in wanted], column_names=["written_at", *_COLUMNS])
    return True


def _rows(costs: Costs) -> list[_Row]:
    marker = (costs.currency, _EMPTY_DAY, "", "", Decimal(0))
    return [marker, *((costs.currency, r.valid_from, r.category, r.country, r.price) for r in costs.rates)]
