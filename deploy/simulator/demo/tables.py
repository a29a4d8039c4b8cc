"""Reads what ClickHouse makes of the demo's traffic, out of the views that everybody uses. IO."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from deploy.simulator.demo.compare import WORDS, Row, Totals
from deploy.simulator.truth import TIMES, Counts, Group
from schemas.tables import DEAD_LETTER_COUNT

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# Ids in one query: 32 characters each, far below ClickHouse's limit of 256 KiB for the text of a statement.
_IDS = 4000
# Up to which moment of ClickHouse's clock, ms, the tables that dashboards read have what was stored.
SHOWN = "SELECT toUnixTimestamp64Milli(min(at)) FROM freshness WHERE layer IN ('copy', 'rollup')"


class Tables:
    """The views, as seen for the demo's sources alone."""

    def __init__(self, client: "Client", sources: Sequence[str]) -> None:
        self._client = client
        self._sources = list(sources)

    def totals(self) -> Totals:
        """Everything that is compared as a difference of before and after."""
        return Totals(self._rates(), self._shown(), self._events(), *self.stored())

    def stored(self) -> tuple[int, int]:
        """(deliveries, dead letters)."""
        asked = {"deliveries": "count()", "dead_letters": DEAD_LETTER_COUNT}
        counts = (
            self._rows(f"SELECT {count} FROM {view} WHERE source IN {{sources:Array(String)}}")  # noqa: S608  (ours)
            for view, count in asked.items()
        )
        deliveries, dead = (int(rows[0][0]) for rows in counts)
        return deliveries, dead

    def now(self) -> int:
        """ClickHouse's clock, ms."""
        return int(self._rows("SELECT toUnixTimestamp64Milli(now64(3))")[0][0])

    def shown_up_to(self) -> int:
        """What was stored before this moment (ClickHouse's clock, ms) is in the tables that dashboards read."""
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
        return {Group(*words): Counts(*numbers) for *words, numbers in rows}

    def _shown(self) -> dict[Group, Counts]:
        rows = self._rows(
            "SELECT source, toString(toDate(slot, 'UTC')) AS day, template, campaign, category, is_group = 1, "
            "[sum(sent), sum(delivered), sum(read), sum(failed), sum(sent - delivered - failed), sum(orphan)] "
            "FROM outbound WHERE source IN {sources:Array(String)} "
            "GROUP BY source, day, template, campaign, category, is_group"
        )
        return {Group(*words): Counts(*numbers) for *words, numbers in rows}

    def units(self, prefixes: Iterable[str]) -> dict[tuple[str, str, str], Row]:
        """The rows of `messages` whose ids begin like this run's; times in ms."""
        times = ", ".join(f"toUnixTimestamp64Milli({name}) AS {name}_ms" for name in TIMES)
        names = ("source", "message_id", "participant", *WORDS, "is_group", *TIMES)
        rows = self._rows(
            f"SELECT source, message_id, participant, {', '.join(WORDS)}, is_group, {times} "  # noqa: S608  (our names)
            f"FROM messages WHERE source IN {{sources:Array(String)}} AND {_OURS}",
            prefixes=list(prefixes),
        )
        found = [dict(zip(names, row, strict=True)) for row in rows]
        return {(row["source"], row["message_id"], row["participant"]): row for row in found}

    def count_units(self, prefixes: Iterable[str]) -> int:
        """How many rows of `messages` have ids of this run."""
        query = f"SELECT count() FROM messages WHERE source IN {{sources:Array(String)}} AND {_OURS}"  # noqa: S608
        return int(self._rows(query, prefixes=list(prefixes))[0][0])

    def deliveries(self, request_ids: Iterable[str]) -> tuple[Counter[str], set[str]]:
        """(arrivals of events for each request id, the distinct event ids of them all)."""
        arrivals: Counter[str] = Counter()
        events: set[str] = set()
        for request_id, event_id in self._by_request(
            "SELECT request_id, toString(event_id) FROM deliveries", request_ids
        ):
            arrivals[request_id] += 1
            events.add(event_id)
        return arrivals, events

    def dead(self, request_ids: Iterable[str]) -> Counter[tuple[str, str]]:
        """Dead letters of these requests by (source, reason)."""
        found: Counter[tuple[str, str]] = Counter()
        select = f"SELECT source, reason, {DEAD_LETTER_COUNT} FROM dead_letters"  # noqa: S608  (ours)
        for source, reason, letters in self._by_request(select, request_ids, "GROUP BY source, reason"):
            found[source, reason] += letters
        return found

    def _by_request(self, select: str, request_ids: Iterable[str], group: str = "") -> Iterable[tuple[Any, ...]]:
        ids = iter(request_ids)
        while chunk := list(islice(ids, _IDS)):
            yield from self._rows(
                f"{select} WHERE source IN {{sources:Array(String)}} AND request_id IN ({_quoted(chunk)}) {group}"
            )

    def _rows(self, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
        result = self._client.query(query, parameters={"sources": self._sources, **parameters})
        return [tuple(row) for row in result.result_rows]


_OURS = "arrayExists(prefix -> startsWith(message_id, prefix), {prefixes:Array(String)})"


def _quoted(ids: list[str]) -> str:
    """Request ids are hex; anything else in an answer's header is no id and finds nothing."""
    return ",".join(f"'{each}'" for each in ids if each.isalnum()) or "''"
