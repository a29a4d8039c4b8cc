"""Sixty messages whose numbers are counted here, and their events."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.events import DAY, NOON, event

# Names with quotes, markup and formulas.
CAMPAIGNS = ("spring", "=1+1", "<b>bold</b> & 'quoted'")
TEMPLATES = ("hello", "offer, 50 %")


@dataclass(slots=True, frozen=True)
class Message:
    """One outbound message as a test counts it. `outcome`: failed, pending, delivered or read."""

    name: str
    source: str
    template: str
    campaign: str
    sent_at: int
    outcome: str


def _outcome(number: int) -> str:
    if number % 10 == 0:
        return "failed"
    if number % 10 == 1:
        return "pending"
    return "read" if number % 2 else "delivered"


def messages() -> list[Message]:
    """Sent on 18, 19 and 20 November 2026, UTC, in the mornings."""
    return [
        Message(
            f"m{number}",
            "clinic" if number % 3 == 0 else "shop",
            TEMPLATES[number % 2],
            CAMPAIGNS[number % 5 % 3],
            NOON - (number % 3) * DAY - (number % 4 + 1) * 3_600_000,
            _outcome(number),
        )
        for number in range(60)
    ]


def events() -> list[dict[str, Any]]:
    """All events of the messages from webhooks and the send API, and three messages of customers."""
    made = []
    for number, message in enumerate(messages()):
        facts: dict[str, Any] = {
            "message_id": message.name,
            "to": f"+55119555500{number:02d}",
            "source": message.source,
            "request": f"r{number}",
        }
        sent: dict[str, Any] = {"template": message.template, "campaign": message.campaign, "category": "marketing"}
        made.append(event("sent", at=message.sent_at, **facts, **sent))
        if message.outcome == "failed":
            made.append(event("status", status="failed", error_code="131026", at=message.sent_at + 1000, **facts))
        for status, after in (("delivered", 2000), ("read", 60_000)):
            if message.outcome == "read" or message.outcome == status:
                made.append(event("status", status=status, at=message.sent_at + after, **facts))
    customer: dict[str, Any] = {"from": "+5511955550001", "type": "text", "source": "shop"}
    made += [
        event("inbound", message_id=f"i{number}", at=NOON - number * 7_200_000, request=f"i{number}", **customer)
        for number in range(3)
    ]
    return made


def count(which: Callable[[Message], bool] = lambda _: True) -> dict[str, int]:
    """sent, delivered, read, failed, pending of the chosen messages. Delivered includes the read ones."""
    outcomes = [message.outcome for message in messages() if which(message)]
    return {
        "sent": len(outcomes),
        "delivered": sum(outcome in ("delivered", "read") for outcome in outcomes),
        "read": outcomes.count("read"),
        "failed": outcomes.count("failed"),
        "pending": outcomes.count("pending"),
    }
