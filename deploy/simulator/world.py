"""The simulated world: its clock, its chance, and every fact that was told in it. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from deploy.simulator.facts import DAY, HOUR, SECOND, Account, Fact, Ids
from deploy.simulator.people import PLANS, Person, Plan

# A fact in so many carries words that no version of the provider's documentation has.
_NEW_WORDS = 0.04


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

    @property
    def cloud(self) -> bool:
        """Bodies of Meta's Cloud API."""
        return self.provider in ("meta", "360dialog")


META_FAILURES = (
    ("131026", "Message undeliverable"), ("131026", "Message undeliverable"),
    ("131049", "This message was not delivered to maintain healthy ecosystem engagement."),
    ("130472", "User's number is part of an experiment"), ("131047", "Re-engagement message"),
    ("131053", "Media upload error"), ("131000", "Something went wrong"), ("999123", "A code of tomorrow"),
)  # fmt: skip


def voices(accounts: Iterable[Account], ids: Ids) -> dict[str, Voice]:
    """The voice of each source. KeyError for a provider that is not simulated."""
    return {account.source: _VOICES[account.provider](account, ids) for account in accounts}


def _cloud(account: Account, ids: Ids) -> Voice:
    """Meta, and 360dialog with Meta's bodies: seconds."""
    return Voice(
        account.provider, account.source, ids.meta, PLANS["meta"], SECOND,
        ("700600500400301", "700600500400302", "700600500400303"), META_FAILURES, tells_pending=False,
    )  # fmt: skip


def _wasender(account: Account, ids: Ids) -> Voice:
    """Milliseconds."""
    return Voice("wasender", account.source, ids.wasender, PLANS["wasender"], 1, ("",), (("", ""),), tells_pending=True)


def _evolution(account: Account, ids: Ids) -> Voice:
    """Baileys' ids and words like WasenderApi's, in seconds; an instance has a name."""
    return Voice(
        "evolution", account.source, ids.wasender, PLANS["wasender"], SECOND, ("loja", "suporte"), (("", ""),),
        tells_pending=True,
    )  # fmt: skip


def _zapini(account: Account, ids: Ids) -> Voice:
    """ISO text with seconds."""
    return Voice(
        "zapini", account.source, ids.zapini, PLANS["zapini"], SECOND,
        ("7d1f3c52-8b0e-4a57-9c1e-2f6a0b9d4e11", "777"), (("invalid_number", "Invalid number"), ("", "")),
        tells_pending=True,
    )  # fmt: skip


_VOICES: dict[str, Callable[[Account, Ids], Voice]] = {
    "meta": _cloud, "360dialog": _cloud, "wasender": _wasender, "evolution": _evolution, "zapini": _zapini,
}  # fmt: skip
PROVIDERS = tuple(_VOICES)  # those that are simulated


@dataclass(slots=True)
class World:
    """Collects facts of messages sent in [begin, end). What would happen after `now` has not happened yet.

    Times: ms of the providers' clocks. `horizon` = how long anything may come after what it follows.
    """

    dice: Random
    begin: int
    end: int
    now: int
    ids: Ids
    voices: dict[str, Voice]
    horizon: int
    facts: list[Fact] = field(default_factory=list)

    def chance(self, share: float) -> bool:
        return self.dice.random() < share

    def moment(self) -> int:
        """A time of sending; one in fifty within two seconds of a UTC midnight, where days are told apart."""
        if self.chance(0.02):
            days = self.begin // DAY + 1, (self.end - 1) // DAY
            if days[0] <= days[1]:
                near = self.dice.randint(*days) * DAY + self.dice.randint(-2 * SECOND, 2 * SECOND)
                return max(self.begin, min(near, self.end - 1))
        return self.dice.randint(self.begin, self.end - 1)

    def within(self, least: int, most: int) -> int:
        """A delay between two, ms, or shorter where the horizon is."""
        return self.dice.randint(min(least, self.horizon), min(most, self.horizon))

    def later(self, at: int, usual: int, rare: int) -> int:
        """A moment after `at`: nine times in ten within about `usual` ms, else within `rare`."""
        if self.chance(0.9):
            return at + min(int(self.dice.expovariate(1 / usual)), self.horizon)
        return at + self.within(usual, rare)

    def arrival(self, at: int) -> int:
        """When a fact of `at` is posted: mostly seconds later, now and then days."""
        late = self.within(HOUR, 2 * DAY) if self.chance(0.04) else 0
        return at + int(self.dice.expovariate(1 / (3 * SECOND))) + late

    def repeat(self, arrival: int) -> int:
        """When something that was posted at `arrival` is posted again: seconds, hours, and now and then days later."""
        return arrival + (self.within(DAY, 3 * DAY) if self.chance(0.1) else self.within(SECOND, 6 * HOUR))

    def tell(self, fact: Fact, *, repeats: float = 0.03) -> None:
        """Notes a fact; some are told twice, the second time in another body; some hold words of tomorrow."""
        if fact.message_id and self.chance(_NEW_WORDS):
            news = {"x_new_field": {"since": "v99.0", "values": [1, {"deep": None}, "ü"]}, "x_flag": True}
            fact = replace(fact, told={**fact.told, "extra": news})
        self.facts.append(fact)
        if self.chance(repeats):
            self.facts.append(fact.again(self.repeat(fact.arrival)))

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
        arrival = at + self.dice.randint(20, 400) + (self.within(HOUR, 3 * DAY) if self.chance(0.03) else 0)
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
