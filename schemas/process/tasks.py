"""Background tasks of a process: one that ends unexpectedly ends its process, with the reason."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from schemas.errors import Failure
from schemas.process.logs import describe, get_logger

EXIT_BROKEN = 70  # a part ended that must not end: sysexits.h calls it EX_SOFTWARE

T = TypeVar("T")

log = get_logger("tasks")


class BrokenError(Failure):
    """A background task ended that must not end; the text is the reason. The process exits with EXIT_BROKEN."""

    exit_code = EXIT_BROKEN


class Tasks:
    """The background tasks of one process.

    `failed` is the reason once a task has ended that must not end; `on_failure` is called with it, once. The owner
    makes /readyz false, stops and raises BrokenError.
    """

    def __init__(self, on_failure: Callable[[str], None] = lambda _reason: None) -> None:
        self.failed: str | None = None
        self._on_failure = on_failure
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, name: str, work: Coroutine[Any, Any, T], *, endless: bool = True) -> asyncio.Task[T]:
        """Runs `work`. Any exception is a failure; so is any other end when `endless`, except a requested cancel."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._endless_ended if endless else self._ended)
        return task

    async def stop(self, *tasks: asyncio.Task[Any]) -> None:
        """Cancels these tasks (default: every task) and waits for their end; never raises what a task raised."""
        stopped = [task for task in (tasks or self._tasks) if task is not asyncio.current_task()]
        for task in stopped:
            task.cancel()
        await asyncio.gather(*stopped, return_exceptions=True)

    def _endless_ended(self, task: asyncio.Task[Any]) -> None:
        # A library that cancels a future cancels the task that awaits it: nobody requested the end of this task then.
        if (task.cancelled() and not task.cancelling()) or (not task.cancelled() and task.exception() is None):
            self._fail(task.get_name(), "it was cancelled" if task.cancelled() else "it returned")
        self._ended(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(task.get_name(), describe(error))

    def _fail(self, name: str, reason: str) -> None:
        log.error("task_ended", task=name, error=reason)
        if self.failed is None:
            self.failed = f"the task {name!r} ended: {reason}"
            self._on_failure(self.failed)
