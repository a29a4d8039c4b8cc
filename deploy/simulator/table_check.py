"""Compares the tables with the truth of a simulation: unit by unit, and the sums of events.

Units are selected by the run's ids, events and dead letters by their time of receipt: other runs do not disturb the
comparison unless they posted to the same sources at the same time.
"""

# ruff: noqa: S608  (the statements contain no values: all of them are bound)

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deploy.simulator import truth_file
from deploy.simulator.demo.compare import TEXT_COLUMNS, Posted, Row, columns, group_text
from deploy.simulator.truth import TIME_COLUMNS, Counts, Group
from deploy.simulator.truth_file import DeadLetters, Deliveries, End, Events, Expected, Header, Rates
from schemas.tables import DEAD_LETTER_COUNT
from streams.reconcile import hashes
from streams.reconcile.unit_diff import shown_key
from streams.reconcile.units import UnitKey

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_UNITS_PER_QUERY: Final = 2_000  # their ids are part of the URL
_CLOCKS_MS: Final = 1_000  # how much the clocks of the simulation and of the edge may differ

KINDS: Final = ("lost", "double", "wrong", "extra")

_OF_THIS_RUN: Final = """source IN {sources:Array(String)}
    AND arrayExists(prefix -> startsWith(message_id, prefix), {prefixes:Array(String)})"""
_UNITS: Final = f"""
SELECT toString(source), message_id, participant, {", ".join(f"toString({name})" for name in TEXT_COLUMNS)}, is_group,
    {", ".join(f"toUnixTimestamp64Milli({name})" for name in TIME_COLUMNS)}
FROM messages WHERE source IN {{sources:Array(String)}} AND message_id IN {{ids:Array(String)}}"""
_KEYS: Final = f"SELECT toString(source), message_id, participant FROM messages WHERE {_OF_THIS_RUN}"
_RATES: Final = f"""
SELECT toString(source), toString(toDate(cohort_at, 'UTC')) AS cohort_day, template, campaign, category, is_group,
    count() AS sent, countIf(status IN ('delivered', 'read', 'played')), countIf(status IN ('read', 'played')),
    countIf(status = 'failed'), countIf(status IN ('', 'pending', 'sent')), countIf(origin = 'none')
FROM current_units WHERE counted AND {_OF_THIS_RUN}
GROUP BY source, cohort_day, template, campaign, category, is_group"""

_WHILE_POSTING: Final = """source IN {sources:Array(String)}
    AND received_at BETWEEN fromUnixTimestamp64Milli({began:Int64}) AND fromUnixTimestamp64Milli({ended:Int64})"""
_DELIVERIES: Final = f"SELECT toString(source), count() FROM deliveries WHERE {_WHILE_POSTING} GROUP BY source"
_EVENTS: Final = f"""
SELECT toString(source), toString(kind), count() FROM events
WHERE source IN {{sources:Array(String)}} AND event_id IN (SELECT event_id FROM deliveries WHERE {_WHILE_POSTING})
GROUP BY source, kind"""
_DEAD: Final = f"""
SELECT toString(source), toString(reason), {DEAD_LETTER_COUNT} FROM dead_letters
WHERE {_WHILE_POSTING} GROUP BY source, reason"""


@dataclass(slots=True, frozen=True)
class Mismatch:
    """One difference between a table and the truth; `count`: how many rows or records it is about."""

    kind: str
    what: str
    count: int = 1


@dataclass(slots=True)
class Verdict:
    """The result of a comparison; `units`: how many were compared."""

    run: str = ""
    units: int = 0
    mismatches: list[Mismatch] = field(default_factory=list)

    def add(self, kind: str, what: str, count: int = 1) -> None:
        """Records a difference."""
        self.mismatches.append(Mismatch(kind, what, count))

    def by_kind(self) -> dict[str, int]:
        """The number of differences of each kind."""
        counts = Counter[str]()
        for mismatch in self.mismatches:
            counts[mismatch.kind] += mismatch.count
        return {kind: counts[kind] for kind in KINDS}


