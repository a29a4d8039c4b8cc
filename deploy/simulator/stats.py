"""Counts of a run's requests and answers, and percentiles of answer times in constant memory."""

from collections import Counter
from dataclasses import dataclass, field
from math import exp, log

_BUCKETS_PER_E = 20  # buckets per factor of e: each is 5 % wide


@dataclass(slots=True)
class AnswerTimes:
    """Percentiles of answer times with a resolution of 5 %, in constant memory."""

    _buckets: Counter[int] = field(default_factory=Counter)

    def add(self, seconds: float) -> None:
        """Counts one answer."""
        self._buckets[round(log(max(seconds, 1e-5)) * _BUCKETS_PER_E)] += 1

    def percentile(self, fraction: float) -> float:
        """Seconds within which this fraction of all requests was answered; 0 before the first answer."""
        wanted, seen = fraction * self._buckets.total(), 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted:
                return exp(bucket / _BUCKETS_PER_E)
        return 0.0


@dataclass(slots=True)
class Stats:
    """`sent` counts requests, `answered` those answered 200, `late` those that were delayed because memory was full."""

    sent: int = 0
    answered: int = 0
    retries: int = 0
    given_up: int = 0
    late: int = 0
    elements: int = 0  # facts in the requests that were answered 200
    failures: Counter[str] = field(default_factory=Counter)  # attempts without a 200, by status or reason
    times: AnswerTimes = field(default_factory=AnswerTimes)

    @property
    def waiting(self) -> int:
        """Requests that have no 200 yet and are still tried."""
        return self.sent - self.answered - self.given_up

    def progress_line(self) -> str:
        """One line for a progress display."""
        p50, p95, p99 = (f"{self.times.percentile(fraction) * 1000:,.0f}" for fraction in (0.5, 0.95, 0.99))
        return (
            f"{self.sent:,} sent, {self.answered:,} answered 200, {self.waiting:,} waiting, {self.retries:,} retries, "
            f"p50/p95/p99 {p50}/{p95}/{p99} ms"
        )
