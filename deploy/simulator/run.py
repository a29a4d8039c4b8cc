"""A whole simulation: posts a script's requests at their times and writes the truth file."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.simulator.facts import Request
from deploy.simulator.poster import Poster
from deploy.simulator.provider_delivery import ProviderRun
from deploy.simulator.running_truth import RunningTruth
from deploy.simulator.stats import Stats
from deploy.simulator.stream import Part, Script, Stream
from deploy.simulator.truth_file import Header, Line, TruthWriter
from schemas.process.tasks import BrokenError, Tasks


@dataclass(slots=True, frozen=True)
class RunOptions:
    """How a script is posted. `on_progress` is called every `progress_seconds` and at the end."""

    base_url: str
    drain_seconds: float
    give_up: bool
    progress_seconds: float
    on_progress: Callable[[Stats], None]


def simulate(script: Script, options: RunOptions, truth_path: Path | None) -> Stats:
    """Posts everything at its time, writes the truth, and returns the counts.

    SIGINT and SIGTERM end the posting early; the truth is complete even then. Raises OSError of the truth file, and
    BrokenError when the generation or the progress display failed.
    """
    if truth_path is None:
        return asyncio.run(_post(Stream(script), options, lambda _line: None))
    with TruthWriter(truth_path) as out:
        stream = Stream(script)
        sources = tuple(account.source for account in script.accounts)
        out.write(Header(script.run, script.seed, sources, stream.ids.prefixes))
        return asyncio.run(_post(stream, options, out.write))


async def _post(stream: Stream, options: RunOptions, write: Callable[[Line], None]) -> Stats:
    truth = RunningTruth(write)
    run = ProviderRun(truth, stream.script.speed, options.give_up)
    poster = Poster(options.base_url, run.deliver, on_late=run.late)
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, poster.stopped.set)
    tasks = Tasks(lambda _reason: poster.stopped.set())
    began = _now_ms()
    tasks.start("progress", _report(run.stats, options))
    try:
        await poster.run(schedule(_parts(stream, tasks), truth), options.drain_seconds)
    finally:
        await tasks.stop()
    if tasks.failed is not None:
        raise BrokenError(tasks.failed)
    truth.close(began, _now_ms())
    options.on_progress(run.stats)
    return run.stats


async def _report(stats: Stats, options: RunOptions) -> None:
    """Reports the progress every `options.progress_seconds` until it is cancelled."""
    while True:
        await asyncio.sleep(options.progress_seconds)
        options.on_progress(stats)


async def schedule(parts: AsyncIterator[Part], truth: RunningTruth) -> AsyncIterator[tuple[float, Request]]:
    """The requests of all parts with their second of the run; `truth` gets the facts of a part before its requests."""
    async for part in parts:
        truth.expect(part.expected)
        for at, request in part.due:
            yield at, request


async def _parts(stream: Stream, tasks: Tasks) -> AsyncIterator[Part]:
    """The parts. A thread generates the next one, which takes a third of a second, while one is posted."""
    parts = iter(stream)

    def next_part() -> asyncio.Task[Part | None]:
        return tasks.start("generator", asyncio.to_thread(next, parts, None), endless=False)

    coming = next_part()
    while await asyncio.wait([coming]) and coming.exception() is None and (part := coming.result()) is not None:
        coming = next_part()
        yield part


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
