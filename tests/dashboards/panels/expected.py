"""What somebody asks of the panels, and how plain Python counts the answers that many of them share."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.dashboards.panels.model import QUARTER, Unit, bucket

Row = dict[str, Any]


@dataclass(slots=True, frozen=True, kw_only=True)
class Question:
    """What somebody has chosen; `start` and `end` in ms, on a quarter of an hour. `now` is the engine's clock."""

    start: int
    end: int
    now: int
    zone: str = "UTC"
    bucket: str = "day"
    sources: list[str] = field(default_factory=list)
    templates: list[str] = field(default_factory=list)
    campaigns: list[str] = field(default_factory=list)
    mask: int = 1

    def sent(self, units: Iterable[Unit], *, groups: bool | None = False, before: bool = False) -> list[Unit]:
        """The units of the range, or of the period before it; `groups` None = both kinds."""
        start, end = (2 * self.start - self.end, self.start) if before else (self.start, self.end)
        return [
            unit
            for unit in units
            if unit.counted
            and groups in (None, unit.is_group)
            and unit.within(max(start, 0), end)
            and (not self.sources or unit.source in self.sources)
            and (not self.templates or unit.template in self.templates)
            and (not self.campaigns or unit.campaign in self.campaigns)
        ]

    def received(self, units: Iterable[Unit], *, before: bool = False) -> list[Unit]:
        start, end = (2 * self.start - self.end, self.start) if before else (self.start, self.end)
        return [
            unit
            for unit in units
            if unit.direction == "in" and unit.within(max(start, 0), end)
            and (not self.sources or unit.source in self.sources)
        ]  # fmt: skip

    def bucket_of(self, unit: Unit) -> datetime:
        return bucket(unit.slot, self.zone, self.bucket)


Answer = Callable[[list[Unit], Question], list[Row]]


def share(numerator: int, denominator: int) -> float | None:
    return numerator / denominator if denominator else None


def provisional(units: Iterable[Unit], now: int) -> int:
    return int(any((unit.slot + QUARTER + unit.time_to_live) // 1000 > now // 1000 for unit in units))


def rates(units: list[Unit], now: int) -> Row:
    """The columns that every table of rates has."""
    sent, delivered, read = len(units), sum(u.delivered for u in units), sum(u.read for u in units)
    return {
        "sent": sent,
        "delivered": delivered,
        "delivery_rate": share(delivered, sent),
        "read": read,
        "read_rate": share(read, delivered),
        "failed": sum(u.failed for u in units),
        "pending": sum(u.pending for u in units),
        "provisional": provisional(units, now),
    }


def by(units: Iterable[Unit], key: Callable[[Unit], Any]) -> dict[Any, list[Unit]]:
    """The units in groups of equal `key`."""
    found: dict[Any, list[Unit]] = defaultdict(list)
    for unit in units:
        found[key(unit)].append(unit)
    return found


def count_stat(wanted: Callable[[Unit], bool]) -> Answer:
    def rows(units: list[Unit], q: Question) -> list[Row]:
        return [
            {
                "messages": sum(map(wanted, q.sent(units))),
                "messages_before": sum(map(wanted, q.sent(units, before=True))),
            }
        ]

    return rows


def share_stat(part: str, whole: str, in_part: Callable[[Unit], bool], in_whole: Callable[[Unit], bool]) -> Answer:
    def rows(units: list[Unit], q: Question) -> list[Row]:
        now, earlier = q.sent(units), q.sent(units, before=True)
        numerator, denominator = sum(map(in_part, now)), sum(map(in_whole, now))
        return [
            {
                "rate": share(numerator, denominator),
                part: numerator,
                whole: denominator,
                "rate_before": share(sum(map(in_part, earlier)), sum(map(in_whole, earlier))),
                "provisional": provisional(now, q.now),
            }
        ]

    return rows


def everything(_: Unit) -> bool:
    return True


def rates_table(name: str, *, groups: bool = False) -> Answer:
    def rows(units: list[Unit], q: Question) -> list[Row]:
        found = by(q.sent(units, groups=groups), lambda unit: getattr(unit, name))
        return sorted(
            ({name: key, **rates(inside, q.now)} for key, inside in found.items()),
            key=lambda row: (-row["sent"], row[name]),
        )

    return rows
