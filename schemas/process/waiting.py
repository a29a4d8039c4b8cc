"""Waiting for an effect: polls with a deadline, or for as long as there is progress."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class StalledError(Exception):
    """Nothing moved for the allowed time; `left` is how much was still to do."""

    def __init__(self, left: int) -> None:
        super().__init__(f"{left:,} left")
        self.left = left


def wait_for(check: Callable[[], T], within: float, every: float = 0.1) -> T:
    """Calls `check` until it returns something truthy; its last answer, falsy when `within` seconds have passed."""
    deadline = time.monotonic() + within
    while not (answer := check()) and time.monotonic() < deadline:
        time.sleep(every)
    return answer


async def wait_for_async(check: Callable[[], Awaitable[T]], within: float, every: float = 0.1) -> T:
    """`wait_for` with a coroutine function."""
    deadline = time.monotonic() + within
    while not (answer := await check()) and time.monotonic() < deadline:  # noqa: ASYNC110  (polls another process)
        await asyncio.sleep(every)
    return answer


async def wait_until_empty(
    measure: Callable[[], Awaitable[int]],
    stalled_after: float,
    every: float = 0.3,
    on_left: Callable[[int], None] = lambda _left: None,
) -> None:
    """Waits until `measure` returns 0 and reports each answer to `on_left`.

    Raises StalledError when the smallest answer so far has not shrunk for `stalled_after` seconds.
    """
    lowest, moved = await measure(), time.monotonic()
    on_left(lowest)
    left = lowest
    while left:
        await asyncio.sleep(every)
        left = await measure()
        on_left(left)
        if left < lowest:
            lowest, moved = left, time.monotonic()
        elif time.monotonic() - moved > stalled_after:
            raise StalledError(left)
