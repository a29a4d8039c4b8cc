"""Pauses between attempts: each twice as long as the one before, up to a limit."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """The pauses between the attempts at one operation, in seconds."""

    first: float = 0.2
    longest: float = 5.0
    _failures: int = field(init=False, default=0)

    def next(self) -> float:
        """The pause before the next attempt, after one that failed."""
        pause = self.after(self._failures)
        self._failures += 1
        return pause

    def after(self, failures: int) -> float:
        """The pause after `failures` earlier failures, for a count that is kept elsewhere."""
        return min(self.first * 2.0 ** min(failures, 60), self.longest)

    def reset(self) -> None:
        """An attempt succeeded: the next failure begins with the first pause again."""
        self._failures = 0
