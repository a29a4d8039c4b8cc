"""From the query string of a request to the values that a panel's SQL binds. Pure.

Everything that a client may choose passes here once: whatever is not of the expected form ends in a `Problem`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from dashboards.page.problems import bad_parameter, unknown_parameter
from dashboards.page.ranges import EARLIEST, LATEST, PRESETS, Range, ceil, everything, floor, midnight
from schemas.settings.sections import SOURCE_NAME

ALL: Final = "all"
DEFAULT_RANGE: Final = "7d"
DEFAULT_ZONE: Final = "UTC"
LISTS: Final = {"source": "sources", "template": "templates", "campaign": "campaigns"}
NAMES: Final = ("range", "from", "to", "zone", *LISTS)
MAX_VALUES: Final = 50  # of one filter: an address stays below what proxies take (8 KiB) with names of usual length
MAX_CHARACTERS: Final = 512  # Meta's limit of a template's name

_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,40}(?:/[A-Za-z0-9_+-]{1,40}){0,2}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Query(Protocol):
    """A query string: names with one or more values."""

    def keys(self) -> Any: ...
    def getall(self, key: str, default: list[str]) -> list[str]: ...


@dataclass(slots=True, frozen=True)
class Extent:
    """When the first and the last message were sent; None before there is one."""

    first: datetime | None = None
    last: datetime | None = None


@dataclass(slots=True, frozen=True)
class Question:
    """What a user chose. `preset` is the name of the range, '' for one given by its ends."""

    span: Range
    preset: str
    zone: str
    filters: Mapping[str, tuple[str, ...]]

    def parameters(self, *, mask: bool) -> dict[str, Any]:
        """The values of `dashboards.panel.PARAMETERS`; the mask comes from the settings, never from a client."""
        return {
            "from": moment_text(self.span.start),
            "to": moment_text(self.span.end),
            "zone": self.zone,
            "bucket": self.span.bucket,
            **{name: list(values) for name, values in self.filters.items()},
            "mask": int(mask),
        }

    def echo(self) -> dict[str, Any]:
        """The same for the answer: what the numbers are about."""
        return {
            "from": _iso(self.span.start),
            "to": _iso(self.span.end),
            "range": self.preset,
            "zone": self.zone,
            "bucket": self.span.bucket,
            **self.filters,
        }


def moment_text(moment: datetime) -> str:
    """A moment as ClickHouse reads it for a DateTime64(3, 'UTC')."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def wants_everything(query: Query) -> bool:
    """Whether `ask` needs the extent of the data."""
    return query.getall("range", []) == [ALL]


def ask(query: Query, now: datetime, extent: Extent, also: Sequence[str] = ()) -> Question:
    """The question in a query string; names in `also` are left to the caller. Raises Problem (400)."""
    known = (*NAMES, *also)
    if any(name not in known for name in query.keys()):  # noqa: SIM118  (a MultiDict)
        raise unknown_parameter(known)
    zone = _zone(one(query, "zone") or DEFAULT_ZONE)
    preset, span = _range(query, now.astimezone(UTC), zone, extent)
    filters = {LISTS[name]: _values(query, name) for name in LISTS}
    for source in filters["sources"]:
        if not SOURCE_NAME.fullmatch(source):
            raise bad_parameter("source", "is no name of a source: a-z, 0-9, - and _, at most 63 characters")
    return Question(span, preset, zone.key, filters)


def one(query: Query, name: str) -> str | None:
    """The value of a parameter that may be given once. Raises Problem (400)."""
    values = query.getall(name, [])
    if len(values) > 1:
        raise bad_parameter(name, "may be given once")
    return values[0] if values else None


def _values(query: Query, name: str) -> tuple[str, ...]:
    values = tuple(dict.fromkeys(query.getall(name, [])))
    if len(values) > MAX_VALUES:
        raise bad_parameter(name, f"may be given at most {MAX_VALUES} times")
    if any(not 0 < len(value) <= MAX_CHARACTERS for value in values):
        raise bad_parameter(name, f"needs 1 to {MAX_CHARACTERS} characters")
    return values


def _zone(name: str) -> ZoneInfo:
    if not _ZONE.fullmatch(name):
        raise bad_parameter("zone", "is no time zone: use an IANA name such as Europe/Berlin")
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # not in the zone database, or a folder of it
        raise bad_parameter("zone", "is not in the time zone database: use an IANA name such as UTC") from None


def _range(query: Query, now: datetime, zone: ZoneInfo, extent: Extent) -> tuple[str, Range]:
    preset, start, end = (one(query, name) for name in ("range", "from", "to"))
    if start is None and end is None:
        preset = preset or DEFAULT_RANGE
        if preset == ALL:
            return preset, everything(now, zone, extent.first, extent.last)
        if preset not in PRESETS:
            raise bad_parameter("range", f"is one of {', '.join(PRESETS)}, {ALL}")
        return preset, PRESETS[preset](now, zone)
    if preset is not None:
        raise bad_parameter("range", "stands alone: leave it out beside from and to")
    if start is None or end is None:
        raise bad_parameter("from" if start is None else "to", "is missing: a range has both ends")
    span = Range(_moment("from", start, zone), _moment("to", end, zone, after_days=1))
    if span.start >= span.end:
        raise bad_parameter("to", "must lie after from")
    return "", span


def _moment(name: str, text: str, zone: ZoneInfo, after_days: int = 0) -> datetime:
    """A day of the zone or an ISO 8601 time; a day as the end of a range is part of it (`after_days` = 1)."""
    try:
        if _DAY.fullmatch(text):
            moment = midnight(date.fromisoformat(text) + timedelta(days=after_days), zone)
        else:
            read = datetime.fromisoformat(text)
            moment = (read if read.tzinfo else read.replace(tzinfo=zone)).astimezone(UTC)
        moment = ceil(moment) if after_days else floor(moment)
    except (ValueError, OverflowError):
        raise bad_parameter(name, "is no day (2026-11-20) and no ISO 8601 time (2026-11-20T08:00:00Z)") from None
    if not EARLIEST <= moment <= LATEST:
        raise bad_parameter(name, "must lie between the years 2009 and 2100")
    return moment


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
