"""The tables against the truth of a simulation: unit by unit, and the sums of events. IO: the file and ClickHouse.

Units are known by the run's ids, events and dead letters by the moment at which the edge received them: so other runs
are left alone, as long as none posted to the same sources at the same time.
"""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deploy.simulator import truth_file
from deploy.simulator.demo.compare import WORDS, Posted, Row, columns, group_words
from deploy.simulator.truth import TIMES, Counts, Group
from deploy.simulator.truth_file import Dead, Deliveries, End, Events, Expected, Header, Rates
from schemas.tables import DEAD_LETTER_COUNT
from streams.reconcile import hashes
from streams.reconcile.unit_diff import shown_key
from streams.reconcile.units import UnitKey

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_AT_A_TIME: Final = 2_000  # units in one question: their ids travel in the URL
_CLOCKS_MS: Final = 1_000  # how far the clocks of the simulation and of the edge may stand apart

KINDS: Final = ("lost", "double", "wrong", "extra")

_MINE: Final = """source IN {sources:Array(String)}
    AND arrayExists(prefix -> startsWith(message_id, prefix), {prefixes:Array(String)})"""
_UNITS: Final = f"""
SELECT toString(source), message_id, participant, {", ".join(f"toString({name})" for name in WORDS)}, is_group,
    {", ".join(f"toUnixTimestamp64Milli({name})" for name in TIMES)}
FROM messages WHERE source IN {{sources:Array(String)}} AND message_id IN {{ids:Array(String)}}"""
_KEYS: Final = f"SELECT toString(source), message_id, participant FROM messages WHERE {_MINE}"
_RATES: Final = f"""
SELECT toString(source), toString(toDate(cohort_at, 'UTC')) AS cohort_day, template, campaign, category, is_group,
    count() AS sent, countIf(status IN ('delivered', 'read', 'played')), countIf(status IN ('read', 'played')),
    countIf(status = 'failed'), countIf(status IN ('', 'pending', 'sent')), countIf(origin = 'none')
FROM current_units WHERE counted AND {_MINE}
GROUP BY source, cohort_day, template, campaign, category, is_group"""

_THEN: Final = """source IN {sources:Array(String)}
    AND received_at BETWEEN fromUnixTimestamp64Milli({began:Int64}) AND fromUnixTimestamp64Milli({ended:Int64})"""
_DELIVERIES: Final = f"SELECT toString(source), count() FROM deliveries WHERE {_THEN} GROUP BY source"
_EVENTS: Final = f"""
SELECT toString(source), toString(kind), count() FROM events
WHERE source IN {{sources:Array(String)}} AND event_id IN (SELECT event_id FROM deliveries WHERE {_THEN})
GROUP BY source, kind"""
_DEAD: Final = f"""
SELECT toString(source), toString(reason), {DEAD_LETTER_COUNT} FROM dead_letters
WHERE {_THEN} GROUP BY source, reason"""


@dataclass(slots=True, frozen=True)
class Wrong:
    """One thing that is not as the truth says."""

    kind: str
    what: str
    count: int = 1


@dataclass(slots=True)
class Verdict:
    """What a comparison found; `units` = how many the truth has."""

    run: str = ""
    units: int = 0
    wrong: list[Wrong] = field(default_factory=list)

    def add(self, kind: str, what: str, count: int = 1) -> None:
        self.wrong.append(Wrong(kind, what, count))

    def by_kind(self) -> dict[str, int]:
        """Every kind, and how many there are of it."""
        counts = Counter[str]()
        for one in self.wrong:
            counts[one.kind] += one.count
        return {kind: counts[kind] for kind in KINDS}


