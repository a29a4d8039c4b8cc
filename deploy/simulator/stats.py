"""What became of a run's requests so far: counts, and answer times in little memory. Pure."""

from collections import Counter
from dataclasses import dataclass, field
from math import exp, log

_FINENESS = 20  # buckets to a factor of e: each is 5 % wide


@dataclass(slots=True)
class AnswerTimes:
    """Percentiles of answer times, 5 % coarse, in memory that does not grow."""

    _buckets: Counter[int] = field(default_factory=Counter)

    def add(self, seconds: float) -> None:
        self._buckets[round(log(max(seconds, 1e-5)) * _FINENESS)] += 1

    def percentile(self, share: float) -> float:
        """Seconds within which this share of all was answered; 0 before the first one."""
        wanted, seen = share * self._buckets.total(), 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted:
                return exp(bucket / _FINENESS)
        return 0.0


@dataclass(slots=True)
class Stats:
    """`sent` counts requests, `answered` those that were answered 200, `late` those that had to wait for memory."""

    sent: int = 0
    answered: int = 0
    retries: int = 0
    given_up: int = 0
    late: int = 0
    elements: int = 0  # of the requests that were answered 200
    others: Counter[str] = field(default_factory=Counter)  # answers that were no 200, and attempts without one
    times: AnswerTimes = field(default_factory=AnswerTimes)

    @property
    def waiting(self) -> int:
        """Requests without a 200 that are still tried."""
        return self.sent - self.answered - self.given_up

    def words(self) -> str:
        """One line for a progress display."""
        p50, p95, p99 = (f"{self.times.percentile(share) * 1000:,.0f}" for share in (0.5, 0.95, 0.99))
        return (
            f"{self.sent:,} sent, {self.answered:,} answered 200, {self.waiting:,} waiting, {self.retries:,} retries, "
            f"p50/p95/p99 {p50}/{p95}/{p99} ms"
        )
