"""A run without an end in sight, chapter by chapter: what is posted when, and what is still to come. Pure.

The providers' clocks run `speed` times as fast as the run. Memory holds one chapter and what arrives late. Everything
follows from the script alone: same script, same bytes at the same seconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import count

from deploy.simulator import time_slice
from deploy.simulator.facts import SECOND, Account, Fact, Ids, Request, dice
from deploy.simulator.schedule import Schedule
from deploy.simulator.wire_meta import LARGE
from deploy.simulator.world import World, voices

# Enough for one batch of 1,000 updates now and then, and made in a third of a second.
CHAPTER = 1000
# So many requests does a message take, as counted over 100,000 of them; a run learns its own number as it goes.
REQUESTS_PER_MESSAGE = 1.2
# Seconds of the run within which whatever is told late, or again, has come. It bounds what memory holds.
_HORIZON_SECONDS = 600


@dataclass(slots=True, frozen=True)
class Skew:
    """A provider's clock is wrong by `ms`, whole seconds, for what happens within these seconds of the run."""

    source: str
    ms: int
    begin: float = 0.0
    end: float = float("inf")


@dataclass(slots=True, frozen=True)
class Script:
    """What is simulated. `messages` None: as many as the schedule has room for. `now`: ms UTC at the schedule's end."""

    accounts: tuple[Account, ...]
    seed: int
    run: str
    now: int
    schedule: Schedule
    speed: float
    messages: int | None = None
    rotate: bool = False
    skews: tuple[Skew, ...] = ()

    def clock(self, at: float) -> int:
        """The providers' time at a second of the run, ms."""
        return self.now - round((self.schedule.seconds - at) * self.speed * SECOND)


@dataclass(slots=True, frozen=True)
class Part:
    """`expected`: facts that will arrive, in this part or later; `due`: (second of the run, request), in order."""

    expected: list[Fact]
    due: list[tuple[float, Request]]


@dataclass(slots=True)
class Stream:
    """Iterates over the parts of a run."""

    script: Script
    ids: Ids = field(init=False)
    slot: int = 0  # the next request's number
    _order: Iterator[int] = field(default_factory=count)
    _facts: list[tuple[int, int, Fact]] = field(
        default_factory=list
    )  # by arrival; the number keeps equal ones in order
    _again: list[tuple[int, int, Request]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ids = Ids(self.script.run)

    def __iter__(self) -> Iterator[Part]:
        script, made, number = self.script, 0, 0
        while script.messages is None or made < script.messages:
            left = CHAPTER if script.messages is None else script.messages - made
            size = min(CHAPTER, left)
            per_message = self.slot / made if made else REQUESTS_PER_MESSAGE
            world = self._world(number, size * per_message)
            told = time_slice.live(world, size)
            made, number = made + told, number + 1
            last = script.messages is not None and made >= script.messages
            part = self._part(world, last=last)
            yield part
            if script.messages is None and script.schedule.due(self.slot) >= script.schedule.seconds:
                return

    def _world(self, number: int, requests: float) -> World:
        script, schedule = self.script, self.script.schedule
        begin = script.clock(schedule.due(self.slot))
        return World(
            dice(script.seed, number, script.run), begin=begin,
            end=max(begin + 1, script.clock(schedule.due(self.slot + round(requests)))),
            now=max(script.clock(schedule.seconds), begin + 1), ids=self.ids,
            voices=voices(script.accounts, self.ids), horizon=max(1, round(_HORIZON_SECONDS * script.speed * SECOND)),
        )  # fmt: skip

    def _part(self, world: World, *, last: bool) -> Part:
        expected = [self._skewed(fact) for fact in world.facts]
        for fact in expected:
            heappush(self._facts, (fact.arrival, next(self._order), fact))
        until = float("inf") if last else world.end
        facts = [heappop(self._facts)[2] for _ in iter(lambda: bool(self._facts) and self._facts[0][0] < until, False)]
        requests = time_slice.requests(world, facts, time_slice.Wiring(self._accounts(), LARGE))
        expected += [fact for request in requests for fact in request.facts if fact.kind == "system"]
        again = time_slice.redelivered(world, requests)
        expected += [fact for request in again for fact in request.facts]
        for request in again:
            heappush(self._again, (request.arrival, next(self._order), request))
        while self._again and self._again[0][0] < until:
            requests.append(heappop(self._again)[2])
        return Part(expected, self._scheduled(sorted(requests, key=lambda request: request.arrival)))

    def _scheduled(self, requests: list[Request]) -> list[tuple[float, Request]]:
        due = [(self.script.schedule.due(self.slot + at), request) for at, request in enumerate(requests)]
        self.slot += len(due)
        if self.script.messages is not None:
            return due
        return [(at, request) for at, request in due if at < self.script.schedule.seconds]

    def _accounts(self) -> tuple[Account, ...]:
        if not self.script.rotate:
            return self.script.accounts
        middle = self.script.clock(self.script.schedule.seconds / 2)
        return tuple(
            replace(account, rotates_at=middle) if account.next_secret else account for account in self.script.accounts
        )

    def _skewed(self, fact: Fact) -> Fact:
        """With the time that its provider's clock says. Sent records are told by the user's own clock."""
        if fact.at is None or fact.origin == "api":
            return fact
        wrong = sum(
            skew.ms
            for skew in self.script.skews
            if skew.source == fact.source and self._at(skew.begin) <= fact.at < self._at(skew.end)
        )
        return replace(fact, at=fact.at + wrong) if wrong else fact

    def _at(self, second: float) -> float:
        return second if second == float("inf") else self.script.clock(second)
