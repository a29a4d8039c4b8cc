"""Inserts rows into ClickHouse in blocks, and retries each block until it is stored.

Rows are the JSON bytes of the topic, unchanged. No row is lost: while the server is unreachable or out of memory
the INSERT is repeated; a row that ClickHouse cannot read is found by bisecting the block and handed back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.clickhouse_errors import Meaning
from schemas.tables import INSERT_SETTINGS
from streams.runtime.clickhouse import CLICKHOUSE_ERRORS, describe, error_code, meaning_of
from streams.runtime.retries import Report, Retries

MAX_BYTES = 16 * 1024 * 1024  # of one INSERT
MAX_INSERTS = 2  # under way at once
# After the first row of a block: a fetch brings the rows of several partitions one after the other.
GATHER_SECONDS = 0.01


@dataclass(slots=True)
class _Block:
    rows: list[bytes] = field(default_factory=list)
    size: int = 0
    stored: "list[asyncio.Future[None]]" = field(default_factory=list)

    def settle(self, error: BaseException | None) -> None:
        """Resolves the futures of the block: stored, failed, or cancelled."""
        for future in self.stored:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            elif isinstance(error, asyncio.CancelledError):
                future.cancel()
            else:
                future.set_exception(error)


class ClickHouseWriter:
    """Collects rows of one table and inserts them: at once when nothing is under way, else in larger blocks.

    A block that is not full is inserted when no other INSERT is under way and the last one began `min_seconds` ago; the
    rows that come meanwhile make the next block. An INSERT of a few rows costs ClickHouse as much as one of hundreds.
    """

    def __init__(
        self,
        client: Any,
        table: str,
        max_rows: int,
        min_seconds: float,
        reject: Callable[[bytes, int | None], Awaitable[None]],
        wait_for_tables: Callable[[], Awaitable[None]],
        report: Report = lambda _reason: None,
    ) -> None:
        """`client` = an async client of clickhouse_connect. `reject(row, code)` gets each unreadable row.

        `wait_for_tables()` is awaited before a failed INSERT is repeated: a server that was unreachable may come back
        without the tables. `report` receives why ClickHouse accepts no rows, and None once it does.
        """
        self._client = client
        self._table = table
        self._max_rows = max_rows
        self._min_seconds = min_seconds
        self._reject = reject
        self._wait_for_tables = wait_for_tables
        self._report = report
        self._block = _Block()
        self._slots = asyncio.Semaphore(MAX_INSERTS)
        self._timer: asyncio.TimerHandle | None = None
        self._began = float("-inf")  # the last INSERT, loop time
        self._inserts: set[asyncio.Task[None]] = set()

    async def add(self, rows: Sequence[bytes]) -> "asyncio.Future[None]":
        """Adds rows; the future resolves when ClickHouse has stored them, and raises whatever ended their INSERT.

        When the block is full, waits until its INSERT has started: at most MAX_INSERTS are under way.
        """
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[None] = loop.create_future()
        if not rows:
            stored.set_result(None)
            return stored
        block = self._block
        block.rows.extend(rows)
        block.size += sum(map(len, rows))
        block.stored.append(stored)
        if len(block.rows) >= self._max_rows or block.size >= MAX_BYTES:
            self._flush()
            while len(self._inserts) > MAX_INSERTS:
                await asyncio.wait(self._inserts, return_when=asyncio.FIRST_COMPLETED)
        else:
            self._schedule()
        return stored

    def _schedule(self) -> None:
        """Sets the time of the next INSERT, unless one is under way: its end sets it."""
        if self._block.rows and self._timer is None and not self._inserts:
            now = asyncio.get_running_loop().time()
            due = max(now + GATHER_SECONDS, self._began + self._min_seconds)
            self._timer = asyncio.get_running_loop().call_at(due, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        block, self._block = self._block, _Block()
        insert = loop.create_task(self._store(block))
        self._inserts.add(insert)
        insert.add_done_callback(self._ended)

    def _ended(self, insert: "asyncio.Task[None]") -> None:
        self._inserts.discard(insert)
        self._schedule()

    async def _store(self, block: _Block) -> None:
        """Inserts a block. However it ends, its futures end in the same way: their owner notices every failure."""
        try:
            async with self._slots:
                await self._insert(block.rows)
        except BaseException as error:
            block.settle(error)
            if not isinstance(error, Exception):
                raise
        else:
            block.settle(None)

    async def _insert(self, rows: list[bytes]) -> None:
        retries = Retries(self._report)
        while True:
            try:
                await self._client.raw_insert(
                    self._table, insert_block=b"\n".join(rows), fmt="JSONEachRow", settings=INSERT_SETTINGS
                )
            except CLICKHOUSE_ERRORS as error:
                if meaning_of(error) is Meaning.UNREADABLE_ROWS:
                    await self._bisect(rows, error_code(error))
                    return
                await retries.pause(f"ClickHouse does not accept rows of {self._table}: {describe(error)}")
                await self._wait_for_tables()
            else:
                retries.succeeded()
                return

    async def _bisect(self, rows: list[bytes], code: int | None) -> None:
        """Inserts the two halves apart, until an unreadable row is alone."""
        if len(rows) == 1:
            await self._reject(rows[0], code)
            return
        middle = len(rows) // 2
        await self._insert(rows[:middle])
        await self._insert(rows[middle:])
