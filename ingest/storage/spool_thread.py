"""The one thread in which the spool's files are used, so that a slow disk never blocks the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from ingest.storage.spool_file import EMPTY, Held

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class SpoolThread:
    """Runs one step at a time; `held` is what the files held when the last step had finished.

    `held` changes only in the event loop, at the moment at which `run` returns there.
    """

    def __init__(self, measure: Callable[[], Held]) -> None:
        """`measure` is called in the thread after each step."""
        self.held = EMPTY
        self._measure = measure
        self._executor = ThreadPoolExecutor(1, "spool")

    async def run(self, step: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """The result of the step. Raises what it raised."""

        def run_and_measure() -> tuple[Result, Held]:
            result = step(*arguments)
            return result, self._measure()

        result, self.held = await asyncio.get_running_loop().run_in_executor(self._executor, run_and_measure)
        return result

    def close(self) -> None:
        """Ends the thread after its present step."""
        self._executor.shutdown()
