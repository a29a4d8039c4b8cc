"""When each request is due: a rate, a daily curve, bursts. Due times do not depend on answers."""

from bisect import bisect_left
from itertools import accumulate
from typing import Literal

Curve = Literal["flat", "day"]

# Requests by hour of a business whose customers live in one time zone, from midnight on: quiet nights, two peaks.
_HOURS = (2, 1, 1, 1, 1, 2, 5, 12, 22, 30, 34, 32, 26, 27, 30, 31, 30, 32, 36, 34, 26, 16, 9, 4)
BURST_EVERY = 20.0  # seconds of the run
BURST_SECONDS = 2.0
_STEPS = 100_000  # the table is never longer, however long the run
_STEP_SECONDS = 0.1


class Schedule:
    """Due times in seconds of the run. `rate`: requests per second on average over `seconds`."""

    def __init__(self, rate: float, seconds: float, curve: Curve = "flat", burst: float = 1.0) -> None:
        self.rate = rate
        self.seconds = seconds
        steps = max(1, min(_STEPS, round(seconds / _STEP_SECONDS)))
        self._step = seconds / steps
        weights = [self._weight((at + 0.5) * self._step, curve, burst) for at in range(steps)]
        scale = rate * seconds / sum(weights)
        self._reached = [0.0, *accumulate(weight * scale for weight in weights)]

    def due(self, number: int) -> float:
        """When request `number` (from 0) is due; after the end the average rate continues."""
        total = self._reached[-1]
        if number >= total:
            return self.seconds + (number - total) / self.rate
        step = bisect_left(self._reached, number, lo=1)
        low, high = self._reached[step - 1], self._reached[step]
        return (step - 1 + (number - low) / (high - low)) * self._step

    def _weight(self, at: float, curve: Curve, burst: float) -> float:
        weight = 1.0
        if curve == "day":
            hour = at / self.seconds * len(_HOURS)
            this_hour, fraction = int(hour) % len(_HOURS), hour % 1
            following = _HOURS[(this_hour + 1) % len(_HOURS)]
            weight = _HOURS[this_hour] * (1 - fraction) + following * fraction
        return weight * (burst if at % BURST_EVERY < BURST_SECONDS else 1.0)
