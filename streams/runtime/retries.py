"""Retries of an operation until it works: growing pauses, and the reason in the log and in the heartbeat."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from schemas.process.backoff import Backoff
from schemas.process.logs import get_logger

log = get_logger("retries")

# Receives the reason why an operation does not work, and None once it works.
Report = Callable[[str | None], None]
T = TypeVar("T")


class Retries:
    """The tries of one operation; `report` receives why it does not work, and None once it works."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._backoff = Backoff()

    async def pause(self, reason: str) -> None:
        """Logs and reports the reason, then sleeps until the next try; each pause is longer than the one before."""
        seconds = self._backoff.next()
        log.warning("retrying", reason=reason, retry_seconds=seconds)
        self._report(reason)
        await asyncio.sleep(seconds)

    def succeeded(self) -> None:
        """Reports that the operation works; the next failure starts with a short pause again."""
        self._backoff.reset()
        self._report(None)


async def retry(
    operation: Callable[[], Awaitable[T]],
    errors: tuple[type[Exception], ...],
    reason: Callable[[Exception], str],
    report: Report,
) -> T:
    """The result of `operation()`, which is called until it raises none of `errors`; other exceptions are raised."""
    retries = Retries(report)
    while True:
        try:
            result = await operation()
        except errors as error:
            await retries.pause(reason(error))
        else:
            retries.succeeded()
            return result
