"""What a check covers, and what it finds."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from schemas.horizons import HOUR_MS

# Residuals beyond this number are counted and not named.
MOST_NAMED: Final = 10_000

# Every kind of residual, in the order of the stages of a body, and what it means.
KINDS: Final = {
    "gap": "records that Kafka deleted before a worker had read them",
    "body_lost": "bodies in wa.raw of which ClickHouse has nothing",
    "body_extra": "bodies in ClickHouse that are not in wa.raw",
    "lost": "deliveries in wa.raw that are not in ClickHouse",
    "extra": "deliveries in ClickHouse that are not in Kafka",
    "changed": "deliveries that ClickHouse has as another event",
    "dead_lost": "dead letters that are not in ClickHouse",
    "dead_extra": "dead letters without a dead element in Kafka",
    "event_lost": "deliveries without their event",
    "event_extra": "events without a delivery, or stored more than once",
    "unit_lost": "events that are missing in their unit",
    "unit_extra": "units without any event",
    "rates": "outbound units that are neither delivered nor failed nor pending",
    "copy": "units that `messages` and the dashboards show with other values than the lifecycle has",
    "published": "rows of wa.messages that differ from ClickHouse",
}


class SourceHour(NamedTuple):
    """A source and an hour of arrival (ms since 1970, UTC); hour 0 = bodies without a time."""

    source: str
    hour: int


def source_hour(source: str, received_ms: int | None) -> SourceHour:
    """Where a body, and everything in it, is counted."""
    return SourceHour(source, 0 if received_ms is None else received_ms - received_ms % HOUR_MS)


def hour_sql(moment: str) -> str:
    """The hour of a DateTime64 in ClickHouse, equal to the one of `source_hour`."""
    return f"intDiv(toUnixTimestamp64Milli({moment}), {HOUR_MS}) * {HOUR_MS}"


@dataclass(slots=True, frozen=True)
class Window:
    """Bodies received from `from_ms` and before `to_ms` (None: no bound), of one source or of all."""

    from_ms: int | None = None
    to_ms: int | None = None
    source: str | None = None
    timeless: bool = True  # whether bodies without a time of receipt are included

    def includes(self, source: str, received_ms: int | None) -> bool:
        """Whether a body is compared."""
        if self.source is not None and source != self.source:
            return False
        if received_ms is None:
            return self.timeless
        if self.from_ms is not None and received_ms < self.from_ms:
            return False
        return self.to_ms is None or received_ms < self.to_ms

    def covers(self, hour: int) -> bool:
        """Whether the whole of an hour is compared."""
        if hour == 0:
            return self.timeless
        if self.from_ms is not None and hour < self.from_ms:
            return False
        return self.to_ms is None or hour + HOUR_MS <= self.to_ms


@dataclass(slots=True, frozen=True)
class Residual:
    """`count` things of one kind that are wrong; `what` names one of them, without any message content."""

    kind: str
    place: SourceHour
    what: str
    count: int = 1


@dataclass(slots=True)
class Findings:
    """The residuals of a check, and its notes."""

    residuals: list[Residual] = field(default_factory=list)
    # Sentences: why something could not be compared, and what is right but worth knowing.
    notes: list[str] = field(default_factory=list)

    def add(self, kind: str, place: SourceHour, what: str, count: int = 1) -> None:
        """Adds one residual, unless `count` is 0."""
        if count:
            self.residuals.append(Residual(kind, place, what, count))

    def add_named(self, kind: str, found: Iterable[tuple[SourceHour, str]]) -> None:
        """Adds one residual for each, and after MOST_NAMED of them one for the rest of each place."""
        rest: Counter[SourceHour] = Counter()
        for number, (place, what) in enumerate(found):
            if number < MOST_NAMED:
                self.add(kind, place, what)
            else:
                rest[place] += 1
        for place, count in rest.items():
            self.add(kind, place, f"and {count:,} more", count)

    @property
    def total(self) -> int:
        """How many things are wrong."""
        return sum(residual.count for residual in self.residuals)

    def by_place(self) -> Counter[SourceHour]:
        """How many are wrong at each place."""
        counts: Counter[SourceHour] = Counter()
        for residual in self.residuals:
            counts[residual.place] += residual.count
        return counts

    def by_kind(self) -> dict[str, int]:
        """How many of every kind are wrong, including the kinds with none."""
        counts = Counter[str]()
        for residual in self.residuals:
            counts[residual.kind] += residual.count
        return {kind: counts[kind] for kind in KINDS}