class Truth:
    """One comparison."""

    def __init__(self, client: "Client", path: Path) -> None:
        self._client = client
        self._path = path
        self._header: Header | None = None
        self._seen: set[int] = set()
        self._posted = Posted(0, 0)
        self.verdict = Verdict()

    def count(self) -> int:
        """How many units there are to compare. Raises TruthError."""
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
        """Compares everything, after `count`. Raises what the client raises, and TruthError."""
        assert self._header is not None  # noqa: S101  (count)
        self.verdict.run = self._header.run
        lines = truth_file.read(self._path)
        sums: list[Rates | Events | Deliveries | Dead] = []

        def units() -> Iterator[Expected]:
            for line in lines:
                if isinstance(line, Expected):
                    yield line
                elif isinstance(line, Rates | Events | Deliveries | Dead):
                    sums.append(line)

        everything = units()
        while some := list(islice(everything, _AT_A_TIME)):
            self._units(some)
            advance(len(some))
        self._extra()
        self._sums(sums)
        return self.verdict

    def _units(self, some: list[Expected]) -> None:
        rows: dict[UnitKey, list[Row]] = {}
        for row in self._ask(_UNITS, ids=sorted({one.unit.message_id for one in some})):
            named = dict(zip((*WORDS, "is_group", *TIMES), row[3:], strict=True))
            rows.setdefault((row[0], row[1], row[2]), []).append(named)
        for one in some:
            self.verdict.units += 1
            self._seen.add(hashes.hash_of(*one.unit.key))
            self._unit(one, rows.get(one.unit.key, []))

    def _unit(self, one: Expected, rows: list[Row]) -> None:
        name = shown_key(one.unit.key)
        if not rows:
            if one.sure:
                self.verdict.add("lost", f"unit {name}")
            return
        if len(rows) > 1:
            self.verdict.add("double", f"unit {name} stands {len(rows)} times", len(rows) - 1)
        nearest = min((columns(unit, rows[0], self._posted) for unit in one.allowed), key=len)
        if nearest:
            words = ", ".join(f"{column} {got!r} instead of {wanted!r}" for column, wanted, got in nearest)
            self.verdict.add("wrong", f"unit {name}: {words}")

    def _extra(self) -> None:
        for source, message_id, participant in self._ask(_KEYS):
            if hashes.hash_of(source, message_id, participant) not in self._seen:
                self.verdict.add("extra", f"unit {shown_key((source, message_id, participant))}")

    def _sums(self, sums: Iterable[Rates | Events | Deliveries | Dead]) -> None:
        deliveries = dict(self._ask(_DELIVERIES))
        events = {(source, kind): n for source, kind, n in self._ask(_EVENTS)}
        dead = {(source, reason): n for source, reason, n in self._ask(_DEAD)}
        rates = {_group(row): Counts(*row[6:]) for row in self._ask(_RATES)}
        for line in sums:
            match line:
                case Deliveries():
                    self._between(f"deliveries of {line.source}", line.count, line.most, deliveries.pop(line.source, 0))
                case Events():
                    got = events.pop((line.source, line.of), 0)
                    self._between(f"events {line.source} {line.of}", line.count, line.most, got)
                case Dead():
                    got = dead.pop((line.source, line.reason), 0)
                    self._between(f"dead letters {line.source} {line.reason}", line.count, line.most, got)
                case Rates():
                    self._rates(line, rates.pop(line.group, Counts()))
        strangers = [(f"deliveries of {source}", n) for source, n in deliveries.items()]
        strangers += [(f"events {' '.join(key)}", n) for key, n in events.items()]
        strangers += [(f"dead letters {' '.join(key)}", n) for key, n in dead.items()]
        for what, n in strangers:
            self.verdict.add("extra", f"{what}: {n:,}, the truth has none", n)
        for group, counts in rates.items():
            what = f"rates {group_words(group)}: {counts.sent:,} sent, the truth has none"
            self.verdict.add("extra", what, counts.sent)

    def _between(self, what: str, least: int, most: int, got: int) -> None:
        wanted = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        if got < least:
            self.verdict.add("lost", f"{what}: {got:,} of {wanted}", least - got)
        elif got > most:
            self.verdict.add("double", f"{what}: {got:,} instead of {wanted}", got - most)

    def _rates(self, line: Rates, got: Counts) -> None:
        least, most, there = asdict(line.least), asdict(line.most), asdict(got)
        found = [
            f"{name} {there[name]:,} instead of {least[name]:,}" + ("" if least == most else f" to {most[name]:,}")
            for name in there
            if not least[name] <= there[name] <= most[name]
        ]
        if found:
            self.verdict.add("wrong", f"rates {group_words(line.group)}: {', '.join(found)}")

    def _ask(self, statement: str, **more: Any) -> list[Any]:
        assert self._header is not None  # noqa: S101  (count)
        bound = {
            "sources": list(self._header.sources), "prefixes": list(self._header.prefixes),
            "began": self._posted.began - _CLOCKS_MS, "ended": self._posted.ended + _CLOCKS_MS, **more,
        }  # fmt: skip
        return list(self._client.query(statement, parameters=bound).result_rows)


def _group(row: Sequence[Any]) -> Group:
    source, day, template, campaign, category, is_group = row[:6]
    return Group(source, day, template, campaign, category, bool(is_group))
