"""Deliveries against events: deliveries = events + duplicates, and each event once. IO: ClickHouse."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from schemas.parsing.times import LATEST_MS
from streams.reconcile.model import MOST_NAMED, Place, Window, hour_sql
from streams.reconcile.tables import SETTINGS, SOURCE_SQL

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_BUCKETS: Final = 4096
_BUCKET: Final = f"toUInt32(modulo(cityHash64(event_id), {_BUCKETS}))"

# In the order of delivery_log, so that the grouping needs no memory.
_DELIVERED: Final = f"""
SELECT source, event_id, min(received_at) AS first FROM delivery_log WHERE {SOURCE_SQL} GROUP BY source, event_id"""

DELIVERED_SUMS: Final = f"""
SELECT toString(source), {_BUCKET} AS bucket, count(), sum(cityHash64(event_id))
FROM ({_DELIVERED}) GROUP BY source, bucket"""
EVENT_SUMS: Final = f"""
SELECT toString(source), {_BUCKET} AS bucket, count(), sum(cityHash64(event_id))
FROM event_log FINAL WHERE {SOURCE_SQL} GROUP BY source, bucket"""

FIRST_DELIVERIES: Final = f"""
SELECT toString(source), {hour_sql("first")} AS hour, count()
FROM ({_DELIVERED})
WHERE first >= fromUnixTimestamp64Milli({{from_ms:Int64}}) AND first < fromUnixTimestamp64Milli({{to_ms:Int64}})
GROUP BY source, hour"""

DIFFERING: Final = f"""
SELECT toString(source), toString(event_id), sum(events) AS found, max(delivered) AS is_delivered,
    {hour_sql("min(at)")}
FROM
(
    SELECT source, event_id, 1 AS events, 0 AS delivered, received_at AS at
    FROM event_log FINAL WHERE {SOURCE_SQL} AND {_BUCKET} IN {{buckets:Array(UInt32)}}
    UNION ALL
    SELECT source, event_id, 0, 1, received_at FROM delivery_log
    WHERE {SOURCE_SQL} AND {_BUCKET} IN {{buckets:Array(UInt32)}}
)
GROUP BY source, event_id
HAVING found != is_delivered OR found > 1
LIMIT {{limit:UInt64}}"""


@dataclass(slots=True, frozen=True)
class Odd:
    """An event id of which events and deliveries do not agree."""

    place: Place
    event_id: str
    events: int
    delivered: bool

    @property
    def kind(self) -> str:
        return "event_extra" if self.events else "event_lost"

    @property
    def what(self) -> str:
        if self.events > 1:
            return f"event {self.event_id} stands {self.events} times"
        return f"event {self.event_id} has {'a delivery and no row' if self.delivered else 'a row and no delivery'}"


class Events:
    """The tables of events of one source, or of all."""

    def __init__(self, client: "Client", source: str | None) -> None:
        self._client = client
        self._source = source or ""

    def odd(self) -> list[Odd]:
        """The event ids that do not agree, at most MOST_NAMED; events on their way may be among them."""
        delivered = {(source, bucket): (n, total) for source, bucket, n, total in self._ask(DELIVERED_SUMS)}
        events = {(source, bucket): (n, total) for source, bucket, n, total in self._ask(EVENT_SUMS)}
        differing = {key for key in delivered.keys() | events.keys() if delivered.get(key) != events.get(key)}
        if not differing:
            return []
        buckets = sorted({bucket for _, bucket in differing})
        rows = self._ask(DIFFERING, buckets=buckets, limit=MOST_NAMED)
        return [Odd(Place(source, hour), event_id, n, bool(told)) for source, event_id, n, told, hour in rows]

    def first_deliveries(self, window: Window) -> dict[Place, int]:
        """How many events were delivered for the first time at each place."""
        to_ms = LATEST_MS if window.to_ms is None else window.to_ms
        rows = self._ask(FIRST_DELIVERIES, from_ms=window.from_ms or 0, to_ms=to_ms)
        return {Place(source, hour): count for source, hour, count in rows}

    def _ask(self, statement: str, **parameters: Any) -> list[Any]:
        bound = {"source": self._source, **parameters}
        return list(self._client.query(statement, parameters=bound, settings=SETTINGS).result_rows)
