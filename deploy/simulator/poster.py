"""Posts requests to an edge at their due times and retries them; the simulation and the demo both use it.

Each request has a `Delivery`, which decides about retries and counts results.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import aiohttp
from yarl import URL

from deploy.simulator.facts import Request

ANSWER_SECONDS = 20.0  # timeout after which a provider closes the connection
MAX_CONNECTIONS = 1000
MAX_UNANSWERED_BYTES = 256 * 1024 * 1024


@dataclass(slots=True, frozen=True)
class Attempt:
    """The result of one HTTP request. `status` None: there was no answer, and `failure` is the reason."""

    status: int | None
    body: bytes = b""
    request_id: str = ""
    retry_after: str | None = None
    failure: str = ""

    @property
    def outcome(self) -> str:
        """The status as text, or the reason why there was none."""
        return self.failure if self.status is None else str(self.status)

    @property
    def maybe_stored(self) -> bool:
        """Whether the edge may have stored the body although it did not answer 200."""
        return self.failure in ("no answer", "connection lost") if self.status is None else self.status >= 500


class Delivery(Protocol):
    """How one request is delivered."""

    def attempting(self) -> None:
        """Called before each attempt."""

    def after(self, attempt: Attempt) -> float | None:
        """Seconds until the next attempt; None when the request is done."""

    def cut_off(self) -> None:
        """Called when the run ends before the request is done."""


@dataclass(slots=True)
class Poster:
    """One run against one edge.

    `max_requests` and `max_bytes` limit the requests without an answer. At a limit the next request is delayed, and
    `on_late` is called for each request that is delayed by `max_bytes`. `stopped` ends the run early.
    """

    base_url: str
    deliver: Callable[[Request, float], Delivery]  # request, due time by time.monotonic()
    max_requests: int = MAX_CONNECTIONS
    max_bytes: int = MAX_UNANSWERED_BYTES
    open_loop: bool = True  # whether requests are posted when due even beyond max_requests
    on_late: Callable[[], None] = lambda: None
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _open: int = 0  # requests without an answer, and the bytes of their bodies
    _bytes: int = 0
    _answered: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(self, schedule: AsyncIterator[tuple[float, Request]], drain_seconds: float | None = None) -> None:
        """Posts every request at its second of the run, then waits at most `drain_seconds` for the last answers.

        An exception of a Delivery ends the run and is raised.
        """
        connector = aiohttp.TCPConnector(limit=self.max_requests)
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        failed: list[BaseException] = []
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            began = time.monotonic()
            try:
                async for at, request in schedule:
                    if not await self._until(began + at):
                        break
                    await self._take_room(len(request.body))
                    if self.stopped.is_set():
                        break
                    delivery = self.deliver(request, began + at)
                    task = asyncio.create_task(self._deliver(session, request, delivery))
                    self._tasks.add(task)
                    task.add_done_callback(lambda done: self._ended(done, failed))
            finally:
                await self._drain(drain_seconds)
        if failed:
            raise failed[0]

    async def _until(self, moment: float) -> bool:
        """Waits for a moment; False when the run was stopped before."""
        await asyncio.sleep(0)  # answers must be read even while the schedule is late
        if (delay := moment - time.monotonic()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopped.wait(), delay)
        return not self.stopped.is_set()

    def _has_room(self, size: int) -> bool:
        fits = not self._bytes or self._bytes + size <= self.max_bytes
        return self.stopped.is_set() or (fits and (self.open_loop or self._open < self.max_requests))

    async def _take_room(self, size: int) -> None:
        if not self._has_room(size):
            if self._bytes + size > self.max_bytes:
                self.on_late()
            async with self._answered:
                await self._answered.wait_for(lambda: self._has_room(size))
        self._open += 1
        self._bytes += size

    async def _drain(self, seconds: float | None) -> None:
        stop = asyncio.create_task(self.stopped.wait())
        deadline = None if seconds is None else time.monotonic() + seconds
        while self._tasks and not stop.done() and (deadline is None or time.monotonic() < deadline):
            left = 1.0 if deadline is None else min(1.0, deadline - time.monotonic())
            await asyncio.wait({*self._tasks, stop}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        late = list(self._tasks)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, stop, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None], failed: list[BaseException]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            failed.append(error)
            self.stopped.set()

    async def _deliver(self, session: aiohttp.ClientSession, request: Request, delivery: Delivery) -> None:
        try:
            while True:
                delivery.attempting()
                pause = delivery.after(await attempt(session, self.base_url, request))
                if pause is None:
                    return
                await asyncio.sleep(pause)
        except asyncio.CancelledError:
            delivery.cut_off()
            raise
        finally:
            self._bytes -= len(request.body)
            self._open -= 1
            async with self._answered:
                self._answered.notify_all()


async def attempt(session: aiohttp.ClientSession, base_url: str, request: Request) -> Attempt:
    """Posts one request with path and query unchanged: they may be part of a handshake."""
    url = URL(base_url + request.path, encoded=True)
    try:
        async with session.request(
            request.method, url, data=request.body, headers=list(request.headers), allow_redirects=False
        ) as response:
            headers = response.headers
            return Attempt(
                response.status, await response.read(), headers.get("X-Request-Id", ""), headers.get("Retry-After")
            )
    except aiohttp.ClientConnectorError:
        return Attempt(None, failure="no connection")
    except TimeoutError:
        return Attempt(None, failure="no answer")
    except aiohttp.ClientError:
        return Attempt(None, failure="connection lost")
