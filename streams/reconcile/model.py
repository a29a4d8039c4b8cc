"""What is looked at, and what a check finds. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from schemas.horizons import HOUR_MS

# More than these are counted, and not told one by one.
MOST_NAMED: Final = 10_000

# Every kind of residual, in the order of the way of a body, and what it means.
KINDS: Final = {
    "body_lost": "bodies in wa.raw of which ClickHouse has nothing",
    "body_extra": "bodies in ClickHouse that wa.raw does not hold",
    "lost": "deliveries that wa.raw holds and ClickHouse does not",
    "extra": "deliveries in ClickHouse that Kafka does not hold",
    "changed": "deliveries that stand in ClickHouse as another event",
    "dead_lost": "dead letters that ClickHouse does not have",
    "dead_extra": "dead letters without anything dead behind them",
    "event_lost": "deliveries without their event",
    "event_extra": "events without a delivery, or more than once",
    "unit_lost": "events that their unit does not know of",
    "unit_extra": "units that no event speaks of",
    "rates": "outbound units that are neither delivered nor failed nor pending",
    "copy": "units that dashboards and `messages` show otherwise than the truth",
    "published": "rows of wa.messages that differ from ClickHouse's",
}


class Place(NamedTuple):
    """A source and an hour (ms since 1970, UTC) of arrival; hour 0 = a body without a time."""

    source: str
    hour: int


def place(source: str, received_ms: int | None) -> Place:
    """The place of a body, and of everything that was in it."""
    return Place(source, 0 if received_ms is None else received_ms - received_ms % HOUR_MS)


def hour_sql(moment: str) -> str:
    """The hour of a DateTime64 in ClickHouse, as `place` has it."""
    return f"intDiv(toUnixTimestamp64Milli({moment}), {HOUR_MS}) * {HOUR_MS}"


@dataclass(slots=True, frozen=True)
class Window:
    """Bodies received from `from_ms` and before `to_ms` (None: no bound), of one source or of all."""

    from_ms: int | None = None
    to_ms: int | None = None
    source: str | None = None
    timeless: bool = True  # whether bodies without a time of receipt are looked at

    def takes(self, source: str, received_ms: int | None) -> bool:
        """Whether a body is looked at."""
        if self.source is not None and source != self.source:
            return False
        if received_ms is None:
            return self.timeless
        if self.from_ms is not None and received_ms < self.from_ms:
            return False
        return self.to_ms is None or received_ms < self.to_ms

    def covers(self, hour: int) -> bool:
        """Whether the whole of an hour is looked at."""
        if hour == 0:
            return self.timeless
        if self.from_ms is not None and hour < self.from_ms:
            return False
        return self.to_ms is None or hour + HOUR_MS <= self.to_ms


@dataclass(slots=True, frozen=True)
class Residual:
    """`count` things of one kind that are not as they must be; `what` names one, in words without content."""

    kind: str
    place: Place
    what: str
    count: int = 1


@dataclass(slots=True)
class Found:
    """The residuals of a check, and what it says besides."""

    residuals: list[Residual] = field(default_factory=list)
    # Why something could not be compared, and what is right but deserves a word; sentences.
    notes: list[str] = field(default_factory=list)

    def add(self, kind: str, where: Place, what: str, count: int = 1) -> None:
        if count:
            self.residuals.append(Residual(kind, where, what, count))

    def named(self, kind: str, found: Iterable[tuple[Place, str]]) -> None:
        """Adds one residual each, and past MOST_NAMED one a place for the rest."""
        rest: Counter[Place] = Counter()
        for number, (where, what) in enumerate(found):
            if number < MOST_NAMED:
                self.add(kind, where, what)
            else:
                rest[where] += 1
        for where, count in rest.items():
            self.add(kind, where, f"and {count:,} more", count)

    @property
    def total(self) -> int:
        return sum(residual.count for residual in self.residuals)

    def by_place(self) -> Counter[Place]:
        counts: Counter[Place] = Counter()
        for residual in self.residuals:
            counts[residual.place] += residual.count
        return counts

    def by_kind(self) -> dict[str, int]:
        """Every kind, those without residuals too."""
        counts = Counter[str]()
        for residual in self.residuals:
            counts[residual.kind] += residual.count
        return {kind: counts[kind] for kind in KINDS}
