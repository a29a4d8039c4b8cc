"""Runs equal queries of several requests once and caches the result for a few seconds.

Ten screens in an office then cost as much as one. A query is cancelled when its last request is gone, which ends its
statement.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

_MAX_ENTRIES = 256  # each has at most dashboards.max_rows rows, about 100 kB


@dataclass(slots=True)
class _Entry(Generic[T]):
    task: "asyncio.Future[T]"
    waiting: int = 0
    expires_at: float = 0.0


class QueryCache(Generic[T]):
    """Keeps a result for `seconds`. A failure is raised in all waiting requests and is not kept."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._entries: OrderedDict[Hashable, _Entry[T]] = OrderedDict()

    async def get(self, key: Hashable, run: Callable[[], Awaitable[T]]) -> T:
        """The result for `key`: the cached one, that of the running query, or that of `run`."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry):
            entry = self._start(key, run)
        entry.waiting += 1
        try:
            return await asyncio.shield(entry.task)
        finally:
            entry.waiting -= 1
            if not entry.task.done() and not entry.waiting:
                self._remove(key, entry)
                entry.task.cancel()

    def _start(self, key: Hashable, run: Callable[[], Awaitable[T]]) -> _Entry[T]:
        entry = _Entry(asyncio.ensure_future(run()))
        self._entries[key] = entry
        self._entries.move_to_end(key)
        entry.task.add_done_callback(lambda done: self._done(key, entry, done))
        while len(self._entries) > _MAX_ENTRIES and (oldest := next(iter(self._entries.items())))[1].task.done():
            self._remove(*oldest)
        return entry

    def _done(self, key: Hashable, entry: _Entry[T], done: "asyncio.Future[T]") -> None:
        entry.expires_at = asyncio.get_running_loop().time() + self._seconds
        if done.cancelled() or done.exception() is not None:
            self._remove(key, entry)

    def _expired(self, entry: _Entry[T]) -> bool:
        return entry.task.done() and asyncio.get_running_loop().time() >= entry.expires_at

    def _remove(self, key: Hashable, entry: _Entry[T]) -> None:
        if self._entries.get(key) is entry:
            del self._entries[key]
