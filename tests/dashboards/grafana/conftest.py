"""Known data on a real ClickHouse, and the shipped files."""

from typing import Any

import pytest

from dashboards.grafana.provision import shipped
from tests.dashboards.panels.tables import Tables
from tests.support.clickhouse import Server
from tests.support.events import DAY, NOON, event

# Names that hold whatever a quoting format may stumble over.
NAMES = [
    "plain", "with space", "a,b", "it's", 'say "hi"', "back\\slash", "\\", "\\' OR 1=1 --", "{a}", "*", "%41", "50%",
    "$__fromTime_ms", "${sources}", "[[sources]]", "тест", "🙂", "a\nb", "')); DROP TABLE event_log; --",
    "-- x", "/* x",
]  # fmt: skip
SOURCES = ["shop", "hotel"]


def messages() -> list[dict[str, Any]]:
    """Sends with every name as template and as campaign, on four days, delivered, read, failed or neither."""
    made = []
    for place, name in enumerate(NAMES * 3):
        at, identifier = NOON - (place % 4) * DAY, f"m{place}"
        facts: dict[str, Any] = {
            "message_id": identifier,
            "source": SOURCES[place % 2],
            "to": f"+55119555500{place:02d}",
        }
        made.append(
            event("sent", at=at, template=name, campaign=NAMES[-place % len(NAMES)], category="marketing", **facts)
        )
        fate = ("delivered", "read", "failed", None)[place % 4]
        if fate:
            code: dict[str, Any] = {"error_code": "131026"} if fate == "failed" else {}
            made.append(event("status", at=at + 60_000 + place, status=fate, received=at + 61_000, **facts, **code))
    inbound: dict[str, Any] = {"message_id": "i1", "source": "shop", "from": "+5511955550077", "type": "text"}
    return [
        *made,
        event("inbound", at=NOON, **inbound),
        event("system", event="session", state="disconnected", at=NOON),
    ]


@pytest.fixture(scope="session")
def tables(clickhouse: Server) -> Tables:
    """The messages above, loaded as the product loads them. No test changes them."""
    made = Tables(clickhouse, "grafana_test")
    made.load(messages())
    return made


@pytest.fixture(scope="session")
def boards() -> dict[str, Any]:
    """The shipped dashboards by file name."""
    return shipped()[0]


@pytest.fixture(scope="session")
def rules() -> dict[str, Any]:
    """The shipped alert rules."""
    return shipped()[1]
