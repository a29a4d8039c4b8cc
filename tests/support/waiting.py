"""Waiting for an effect with a deadline; what never happens fails the test with a sentence."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

from schemas.process.waiting import wait_for, wait_for_async

T = TypeVar("T")

# A part of the stack starts in 5 s alone, in 30 s on a machine at its limits.
WAIT_SECONDS = 90.0


def wait_until(what: str, check: Callable[[], T | None], seconds: float = WAIT_SECONDS) -> T:
    """The first truthy answer of `check`. Fails with what was waited for and the last answer."""
    answer = wait_for(check, seconds, every=0.03)
    assert answer, f"not within {seconds:.0f} s: {what} (last: {answer!r})"
    return answer


@overload
async def until(what: str, check: Callable[[], Awaitable[T | None]], seconds: float = ...) -> T: ...
@overload
async def until(what: str, check: Callable[[], T | None], seconds: float = ...) -> T: ...
async def until(what: str, check: Callable[[], Any], seconds: float = WAIT_SECONDS) -> Any:
    """`wait_until` while the event loop runs. `check` is a function or a coroutine function."""

    async def asked() -> Any:
        answer = check()
        return await answer if inspect.isawaitable(answer) else answer

    answer = await wait_for_async(asked, seconds, every=0.03)
    assert answer, f"not within {seconds:.0f} s: {what} (last: {answer!r})"
    return answer
