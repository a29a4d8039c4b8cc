"""Reads what ClickHouse contains of the demo's traffic from the public views."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from deploy.simulator.demo.compare import TEXT_COLUMNS, Row, Totals
from deploy.simulator.truth import TIME_COLUMNS, Counts, Group
from schemas.tables import DEAD_LETTER_COUNT

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# 32 characters each, far below ClickHouse's limit of 256 KiB for the text of a statement.
_IDS_PER_QUERY = 4000
# The tables of the dashboards contain everything that was stored before this moment of ClickHouse's clock, ms.
SHOWN = "SELECT toUnixTimestamp64Milli(min(at)) FROM freshness WHERE layer IN ('copy', 'rollup')"


class Tables:
    """Queries of the views, limited to the demo's sources."""

    def __init__(self, client: "Client", sources: Sequence[str]) -> None:
        self._client = client
        self._sources = list(sources)

    def totals(self) -> Totals:
        """The contents that are compared as a difference of before and after."""
        return Totals(self._rates(), self._shown(), self._events(), *self.stored())

    def stored(self) -> tuple[int, int]:
        """(deliveries, dead letters)."""
        counted = {"deliveries": "count()", "dead_letters": DEAD_LETTER_COUNT}
        counts = (
            self._rows(f"SELECT {count} FROM {view} WHERE source IN {{sources:Array(String)}}")  # noqa: S608  (ours)
            for view, count in counted.items()
        )
        deliveries, dead_letters = (int(rows[0][0]) for rows in counts)
        return deliveries, dead_letters

    def now(self) -> int:
        """ClickHouse's clock, ms."""
        return int(self._rows("SELECT toUnixTimestamp64Milli(now64(3))")[0][0])

    def shown_up_to(self) -> int:
        """The dashboards' tables contain everything that was stored before this moment of ClickHouse's clock, ms."""
        return int(self._rows(SHOWN)[0][0])

    def _events(self) -> Counter[tuple[str, str]]:
        rows = self._rows(
            "SELECT source, kind, count() FROM events WHERE source IN {sources:Array(String)} GROUP BY source, kind"
        )
        return Counter({(source, kind): count for source, kind, count in rows})

    def _rates(self) -> dict[Group, Counts]:
        rows = self._rows(
            "SELECT source, toString(cohort_day), template, campaign, category, is_group = 1, "
            "[sent, delivered, read, failed, pending, orphan] "
            "FROM delivery_rates WHERE source IN {sources:Array(String)}"
        )
        return {Group(*key): Counts(*numbers) for *key, numbers in rows}

    def _shown(self) -> dict[Group, Counts]:
        rows = self._rows(
            "SELECT source, toString(toDate(slot, 'UTC')) AS day, template, campaign, category, is_group = 1, "
            "[sum(sent), sum(delivered), sum(read), sum(failed), sum(sent - delivered - failed), sum(orphan)] "
            "FROM outbound WHERE source IN {sources:Array(String)} "
            "GROUP BY source, day, template, campaign, category, is_group"
        )
        return {Group(*key): Counts(*numbers) for *key, numbers in rows}

    def units(self, prefixes: Iterable[str]) -> dict[tuple[str, str, str], Row]:
        """The rows of `messages` whose ids have a prefix of this run; times in ms."""
        times = ", ".join(f"toUnixTimestamp64Milli({name}) AS {name}_ms" for name in TIME_COLUMNS)
        names = ("source", "message_id", "participant", *TEXT_COLUMNS, "is_group", *TIME_COLUMNS)
        rows = self._rows(
            f"SELECT source, message_id, participant, {', '.join(TEXT_COLUMNS)}, is_group, {times} "  # noqa: S608  (our names)
            f"FROM messages WHERE source IN {{sources:Array(String)}} AND {_OF_THIS_RUN}",
            prefixes=list(prefixes),
        )
        found = [dict(zip(names, row, strict=True)) for row in rows]
        return {(row["source"], row["message_id"], row["participant"]): row for row in found}

    def count_units(self, prefixes: Iterable[str]) -> int:
        """The number of rows of `messages` whose ids have a prefix of this run."""
        query = f"SELECT count() FROM messages WHERE source IN {{sources:Array(String)}} AND {_OF_THIS_RUN}"  # noqa: S608
        return int(self._rows(query, prefixes=list(prefixes))[0][0])

    def deliveries(self, request_ids: Iterable[str]) -> tuple[Counter[str], set[str]]:
        """(the number of arrived events of each request id, the distinct event ids of all)."""
        arrivals: Counter[str] = Counter()
        events: set[str] = set()
        for request_id, event_id in self._by_request(
            "SELECT request_id, toString(event_id) FROM deliveries", request_ids
        ):
            arrivals[request_id] += 1
            events.add(event_id)
        return arrivals, events

    def dead_letters(self, request_ids: Iterable[str]) -> Counter[tuple[str, str]]:
        """Dead letters of these requests by (source, reason)."""
        found: Counter[tuple[str, str]] = Counter()
        select = f"SELECT source, reason, {DEAD_LETTER_COUNT} FROM dead_letters"  # noqa: S608  (ours)
        for source, reason, count in self._by_request(select, request_ids, "GROUP BY source, reason"):
            found[source, reason] += count
        return found

    def _by_request(self, select: str, request_ids: Iterable[str], group: str = "") -> Iterable[tuple[Any, ...]]:
        ids = iter(request_ids)
        while chunk := list(islice(ids, _IDS_PER_QUERY)):
            yield from self._rows(
                f"{select} WHERE source IN {{sources:Array(String)}} AND request_id IN ({_quoted(chunk)}) {group}"
            )

    def _rows(self, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
        result = self._client.query(query, parameters={"sources": self._sources, **parameters})
        return [tuple(row) for row in result.result_rows]


_OF_THIS_RUN = "arrayExists(prefix -> startsWith(message_id, prefix), {prefixes:Array(String)})"


def _quoted(ids: list[str]) -> str:
    """Request ids are hexadecimal; any other value of an answer's header is ignored."""
    return ",".join(f"'{each}'" for each in ids if each.isalnum()) or "''"
