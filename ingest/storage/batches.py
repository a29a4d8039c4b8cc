"""Gathers records into batches and tells each waiting request when its batch is stored. IO through a Link.

One future a request and one timer a batch keep the cost per record low. Every batch ends in one of three ways: stored,
refused by Kafka, or dropped before it was handed to Kafka because all who waited had been told 503.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from ingest.storage.memory_budget import Budget
from ingest.storage.record import RecordHeaders

# A record waits this long for companions; measured: 2 ms gives full speed from 64 connections on, 5 ms costs a third.
LINGER_SECONDS = 0.002


class Builder(Protocol):
    """A record batch being filled; aiokafka's BatchBuilder."""

    def append(self, *, timestamp: int, key: None, value: bytes, headers: RecordHeaders) -> object | None: ...

    def close(self) -> None: ...


class Target(Protocol):
    """Where batches go; see ingest/storage/producer.py."""

    def new_batch(self) -> Builder: ...

    def claim(self) -> int | None: ...

    async def write(self, batch: Builder, partition: int) -> None: ...


class Observer(Protocol):
    """Is told what became of the batches."""

    def stored(self, records: int, late: bool) -> None: ...

    def failed(self, error: Exception) -> None: ...


class _Batch:
    __slots__ = ("builder", "charge", "due", "timer", "waiters")

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.waiters: list[asyncio.Future[bool]] = []
        self.charge = 0
        self.due = False  # has lingered long enough
        self.timer: asyncio.TimerHandle | None = None

    def answer(self, stored: bool) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(stored)
        if self.timer is not None:
            self.timer.cancel()


class Batches:
    """Records in, futures out; bounded by `budget`, answered within `answer_within` seconds."""

    def __init__(
        self, target: Callable[[], Target | None], budget: Budget, answer_within: float, observer: Observer
    ) -> None:
        self._target = target
        self._budget = budget
        self._answer_within = answer_within
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        self._open: _Batch | None = None
        self._queue: deque[_Batch] = deque()
        self._writes: set[asyncio.Task[None]] = set()
        self._progress_at = monotonic()

    @property
    def pending(self) -> bool:
        return bool(self._writes or self._queue or self._open)

    @property
    def stalled_seconds(self) -> float:
        """How long Kafka has owed an answer; 0 when nothing is on its way."""
        return monotonic() - self._progress_at if self._writes else 0.0

    @property
    def starved(self) -> bool:
        """Batches are ready and nothing is on its way: no partition can be written to."""
        return not self._writes and (bool(self._queue) or (self._open is not None and self._open.due))

    def put(self, value: bytes, headers: RecordHeaders, timestamp_ms: int, charge: int) -> asyncio.Future[bool] | None:
        """Takes a record and its `charge`; the future says whether it is stored. None (nothing taken) without Kafka."""
        target = self._target()
        if target is None:
            return None
        batch = self._open
        if (
            batch is None
            or batch.builder.append(timestamp=timestamp_ms, key=None, value=value, headers=headers) is None
        ):
            if batch is not None:
                self._seal(batch)
                self.pump()
            batch = self._open_batch(target)
            batch.builder.append(timestamp=timestamp_ms, key=None, value=value, headers=headers)
        waiter = self._loop.create_future()
        batch.waiters.append(waiter)
        batch.charge += charge
        return waiter

    def pump(self) -> None:
        """Hands over what is ready; called when something became ready or a partition free."""
        target = self._target()
        while target is not None and (self._queue or (self._open is not None and self._open.due)):
            partition = target.claim()
            if partition is None:
                return
            if not self._queue and self._open is not None:
                self._seal(self._open)
            self._start(target, self._queue.popleft(), partition)

    async def drain(self, seconds: float) -> bool:
        """Sends what is there, waits at most `seconds`, gives up the rest. True when all is stored."""
        if self._open is not None:
            self._seal(self._open)
        self.pump()
        deadline = monotonic() + seconds
        while self._writes and (left := deadline - monotonic()) > 0:
            await asyncio.wait(self._writes, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        complete = not self.pending
        for batch in self._queue:
            self._drop(batch)
        self._queue.clear()
        for task in self._writes:
            task.cancel()
        if self._writes:
            await asyncio.wait(self._writes)
        return complete

    def _open_batch(self, target: Target) -> _Batch:
        batch = self._open = _Batch(target.new_batch())
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
            return  # Kafka has it: it stays charged until Kafka answers
        self._drop(batch)

    def _drop(self, batch: _Batch) -> None:
        batch.answer(False)
        self._budget.give(batch.charge)

    def _start(self, target: Target, batch: _Batch, partition: int) -> None:
        if not self._writes:
            self._progress_at = monotonic()
        task = self._loop.create_task(self._write(target, batch, partition))
        self._writes.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._writes.discard(task)
        self.pump()

    async def _write(self, target: Target, batch: _Batch, partition: int) -> None:
        stored = False
        try:
            await target.write(batch.builder, partition)
            stored = True
        except Exception as error:
            self._observer.failed(error)
        finally:
            late = bool(batch.waiters) and batch.waiters[0].done()
            batch.answer(stored)
            self._budget.give(batch.charge)
            self._progress_at = monotonic()
        if stored:
            self._observer.stored(len(batch.waiters), late)
