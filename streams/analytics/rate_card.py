"""The rate card of the settings as tables, so that page, Grafana and SQL see the same prices."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from schemas.countries import country_codes
from schemas.settings.costs import expand
from schemas.settings.sections import Costs
from schemas.tables import RATE_LOG, RATE_STEP_LOG

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_COLUMNS = ("currency", "valid_from", "category", "country", "price")
# A version without prices is one row without a category.
_NOTHING = (date(1970, 1, 1), "", "", Decimal(0))


def publish(client: "Client", costs: Costs) -> bool:
    """Makes `costs` the valid rate card; False when it was already. Raises CLICKHOUSE_ERRORS."""
    card = ((rate.valid_from, rate.category, rate.country, rate.price) for rate in costs.rates)
    tables = {RATE_LOG: card, RATE_STEP_LOG: expand(costs.rates, ("", *country_codes()))}
    changes = [
        _write(client, table, {(costs.currency, *row) for row in (_NOTHING, *rows)}) for table, rows in tables.items()
    ]
    return any(changes)


def _write(client: "Client", table: str, wanted: set[tuple[Any, ...]]) -> bool:
    """Makes `wanted` the newest version in the table; False when it was already."""
    newest = f"written_at = (SELECT max(written_at) FROM {table})"  # noqa: S608
    stored = client.query(f"SELECT {', '.join(_COLUMNS)}, written_at FROM {table} WHERE {newest}").result_rows  # noqa: S608
    if {tuple(row[:-1]) for row in stored} == wanted:
        return False
    at = datetime.now(UTC)
    if stored:  # a clock that was set back must not leave an old card valid
        at = max(at, stored[0][-1].replace(tzinfo=UTC) + timedelta(microseconds=1))
    client.insert(table, [(at, *row) for row in wanted], column_names=["written_at", *_COLUMNS])
    return True
