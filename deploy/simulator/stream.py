"""A run of any length, generated part by part: which request is due when, and which facts are still to arrive.

The providers' clocks run `speed` times as fast as the run. Memory contains one part and the facts that arrive late.
The script decides everything: same script, same bytes at the same seconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import count

from deploy.simulator import time_slice
from deploy.simulator.facts import SECOND, Account, Fact, Ids, Request, seeded_rng
from deploy.simulator.profiles import profiles
from deploy.simulator.schedule import Schedule
from deploy.simulator.simulation import Simulation
from deploy.simulator.wire_meta import LARGE

# Messages per part: enough for an occasional batch of 1,000 updates, and generated in a third of a second.
PART_MESSAGES = 1000
# Measured over 100,000 messages; a run measures its own value after the first part.
REQUESTS_PER_MESSAGE = 1.2
# Late and repeated facts arrive within so many seconds of the run; this limits memory.
_HORIZON_SECONDS = 600


@dataclass(slots=True, frozen=True)
class Skew:
    """A provider's clock is wrong by `ms` (whole seconds) between these seconds of the run."""

    source: str
    ms: int
    begin: float = 0.0
    end: float = float("inf")


@dataclass(slots=True, frozen=True)
class Script:
    """Describes a run. `messages` None: until the schedule ends. `now`: ms UTC at the schedule's end."""

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
    """`expected`: facts that arrive in this part or later; `due`: (second of the run, request) in order of time."""

    expected: list[Fact]
    due: list[tuple[float, Request]]


@dataclass(slots=True)
class Stream:
    """The parts of a run; can be iterated once."""

    script: Script
    ids: Ids = field(init=False)
    next_number: int = 0  # of the next request
    _order: Iterator[int] = field(default_factory=count)
    # Heaps of what is still to arrive, by arrival; the number keeps the order of equal arrivals.
    _facts: list[tuple[int, int, Fact]] = field(default_factory=list)
    _again: list[tuple[int, int, Request]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ids = Ids(self.script.run)

    @property
    def held_facts(self) -> int:
        """Facts in memory: they arrive after the last part."""
        return len(self._facts)

    def __iter__(self) -> Iterator[Part]:
        script, made, number = self.script, 0, 0
        while script.messages is None or made < script.messages:
            left = PART_MESSAGES if script.messages is None else script.messages - made
            size = min(PART_MESSAGES, left)
            per_message = self.next_number / made if made else REQUESTS_PER_MESSAGE
            sim = self._simulation(number, size * per_message)
            count = time_slice.generate(sim, size)
            made, number = made + count, number + 1
            last = script.messages is not None and made >= script.messages
            part = self._part(sim, last=last)
            yield part
            if script.messages is None and script.schedule.due(self.next_number) >= script.schedule.seconds:
                return

    def _simulation(self, number: int, requests: float) -> Simulation:
        script, schedule = self.script, self.script.schedule
        begin = script.clock(schedule.due(self.next_number))
        return Simulation(
            seeded_rng(script.seed, number, script.run), begin=begin,
            end=max(begin + 1, script.clock(schedule.due(self.next_number + round(requests)))),
            now=max(script.clock(schedule.seconds), begin + 1), ids=self.ids,
            profiles=profiles(script.accounts, self.ids),
            horizon=max(1, round(_HORIZON_SECONDS * script.speed * SECOND)),
        )  # fmt: skip

    def _part(self, sim: Simulation, *, last: bool) -> Part:
        expected = [self._skewed(fact) for fact in sim.facts]
        for fact in expected:
            heappush(self._facts, (fact.arrival, next(self._order), fact))
        until = float("inf") if last else sim.end
        facts = [heappop(self._facts)[2] for _ in iter(lambda: bool(self._facts) and self._facts[0][0] < until, False)]
        requests = time_slice.requests(sim, facts, self._accounts(), LARGE)
        expected += [fact for request in requests for fact in request.facts if fact.kind == "system"]
        again = time_slice.redelivered(sim, requests)
        expected += [fact for request in again for fact in request.facts]
        for request in again:
            heappush(self._again, (request.arrival, next(self._order), request))
        while self._again and self._again[0][0] < until:
            requests.append(heappop(self._again)[2])
        return Part(expected, self._scheduled(sorted(requests, key=lambda request: request.arrival)))

    def _scheduled(self, requests: list[Request]) -> list[tuple[float, Request]]:
        due = [(self.script.schedule.due(self.next_number + at), request) for at, request in enumerate(requests)]
        self.next_number += len(due)
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
        """The fact with the time of its provider's clock. Sent records have the time of the user's own clock."""
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
