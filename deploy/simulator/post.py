"""Posts a run as providers do: at its own times, whatever the answers, and again until each is answered 200. IO."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import aiohttp
from yarl import URL

from deploy.simulator.facts import Request
from deploy.simulator.running_truth import Book
from deploy.simulator.stats import Stats
from deploy.simulator.stream import Part

# Meta tries again at once, then ever less often for 36 hours: seconds on the provider's clock, 35 hours together.
RETRIES = (0, 60, 300, 900, 3600, 7200, 14_400, 28_800, 72_000)
ANSWER_SECONDS = 20.0  # of the run; after them the provider hangs up
_LEAST_PAUSE = 0.05  # of the run, where the speed makes less of a pause; only the first retry comes at once
_CONNECTIONS = 1000
_MAX_WAITING_BYTES = 256 * 1024 * 1024  # bodies without an answer; past it the schedule has to wait


def pause(retry: int, speed: float, dice: Random) -> float:
    """Seconds of the run before retry number `retry`, from 0, a fifth more or less; the last pause repeats itself."""
    seconds = RETRIES[min(retry, len(RETRIES) - 1)] / speed
    return max(_LEAST_PAUSE, seconds) * dice.uniform(0.8, 1.2) if retry else 0.0


@dataclass(slots=True)
class Poster:
    """One run against one edge.

    `give_up`: a request that was tried as often as Meta tries is dropped; else it is tried for ever.
    """

    base_url: str
    book: Book
    speed: float
    give_up: bool = False
    stats: Stats = field(default_factory=Stats)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _waiting_bytes: int = 0
    _room: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(self, parts: AsyncIterator[Part], drain_seconds: float) -> None:
        """Posts all parts at their times, then waits at most `drain_seconds` for the last answers.

        Ends early when `stopped` is set. What has no 200 by then is marked in the book as possibly stored.
        """
        connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        tasks: set[asyncio.Task[None]] = set()
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            began = time.monotonic()
            async for part in parts:
                self.book.expect(part.expected)
                for at, request in part.due:
                    if not await self._until(began + at):
                        break
                    await self._take_room(len(request.body))
                    self.stats.sent += 1
                    task = asyncio.create_task(self._deliver(session, request, began + at))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                if self.stopped.is_set():
                    break
            await self._drain(tasks, drain_seconds)

    async def _until(self, moment: float) -> bool:
        """Waits for a moment; False when the run was stopped before."""
        await asyncio.sleep(0)  # a schedule that is behind must not keep the answers from being read
        if (delay := moment - time.monotonic()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopped.wait(), delay)
        return not self.stopped.is_set()

    async def _take_room(self, size: int) -> None:
        if self._waiting_bytes and self._waiting_bytes + size > _MAX_WAITING_BYTES:
            self.stats.late += 1
            async with self._room:
                await self._room.wait_for(
                    lambda: not self._waiting_bytes or self._waiting_bytes + size <= _MAX_WAITING_BYTES
                )
        self._waiting_bytes += size

    async def _drain(self, tasks: set[asyncio.Task[None]], seconds: float) -> None:
        stop = asyncio.create_task(self.stopped.wait())
        deadline = time.monotonic() + seconds
        while tasks and not stop.done() and time.monotonic() < deadline:
            left = deadline - time.monotonic()
            await asyncio.wait({*tasks, stop}, timeout=min(1.0, left), return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        late = list(tasks)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, stop, return_exceptions=True)

    async def _deliver(self, session: aiohttp.ClientSession, request: Request, due: float) -> None:
        """Tries until the answer is 200. `unsure` counts the attempts that may have been stored without our knowing."""
        dice = Random(self.stats.sent)  # noqa: S311  (only spreads retries)
        unsure = tries = 0
        try:
            while True:
                unsure += 1  # until the answer says more
                answer, stored = await self._attempt(session, request)
                if answer == "200":
                    self._answered(request, unsure - 1, time.monotonic() - due)
                    return
                unsure -= not stored
                self.stats.others[answer] += 1
                if self.give_up and tries >= len(RETRIES):
                    self.stats.given_up += 1
                    self.book.unsure(request, unsure)
                    return
                wait = pause(tries, self.speed, dice)
                await asyncio.sleep(wait)
                due, tries = time.monotonic(), tries + 1
                self.stats.retries += 1
        except asyncio.CancelledError:
            self.book.unsure(request, unsure)
            raise
        finally:
            self._waiting_bytes -= len(request.body)
            async with self._room:
                self._room.notify_all()

    def _answered(self, request: Request, unsure: int, seconds: float) -> None:
        self.stats.answered += 1
        self.stats.elements += len(request.facts)
        self.stats.times.add(seconds)
        self.book.stored(request, unsure)

    async def _attempt(self, session: aiohttp.ClientSession, request: Request) -> tuple[str, bool]:
        """(the status or the name of what went wrong, whether the body may be stored for all we know)."""
        try:
            async with session.post(
                URL(self.base_url + request.path, encoded=True), data=request.body, headers=list(request.headers),
                allow_redirects=False,
            ) as response:  # fmt: skip
                return str(response.status), response.status >= 500
        except aiohttp.ClientConnectorError:
            return "no connection", False
        except TimeoutError:
            return "no answer", True
        except aiohttp.ClientError:
            return "connection lost", True


async def ticking(poster: Poster, every: float, tell: Callable[[Stats], None]) -> None:
    """Tells how far the run is, every so many seconds, until it is cancelled."""
    while True:
        await asyncio.sleep(every)
        tell(poster.stats)
