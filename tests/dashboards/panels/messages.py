"""The events of one message in one line, for tests that count by hand."""

from typing import Any

from tests.support.events import NOON, event

CUSTOMER = "+4915550002"
FROM_CUSTOMER: dict[str, Any] = {"from": CUSTOMER}  # `from` is a keyword of Python
SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


def message(
    name: str,
    at: int | None = NOON,
    *,
    delivered: int | None = None,
    read: int | None = None,
    failed: int | None = None,
    code: str | None = None,
    title: str | None = None,
    source: str = "shop",
    **facts: Any,
) -> list[dict[str, Any]]:
    """A sent record at `at` (None = there is none) and statuses at the given times, all in ms."""
    events = []
    if at is not None:
        events.append(event("sent", message_id=name, at=at, source=source, **{"to": CUSTOMER} | facts))
    for status, moment in (("delivered", delivered), ("read", read), ("failed", failed)):
        if moment is not None:
            why: dict[str, Any] = {"error_code": code, "error_title": title} if status == "failed" else {}
            events.append(event("status", message_id=name, status=status, at=moment, source=source, **why))
    return events


def delivered(name: str, at: int = NOON, **facts: Any) -> list[dict[str, Any]]:
    """Sent, and delivered 5 seconds later."""
    return message(name, at, delivered=at + 5 * SECOND, **facts)


def failed(name: str, code: str | None = None, at: int = NOON, **facts: Any) -> list[dict[str, Any]]:
    """Sent, and failed 5 seconds later."""
    return message(name, at, failed=at + 5 * SECOND, code=code, **facts)
