"""The demo's world: its clock, its chance, and every fact that was told in it. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from deploy.demo.facts import DAY, HOUR, MINUTE, SECOND, Accounts, Fact, Ids
from deploy.demo.people import PLANS, Person, Plan

SPAN = 10 * DAY  # messages were sent within so long before the start


@dataclass(slots=True, frozen=True)
class Voice:
    """How one provider tells of messages: its clock's grain in ms, its id shape, its accounts and failures."""

    provider: str
    source: str
    new_id: Callable[[], str]
    plans: tuple[Plan, ...]
    grain: int
    accounts: tuple[str, ...]
    failures: tuple[tuple[str, str], ...]  # (code, title)
    tells_pending: bool


META_FAILURES = (
    ("131026", "Message undeliverable"), ("131026", "Message undeliverable"),
    ("131049", "This message was not delivered to maintain healthy ecosystem engagement."),
    ("130472", "User's number is part of an experiment"), ("131047", "Re-engagement message"),
    ("131053", "Media upload error"), ("131000", "Something went wrong"), ("999123", "A code of tomorrow"),
)  # fmt: skip


def voices(accounts: Accounts, ids: Ids) -> dict[str, Voice]:
    """The three providers. Meta has seconds, WasenderApi milliseconds, Zapini ISO text with seconds."""
    return {
        "meta": Voice(
            "meta", accounts.meta.source, ids.meta, PLANS["meta"], SECOND,
            ("700600500400301", "700600500400302", "700600500400303"), META_FAILURES, tells_pending=False,
        ),
        "wasender": Voice(
            "wasender", accounts.wasender.source, ids.wasender, PLANS["wasender"], 1, ("",), (("", ""),),
            tells_pending=True,
        ),
        "zapini": Voice(
            "zapini", accounts.zapini.source, ids.zapini, PLANS["zapini"], SECOND,
            ("7d1f3c52-8b0e-4a57-9c1e-2f6a0b9d4e11", "777"), (("invalid_number", "Invalid number"), ("", "")),
            tells_pending=True,
        ),
    }  # fmt: skip


@dataclass(slots=True)
class World:
    """Collects facts. Everything happens before `now`; what would come later has not happened yet."""

    dice: Random
    now: int
    ids: Ids
    voices: dict[str, Voice]
    facts: list[Fact] = field(default_factory=list)

    def chance(self, share: float) -> bool:
        return self.dice.random() < share

    def moment(self) -> int:
        """A time of sending; one in fifty within two seconds of a UTC midnight, where days are told apart."""
        if self.chance(0.02):
            midnight = (self.now - SPAN) // DAY * DAY + self.dice.randint(1, 10) * DAY
            return min(midnight + self.dice.randint(-2 * SECOND, 2 * SECOND), self.now - 2 * MINUTE)
        return self.now - self.dice.randint(2 * MINUTE, SPAN)

    def later(self, at: int, usual: int, rare: int) -> int:
        """A moment after `at`: nine times in ten within about `usual` ms, else within `rare`."""
        if self.chance(0.9):
            return at + int(self.dice.expovariate(1 / usual))
        return at + self.dice.randint(usual, rare)

    def arrival(self, at: int) -> int:
        """When a fact of `at` is posted: mostly seconds later, now and then days."""
        late = self.dice.randint(HOUR, 2 * DAY) if self.chance(0.04) else 0
        return at + int(self.dice.expovariate(1 / (3 * SECOND))) + late

    def tell(self, fact: Fact, *, repeats: float = 0.03) -> None:
        """Notes a fact; some are told twice, the second time in another body."""
        self.facts.append(fact)
        if self.chance(repeats):
            self.facts.append(fact.again(fact.arrival + self.dice.randint(SECOND, 6 * HOUR)))

    def status(self, voice: Voice, message_id: str, word: str, at: int, told: dict[str, Any], **more: Any) -> bool:
        """Tells that a message reached a status, unless that is still to come; says whether it was told."""
        at = at // voice.grain * voice.grain
        if at > self.now:
            return False
        fact = Fact("status", voice.source, at, self.arrival(at), message_id=message_id, status=word, told=told, **more)
        self.tell(fact)
        return True

    def record(self, voice: Voice, message_id: str, at: int, plan: Plan, to: str, *, timed: bool = True) -> None:
        """The user's send API accepted a message. Some records come late; a few come twice, first without words.

        A record without a time leaves sent_at to the provider's `sent`, which the caller must tell.
        """
        arrival = at + self.dice.randint(20, 400) + (self.dice.randint(HOUR, 3 * DAY) if self.chance(0.03) else 0)
        told = {"template": plan.template, "campaign": plan.campaign, "category": plan.category, "to": to}
        fact = Fact(
            "sent", voice.source, at if timed else None, arrival, message_id=message_id, origin="api", told=told
        )
        self.tell(fact, repeats=0.02)
        if self.chance(0.01):
            self.facts.append(replace(fact, arrival=arrival - 1, told={"to": to}))

    def spelling(self, who: Person) -> str:
        """A phone as this status happens to spell it; spelling must never split a message."""
        return who.old_digits if self.chance(0.2) else who.digits
