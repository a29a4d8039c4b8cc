"""Time ranges: presets such as "7d" and "yesterday", days and times.

Every range starts and ends on a quarter of an hour, the step of the rollups. So rollups and rows give the same numbers,
and all requests within a quarter of an hour run the same query.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from schemas.parsing.times import EARLIEST_MS, LATEST_MS

QUARTER: Final = timedelta(minutes=15)
EARLIEST: Final = datetime.fromtimestamp(EARLIEST_MS / 1000, UTC)
LATEST: Final = datetime.fromtimestamp(LATEST_MS / 1000, UTC)
# More points than this cannot be distinguished at the width of a screen: 72 hours, then about 400 days.
_HOURS_UP_TO: Final = timedelta(hours=73)
_DAYS_UP_TO: Final = timedelta(days=401)


@dataclass(slots=True, frozen=True)
class Range:
    """`start` inclusive, `end` exclusive, both UTC and on a quarter of an hour."""

    start: datetime
    end: datetime

    @property
    def bucket(self) -> str:
        """The step of lines over time: hour, day or month."""
        length = self.end - self.start
        if length <= _HOURS_UP_TO:
            return "hour"
        return "day" if length <= _DAYS_UP_TO else "month"


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The start of a day in a zone, as UTC. If the clock skips midnight, the time that it skips to."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def floor(moment: datetime) -> datetime:
    """The start of the quarter of an hour that contains `moment`."""
    return moment - timedelta(minutes=moment.minute % 15, seconds=moment.second, microseconds=moment.microsecond)


def ceil(moment: datetime) -> datetime:
    """`moment`, rounded up to a quarter of an hour."""
    down = floor(moment)
    return down if down == moment else down + QUARTER


def _days(count: int) -> Callable[[datetime, ZoneInfo], Range]:
    """The last `count` days of the zone, including today up to now."""

    def made(now: datetime, zone: ZoneInfo) -> Range:
        first = now.astimezone(zone).date() - timedelta(days=count - 1)
        return Range(midnight(first, zone), floor(now) + QUARTER)

    return made


def _yesterday(now: datetime, zone: ZoneInfo) -> Range:
    today = now.astimezone(zone).date()
    return Range(midnight(today - timedelta(days=1), zone), midnight(today, zone))


PRESETS: Final[dict[str, Callable[[datetime, ZoneInfo], Range]]] = {
    "today": _days(1),
    "yesterday": _yesterday,
    "7d": _days(7),
    "30d": _days(30),
    "90d": _days(90),
}


def everything(now: datetime, zone: ZoneInfo, first: datetime | None, last: datetime | None) -> Range:
    """From the day of the first message to now, or to the last message if a provider's clock is ahead."""
    if first is None:
        return _days(1)(now, zone)
    start = max(midnight(first.astimezone(zone).date(), zone), EARLIEST)
    return Range(start, max(floor(now), floor(last or now)) + QUARTER)
