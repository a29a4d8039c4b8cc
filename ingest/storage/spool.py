"""Takes bodies while Kafka cannot, and hands them to Kafka when it can. IO: files in `data_dir/spool`, one thread.

A body is answered 200 once it is in Kafka or here on the disk. What Kafka has acknowledged is deleted here afterwards:
a crash in between makes a repetition of the same delivery, which the tables absorb, and never a loss.
"""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Protocol, TypeVar, TypeVarTuple

from ingest.metrics import Metrics
from ingest.storage import spool_folder
from ingest.storage.record import RecordHeaders
from ingest.storage.spool_file import EMPTY, Entry, Held, Record
from ingest.storage.spool_folder import Owned

log = logging.getLogger("ackstream.ingest.spool")

TICK_SECONDS = 0.5
# One transaction: all bodies that wait for one, up to this many bytes. A flush costs 1 to 10 ms whatever it holds.
GROUP_BYTES = 16 * 1024 * 1024
# On the way to Kafka at once while draining, so that new bodies have the better part of the connection.
DRAIN_BYTES = 1024 * 1024
DRAIN_RECORDS = 500
# After a failed write to the disk it is left alone for this long: meanwhile bodies are answered 503.
REST_SECONDS = 1.0
LONGEST_REFUSAL_SECONDS = 300.0
# Says which way a record came; the rest of it is what it would be without.
SPOOLED = ("spooled", b"1")

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class Sink(Protocol):
    """Where the bodies go in the end; see ingest/storage/record_store.py."""

    @property
    def flowing(self) -> bool: ...

    @property
    def refusals(self) -> int: ...

    def offer(self, value: bytes, headers: RecordHeaders, timestamp_ms: int) -> asyncio.Future[bool] | None: ...


