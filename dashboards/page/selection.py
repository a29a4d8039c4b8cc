"""Parses the query string of a request into the parameters of a panel's SQL.

Everything that a client may choose is validated here, once: any other input raises a `Problem`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
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
MAX_VALUES: Final = 50  # of one filter: with names of usual length a URL stays below the limit of proxies (8 KiB)
MAX_CHARACTERS: Final = 512  # Meta's limit for the name of a template

_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,40}(?:/[A-Za-z0-9_+-]{1,40}){0,2}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Query(Protocol):
    """A query string: names with one or more values."""

    def keys(self) -> Iterable[str]:
        """The names."""

    def getall(self, key: str, default: list[str]) -> list[str]:
        """The values of a name."""


@dataclass(slots=True, frozen=True)
class Extent:
    """When the first and the last message were sent; None without messages."""

    first: datetime | None = None
    last: datetime | None = None


@dataclass(slots=True, frozen=True)
class Selection:
    """What a user selected. `preset`: name of the range, '' for a range with explicit ends."""

    span: Range
    preset: str
    zone: str
    filters: Mapping[str, tuple[str, ...]]

    def parameters(self, *, mask: bool) -> dict[str, Any]:
        """The parameters of a panel's SQL; the mask comes from the settings, never from a client."""
        return {
            "from": moment_text(self.span.start),
            "to": moment_text(self.span.end),
            "zone": self.zone,
            "bucket": self.span.bucket,
            **{name: list(values) for name, values in self.filters.items()},
            "mask": int(mask),
        }

    def as_json(self) -> dict[str, Any]:
        """The selection for the JSON answer."""
        return {
            "from": _iso(self.span.start),
            "to": _iso(self.span.end),
            "range": self.preset,
            "zone": self.zone,
            "bucket": self.span.bucket,
            **self.filters,
        }


def moment_text(moment: datetime) -> str:
    """A time as the text of a DateTime64(3, 'UTC')."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def needs_extent(query: Query) -> bool:
    """Whether `parse_selection` needs the extent of the data: the range is "all"."""
    return query.getall("range", []) == [ALL]


def parse_selection(query: Query, now: datetime, extent: Extent, also: Sequence[str] = ()) -> Selection:
    """The selection in a query string; the caller reads the names in `also`. Raises Problem (400)."""
    known = (*NAMES, *also)
    if any(name not in known for name in query.keys()):  # noqa: SIM118  (a MultiDict)
        raise unknown_parameter(known)
    zone = _zone(single(query, "zone") or DEFAULT_ZONE)
    preset, span = _range(query, now.astimezone(UTC), zone, extent)
    filters = {LISTS[name]: _values(query, name) for name in LISTS}
    for source in filters["sources"]:
        if not SOURCE_NAME.fullmatch(source):
            raise bad_parameter("source", "is not the name of a source: a-z, 0-9, - and _, at most 63 characters")
    return Selection(span, preset, zone.key, filters)


def single(query: Query, name: str) -> str | None:
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
        raise bad_parameter("zone", "is not a time zone: use an IANA name such as Europe/Berlin")
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # not in the time zone database, or a folder of it
        raise bad_parameter("zone", "is not in the time zone database: use an IANA name such as UTC") from None


def _range(query: Query, now: datetime, zone: ZoneInfo, extent: Extent) -> tuple[str, Range]:
    preset, start, end = (single(query, name) for name in ("range", "from", "to"))
    if start is None and end is None:
        preset = preset or DEFAULT_RANGE
        if preset == ALL:
            return preset, everything(now, zone, extent.first, extent.last)
        if preset not in PRESETS:
            raise bad_parameter("range", f"is one of {', '.join(PRESETS)}, {ALL}")
        return preset, PRESETS[preset](now, zone)
    if preset is not None:
        raise bad_parameter("range", "cannot be combined with from and to")
    if start is None or end is None:
        raise bad_parameter("from" if start is None else "to", "is missing: a range needs both ends")
    span = Range(_moment("from", start, zone), _moment("to", end, zone, after_days=1))
    if span.start >= span.end:
        raise bad_parameter("to", "must be later than from")
    return "", span


def _moment(name: str, text: str, zone: ZoneInfo, after_days: int = 0) -> datetime:
    """A day of the zone or an ISO 8601 time. `after_days` = 1 for the end of a range, which includes its last day."""
    try:
        if _DAY.fullmatch(text):
            moment = midnight(date.fromisoformat(text) + timedelta(days=after_days), zone)
        else:
            read = datetime.fromisoformat(text)
            moment = (read if read.tzinfo else read.replace(tzinfo=zone)).astimezone(UTC)
        moment = ceil(moment) if after_days else floor(moment)
    except (ValueError, OverflowError):
        raise bad_parameter(name, "is neither a day (2026-11-20) nor an ISO 8601 time (2026-11-20T08:00:00Z)") from None
    if not EARLIEST <= moment <= LATEST:
        raise bad_parameter(name, "must be between the years 2009 and 2100")
    return moment


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
