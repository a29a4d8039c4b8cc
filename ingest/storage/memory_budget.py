"""The memory that bodies may take in one process. Pure.

Every body is charged from its first byte until Kafka has answered for it or it was dropped, also after its client was
told 503: what a slow broker has not taken yet is still in memory.
"""

# A record's headers (about 300 bytes), its futures and its place in a batch; charged per request, so that millions of
# tiny bodies are bounded as well as a few large ones.
REQUEST_OVERHEAD = 1024


class Budget:
    """`used` of `limit` bytes are taken. Not thread-safe: one event loop owns it."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def take(self, size: int) -> bool:
        """Charges `size` bytes, or says False and charges nothing when they do not fit."""
        if self.used + size > self.limit:
            return False
        self.used += size
        return True

    def give(self, size: int) -> None:
        """Returns what `take` charged."""
        self.used -= size


class Charge:
    """What one request holds of a budget; whoever owns it last calls `release`."""

    __slots__ = ("_budget", "size")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.size = 0

    def add(self, size: int) -> bool:
        if not self._budget.take(size):
            return False
        self.size += size
        return True

    def hand_over(self) -> int:
        """The bytes held; the caller now owes them to the budget."""
        size, self.size = self.size, 0
        return size

    def release(self) -> None:
        self._budget.give(self.hand_over())
