"""Random events and questions on the edges where numbers go wrong: ends of days, hours and ranges."""

from datetime import UTC, datetime
from random import Random
from typing import Any

from hypothesis import HealthCheck, settings

from tests.dashboards.panels.model import QUARTER
from tests.support.events import DAY, event

HOUR = 3_600_000


def random_search(examples: int) -> settings:
    """So many examples in a run of all tests, four times as many with `--hypothesis-profile fuzz`."""
    return settings(
        max_examples=examples * settings().max_examples // 100,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


def ms(text: str) -> int:
    """A UTC moment as written, `2026-10-25T00:30`."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


# Ends of days and hours in several zones, the hours that Berlin lives twice and never, ends of a quarter of an hour.
MOMENTS = [
    ms("2026-03-29T00:59:59.999"), ms("2026-03-29T01:00"), ms("2026-10-25T00:30"), ms("2026-10-25T01:30"),
    ms("2026-10-24T22:00"), ms("2026-10-25T22:59:59.999"), ms("2026-10-31T18:14:59.999"), ms("2026-10-31T18:15"),
    ms("2026-09-06T03:59:59.999"), ms("2026-09-06T04:00"), ms("2026-11-20T12:00"),
]  # fmt: skip
LATER = [0, 0, 1, 999, 60_000, QUARTER, HOUR, HOUR + 1, DAY, 7 * DAY, 31 * DAY]
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Santiago", "Australia/Lord_Howe", "Asia/Kolkata"]
STATUSES = ["pending", "sent", "delivered", "read", "played", "failed", "failed", "deleted"]
CODES = [None, "131026", "131049", "131047", "132999", "131031", "131056", "70007", "it's \\ new"]
WHOLE = (ms("2009-01-01"), ms("2100-01-01"))


def some_event(by: Random, messages: int) -> dict[str, Any]:
    """An event of one of a number of messages."""
    kind = by.choice(["sent", "sent", "status", "status", "status", "inbound"])
    number = by.randrange(messages)
    facts: dict[str, Any] = {
        "message_id": f"m{number}",
        "source": ("shop", "shop", "crm")[number % 3],
        "at": by.choice(MOMENTS) + by.choice(LATER) if by.random() < 0.9 else None,
        "received": by.choice(MOMENTS) + 5 * DAY,
        "participant": by.choice([None, None, None, "+4915550001", "22@lid"]) if number % 4 == 0 else None,
        "to": by.choice([None, "+4915550002", "+97798555003", "+12125550004", "33@lid"]),
        "historical": by.choice([None, None, None, True]),
    }
    if kind == "status":
        facts |= {"status": by.choice(STATUSES), "from_me": by.choice([None, True, True, False])}
        if facts["status"] == "failed":
            facts |= {"error_code": by.choice(CODES), "error_title": by.choice([None, "No luck"])}
    elif kind == "sent":
        facts |= {
            "origin": by.choice(["api", "api", "echo", "history"]),
            "template": by.choice([None, "offer", "it's \\ ä"]),
            "campaign": by.choice([None, "spring", "summer"]),
            "category": by.choice([None, "marketing", "authentication"]),
        }
    else:
        facts |= {"type": "text", "from": by.choice([None, "+4915550002"])}
    return event(kind, **facts)


def some_question(by: Random) -> dict[str, Any]:
    """What somebody may choose; the range ends on quarters of an hour, as the page's does."""
    edges = [moment - moment % QUARTER for moment in MOMENTS]
    start, end = sorted(by.choice([WHOLE, WHOLE, by.sample(sorted(set(edges)), 2)]))
    return {
        "start": start,
        "end": end,
        "zone": by.choice(ZONES),
        "bucket": by.choice(["hour", "day", "month"]),
        "sources": by.choice([[], [], ["shop"], ["shop", "crm"], ["nobody"]]),
        "templates": by.choice([[], [], ["offer"], ["it's \\ ä", ""]]),
        "campaigns": by.choice([[], [], ["spring"], ["spring", "summer"]]),
        "mask": by.choice([0, 1]),
    }
