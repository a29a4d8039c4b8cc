"""Gathers records into batches for Kafka and reports to each request whether its batch is stored.

One future a request and one timer a batch keep the cost per record low. Every batch ends in one of three ways: stored,
refused by Kafka, or dropped before it was handed to Kafka because all of its requests had been answered 503.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from ingest.storage.memory_budget import MemoryBudget
from ingest.storage.record import RecordHeaders
from schemas.process.tasks import Tasks

# A batch stays open this long for further records; measured: 2 ms gives full speed from 64 connections on, 5 ms costs a
# third.
LINGER_SECONDS = 0.002


class Builder(Protocol):
    """A record batch being filled: aiokafka's BatchBuilder."""

    def append(self, *, timestamp: int, key: None, value: bytes, headers: RecordHeaders) -> object | None:
        """Adds a record; None, and nothing is added, when the batch is full."""

    def close(self) -> None:
        """No record can be added any more."""


class Session(Protocol):
    """Where batches go: a ProducerSession."""

    def new_batch(self) -> Builder:
        """An empty batch."""

    def claim_partition(self) -> int | None:
        """A partition for one batch, or None while there is none."""

    async def write(self, batch: Builder, partition: int) -> None:
        """Returns when the batch is stored; raises when it is refused."""


class Observer(Protocol):
    """Receives the result of every batch that was handed to Kafka."""

    def on_stored(self, records: int, late: bool) -> None:
        """Kafka has the batch; `late`: its requests had been answered before."""

    def on_failed(self, error: Exception) -> None:
        """Kafka refused the batch."""


class _Batch:
    __slots__ = ("builder", "charge", "due", "timer", "waiters")

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.waiters: list[asyncio.Future[bool]] = []
        self.charge = 0
        self.due = False  # LINGER_SECONDS have passed
        self.timer: asyncio.TimerHandle | None = None

    def answer(self, stored: bool) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(stored)
        if self.timer is not None:
            self.timer.cancel()


class BatchProducer:
    """Takes records and returns futures; bounded by `budget`, each future is set within `answer_within` seconds."""

    def __init__(
        self,
        session: Callable[[], Session | None],
        budget: MemoryBudget,
        answer_within: float,
        observer: Observer,
        tasks: Tasks,
    ) -> None:
        """`session` returns the current session, None while there is no connection."""
        self._session = session
        self._budget = budget
        self._answer_within = answer_within
        self._observer = observer
        self._tasks = tasks
        self._loop = asyncio.get_running_loop()
        self._open: _Batch | None = None
        self._queue: deque[_Batch] = deque()
        self._writes: set[asyncio.Task[None]] = set()
        self._progress_at = monotonic()

    @property
    def stalled_seconds(self) -> float:
        """Time since Kafka's last answer while one is due; 0 when nothing is in flight."""
        return monotonic() - self._progress_at if self._writes else 0.0

    @property
    def starved(self) -> bool:
        """Whether batches are ready and none is in flight: no partition can be written to."""
        return not self._writes and (bool(self._queue) or (self._open is not None and self._open.due))

    def put(self, value: bytes, headers: RecordHeaders, timestamp_ms: int, charge: int) -> asyncio.Future[bool] | None:
        """Takes a record and its `charge`; the future's result is whether it is stored in time.

        None without a session: nothing was taken.
        """
        session = self._session()
        if session is None:
            return None
        batch = self._open
        if (
            batch is None
            or batch.builder.append(timestamp=timestamp_ms, key=None, value=value, headers=headers) is None
        ):
            if batch is not None:
                self._seal(batch)
                self.pump()
            batch = self._open_batch(session)
            batch.builder.append(timestamp=timestamp_ms, key=None, value=value, headers=headers)
        waiter = self._loop.create_future()
        batch.waiters.append(waiter)
        batch.charge += charge
        return waiter

    def pump(self) -> None:
        """Hands ready batches to Kafka. Called when a batch became ready or a partition free."""
        session = self._session()
        while session is not None and (self._queue or (self._open is not None and self._open.due)):
            partition = session.claim_partition()
            if partition is None:
                return
            if not self._queue and self._open is not None:
                self._seal(self._open)
            self._start(session, self._queue.popleft(), partition)

    async def drain(self, seconds: float) -> bool:
        """Sends what is there, for at most `seconds`, and drops the rest. True when everything is stored."""
        if self._open is not None:
            self._seal(self._open)
        self.pump()
        deadline = monotonic() + seconds
        while self._writes and (left := deadline - monotonic()) > 0:
            await asyncio.wait(self._writes, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        complete = not (self._writes or self._queue or self._open)
        for batch in self._queue:
            self._drop(batch)
        self._queue.clear()
        for task in self._writes:
            task.cancel()
        if self._writes:
            await asyncio.wait(self._writes)
        return complete

    def _open_batch(self, session: Session) -> _Batch:
        batch = self._open = _Batch(session.new_batch())
        batch.timer = self._loop.call_later(LINGER_SECONDS, self._lingered, batch)
        return batch

    def _lingered(self, batch: _Batch) -> None:
        batch.due = True
        batch.timer = self._loop.call_later(self._answer_within - LINGER_SECONDS, self._expired, batch)
        self.pump()

    def _seal(self, batch: _Batch) -> None:
        batch.builder.close()
        self._queue.append(batch)
        self._open = None

    def _expired(self, batch: _Batch) -> None:
        batch.answer(False)
        if batch is self._open:
            self._open = None
        elif batch in self._queue:
            self._queue.remove(batch)
        else:
            return  # in flight: it stays charged until Kafka answers
        self._drop(batch)

    def _drop(self, batch: _Batch) -> None:
        batch.answer(False)
        self._budget.give(batch.charge)

    def _start(self, session: Session, batch: _Batch, partition: int) -> None:
        if not self._writes:
            self._progress_at = monotonic()
        task = self._tasks.start("kafka write", self._write(session, batch, partition), endless=False)
        self._writes.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._writes.discard(task)
        self.pump()

    async def _write(self, session: Session, batch: _Batch, partition: int) -> None:
        stored = False
        try:
            await session.write(batch.builder, partition)
            stored = True
        except Exception as error:
            self._observer.on_failed(error)
        finally:
            late = bool(batch.waiters) and batch.waiters[0].done()
            batch.answer(stored)
            self._budget.give(batch.charge)
            self._progress_at = monotonic()
        if stored:
            self._observer.on_stored(len(batch.waiters), late)
