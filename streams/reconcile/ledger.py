"""The ledger: what every stage did with what was received in an hour from a source. IO: writes ClickHouse."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas.parsing.times import to_iso
from schemas.tables import INSERT_SETTINGS
from streams.reconcile.expect import Expected
from streams.reconcile.model import Found, Place, Window

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

LEDGER_LOG: Final = "ledger_log"


@dataclass(slots=True)
class Line:
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

    def __add__(self, other: "Line") -> "Line":
        return Line(*(a + b for a, b in zip(asdict(self).values(), asdict(other).values(), strict=True)))


@dataclass(slots=True, frozen=True)
class Told:
    """What the tables said."""

    loaded: Mapping[Place, int]
    dead: Mapping[Place, int]
    first: Mapping[Place, int]
    joined: Mapping[Place, int]
    orphan: Mapping[Place, int]


def lines(expected: Expected, told: Told, waiting: Mapping[Place, int], found: Found) -> dict[Place, Line]:
    """The ledger. Pure. Places outside the window are left out, but for their residuals."""
    ledger: defaultdict[Place, Line] = defaultdict(Line)
    for where, tally in expected.tallies.items():
        line = ledger[where]
        line.stored, line.spooled = len(set(tally.stored)), len(set(tally.spooled))
        line.copies = len(tally.stored) - line.stored
        if not expected.fast:
            line.understood = len(set(tally.understood))
            line.dead_bodies = line.stored - line.understood
    for where, shelf in expected.deliveries.items():
        ledger[where].split = len({*shelf.sure, *shelf.maybe})
    for where, count in told.loaded.items():
        ledger[where].loaded = count
    for where, count in told.dead.items():
        ledger[where].dead = count
    for where, line in ledger.items():
        line.events = told.first.get(where, 0)
        line.duplicates = line.loaded - line.events
        line.joined, line.orphan = told.joined.get(where, 0), told.orphan.get(where, 0)
        line.waiting = waiting.get(where, 0)
    for where, count in found.by_place().items():
        ledger[where].residual = count
    return dict(ledger)


def kinds(found: Found) -> dict[Place, str]:
    """The residuals of each place in words: `lost 3, copy 1`. Pure."""
    counts: defaultdict[Place, Counter[str]] = defaultdict(Counter)
    for residual in found.residuals:
        counts[residual.place][residual.kind] += residual.count
    return {where: ", ".join(f"{kind} {n}" for kind, n in sorted(told.items())) for where, told in counts.items()}


def write(client: "Client", ledger: Mapping[Place, Line], found: Found, window: Window, at_ms: int) -> int:
    """Replaces the hours that were looked at as a whole; how many rows that are. Raises what the client raises."""
    words = kinds(found)
    known = {
        Place(source, int(hour) * 1000)
        for source, hour in client.query("SELECT toString(source), toUnixTimestamp(hour) FROM ledger").result_rows
    }
    gone = {where for where in known - ledger.keys() if window.source in (None, where.source)}
    places = [where for where in sorted(ledger.keys() | gone) if window.covers(where.hour)]
    block = b"\n".join(
        orjson.dumps(_row(where, ledger.get(where, Line()), words.get(where, ""), at_ms)) for where in places
    )
    if places:
        client.raw_insert(LEDGER_LOG, insert_block=block, fmt="JSONEachRow", settings=INSERT_SETTINGS)
    return len(places)


def _row(where: Place, line: Line, words: str, at_ms: int) -> dict[str, Any]:
    head = {"source": where.source, "hour": where.hour // 1000, "checked_at": to_iso(at_ms)}
    return {**head, **asdict(line), "kinds": words}


def total(some: Iterable[Line]) -> Line:
    """The sum of lines. Pure."""
    return sum(some, Line())
