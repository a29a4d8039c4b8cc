"""`ackstream worker analytics`: the loops that make the dashboards' tables, in the process that holds the lease.

The process can be killed at any time. It retries while ClickHouse or Kafka is unreachable; any other failure of a loop
ends the process (see streams.runtime.heartbeat), and the supervisor starts it again.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import clickhouse_connect

from schemas.process.logs import get_logger
from schemas.process.tasks import Tasks
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
# How long to wait for a running statement when the lease or the process ends.
_LAST_SECONDS: Final = 4.0

T = TypeVar("T")


class Loop(Protocol):
    """Work in passes. `pause` = seconds until the next pass."""

    pause: float

    def pass_once(self) -> int:
        """Does what is due, for some seconds at most; returns how much that was."""


LOOPS: Final[dict[str, Callable[["Client"], Loop]]] = {"copy": Copy, "rollups": Rollups, "audit": Audit}


class Analytics:
    """One process. Every loop has a client, and a thread while it works, of its own."""

    def __init__(self, config: Config, instance: int) -> None:
        self.config = config
        self.heartbeat = Heartbeat(config.data_dir / "run", NAME, instance, config.streams.session_seconds / 2)
        self.leader = Leader(config, self._work, partial(self._report, "kafka"))
        self._tasks = Tasks(self._fail)
        self._problems: dict[str, str] = {}
        self._statements: set[asyncio.Future[Any]] = set()
        self._stopping = False

    async def run(self) -> None:
        """Takes part until SIGTERM or SIGINT. Ends the process when a loop fails."""
        stop = asyncio.Event()
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, stop.set)
        self._tasks.start("heartbeat", self._beat())
        leading = self._tasks.start("leader", self.leader.run())
        await stop.wait()
        self._stopping = True
        await self._tasks.stop(leading)

    def _fail(self, reason: str) -> None:
        if not self._stopping:
            self.heartbeat.fail_stop(reason)

    async def _beat(self) -> None:
        while True:
            self.heartbeat.beat()
            self.heartbeat.write(ready=self.leader.is_placed and not self._problems)
            await asyncio.sleep(BEAT_SECONDS)

    def _report(self, part: str, problem: str | None) -> None:
        if problem is None:
            self._problems.pop(part, None)
        else:
            self._problems[part] = problem
        self.heartbeat.last_error = next(iter(self._problems.values()), None)

    async def _work(self) -> None:
        """The work of the leader, until it is cancelled."""
        log.info("leading")
        loops: list[asyncio.Task[None]] = []
        try:
            await self._prepare()
            loops += [self._tasks.start(name, self._loop(name, make)) for name, make in LOOPS.items()]
            loops.append(self._tasks.start("samples", samples.run(self.config, self._connect)))
            await asyncio.wait(loops)  # none of them ends by itself
        finally:
            if loops:
                await self._tasks.stop(*loops)
            await self._end_statements()
            log.info("not_leading")

    async def _prepare(self) -> None:
        """Waits for the migrations, then publishes the rate card of the settings."""

        def count_applied() -> int:
            with self._connect() as client:
                return int(client.query(COUNT_APPLIED).result_rows[0][0])

        def publish() -> None:
            with self._connect() as client:
                rate_card.publish(client, self.config.costs)

        await wait_for_migrations(partial(self._in_thread, count_applied), partial(self._report, "tables"))
        await self._retried("rate card", publish)

    async def _loop(self, name: str, make: Callable[["Client"], Loop]) -> None:
        loop: Loop | None = None

        def one_pass() -> Loop:
            nonlocal loop
            # After an error the loop begins again with a new client.
            made, loop = loop or make(self._connect()), None
            made.pass_once()
            return made

        while True:
            loop = await self._retried(name, one_pass)
            await asyncio.sleep(loop.pause)

    async def _retried(self, name: str, work: Callable[[], T]) -> T:
        return await retry(
            lambda: self._in_thread(work),
            CLICKHOUSE_ERRORS,
            lambda error: f"ClickHouse does not do the work of {name}: {describe(error)}",
            partial(self._report, name),
        )

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """The thread goes on when its awaiter is cancelled; `_end_statements` waits for it."""
        future = asyncio.get_running_loop().run_in_executor(None, work)
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
    # asyncio would wait for a thread whose statement ClickHouse has not answered; it has nothing that must be saved.
    os._exit(0)


def run(config: Config, instance: int) -> None:
    """Runs the process until SIGTERM; never returns."""
    asyncio.run(_run(config, instance))
