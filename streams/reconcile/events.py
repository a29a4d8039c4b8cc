"""Compares deliveries with events: deliveries = events + duplicates, and each event is stored once."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from schemas.parsing.times import LATEST_MS
from streams.reconcile.model import MOST_NAMED, SourceHour, Window, hour_sql
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
class EventAnomaly:
    """An event id whose event and deliveries do not match: how often it is stored, and whether it was delivered."""

    place: SourceHour
    event_id: str
    events: int
    delivered: bool

    @property
    def kind(self) -> str:
        """The kind of residual."""
        return "event_extra" if self.events else "event_lost"

    @property
    def what(self) -> str:
        """The anomaly in words."""
        if self.events > 1:
            return f"event {self.event_id} is stored {self.events} times"
        return f"event {self.event_id} has {'a delivery and no row' if self.delivered else 'a row and no delivery'}"


class Events:
    """The tables of events of one source, or of all."""

    def __init__(self, client: "Client", source: str | None) -> None:
        self._client = client
        self._source = source or ""

    def anomalies(self) -> list[EventAnomaly]:
        """The event ids that do not match, at most MOST_NAMED; unprocessed events may be among them."""
        delivered = {(source, bucket): (n, total) for source, bucket, n, total in self._ask(DELIVERED_SUMS)}
        events = {(source, bucket): (n, total) for source, bucket, n, total in self._ask(EVENT_SUMS)}
        differing = {key for key in delivered.keys() | events.keys() if delivered.get(key) != events.get(key)}
        if not differing:
            return []
        buckets = sorted({bucket for _, bucket in differing})
        rows = self._ask(DIFFERING, buckets=buckets, limit=MOST_NAMED)
        return [EventAnomaly(SourceHour(source, hour), one, n, bool(known)) for source, one, n, known, hour in rows]

    def first_deliveries(self, window: Window) -> dict[SourceHour, int]:
        """How many events were delivered for the first time in each hour."""
        to_ms = LATEST_MS if window.to_ms is None else window.to_ms
        rows = self._ask(FIRST_DELIVERIES, from_ms=window.from_ms or 0, to_ms=to_ms)
        return {SourceHour(source, hour): count for source, hour, count in rows}

    def _ask(self, statement: str, **parameters: Any) -> list[Any]:
        bound = {"source": self._source, **parameters}
        return list(self._client.query(statement, parameters=bound, settings=SETTINGS).result_rows)
