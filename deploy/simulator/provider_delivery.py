"""Delivery as a provider does it: the same bytes again until the answer is 200, with increasing pauses."""

import time
from dataclasses import dataclass, field
from random import Random

from deploy.simulator.facts import Request
from deploy.simulator.poster import Attempt
from deploy.simulator.running_truth import RunningTruth
from deploy.simulator.stats import Stats

# Meta retries at once, then less and less often for 36 hours: seconds on the provider's clock, 35 hours in total.
RETRIES = (0, 60, 300, 900, 3600, 7200, 14_400, 28_800, 72_000)
_MIN_PAUSE = 0.05  # seconds of the run; at a high speed the pauses would be shorter


def pause(retry: int, speed: float, rng: Random) -> float:
    """Seconds of the run before retry number `retry`, from 0, with 20 % of jitter; the last pause repeats."""
    seconds = RETRIES[min(retry, len(RETRIES) - 1)] / speed
    return max(_MIN_PAUSE, seconds) * rng.uniform(0.8, 1.2) if retry else 0.0


@dataclass(slots=True)
class ProviderRun:
    """The options and counts that all deliveries of one run share.

    `speed`: seconds of the provider's clock in one second of the run. `give_up`: a request is dropped after as many
    attempts as Meta makes; otherwise it is retried until the run ends.
    """

    truth: RunningTruth
    speed: float
    give_up: bool = False
    stats: Stats = field(default_factory=Stats)

    def deliver(self, request: Request, due: float) -> "ProviderDelivery":
        """The delivery of the next request."""
        self.stats.sent += 1
        return ProviderDelivery(self, request, due, Random(self.stats.sent))  # noqa: S311  (only spreads retries)

    def late(self) -> None:
        """Counts a request that is delayed because memory is full."""
        self.stats.late += 1


@dataclass(slots=True)
class ProviderDelivery:
    """One request. `maybe`: attempts without a 200 that the edge may have stored."""

    run: ProviderRun
    request: Request
    due: float
    rng: Random
    maybe: int = 0
    tries: int = 0

    def attempting(self) -> None:
        """Until its answer is known, the attempt counts as possibly stored."""
        if self.tries:
            self.due = time.monotonic()
            self.run.stats.retries += 1
        self.tries += 1
        self.maybe += 1

    def after(self, attempt: Attempt) -> float | None:
        """Done at 200, or after Meta's last attempt if the run gives up."""
        stats = self.run.stats
        if attempt.status == 200:
            stats.answered += 1
            stats.elements += len(self.request.facts)
            stats.times.add(time.monotonic() - self.due)
            self.run.truth.stored(self.request, self.maybe - 1)
            return None
        self.maybe -= not attempt.maybe_stored
        stats.failures[attempt.outcome] += 1
        if self.run.give_up and self.tries > len(RETRIES):
            stats.given_up += 1
            self.run.truth.maybe_stored(self.request, self.maybe)
            return None
        return pause(self.tries - 1, self.run.speed, self.rng)

    def cut_off(self) -> None:
        """Marks the request as possibly stored."""
        self.run.truth.maybe_stored(self.request, self.maybe)
