"""Times of providers to milliseconds UTC, and back to text."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

from schemas.parsing.json_types import Json

# WhatsApp was founded in 2009. A time outside 2009-2100 comes from a broken clock or a wrong unit and counts as none.
EARLIEST_MS = 1_230_768_000_000
LATEST_MS = 4_102_444_800_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MAX_MAIL_DATE = 64


def parse_epoch(value: Json, per_second: int | None = None) -> int | None:
    """Milliseconds of an epoch number, or of its text, in s, ms or us; None when it is no time in range.

    `per_second`: how many of the unit make a second; without it the size of the number decides about the unit. Baileys
    prints 64-bit numbers as {"low", "high", "unsigned"} objects, which are read too.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, dict):
        low, high = value.get("low"), value.get("high", 0)
        if not (isinstance(low, int) and isinstance(high, int)):
            return None
        value = (high << 32) | (low & 0xFFFFFFFF)
    if not isinstance(value, int | float | str):
        return None
    try:
        number = float(value) if not isinstance(value, int) else value
        if per_second is not None:
            number = number * 1000 / per_second
        elif number < 1e11:
            number *= 1000
        elif number >= 1e14:
            number /= 1000
        ms = round(number)
    except (ValueError, OverflowError):
        return None
    return ms if EARLIEST_MS <= ms < LATEST_MS else None


def parse_iso(value: Json) -> int | None:
    """Milliseconds of an ISO 8601 text, UTC unless it has an offset. None when it is no time in range."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    ms = (moment - _EPOCH) // _MILLISECOND  # integers: a float of seconds is off by one in the last millisecond
    return ms if EARLIEST_MS <= ms < LATEST_MS else None


def parse_mail_date(value: Json) -> int | None:
    """Milliseconds of a date as mail writes it: `Fri, 20 Nov 2026 12:00:00 +0000`. None when it is no time in range."""
    if not isinstance(value, str) or len(value) > _MAX_MAIL_DATE:
        return None
    try:
        return parse_iso(parsedate_to_datetime(value).isoformat())
    except (ValueError, TypeError, IndexError, OverflowError):  # what the parser raises on other texts
        return None


def parse_time(value: Json) -> int | None:
    """Milliseconds of an epoch number in any unit or of an ISO 8601 text. None when it is no time in range."""
    ms = parse_epoch(value)
    return parse_iso(value) if ms is None else ms


def to_iso(ms: int) -> str:
    """`2026-11-20T12:00:00.000Z`."""
    seconds, rest = divmod(ms, 1000)
    return f"{_seconds_text(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=4096)
def _seconds_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
