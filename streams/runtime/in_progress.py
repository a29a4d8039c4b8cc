"""The batches of an agent whose effects are under way, bounded by the memory that they take."""

import asyncio
from collections import deque
from typing import Final

# Three full INSERTs of 20,000 rows. A bound by the number of batches would be met by small ones, one a partition, long
# before the parts behind have enough to do, and each of them would then wait for a whole INSERT.
IN_PROGRESS_BYTES: Final = 48 * 1024 * 1024


class InProgress:
    """Tasks in the order of their batches."""

    def __init__(self, limit: int = IN_PROGRESS_BYTES) -> None:
        """`limit` = bytes of memory that all batches together may take; one batch is always taken."""
        self._limit = limit
        self._held = 0
        self._tasks: deque[tuple[asyncio.Task[None], int]] = deque()

    async def add(self, task: "asyncio.Task[None]", memory: int) -> None:
        """Adds the task of a batch; returns when there is room for another. Raises what a finished task raised."""
        self._tasks.append((task, memory))
        self._held += memory
        while self._tasks and (self._held > self._limit or self._tasks[0][0].done()):
            oldest, freed = self._tasks.popleft()
            self._held -= freed
            await oldest
