"""Units in ClickHouse: each event is in its unit, and `messages` shows what the lifecycle has.

They are read in slices of message ids, the order in which events and units are stored, so that memory does not grow
with their number. Messages with unprocessed events may change meanwhile: the caller removes them from the result.
"""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from streams.reconcile import hashes
from streams.reconcile.model import SourceHour, hour_sql
from streams.reconcile.tables import SETTINGS, SOURCE_SQL

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

SLICE_EVENTS: Final = 200_000  # some 50,000 messages: a second or two, some 200 MB
_ENTRY: Final = "reinterpretAsUInt64(substring(MD5(concat(toString(hashed), toString(counted))), 1, 8))"
UnitKey = tuple[str, str, str]

_RANGE: Final = "message_id >= {first:String} AND ({end:String} = '' OR message_id < {end:String})"
_WITHIN: Final = f"{_RANGE} AND {SOURCE_SQL}"
_END: Final = """
SELECT assumeNotNull(message_id) FROM event_log WHERE message_id > {first:String}
ORDER BY message_id LIMIT 1 OFFSET {rows:UInt64}"""

# Events, each with its timestamp: that of the unit for the same status may not be later.
_EVENTS: Final = f"""
SELECT
    source, assumeNotNull(message_id) AS id, ifNull(participant, '') AS member, received_at, event_id, kind,
    if(kind = 'status', toString(ifNull(status, '')), toString(kind)) AS word,
    kind = 'status' AND ifNull(NOT from_me, 0) AS by_us,
    toUInt64(if(occurred_at IS NULL, 10000000000000 + toUnixTimestamp64Milli(received_at),
        toUnixTimestamp64Milli(assumeNotNull(occurred_at)))) AS stamp
FROM event_log FINAL
WHERE {_WITHIN} AND kind IN ('inbound', 'sent', 'status')"""
_UNITS: Final = f"SELECT * FROM lifecycle_log FINAL WHERE {_WITHIN}"

EVENTS_WITHOUT_UNIT: Final = f"""
SELECT toString(e.source), e.id, toString(e.event_id), {hour_sql("e.received_at")}
FROM ({_EVENTS}) AS e
LEFT JOIN ({_UNITS}) AS u ON e.source = u.source AND e.id = u.message_id AND e.member = u.participant
WHERE u.n = 0 OR u.first_seen_at > e.received_at OR e.stamp < multiIf(
    e.word = 'inbound', u.inbound, e.word = 'pending', u.pending, e.word = 'sent', u.sent,
    e.word = 'delivered', u.delivered,
    e.word = 'read' AND e.by_us, u.own_read, e.word = 'read', u.read,
    e.word = 'played' AND e.by_us, u.own_played, e.word = 'played', u.played,
    e.word = 'failed', u.failed, e.word = 'deleted', u.deleted, 0)"""

UNITS_WITHOUT_EVENTS: Final = f"""
SELECT toString(source), message_id, participant, {hour_sql("first_seen_at")}
FROM ({_UNITS})
WHERE (source, message_id, participant) NOT IN
    (SELECT source, assumeNotNull(message_id), ifNull(participant, '') FROM event_log
     WHERE {_WITHIN} AND kind IN ('inbound', 'sent', 'status'))"""

STATUSES: Final = f"""
SELECT toString(e.source), {hour_sql("e.received_at")} AS hour, countIf(m.origin < 3), countIf(m.origin = 3)
FROM ({_EVENTS} AND kind = 'status') AS e
LEFT JOIN
    (SELECT source, message_id, min(origin) AS origin FROM lifecycle_log WHERE {_WITHIN} GROUP BY source, message_id)
    AS m ON e.source = m.source AND e.id = m.message_id
WHERE NOT e.by_us
GROUP BY e.source, hour"""

_HASHED: Final = f"""
SELECT toUInt32({hashes.BUCKET_SQL}) AS bucket, source, message_id, participant, counted, first_seen_at,
    {hashes.ROW_SQL} AS hashed"""
_SUMS: Final = f"SELECT bucket, count(), sum(hashed), sum({_ENTRY})"
TRUTH_SUMS: Final = f"{_SUMS} FROM ({_HASHED} FROM units WHERE {_WITHIN}) GROUP BY bucket"
SHOWN_SUMS: Final = f"{_SUMS} FROM ({_HASHED} FROM current_units WHERE {SOURCE_SQL}) GROUP BY bucket"

_ROWS: Final = f"""
SELECT toString(source), message_id, participant, hashed, {_ENTRY}, {hour_sql("first_seen_at")}"""
_CHOSEN: Final = "bucket IN {buckets:Array(UInt32)}"
TRUTH_ROWS: Final = f"{_ROWS} FROM ({_HASHED} FROM units WHERE {_WITHIN}) WHERE {_CHOSEN}"
SHOWN_ROWS: Final = f"{_ROWS} FROM ({_HASHED} FROM current_units WHERE {SOURCE_SQL}) WHERE {_CHOSEN}"

