"""What the panels of Delivery must answer."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from tests.dashboards.panels.expected import Answer, Question, Row, by, rates, rates_table, share
from tests.dashboards.panels.model import QUARTER, Unit, first_moment

HOUR = 3_600_000
DAY = 24 * HOUR


def _funnel(units: list[Unit], q: Question) -> list[Row]:
    found = rates(q.sent(units), q.now)
    return [
        {"step": word.capitalize(), "messages": found[word], "sent": found["sent"]}
        for word in ("sent", "delivered", "read")
        if found["sent"]
    ]


def _day(unit: Unit, zone: str) -> datetime:
    return first_moment(datetime.fromtimestamp(unit.slot / 1000, ZoneInfo(zone)).date(), zone)


def _cohort_days(units: list[Unit], q: Question) -> list[Row]:
    found = by(q.sent(units), lambda unit: _day(unit, q.zone))
    return [{"sent_on": day, **rates(inside, q.now)} for day, inside in sorted(found.items(), reverse=True)]


def _cells(units: list[Unit], q: Question) -> dict[tuple[int, int], list[Unit]]:
    def cell(unit: Unit) -> tuple[int, int]:
        local = datetime.fromtimestamp(unit.slot / 1000, ZoneInfo(q.zone))
        return local.isoweekday(), local.hour

    return dict(sorted(by(q.sent(units), cell).items()))


def _delivery_heatmap(units: list[Unit], q: Question) -> list[Row]:
    rows = []
    for (weekday, hour), inside in _cells(units, q).items():
        found = rates(inside, q.now)
        terms = {name: found[name] for name in ("delivery_rate", "delivered", "sent")}
        rows.append({"hour": hour, "weekday": weekday, **terms})
    return rows


def _volume_heatmap(units: list[Unit], q: Question) -> list[Row]:
    return [
        {"hour": hour, "weekday": weekday, "sent": len(found)} for (weekday, hour), found in _cells(units, q).items()
    ]


def percentile(level: float, durations: list[int]) -> int | None:
    """The value below which `level` of them lie; of two middle ones the lower."""
    ordered = sorted(durations)
    if not ordered:
        return None
    return ordered[(len(ordered) - 1) // 2 if level == 0.5 else int(level * len(ordered))]


_LEVELS = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def _timed(units: Iterable[Unit], word: str) -> list[int]:
    durations = (unit.to_delivered if word == "delivered" else unit.to_read for unit in units)
    return [ms for ms in durations if ms is not None and ms >= 0]


def _durations(units: list[Unit], q: Question) -> list[Row]:
    rows = []
    for word in ("delivered", "read"):
        reached = [unit for unit in q.sent(units) if getattr(unit, word)]
        timed = _timed(reached, word)
        durations = [unit.to_delivered if word == "delivered" else unit.to_read for unit in reached]
        negative = sum(ms is not None and ms < 0 for ms in durations)
        if reached:
            rows.append({
                "measure": word.capitalize(), **{name: percentile(level, timed) for name, level in _LEVELS.items()},
                "timed": len(timed), "reached": len(reached), "negative": negative, "untimed": durations.count(None),
            })  # fmt: skip
    return rows


def _durations_over_time(units: list[Unit], q: Question) -> list[Row]:
    return [
        {"at": at, "series": series, "duration": percentile(level, timed)}
        for at, inside in sorted(by(q.sent(units), q.bucket_of).items())
        if (timed := _timed(inside, "delivered"))
        for series, level in (("95th percentile", 0.95), ("99th percentile", 0.99), ("Median", 0.5))
    ]


def _times(name: str) -> Answer:
    def row(key: str, inside: list[Unit]) -> Row:
        found: Row = {name: key}
        for word in ("delivered", "read"):
            timed = _timed(inside, word)
            found[f"{word}_timed"] = len(timed)
            found |= {f"{word}_{short}": percentile(level, timed) for short, level in _LEVELS.items()}
        return found

    def rows(units: list[Unit], q: Question) -> list[Row]:
        found = by(q.sent(units), lambda unit: getattr(unit, name))
        return [row(key, inside) for key, inside in sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0]))]

    return rows


def _reached_within(limit: int, *durations: int | None) -> bool:
    known = [ms for ms in durations if ms is not None]
    return bool(known) and 0 <= min(known) <= limit


def _maturity(units: list[Unit], q: Question) -> list[Row]:
    found = q.sent(units)
    rows = []
    for name, limit in (("1 hour", HOUR), ("24 hours", DAY), ("7 days", 7 * DAY), ("30 days", 30 * DAY)):
        old = [unit for unit in found if q.now // 1000 >= (unit.slot + QUARTER + limit) // 1000]
        delivered = sum(u.delivered and _reached_within(limit, u.to_delivered, u.to_read) for u in old)
        rows.append((name, len(old), delivered, sum(u.read and _reached_within(limit, u.to_read) for u in old)))
    rows.append(("Now", len(found), sum(u.delivered for u in found), sum(u.read for u in found)))
    return [
        {
            "within": name, "sent": sent, "delivered": delivered, "delivery_rate": share(delivered, sent),
            "read": read, "read_rate": share(read, delivered),
        }
        for name, sent, delivered, read in rows
        if found
    ]  # fmt: skip


_KEYS = ("source", "template", "campaign", "country", "category")
EXPECTED: dict[str, Answer] = {
    "funnel": _funnel,
    "cohort-days": _cohort_days,
    "maturity": _maturity,
    "durations": _durations,
    "durations-over-time": _durations_over_time,
    "delivery-heatmap": _delivery_heatmap,
    "volume-heatmap": _volume_heatmap,
    "group-campaigns": rates_table("campaign", groups=True),
    **{f"by-{name}": rates_table(name) for name in _KEYS},
    **{f"times-by-{name}": _times(name) for name in _KEYS},
}
