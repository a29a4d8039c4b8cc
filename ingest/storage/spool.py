"""Stores bodies on the disk while Kafka is unavailable, and sends them to Kafka afterwards.

A body is answered 200 once it is in Kafka or here on the disk, in `data_dir/spool`.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from ingest.metrics import Metrics
from ingest.storage.memory_budget import Charge, MemoryBudget
from ingest.storage.open_files import OpenFiles
from ingest.storage.record import Record
from ingest.storage.spool_drain import Sink, SpoolDrain
from ingest.storage.spool_file import Held, spooled_size
from ingest.storage.spool_folder import OwnedFile
from ingest.storage.spool_thread import SpoolThread
from schemas.process.backoff import Backoff
from schemas.process.logs import get_logger
from schemas.process.tasks import Tasks

log = get_logger("ingest.spool")

TICK_SECONDS = 0.5
# One transaction: all queued bodies, up to this many bytes. A flush costs 1 to 10 ms whatever it holds.
GROUP_BYTES = 16 * 1024 * 1024
# Pause in the use of the disk after an error, longer after repeated ones; until then bodies are answered 503.
DISK_RETRY_SECONDS = 1.0
LONGEST_DISK_RETRY_SECONDS = 5.0


class Bounds(NamedTuple):
    """The limits of a spool: bytes of all processes together, age of the oldest body, and time for one commit."""

    max_bytes: int
    max_age_seconds: float
    commit_seconds: float


class _Queued(NamedTuple):
    record: Record
    size: int
    waiter: asyncio.Future[bool]
    charge: Charge


class Spool:
    """`start`, any number of `put`, `stop`; in one event loop."""

    def __init__(
        self,
        place: Path,
        bounds: Bounds,
        clock: Callable[[], int],
        metrics: Metrics,
        budget: MemoryBudget,
        tasks: Tasks,
    ) -> None:
        """`clock` returns milliseconds UTC, like the one of received_ms."""
        self._bounds = bounds
        self._clock = clock
        self._metrics = metrics
        self._budget = budget
        self._tasks = tasks
        self._files = OpenFiles(place)
        self._thread = SpoolThread(self._files.held)
        self._others_bytes = 0  # of other running processes
        self._queue: deque[_Queued] = deque()
        self._unwritten_bytes = 0
        self._committer: asyncio.Task[None] | None = None
        self._commit_began: float | None = None
        self._drainer: asyncio.Task[None] | None = None
        self._disk_backoff = Backoff(DISK_RETRY_SECONDS, LONGEST_DISK_RETRY_SECONDS)
        self._retry_disk_at = 0.0
        self._reported = "spool_empty"

    def start(self, sink: Sink) -> None:
        """Begins to send what the files hold to `sink`; returns at once."""
        self._drainer = self._tasks.start("spool drain", self._drain(sink))

    async def stop(self) -> None:
        """Finishes what was put and closes the files; the next start sends what they hold."""
        if self._drainer is not None:
            await self._tasks.stop(self._drainer)
        if self._committer is not None:
            await asyncio.wait([self._committer])
        await self._thread.run(self._files.close)
        self._thread.close()

    @property
    def held(self) -> Held:
        """What the files of this process hold."""
        return self._thread.held

    def accepts(self, size: int = 0) -> bool:
        """Whether a body of `size` bytes may be put: within the limits, and the disk neither failed nor stalled."""
        oldest_ms = self.held.oldest_ms
        if oldest_ms is not None and self._clock() - oldest_ms > self._bounds.max_age_seconds * 1000:
            return False
        now = monotonic()
        if now < self._retry_disk_at:
            return False
        if self._commit_began is not None and now - self._commit_began > self._bounds.commit_seconds:
            return False
        return size <= self._bounds.max_bytes - self.held.bytes - self._others_bytes - self._unwritten_bytes

    async def put(self, record: Record, charge: Charge, seconds: float) -> bool:
        """True once the record is on the disk; False when it could not be stored within `seconds`.

        After False it is not stored, unless the disk had begun to write it and was too slow: then it may be stored
        later. It stays in memory until then, so `charge` is taken over and returns to the budget afterwards.
        """
        size = spooled_size(record)
        if seconds <= 0 or not self.accepts(size):
            return False
        queued = _Queued(record, size, asyncio.get_running_loop().create_future(), charge)
        self._queue.append(queued)
        self._unwritten_bytes += size
        if self._committer is None:
            self._committer = self._tasks.start("spool commit", self._commit(), endless=False)
        try:
            async with asyncio.timeout(seconds):
                return await queued.waiter
        except TimeoutError:
            self._give_up(queued)
            return False

    def _give_up(self, queued: _Queued) -> None:
        if queued in self._queue:
            self._queue.remove(queued)
            self._unwritten_bytes -= queued.size

    async def _commit(self) -> None:
        try:
            while self._queue:
                await self._commit_group(self._next_group())
        finally:
            self._committer = None

    async def _commit_group(self, group: list[_Queued]) -> None:
        stored = False
        self._commit_began = monotonic()
        charged = [queued.charge.hand_over() for queued in group]
        try:
            await self._thread.run(self._files.append, [queued.record for queued in group])
            stored = True
            self._disk_backoff.reset()
            self._metrics.spooled.inc(len(group))
        except (sqlite3.Error, OSError) as error:
            pause = self._disk_backoff.next()
            self._retry_disk_at = monotonic() + pause
            _log_failure(error, retry_seconds=pause)
        finally:
            self._commit_began = None
            self._budget.give(sum(charged))
            self._unwritten_bytes -= sum(queued.size for queued in group)
            for queued in group:
                if not queued.waiter.done():
                    queued.waiter.set_result(stored)
        self._report()

    def _next_group(self) -> list[_Queued]:
        group = [self._queue.popleft()]
        total = group[0].size
        while self._queue and (total := total + self._queue[0].size) <= GROUP_BYTES:
            group.append(self._queue.popleft())
        return group

    async def _drain(self, sink: Sink) -> None:
        drain = SpoolDrain(self._files, self._thread, sink)
        backoff = Backoff(TICK_SECONDS, LONGEST_DISK_RETRY_SECONDS)
        while True:
            failures = 0
            try:
                self._others_bytes = await self._thread.run(self._survey, sink.flowing)
            except OSError as error:
                failures += 1
                _log_failure(error)
            self._report()
            for owned in self._files.files():
                failures += await self._drain_file(drain, owned, sink)
            if not failures:
                backoff.reset()
            await asyncio.sleep(backoff.next() if failures else TICK_SECONDS)

    async def _drain_file(self, drain: SpoolDrain, owned: OwnedFile, sink: Sink) -> int:
        """Sends a file for as long as Kafka takes it; 1 if its disk failed, else 0."""
        more = True
        while more and sink.flowing:
            try:
                stored, more = await drain.send_portion(owned)
            except (sqlite3.Error, OSError) as error:
                _log_failure(error)
                return 1
            self._metrics.drained.inc(stored)
            self._report()
        return 0

    def _survey(self, may_adopt: bool) -> int:
        """In the thread: takes over files of processes that ended; the bytes of processes that run."""
        if may_adopt:
            self._files.adopt()
        return self._files.bytes_beside()

    def _report(self) -> None:
        """Metrics, and a log line when bodies begin to be spooled, when the spool is full, and when it is empty."""
        held = self.held
        age = 0.0 if held.oldest_ms is None else max(0.0, (self._clock() - held.oldest_ms) / 1000)
        self._metrics.spool_records.set(held.records)
        self._metrics.spool_bytes.set(held.bytes)
        self._metrics.spool_oldest.set(age)
        if not held.records:
            event, reason = "spool_empty", "everything is in Kafka"
        elif self.accepts():
            event, reason = "spooling", "Kafka does not acknowledge; bodies are stored on this disk and answered 200"
        else:
            event, reason = "spool_full", "bodies are answered 503 until Kafka takes what is spooled"
        if event != self._reported:
            self._reported = event
            log.warning(event, reason=reason)


def _log_failure(error: Exception, **facts: float) -> None:
    log.error("spool_failed", error=type(error).__name__, reason=str(error), **facts)