class TruthCheck:
    """One comparison of the tables with a truth file."""

    def __init__(self, client: "Client", path: Path) -> None:
        self._client = client
        self._path = path
        self._header: Header | None = None
        self._seen: set[int] = set()
        self._posted = Posted(0, 0)
        self.verdict = Verdict()

    def count(self) -> int:
        """Reads the file once and returns the number of units to compare. Raises TruthError."""
        for line in truth_file.read(self._path):
            if isinstance(line, Header):
                self._header = line
            elif isinstance(line, End):
                if line.began is None or line.ended is None:
                    raise truth_file.TruthError(f"{self._path} was written without posting: nothing can be compared")
                self._posted = Posted(line.began, line.ended)
                return line.units
        return 0

    def compare(self, advance: Callable[[int], None]) -> Verdict:
        """Compares everything; `count` must be called first. Raises errors of the client, and TruthError."""
        assert self._header is not None  # noqa: S101  (count)
        self.verdict.run = self._header.run
        lines = truth_file.read(self._path)
        sums: list[Rates | Events | Deliveries | DeadLetters] = []

        def units() -> Iterator[Expected]:
            for line in lines:
                if isinstance(line, Expected):
                    yield line
                elif isinstance(line, Rates | Events | Deliveries | DeadLetters):
                    sums.append(line)

        all_units = units()
        while batch := list(islice(all_units, _UNITS_PER_QUERY)):
            self._units(batch)
            advance(len(batch))
        self._extra()
        self._sums(sums)
        return self.verdict

    def _units(self, batch: list[Expected]) -> None:
        rows: dict[UnitKey, list[Row]] = {}
        for row in self._query(_UNITS, ids=sorted({expected.unit.message_id for expected in batch})):
            named = dict(zip((*TEXT_COLUMNS, "is_group", *TIME_COLUMNS), row[3:], strict=True))
            rows.setdefault((row[0], row[1], row[2]), []).append(named)
        for expected in batch:
            self.verdict.units += 1
            self._seen.add(hashes.hash_of(*expected.unit.key))
            self._unit(expected, rows.get(expected.unit.key, []))

    def _unit(self, expected: Expected, rows: list[Row]) -> None:
        name = shown_key(expected.unit.key)
        if not rows:
            if expected.sure:
                self.verdict.add("lost", f"unit {name}")
            return
        if len(rows) > 1:
            self.verdict.add("double", f"unit {name} is there {len(rows)} times", len(rows) - 1)
        closest = min((columns(unit, rows[0], self._posted) for unit in expected.allowed), key=len)
        if closest:
            texts = ", ".join(f"{column} {got!r} instead of {wanted!r}" for column, wanted, got in closest)
            self.verdict.add("wrong", f"unit {name}: {texts}")

    def _extra(self) -> None:
        for source, message_id, participant in self._query(_KEYS):
            if hashes.hash_of(source, message_id, participant) not in self._seen:
                self.verdict.add("extra", f"unit {shown_key((source, message_id, participant))}")

    def _sums(self, sums: Iterable[Rates | Events | Deliveries | DeadLetters]) -> None:
        deliveries = dict(self._query(_DELIVERIES))
        events = {(source, kind): n for source, kind, n in self._query(_EVENTS)}
        dead = {(source, reason): n for source, reason, n in self._query(_DEAD)}
        rates = {_group(row): Counts(*row[6:]) for row in self._query(_RATES)}
        for line in sums:
            match line:
                case Deliveries():
                    self._between(f"deliveries of {line.source}", line.count, line.most, deliveries.pop(line.source, 0))
                case Events():
                    got = events.pop((line.source, line.of), 0)
                    self._between(f"events {line.source} {line.of}", line.count, line.most, got)
                case DeadLetters():
                    got = dead.pop((line.source, line.reason), 0)
                    self._between(f"dead letters {line.source} {line.reason}", line.count, line.most, got)
                case Rates():
                    self._rates(line, rates.pop(line.group, Counts()))
        unexpected = [(f"deliveries of {source}", n) for source, n in deliveries.items()]
        unexpected += [(f"events {' '.join(key)}", n) for key, n in events.items()]
        unexpected += [(f"dead letters {' '.join(key)}", n) for key, n in dead.items()]
        for what, n in unexpected:
            self.verdict.add("extra", f"{what}: {n:,}, the truth has none", n)
        for group, counts in rates.items():
            what = f"rates {group_text(group)}: {counts.sent:,} sent, the truth has none"
            self.verdict.add("extra", what, counts.sent)

    def _between(self, what: str, least: int, most: int, got: int) -> None:
        wanted = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        if got < least:
            self.verdict.add("lost", f"{what}: {got:,} of {wanted}", least - got)
        elif got > most:
            self.verdict.add("double", f"{what}: {got:,} instead of {wanted}", got - most)

    def _rates(self, line: Rates, got: Counts) -> None:
        least, most, numbers = asdict(line.least), asdict(line.most), asdict(got)
        found = [
            f"{name} {numbers[name]:,} instead of {least[name]:,}" + ("" if least == most else f" to {most[name]:,}")
            for name in numbers
            if not least[name] <= numbers[name] <= most[name]
        ]
        if found:
            self.verdict.add("wrong", f"rates {group_text(line.group)}: {', '.join(found)}")

    def _query(self, statement: str, **more: Any) -> list[Any]:
        assert self._header is not None  # noqa: S101  (count)
        bound = {
            "sources": list(self._header.sources), "prefixes": list(self._header.prefixes),
            "began": self._posted.began - _CLOCKS_MS, "ended": self._posted.ended + _CLOCKS_MS, **more,
        }  # fmt: skip
        return list(self._client.query(statement, parameters=bound).result_rows)


def _group(row: Sequence[Any]) -> Group:
    source, day, template, campaign, category, is_group = row[:6]
    return Group(source, day, template, campaign, category, bool(is_group))
