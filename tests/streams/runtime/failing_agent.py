"""Runs agents that fail, each in a process of its own: failing_agent.py FOLDER CASE...

Prints a JSON object: per case the exit code of its process and the reason in its heartbeat.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NoReturn

from faust.types.tuples import TP

from schemas.process import logs
from schemas.settings.config import Config
from streams.runtime.app import Stage
from streams.runtime.batches import Batch

CASES = ("start", "work", "effects", "cancelled_effects", "acknowledge", "cancelled_agent", "end_of_stream")


class Record:
    """A Kafka record, as far as a batch reads it."""

    offset = 7
    timestamp = 0
    timestamp_type = 0
    value = b"{}"


class Event:
    """An event of the stream with one batch."""

    def __init__(self, stage: Stage, case: str) -> None:
        self.message = Batch(TP("t", 0), [Record()], stage.app.consumer_generation_id)
        self._case = case

    def ack(self) -> None:
        fail_in("acknowledge", self._case)


class Stream:
    """A stream of one event, which then waits for more unless the case is its end."""

    def __init__(self, event: Event, case: str) -> None:
        self._event = event
        self._case = case

    def noack(self) -> "Stream":
        return self

    async def events(self) -> AsyncIterator[Event]:
        yield self._event
        if self._case != "end_of_stream":
            await asyncio.Event().wait()


def fail_in(place: str, case: str) -> None:
    if place == case:
        raise KeyError(place)


async def run_agent(folder: Path, case: str) -> None:
    stage = Stage(Config(data_dir=folder), "load", 0, owns_state=True)

    async def start() -> None:
        fail_in("start", case)

    async def work(_batch: Batch) -> Any:
        fail_in("work", case)
        return effects()

    async def effects() -> None:
        fail_in("effects", case)
        if case == "cancelled_effects":  # as a library does that cancels its futures
            raise asyncio.CancelledError

    agent = asyncio.create_task(stage.run_agent(Stream(Event(stage, case), case), start, work))
    if case == "cancelled_agent":
        await asyncio.sleep(0.1)
        agent.cancel()
    await asyncio.wait([agent], timeout=20)


def in_child(folder: Path, case: str) -> NoReturn:
    try:
        asyncio.run(run_agent(folder, case))
    finally:
        os._exit(0)


def main() -> None:
    """Forks a process a case: the imports alone take seconds."""
    logs.configure()
    found = {}
    for case in sys.argv[2:]:
        folder = Path(sys.argv[1]) / case
        if (child := os.fork()) == 0:
            in_child(folder, case)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        beat = json.loads((folder / "run" / "worker-load-0.json").read_text()) if code else {"last_error": None}
        found[case] = (code, beat["last_error"])
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
