"""Pauses between tries: each twice as long as the one before, up to a limit."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """The pauses of one thing that is tried until it works, in seconds."""

    first: float = 0.2
    longest: float = 5.0
    _next: float = field(init=False)

    def __post_init__(self) -> None:
        self._next = self.first

    def next(self) -> float:
        """The pause before the next try."""
        pause = self._next
        self._next = min(pause * 2, self.longest)
        return pause

    def reset(self) -> None:
        """A try worked: the next failure begins with the first pause again."""
        self._next = self.first
