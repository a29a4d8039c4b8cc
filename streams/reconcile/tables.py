"""What ClickHouse holds of bodies: sums of hashes by source and hour, and the rows behind them.

Queries run as the full user, who may spill large groups to the disk. They raise ClickHouseError.
"""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from aiokafka import TopicPartition

from schemas.reasons import Reason
from schemas.topics import RAW, SENT
from streams.reconcile import hashes
from streams.reconcile.expected_hashes import HashSum
from streams.reconcile.model import SourceHour, Window, hour_sql
from streams.reconcile.offsets import StoredOffsets
from streams.runtime.element_position import ElementPosition
from streams.runtime.topic_reader import Offsets

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# Larger groups are spilled to the disk.
SETTINGS: Final = {"max_bytes_before_external_group_by": "1000000000", "optimize_aggregation_in_order": "1"}
# One source, or all of them when it is ''.
SOURCE_SQL: Final = "({source:String} = '' OR source = {source:String})"
_IDS_PER_QUERY: Final = 2_000  # they are part of the URL, of which servers accept up to 1 MiB

T = TypeVar("T")
_HOUR: Final = f"ifNull({hour_sql('received_at')}, 0)"
_AT: Final = f"source = {{at_source:String}} AND {_HOUR} = {{at_hour:Int64}}"


@dataclass(slots=True, frozen=True)
class Family:
    """A kind of thing that both Kafka and ClickHouse hold: its rows, and the hash of a row."""

    rows: str  # a SELECT of source, received_at and what `hash` needs
    hash: str


# Retention has deleted what is below the first offsets, so that those rows cannot be verified.
_KEPT: Final = f"""((raw.topic = '{RAW.name}' AND raw.offset >= {{raw_starts:Array(Int64)}}[raw.partition + 1])
    OR (raw.topic = '{SENT.name}' AND raw.offset >= {{sent_starts:Array(Int64)}}[raw.partition + 1]))"""
FAMILIES: Final = {
    "deliveries": Family(
        "SELECT source, received_at, event_id, request_id, `index` FROM deliveries", hashes.DELIVERY_SQL
    ),
    "dead_letters": Family(f"SELECT source, received_at, raw FROM dead_letters WHERE {_KEPT}", hashes.DEAD_LETTER_SQL),
    "bodies": Family(
        f"""SELECT DISTINCT source, received_at, request_id
FROM (
    SELECT source, CAST(received_at, 'Nullable(DateTime64(3, \\'UTC\\'))') AS received_at, request_id FROM deliveries
    UNION ALL SELECT source, received_at, request_id FROM dead_letter_log FINAL
    WHERE reason != '{Reason.RECORDS_DELETED}' AND ({_KEPT})
)""",
        hashes.hash_sql("request_id"),
    ),
}


def _window_sql(window: Window) -> str:
    timeless = "received_at IS NULL" if window.timeless else "0"
    parts = ["received_at >= fromUnixTimestamp64Milli({from_ms:Int64})"] if window.from_ms is not None else []
    parts += ["received_at < fromUnixTimestamp64Milli({to_ms:Int64})"] if window.to_ms is not None else []
    of_source = "source = {source:String}" if window.source is not None else "1"
    return f"{of_source} AND (({' AND '.join(parts) or 'received_at IS NOT NULL'}) OR {timeless})"


