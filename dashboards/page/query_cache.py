"""The same question asked by many is asked once, and its answer lives for some seconds. Pure but for the event loop.

Ten screens in an office then cost as much as one. A question that nobody waits for any more is dropped, which ends
its statement.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

_MOST = 256  # answers kept; one has at most dashboards.max_rows rows, so some 100 kB


@dataclass(slots=True)
class _Asked(Generic[T]):
    task: "asyncio.Future[T]"
    waiting: int = 0
    until: float = 0.0


class Answers(Generic[T]):
    """Keeps an answer for `seconds`. Failures are passed to everybody who waits and not kept."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._asked: OrderedDict[Hashable, _Asked[T]] = OrderedDict()

    async def get(self, key: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer to `key`: one that is young enough, one that is on its way, or that of `ask`."""
        asked = self._asked.get(key)
        if asked is None or self._stale(asked):
            asked = self._begin(key, ask)
        asked.waiting += 1
        try:
            return await asyncio.shield(asked.task)
        finally:
            asked.waiting -= 1
            if not asked.task.done() and not asked.waiting:
                self._forget(key, asked)
                asked.task.cancel()

    def _begin(self, key: Hashable, ask: Callable[[], Awaitable[T]]) -> _Asked[T]:
        asked = _Asked(asyncio.ensure_future(ask()))
        self._asked[key] = asked
        self._asked.move_to_end(key)
        asked.task.add_done_callback(lambda done: self._done(key, asked, done))
        while len(self._asked) > _MOST and (oldest := next(iter(self._asked.items())))[1].task.done():
            self._forget(*oldest)
        return asked

    def _done(self, key: Hashable, asked: _Asked[T], done: "asyncio.Future[T]") -> None:
        asked.until = asyncio.get_running_loop().time() + self._seconds
        if done.cancelled() or done.exception() is not None:
            self._forget(key, asked)

    def _stale(self, asked: _Asked[T]) -> bool:
        return asked.task.done() and asyncio.get_running_loop().time() >= asked.until

    def _forget(self, key: Hashable, asked: _Asked[T]) -> None:
        if self._asked.get(key) is asked:
            del self._asked[key]
