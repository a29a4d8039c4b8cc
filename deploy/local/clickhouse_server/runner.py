"""Runs jobs in a bounded thread pool and ends them when their client is gone."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

from deploy.local.clickhouse_server import readonly
from deploy.local.clickhouse_server.body import BodyFeed
from deploy.local.clickhouse_server.engine import Engine
from deploy.local.clickhouse_server.errors import TOO_MANY_SIMULTANEOUS_QUERIES, QueryError
from deploy.local.clickhouse_server.insert import widen
from deploy.local.clickhouse_server.job import Limits, QueryJob, QueryRequest

_KILL_EVERY_S = 0.5  # a query can be killed only once the engine lists it, so the kill is repeated
_KILL_WAIT_S = 10.0


class Running:
    """A job in its thread: what it writes comes out of `output`, how it ended out of `done`."""

    def __init__(
        self, job: QueryJob, done: asyncio.Future[None], output: asyncio.StreamReader, pipe: asyncio.ReadTransport
    ) -> None:
        self.job = job
        self.done = done
        self.output = output
        self._pipe = pipe

    def hang_up(self) -> None:
        """Stop reading; the engine's next write fails."""
        self._pipe.close()


class Runner:
    """At most `max_concurrent` statements at a time; more are refused, not queued.

    Read-only users get three quarters of the slots together: however many queries they run, writers have theirs.
    """

    def __init__(self, engine: Engine, limits: Limits, max_concurrent: int) -> None:
        self.engine = engine
        self.limits = limits
        self._max = max_concurrent
        self._max_readers = max(1, max_concurrent - max(1, max_concurrent // 4))
        self._pool = ThreadPoolExecutor(max_concurrent, thread_name_prefix="query")
        self._running: set[Running] = set()
        self._reapers: set[asyncio.Task[None]] = set()
        self._known = _known_names(engine)

    async def start(self, request: QueryRequest, feed: BodyFeed, encoding: str) -> Running:
        """Start a job, or TOO_MANY_SIMULTANEOUS_QUERIES."""
        loop = asyncio.get_running_loop()
        output = asyncio.StreamReader(limit=1024 * 1024)
        read_end, write_end = os.pipe()
        widen(write_end)
        try:
            pipe, _ = await loop.connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(output), os.fdopen(read_end, "rb", buffering=0)
            )
        except BaseException:
            os.close(write_end)
            raise
        # No waiting from here on: a request that is cancelled now would leave a job behind that nobody ends.
        if (full := self._full(request)) is not None:
            pipe.close()
            os.close(write_end)
            raise full
        job = QueryJob(self.engine, self._known, self.limits, request, feed, encoding, write_end)
        running = Running(job, loop.run_in_executor(self._pool, job.run), output, pipe)
        self._running.add(running)
        running.done.add_done_callback(lambda _: self._running.discard(running))
        # Mark the outcome as seen: asyncio would print the text of an error that nobody waits for.
        running.done.add_done_callback(lambda done: done.cancelled() or done.exception())
        return running

    def _full(self, request: QueryRequest) -> QueryError | None:
        readers = sum(running.job.request.user.readonly for running in self._running)
        if len(self._running) >= self._max:
            most = self._max
        elif request.user.readonly and readers >= self._max_readers:
            most = self._max_readers
        else:
            return None
        return QueryError(TOO_MANY_SIMULTANEOUS_QUERIES, f"Too many simultaneous queries. Maximum: {most}. Try again.")

    def abandon(self, running: Running) -> None:
        """The client is gone: end what only reads or has not all its data; a complete write runs to its end."""
        running.hang_up()
        if running.done.done():
            return
        writes = running.job.kind not in ("select", "with", "from", "show", "explain", "unknown")
        if writes and running.job.feed.complete:
            return
        running.job.cancelled = True
        task = asyncio.create_task(self._kill_until_done(running))
        self._reapers.add(task)
        task.add_done_callback(self._reapers.discard)

    async def _kill_until_done(self, running: Running) -> None:
        while not running.done.done():
            await asyncio.to_thread(self._kill, running.job.marker)
            await asyncio.wait([running.done], timeout=_KILL_EVERY_S)

    def _kill(self, marker: str) -> None:
        try:
            self.engine.kill(marker)
        except QueryError:
            return  # the engine could not list its queries just now; the caller repeats

    async def close(self, grace_s: float) -> None:
        """Wait for what runs, at most `grace_s`; then kill it; then close the engine."""
        waiting = {running.done for running in self._running}
        if waiting:
            await asyncio.wait(waiting, timeout=grace_s)
        left = set(self._running)
        for running in left:
            running.job.cancelled = True
            running.hang_up()
        if left:
            kills = asyncio.gather(*(self._kill_until_done(running) for running in left))
            await asyncio.wait([kills], timeout=_KILL_WAIT_S)
            kills.cancel()
        self._pool.shutdown(wait=False)
        if not self._running:
            self.engine.close()


def _known_names(engine: Engine) -> readonly.Known:
    categories = ", ".join(f"'{name}'" for name in readonly.DENIED_CATEGORIES)
    with engine.session() as session:
        functions = f"SELECT lower(name) FROM system.functions WHERE categories IN ({categories}) OR origin != 'System'"  # noqa: S608
        denied, _ = session.query(functions, "TSVRaw")
        tables, _ = session.query("SELECT lower(name) FROM system.table_functions", "TSVRaw")
    return readonly.Known(frozenset(tables.decode().split()), frozenset(denied.decode().split()))
