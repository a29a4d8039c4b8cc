"""The ledger: what every stage did with the bodies of one source and hour."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas.parsing.times import to_iso
from schemas.tables import INSERT_SETTINGS
from streams.reconcile.expect import Expected
from streams.reconcile.model import Findings, SourceHour, Window

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

LEDGER_LOG: Final = "ledger_log"


@dataclass(slots=True)
class LedgerLine:
    """The numbers of one place; see 0011_ledger.sql for what each is."""

    stored: int = 0
    spooled: int = 0
    copies: int = 0
    understood: int = 0
    dead_bodies: int = 0
    split: int = 0
    loaded: int = 0
    events: int = 0
    duplicates: int = 0
    dead: int = 0
    joined: int = 0
    orphan: int = 0
    waiting: int = 0
    residual: int = 0

    def __add__(self, other: "LedgerLine") -> "LedgerLine":
        return LedgerLine(*(a + b for a, b in zip(asdict(self).values(), asdict(other).values(), strict=True)))


@dataclass(slots=True, frozen=True)
class TableCounts:
    """What the tables hold, by source and hour; `first` = events by the hour of their first delivery."""

    loaded: Mapping[SourceHour, int]
    dead: Mapping[SourceHour, int]
    first: Mapping[SourceHour, int]
    joined: Mapping[SourceHour, int]
    orphan: Mapping[SourceHour, int]


def lines(
    expected: Expected, counts: TableCounts, waiting: Mapping[SourceHour, int], findings: Findings
) -> dict[SourceHour, LedgerLine]:
    """The lines of the ledger. Places outside the window are left out, except for their residuals."""
    ledger: defaultdict[SourceHour, LedgerLine] = defaultdict(LedgerLine)
    for where, here in expected.body_hashes.items():
        line = ledger[where]
        line.stored, line.spooled = len(set(here.stored)), len(set(here.spooled))
        line.copies = len(here.stored) - line.stored
        if not expected.fast:
            line.understood = len(set(here.understood))
            line.dead_bodies = line.stored - line.understood
    for where, wanted in expected.deliveries.items():
        ledger[where].split = len({*wanted.processed, *wanted.unprocessed})
    for where, count in counts.loaded.items():
        ledger[where].loaded = count
    for where, count in counts.dead.items():
        ledger[where].dead = count
    for where, line in ledger.items():
        line.events = counts.first.get(where, 0)
        line.duplicates = line.loaded - line.events
        line.joined, line.orphan = counts.joined.get(where, 0), counts.orphan.get(where, 0)
        line.waiting = waiting.get(where, 0)
    for where, count in findings.by_place().items():
        ledger[where].residual = count
    return dict(ledger)


def kinds(findings: Findings) -> dict[SourceHour, str]:
    """The residuals of each place in words: `lost 3, copy 1`."""
    by_place: defaultdict[SourceHour, Counter[str]] = defaultdict(Counter)
    for residual in findings.residuals:
        by_place[residual.place][residual.kind] += residual.count
    return {
        place: ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
        for place, counts in by_place.items()
    }


def write(
    client: "Client", ledger: Mapping[SourceHour, LedgerLine], findings: Findings, window: Window, at_ms: int
) -> int:
    """Replaces the lines of the hours that the window covers; returns how many. Raises ClickHouseError."""
    words = kinds(findings)
    known = {
        SourceHour(source, int(hour) * 1000)
        for source, hour in client.query("SELECT toString(source), toUnixTimestamp(hour) FROM ledger").result_rows
    }
    gone = {where for where in known - ledger.keys() if window.source in (None, where.source)}
    places = [where for where in sorted(ledger.keys() | gone) if window.covers(where.hour)]
    block = b"\n".join(
        orjson.dumps(_row(where, ledger.get(where, LedgerLine()), words.get(where, ""), at_ms)) for where in places
    )
    if places:
        client.raw_insert(LEDGER_LOG, insert_block=block, fmt="JSONEachRow", settings=INSERT_SETTINGS)
    return len(places)


def _row(where: SourceHour, line: LedgerLine, words: str, at_ms: int) -> dict[str, Any]:
    head = {"source": where.source, "hour": where.hour // 1000, "checked_at": to_iso(at_ms)}
    return {**head, **asdict(line), "kinds": words}


def total(some: Iterable[LedgerLine]) -> LedgerLine:
    """The sum of lines."""
    return sum(some, LedgerLine())
