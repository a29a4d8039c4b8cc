"""Background tasks of a process: one that ends unexpectedly ends its process, with the reason."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from schemas.process.logs import describe, get_logger

EXIT_BROKEN = 70  # a part ended that must not end: sysexits.h calls it EX_SOFTWARE

log = get_logger("tasks")


class Tasks:
    """The background tasks of one process.

    `failed` is the reason once a task has ended that must not end; `on_failure` is called with it, once. The owner
    makes /readyz false and exits with EXIT_BROKEN.
    """

    def __init__(self, on_failure: Callable[[str], None] = lambda _reason: None) -> None:
        self.failed: str | None = None
        self._on_failure = on_failure
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, name: str, work: Coroutine[Any, Any, Any], *, endless: bool = True) -> "asyncio.Task[Any]":
        """Runs `work`. Any exception is a failure; so is a normal end when `endless`. Cancelling is neither."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(done, endless=endless))
        return task

    async def stop(self) -> None:
        """Cancels every task and waits for its end; never raises for what a task raised."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: "asyncio.Task[Any]", *, endless: bool) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (task.exception() is None and not endless):
            return
        error = task.exception()
        reason = f"the task {task.get_name()} ended: {describe(error) if error is not None else 'it returned'}"
        log.error("task_ended", task=task.get_name(), error=describe(error) if error is not None else "it returned")
        if self.failed is None:
            self.failed = reason
            self._on_failure(reason)
