"""`ackstream worker analytics`: the loops that make what dashboards read, in the process that leads. IO.

Everything here can be killed at any time. What is away is waited for; what is unexpected ends the process (see
streams.runtime.heartbeat), which the supervisor starts again.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import clickhouse_connect

from schemas.process import logs
from schemas.process.logs import get_logger
from schemas.settings.config import Config
from streams.analytics import rate_card, samples
from streams.analytics.audit import Audit
from streams.analytics.copy import Copy
from streams.analytics.leader import Leader
from streams.analytics.rollups import Rollups
from streams.runtime.clickhouse import CLICKHOUSE_ERRORS, describe
from streams.runtime.heartbeat import BEAT_SECONDS, Heartbeat
from streams.runtime.migrations import COUNT_APPLIED, wait_for_migrations
from streams.runtime.retries import retry

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

log = get_logger("analytics")

NAME: Final = "analytics"
# Of a statement that is running when the lease or the process ends.
_LAST_SECONDS: Final = 4.0

T = TypeVar("T")


class Loop(Protocol):
    """Work in passes: each does what is due, for some seconds at most, and says how long to rest after it."""

    pause: float

    def pass_once(self) -> int:
        """Does what is due; how much that was."""


LOOPS: Final[dict[str, Callable[["Client"], Loop]]] = {"copy": Copy, "rollups": Rollups, "audit": Audit}


class Analytics:
    """One process. Every loop has a client, and while it works a thread, of its own."""

    def __init__(self, config: Config, instance: int) -> None:
        self.config = config
        self.heartbeat = Heartbeat(config.data_dir / "run", NAME, instance, config.streams.session_seconds / 2)
        self.leader = Leader(config, self._work, partial(self._on_state, "kafka"))
        self._troubles: dict[str, str] = {}
        self._statements: set[asyncio.Future[Any]] = set()
        self._stopping = False

    async def run(self) -> None:
        """Takes part until SIGTERM or SIGINT."""
        stop = asyncio.Event()
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, stop.set)
        stopped = asyncio.create_task(stop.wait())
        parts = [asyncio.create_task(self._beat()), asyncio.create_task(self.leader.run())]
        await asyncio.wait([stopped, *parts], return_when=asyncio.FIRST_COMPLETED)
        for part in parts:
            if part.done() and (error := part.exception()) is not None:
                self.heartbeat.fail_stop(f"a part of the process failed: {logs.describe(error)}")
        self._stopping = True
        parts[1].cancel()
        await asyncio.wait(parts[1:])

    async def _beat(self) -> None:
        while True:
            self.heartbeat.beat()
            self.heartbeat.write(ready=self.leader.is_placed and not self._troubles)
            await asyncio.sleep(BEAT_SECONDS)

    def _on_state(self, part: str, error: str | None) -> None:
        if error is None:
            self._troubles.pop(part, None)
        else:
            self._troubles[part] = error
        self.heartbeat.last_error = next(iter(self._troubles.values()), None)

    async def _work(self) -> None:
        log.info("leading")
        try:
            await self._prepare()
            async with asyncio.TaskGroup() as group:
                for name, make in LOOPS.items():
                    group.create_task(self._loop(name, make))
                group.create_task(samples.run(self.config, self._connect, asyncio.Event()))
        finally:
            await self._end_statements()
            log.info("not_leading")

    async def _prepare(self) -> None:
        """Waits for the tables, then writes what the settings say."""

        def count_applied() -> int:
            with self._connect() as client:
                return int(client.query(COUNT_APPLIED).result_rows[0][0])

        def publish() -> None:
            with self._connect() as client:
                rate_card.publish(client, self.config.costs)

        await wait_for_migrations(partial(self._in_thread, count_applied), partial(self._on_state, "tables"))
        await self._patiently("rate card", publish)

    async def _loop(self, name: str, make: Callable[["Client"], Loop]) -> None:
        loop: Loop | None = None

        def one_pass() -> Loop:
            nonlocal loop
            made, loop = loop or make(self._connect()), None
            made.pass_once()
            return made

        while True:
            loop = await self._patiently(name, one_pass)
            await asyncio.sleep(loop.pause)

    async def _patiently(self, name: str, what: Callable[[], T]) -> T:
        return await retry(
            lambda: self._in_thread(what),
            CLICKHOUSE_ERRORS,
            lambda error: f"ClickHouse does not do the work of {name}: {describe(error)}",
            partial(self._on_state, name),
        )

    async def _in_thread(self, what: Callable[[], T]) -> T:
        """The thread goes on when its awaiter is cancelled; `_end_statements` waits for it."""
        future = asyncio.get_running_loop().run_in_executor(None, what)
        self._statements.add(future)
        future.add_done_callback(self._statements.discard)
        return await asyncio.shield(future)

    async def _end_statements(self) -> None:
        if self._statements:
            _, running = await asyncio.wait(self._statements, timeout=_LAST_SECONDS)
            if running and not self._stopping:
                self.heartbeat.fail_stop("a statement did not end before the lease was given away")

    def _connect(self) -> "Client":
        return clickhouse_connect.get_client(**self.config.clickhouse.client_options())


async def _run(config: Config, instance: int) -> None:
    await Analytics(config, instance).run()
    # A thread whose statement ClickHouse has not answered would be waited for; it holds nothing that has to be saved.
    os._exit(0)


def run(config: Config, instance: int) -> None:
    """Runs the process until SIGTERM; never returns."""
    asyncio.run(_run(config, instance))
