"""The memory that bodies may take in one process.

Every body is charged from its first byte until it is stored or dropped. That includes a body whose client was answered
503: while a slow broker or disk has not finished with it, it still takes memory.
"""

from collections.abc import Callable

# A record's headers (about 300 bytes), its futures and its place in a batch; charged per request, so that millions of
# tiny bodies are bounded as well as a few large ones.
REQUEST_OVERHEAD = 1024


class MemoryBudget:
    """`used` of `limit` bytes are taken. Not thread-safe: only the event loop uses it.

    `reclaim(size)` is called when `size` bytes do not fit: it returns what can be done without.
    """

    __slots__ = ("limit", "reclaim", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.reclaim: Callable[[int], None] = lambda _size: None

    def take(self, size: int) -> bool:
        """Charges `size` bytes. False, and nothing is charged, when they do not fit."""
        if self.used + size > self.limit:
            if size <= self.limit:
                self.reclaim(size)
            if self.used + size > self.limit:
                return False
        self.used += size
        return True

    def give(self, size: int) -> None:
        """Returns bytes that `take` charged."""
        self.used -= size


class Charge:
    """The bytes that one request has charged to a budget. `release` must be called at its end."""

    __slots__ = ("_budget", "size")

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self.size = 0

    def add(self, size: int) -> bool:
        """Charges `size` more bytes; False when they do not fit."""
        if not self._budget.take(size):
            return False
        self.size += size
        return True

    def hand_over(self) -> int:
        """The bytes charged so far; from now on the caller has to return them to the budget."""
        size, self.size = self.size, 0
        return size

    def release(self) -> None:
        """Returns to the budget what was not handed over."""
        self._budget.give(self.hand_over())