RATES: Final = f"""
SELECT toString(source), count() AS sent, countIf(status IN ('delivered', 'read', 'played')) AS delivered,
    countIf(status = 'failed') AS failed, countIf(status IN ('', 'pending', 'sent')) AS pending
FROM current_units
WHERE counted AND {SOURCE_SQL}
GROUP BY source
HAVING sent != delivered + failed + pending"""


class BucketSums:
    """Count and sum of hashes of every bucket of messages."""

    def __init__(self) -> None:
        self.counts = array("Q", bytes(8 * hashes.BUCKETS))
        self.totals = array("Q", bytes(8 * hashes.BUCKETS))

    def add(self, bucket: int, total: int, count: int = 1) -> None:
        """Adds the hashes of `count` rows."""
        self.counts[bucket] += count
        self.totals[bucket] = (self.totals[bucket] + total) & hashes.MASK

    def different(self, other: "BucketSums") -> set[int]:
        """The buckets that differ."""
        if self.counts == other.counts and self.totals == other.totals:
            return set()
        pairs = zip(self.counts, other.counts, self.totals, other.totals, strict=True)
        return {bucket for bucket, (a, b, c, d) in enumerate(pairs) if a != b or c != d}


class UnitHash(NamedTuple):
    """A unit in one of the tables: the hash of its row, the hash of row and `counted`, the hour it was first seen."""

    row: int
    entry: int
    hour: int


@dataclass(slots=True)
class UnitAnomalies:
    """What does not match between events and units; some of it may still be unprocessed."""

    events_without_unit: list[tuple[SourceHour, str, str]] = field(default_factory=list)  # message id, event id
    units_without_events: list[tuple[SourceHour, UnitKey]] = field(default_factory=list)


@dataclass(slots=True)
class Units:
    """The units in one pass: sums of rows, anomalies, statuses with and without a sent record."""

    client: "Client"
    source: str | None
    rows: BucketSums = field(default_factory=BucketSums)
    entries: BucketSums = field(default_factory=BucketSums)
    anomalies: UnitAnomalies = field(default_factory=UnitAnomalies)
    joined: Counter[SourceHour] = field(default_factory=Counter)
    orphan: Counter[SourceHour] = field(default_factory=Counter)

    def slices(self) -> Iterator[dict[str, str]]:
        """Ranges of message ids that cover all of them; `end` '' = no bound."""
        first = ""
        while True:
            found = self._ask(_END, first=first, rows=SLICE_EVENTS)
            yield {"first": first, "end": found[0][0] if found else ""}
            if not found:
                return
            first = found[0][0]

    def count(self) -> int:
        """The approximate number of slices."""
        return int(self._ask("SELECT count() FROM event_log")[0][0]) // SLICE_EVENTS + 1

    def read(self, advance: Callable[[int], None]) -> None:
        """Makes the pass; `advance` is called after each slice."""
        for bounds in self.slices():
            for bucket, count, row, entry in self._ask(TRUTH_SUMS, **bounds):
                self.rows.add(bucket, row, count)
                self.entries.add(bucket, entry, count)
            for source, message_id, event_id, hour in self._ask(EVENTS_WITHOUT_UNIT, **bounds):
                self.anomalies.events_without_unit.append((SourceHour(source, hour), message_id, event_id))
            for source, message_id, participant, hour in self._ask(UNITS_WITHOUT_EVENTS, **bounds):
                self.anomalies.units_without_events.append(
                    (SourceHour(source, hour), (source, message_id, participant))
                )
            for source, hour, joined, orphan in self._ask(STATUSES, **bounds):
                self.joined[SourceHour(source, hour)] += joined
                self.orphan[SourceHour(source, hour)] += orphan
            advance(1)

    def shown(self) -> BucketSums:
        """The sums of the rows that `messages` and the rates are made of."""
        sums = BucketSums()
        for bucket, count, _, entry in self._ask(SHOWN_SUMS):
            sums.add(bucket, entry, count)
        return sums

    def truth_rows(self, buckets: Collection[int]) -> dict[UnitKey, UnitHash]:
        """The units of some buckets as the lifecycle has them."""
        return {
            key: row for bounds in self.slices() for key, row in self._rows(TRUTH_ROWS, buckets=list(buckets), **bounds)
        }

    def shown_rows(self, buckets: Collection[int]) -> dict[UnitKey, list[UnitHash]]:
        """The units of some buckets as they are shown; a unit may be there more than once."""
        found: dict[UnitKey, list[UnitHash]] = {}
        for key, row in self._rows(SHOWN_ROWS, buckets=list(buckets)):
            found.setdefault(key, []).append(row)
        return found

    def broken_rates(self) -> list[tuple[str, int]]:
        """Sources in which sent is not delivered + failed + pending, and the difference."""
        return [(source, abs(s - d - f - p)) for source, s, d, f, p in self._ask(RATES)]

    def _rows(self, statement: str, **parameters: Any) -> Iterator[tuple[UnitKey, UnitHash]]:
        for source, message_id, participant, row, entry, hour in self._ask(statement, **parameters):
            yield (source, message_id, participant), UnitHash(row, entry, hour)

    def _ask(self, statement: str, **parameters: Any) -> list[Any]:
        bound = {"source": self.source or "", **parameters}
        return list(self.client.query(statement, parameters=bound, settings=SETTINGS).result_rows)