class Tables:
    """The tables of bodies, within a window."""

    def __init__(self, client: "Client", window: Window, starts: Offsets) -> None:
        """`starts`: the first available offset of each partition of wa.raw and wa.sent."""
        self._client = client
        self._window = window
        self._where = _window_sql(window)
        bounds = {"from_ms": window.from_ms, "to_ms": window.to_ms, "source": window.source}
        self._bound: dict[str, Any] = {name: value for name, value in bounds.items() if value is not None}
        for name, topic in (("raw_starts", RAW), ("sent_starts", SENT)):
            self._bound[name] = [starts[tp] for tp in sorted(starts) if tp.topic == topic.name]

    def sums(self, family: str) -> dict[SourceHour, HashSum]:
        """Count and sum of the hashes of a family, by source and hour."""
        rows = self._grouped(family, f"count(), sum({FAMILIES[family].hash})")
        return {SourceHour(source, int(hour)): HashSum(int(count), int(total)) for source, hour, count, total in rows}

    def counts(self, family: str) -> dict[SourceHour, int]:
        """How many rows a family has, by source and hour."""
        return {SourceHour(source, int(hour)): int(count) for source, hour, count in self._grouped(family, "count()")}

    def hashes(self, family: str, where: SourceHour, first: int, last: int) -> Iterable[int]:
        """The hashes of a family at one place, from `first` to `last`."""
        chosen = FAMILIES[family]
        raw = self._client.raw_query(
            f"SELECT {chosen.hash} AS number FROM ({chosen.rows}) WHERE {self._where} AND {_AT} "
            "AND number BETWEEN {first:UInt64} AND {last:UInt64}",
            parameters={**self._bound, **_place(where), "first": first, "last": last},
            settings=SETTINGS,
            fmt="RowBinary",
        )
        return array("Q", raw)

    def named(self, family: str, where: SourceHour, numbers: Iterable[int], columns: str) -> list[tuple[Any, ...]]:
        """`columns` of the rows of a family at one place that have these hashes."""
        chosen = FAMILIES[family]
        statement = (
            f"SELECT {columns} FROM ({chosen.rows}) WHERE {self._where} AND {_AT} "
            f"AND {chosen.hash} IN {{numbers:Array(UInt64)}}"
        )
        return [row for some in _portions(numbers) for row in self.ask(statement, {**_place(where), "numbers": some})]

    def delivered(self, requests: Iterable[str]) -> dict[tuple[str, int], list[str]]:
        """The event ids that are stored for each element of some requests."""
        found: dict[tuple[str, int], list[str]] = {}
        for some in _portions(requests):
            for request_id, index, event_id in self.ask(
                "SELECT request_id, `index`, toString(event_id) FROM deliveries "
                "WHERE request_id IN {requests:Array(String)}",
                {"requests": some},
            ):
                found.setdefault((request_id, index), []).append(event_id)
        return found

    def dead_letter_reasons(self, positions: Iterable[ElementPosition]) -> dict[ElementPosition, str]:
        """The reason of the dead letter at each of some positions; `resolved` for one that has been parsed since."""
        found: dict[ElementPosition, str] = {}
        for some in _portions(positions):
            rows = self.ask(
                "SELECT toString(raw.topic), raw.partition, raw.offset, raw.index, reason FROM dead_letter_log FINAL "
                "WHERE (toString(raw.topic), raw.partition, raw.offset, raw.index) "
                "IN {positions:Array(Tuple(String, Int32, Int64, Int32))}",
                {"positions": [(at.topic, at.partition, at.offset, at.index) for at in some]},
            )
            found.update({ElementPosition(*row[:4]): row[4] for row in rows})
        return found

    def ask(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a statement, with the window as parameters."""
        bound = {**self._bound, **(parameters or {})}
        return [tuple(row) for row in self._client.query(statement, parameters=bound, settings=SETTINGS).result_rows]

    def _grouped(self, family: str, columns: str) -> list[tuple[Any, ...]]:
        return self.ask(
            f"SELECT toString(source), {_HOUR} AS hour, {columns} "
            f"FROM ({FAMILIES[family].rows}) WHERE {self._where} GROUP BY source, hour"
        )


def _place(where: SourceHour) -> dict[str, Any]:
    return {"at_source": where.source, "at_hour": where.hour}


def _portions(ids: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(ids)
    while some := list(islice(rest, _IDS_PER_QUERY)):
        yield some


def stored_offsets(client: "Client") -> StoredOffsets:
    """Which records of wa.raw and wa.sent the events and dead letters were made of."""
    records = f"""(
    SELECT toString(raw.topic) AS topic, raw.partition AS partition, raw.offset AS offset,
        (request_id, toNullable(received_at)) AS record
    FROM event_log
    WHERE topic IN ('{RAW.name}', '{SENT.name}')
    UNION ALL
    SELECT toString(raw.topic), raw.partition, raw.offset, (request_id, received_at) FROM dead_letter_log
    WHERE raw.topic IN ('{RAW.name}', '{SENT.name}') AND reason != '{Reason.RECORDS_DELETED}'
)"""
    highest = client.query(f"SELECT topic, partition, max(offset) FROM {records} GROUP BY topic, partition")
    twice = client.query(
        f"""SELECT topic, partition FROM
(
    SELECT topic, partition, offset FROM {records} WHERE offset IN (0, 1)
    GROUP BY topic, partition, offset HAVING uniqExact(record) > 1
)
GROUP BY topic, partition
HAVING count() = 2"""
    )
    return StoredOffsets(
        {TopicPartition(topic, partition): offset for topic, partition, offset in highest.result_rows},
        {TopicPartition(topic, partition) for topic, partition in twice.result_rows},
    )
