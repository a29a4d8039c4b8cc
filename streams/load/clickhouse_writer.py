"""Inserts rows into ClickHouse: by size and time, again and again until they are in. IO.

Rows are the JSON bytes of the topic, untouched. Nothing is given up: a server that is away or out of memory is waited
for; a row that ClickHouse cannot read is found by halving and handed back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.tables import INSERT_SETTINGS
from streams.runtime.backoff import AWAY, Patience

MAX_BYTES = 16 * 1024 * 1024  # of one INSERT
MAX_INSERTS = 2  # under way at once

# ClickHouse says by these that it cannot read what we sent; no retry will change that. Everything else is waited out.
# 6 CANNOT_PARSE_TEXT, 25 .. ESCAPE_SEQUENCE, 26 .. QUOTED_STRING, 27 .. INPUT_ASSERTION_FAILED,
# 32 ATTEMPT_TO_READ_AFTER_EOF, 33 CANNOT_READ_ALL_DATA, 38 CANNOT_PARSE_DATE, 41 .. DATETIME, 53 TYPE_MISMATCH,
# 69 ARGUMENT_OUT_OF_BOUND, 70 CANNOT_CONVERT_TYPE, 72 CANNOT_PARSE_NUMBER, 117 INCORRECT_DATA,
# 130 CANNOT_READ_ARRAY_FROM_TEXT, 131 TOO_LARGE_STRING_SIZE, 306 TOO_DEEP_RECURSION,
# 321 VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE, 349 CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN, 376 CANNOT_PARSE_UUID,
# 467 CANNOT_PARSE_BOOL
UNREADABLE = frozenset({6, 25, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 130, 131, 306, 321, 349, 376, 467})


@dataclass(slots=True)
class _Block:
    rows: list[bytes] = field(default_factory=list)
    size: int = 0
    done: "list[asyncio.Future[None]]" = field(default_factory=list)


class Loader:
    """Collects rows of one table.

    `refuse(row, code)` gets each row that ClickHouse cannot read; `ready()` is awaited before a failed INSERT is tried
    again, since whatever was away may come back half made.
    """

    def __init__(
        self,
        client: Any,
        table: str,
        max_rows: int,
        max_seconds: float,
        refuse: Callable[[bytes, int], Awaitable[None]],
        ready: Callable[[], Awaitable[None]],
        on_state: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._table = table
        self._max_rows = max_rows
        self._max_seconds = max_seconds
        self._refuse = refuse
        self._ready = ready
        self._on_state = on_state
        self._block = _Block()
        self._slots = asyncio.Semaphore(MAX_INSERTS)
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def add(self, rows: Sequence[bytes]) -> "asyncio.Future[None]":
        """Takes rows; the future resolves when ClickHouse has them. Waits while MAX_INSERTS blocks are under way."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        if not rows:
            done.set_result(None)
            return done
        block = self._block
        block.rows.extend(rows)
        block.size += sum(map(len, rows))
        block.done.append(done)
        if len(block.rows) >= self._max_rows or block.size >= MAX_BYTES:
            await self._flush()
        elif self._timer is None:
            self._timer = loop.call_later(self._max_seconds, self._flush_soon)
        return done

    def _flush_soon(self) -> None:
        self._timer = None
        task = asyncio.get_running_loop().create_task(self._flush())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        block, self._block = self._block, _Block()
        if not block.rows:
            return
        await self._slots.acquire()
        task = asyncio.get_running_loop().create_task(self._store(block))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _store(self, block: _Block) -> None:
        try:
            await self._insert(block.rows)
        except Exception as error:
            for done in block.done:
                if not done.done():
                    done.set_exception(error)
        else:
            for done in block.done:
                if not done.done():
                    done.set_result(None)
        finally:
            self._slots.release()

    async def _insert(self, rows: list[bytes]) -> None:
        patience = Patience(self._on_state)
        while True:
            try:
                await self._client.raw_insert(
                    self._table, insert_block=b"\n".join(rows), fmt="JSONEachRow", settings=INSERT_SETTINGS
                )
            except AWAY as error:
                code = getattr(error, "code", None)
                if code in UNREADABLE:
                    await self._halve(rows, code)
                    return
                # The server's text may quote a row: only its code and kind are told.
                why = f"ClickHouse does not take {self._table}: {type(error).__name__} {code or ''}"
                await patience.wait(why.rstrip())
                await self._ready()
            else:
                patience.over()
                return

    async def _halve(self, rows: list[bytes], code: int) -> None:
        if len(rows) == 1:
            await self._refuse(rows[0], code)
            return
        middle = len(rows) // 2
        await self._insert(rows[:middle])
        await self._insert(rows[middle:])