class Spool:
    """`start`, any number of `put`, `stop`; in one event loop."""

    def __init__(
        self, place: Path, max_bytes: int, max_age_seconds: float, clock: Callable[[], int], metrics: Metrics
    ) -> None:
        """`clock` gives milliseconds UTC, the one of received_ms."""
        self._place = place
        self._max_bytes = max_bytes
        self._max_age_ms = max_age_seconds * 1000
        self._clock = clock
        self._metrics = metrics
        self._thread = ThreadPoolExecutor(1, "spool")
        self._own: Owned | None = None
        self._adopted: list[Owned] = []
        self._held = EMPTY  # what the files held when the thread finished its last step
        self._others_bytes = 0  # of living siblings
        self._waiting: deque[tuple[Record, asyncio.Future[bool]]] = deque()
        self._waiting_bytes = 0
        self._committer: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._rest_until = 0.0
        self._refused_until = 0.0
        self._said = ""

    def start(self, sink: Sink) -> None:
        """Begins to look after the files; returns at once."""
        self._keeper = asyncio.get_running_loop().create_task(self._keep(sink))

    async def stop(self) -> None:
        """Finishes what was put and closes the files; what they hold is for the next start."""
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        if self._committer is not None:
            await self._committer
        await self._in_thread(self._close)
        self._thread.shutdown()

    @property
    def held(self) -> Held:
        """What the files of this process hold. Changes only in the event loop, like the bytes that are not written yet:
        a body being written counts once."""
        return self._held

    def accepts(self, size: int = 0) -> bool:
        """Whether a body of `size` bytes may be put: neither too much, nor too old, nor a disk that just failed."""
        held = self.held
        if held.oldest_ms is not None and self._clock() - held.oldest_ms > self._max_age_ms:
            return False
        room = self._max_bytes - held.bytes - self._others_bytes - self._waiting_bytes
        return size <= room and monotonic() >= self._rest_until

    async def put(self, record: Record) -> bool:
        """True once the record is on the disk; False when it could not be taken, and then it is not there."""
        if not self.accepts(record.size):
            return False
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiting.append((record, waiter))
        self._waiting_bytes += record.size
        if self._committer is None:
            self._committer = loop.create_task(self._commit())
        return await waiter

    async def _commit(self) -> None:
        while self._waiting:
            group = self._next_group()
            stored = await self._in_thread(self._append, [record for record, _ in group])
            self._waiting_bytes -= sum(record.size for record, _ in group)
            if stored:
                self._metrics.spooled.inc(len(group))
            for _, waiter in group:
                if not waiter.done():
                    waiter.set_result(stored)
            self._show()
        self._committer = None

    def _next_group(self) -> list[tuple[Record, asyncio.Future[bool]]]:
        group = [self._waiting.popleft()]
        total = group[0][0].size
        while self._waiting and (total := total + self._waiting[0][0].size) <= GROUP_BYTES:
            group.append(self._waiting.popleft())
        return group

    def _append(self, records: Sequence[Record]) -> bool:
        """In the thread."""
        try:
            if self._own is not None and not self._own.file.path.exists():
                log.critical("spool_lost file=%s: somebody deleted it", self._own.file.path.name)
                self._own.close()
                self._own = None
            if self._own is None:
                self._own = spool_folder.create(self._place)
            self._own.file.append(records)
        except (sqlite3.Error, OSError) as error:
            self._failed(self._own, error)
            return False
        return True

    def _failed(self, owned: Owned | None, error: Exception) -> None:
        """In the thread: a file could not be read or written."""
        self._rest_until = monotonic() + REST_SECONDS
        log.error("spool_failed error=%s: %s", type(error).__name__, error)
        if owned is None or not isinstance(error, sqlite3.DatabaseError) or isinstance(error, sqlite3.OperationalError):
            return
        if owned is self._own:
            self._own = None
        else:
            self._adopted.remove(owned)
        spool_folder.set_aside(owned.file.path, error)
        owned.close()

    async def _keep(self, sink: Sink) -> None:
        while True:
            await self._in_thread(self._look_around, sink.flowing)
            self._show()
            if sink.flowing:
                for owned in self._files():
                    while sink.flowing and await self._drain(owned, sink):
                        self._show()
            await asyncio.sleep(TICK_SECONDS)

    def _look_around(self, may_adopt: bool) -> None:
        """In the thread: what dead processes left, and how much living ones hold."""
        if not self._place.exists():
            return
        if may_adopt:
            for owned in spool_folder.adopt(self._place):
                self._adopted.append(owned)
                log.warning("spool_adopted file=%s records=%d", owned.file.path.name, owned.file.held.records)
        ours = {owned.file.path for owned in self._files()}
        self._others_bytes = spool_folder.bytes_beside(self._place, ours)

    async def _drain(self, owned: Owned, sink: Sink) -> bool:
        """Moves the next portion of a file to Kafka; False when there is no more, or not now."""
        try:
            entries = await self._in_thread(owned.file.peek, DRAIN_BYTES, DRAIN_RECORDS)
            if not entries:
                await self._in_thread(self._done_with, owned)
                return False
            if entries[0].tries and monotonic() < self._refused_until:
                return False
            return await self._move(owned, entries, sink)
        except (sqlite3.Error, OSError) as error:
            await self._in_thread(self._failed, owned, error)
            return False

    async def _move(self, owned: Owned, entries: Sequence[Entry], sink: Sink) -> bool:
        refusals = sink.refusals
        sent: list[tuple[Entry, asyncio.Future[bool]]] = []
        for entry in entries:
            body, headers, received_ms = entry.record
            waiter = sink.offer(body, [*headers, SPOOLED], received_ms)
            if waiter is None:
                break
            sent.append((entry, waiter))
        answers = [(entry, await waiter) for entry, waiter in sent]
        stored = [entry for entry, there in answers if there]
        if stored:
            await self._in_thread(owned.file.remove, stored)
            self._metrics.drained.inc(len(stored))
        refused = [entry for entry, there in answers if not there]
        if refused and sink.refusals > refusals:  # Kafka is there, and did not take these
            await self._in_thread(owned.file.refused, refused)
            if len(answers) == 1:
                pause = min(2.0 ** refused[0].tries, LONGEST_REFUSAL_SECONDS)
                self._refused_until = monotonic() + pause
                log.error("spool_refused file=%s tries=%d: Kafka does not take a body; check message.max.bytes of "
                          "wa.raw", owned.file.path.name, refused[0].tries + 1)  # fmt: skip
        return len(stored) == len(entries) or bool(refused and len(answers) > 1)

    def _done_with(self, owned: Owned) -> None:
        """In the thread, where nothing can be appended meanwhile: deletes an empty file, which frees the disk."""
        if owned.file.held.records:
            return
        if owned is self._own:
            self._own = None
        else:
            self._adopted.remove(owned)
        owned.delete()

    def _close(self) -> None:
        for owned in self._files():
            if owned.file.held.records:
                owned.close()
            else:
                owned.delete()

    def _files(self) -> list[Owned]:
        return [*self._adopted, *([self._own] if self._own is not None else [])]

    def _show(self) -> None:
        """Metrics, and one line in the log when bodies begin to be spooled or the last one is in Kafka."""
        held = self.held
        age = 0.0 if held.oldest_ms is None else max(0.0, (self._clock() - held.oldest_ms) / 1000)
        self._metrics.spool_records.set(held.records)
        self._metrics.spool_bytes.set(held.bytes)
        self._metrics.spool_oldest.set(age)
        if not held.records:
            now = ""
        elif self.accepts():
            now = "spooling: Kafka does not acknowledge; bodies wait on this disk and are answered 200"
        else:
            now = "spool_full: bodies are answered 503 until Kafka takes what is spooled"
        if now != self._said:
            self._said = now
            log.warning(now or "spool_empty: everything is in Kafka")

    async def _in_thread(self, work: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        def work_and_count() -> tuple[Result, Held]:
            result = work(*arguments)
            total = EMPTY
            for owned in self._files():
                total += owned.file.held
            return result, total

        result, self._held = await asyncio.get_running_loop().run_in_executor(self._thread, work_and_count)
        return result
