"""Rows on their way to ClickHouse: retried until stored, bisected when unreadable, and never lost in silence."""

import asyncio
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from streams.load.clickhouse_writer import MAX_INSERTS, ClickHouseWriter

ROWS = [b'{"n":%d}' % number for number in range(10)]


class Client:
    """A client whose INSERTs end as the test says: `ends` holds what each raises, None = it is stored."""

    def __init__(self, *ends: BaseException | None) -> None:
        self.ends = list(ends)
        self.stored: list[bytes] = []
        self.inserts: list[list[bytes]] = []
        self.unreadable: set[bytes] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.running = 0
        self.most_running = 0

    async def raw_insert(self, _table: str, *, insert_block: bytes, **_: Any) -> None:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await self.gate.wait()
            if (end := self.ends.pop(0) if self.ends else None) is not None:
                raise end
            rows = insert_block.split(b"\n")
            if self.unreadable & set(rows):
                raise DatabaseError("a row", code=27)
            self.stored += rows
            self.inserts.append(rows)
        finally:
            self.running -= 1


class Case:
    """A writer of blocks of four rows, with what it rejects and reports."""

    def __init__(self, client: Client, min_seconds: float = 0.01) -> None:
        self.rejected: list[tuple[bytes, int | None]] = []
        self.reports: list[str | None] = []
        self.waits = 0
        self.writer = ClickHouseWriter(client, "t", 4, min_seconds, self._reject, self._wait, self.reports.append)

    async def _reject(self, row: bytes, code: int | None) -> None:
        self.rejected.append((row, code))

    async def _wait(self) -> None:
        self.waits += 1


async def test_rows_are_stored_by_size_and_by_time() -> None:
    client = Client()
    case = Case(client)
    first = await case.writer.add(ROWS[:4])
    second = await case.writer.add(ROWS[4:5])
    await asyncio.wait_for(asyncio.gather(first, second), 20)
    assert sorted(client.stored) == sorted(ROWS[:5])
    assert (await case.writer.add([])).done()


async def test_a_first_row_does_not_wait_and_the_next_rows_make_one_block_of_their_own() -> None:
    client = Client()
    writer = Case(client, min_seconds=3600).writer
    await asyncio.wait_for(await writer.add(ROWS[:1]), 20)
    early = [await writer.add([row]) for row in ROWS[1:4]]
    await asyncio.sleep(0.05)
    assert client.stored == ROWS[:1]
    await asyncio.wait_for(asyncio.gather(*early, await writer.add(ROWS[4:5])), 20)  # the block is full
    assert client.inserts == [ROWS[:1], ROWS[1:5]]


async def test_rows_that_come_during_an_insert_are_inserted_when_it_ends() -> None:
    client = Client()
    client.gate.clear()
    writer = Case(client).writer
    first = await writer.add(ROWS[:1])
    await asyncio.sleep(0.05)
    assert client.running == 1
    later = [await writer.add([row]) for row in ROWS[1:4]]
    await asyncio.sleep(0.05)
    assert client.running == 1
    client.gate.set()
    await asyncio.wait_for(asyncio.gather(first, *later), 20)
    assert client.inserts == [ROWS[:1], ROWS[1:4]]


async def test_a_failed_insert_is_repeated_once_the_tables_are_there_and_its_reason_is_reported() -> None:
    client = Client(DatabaseError("a row of text", code=241), OSError())
    case = Case(client)
    await asyncio.wait_for(await case.writer.add(ROWS[:4]), 20)
    assert client.stored == ROWS[:4]
    assert case.waits == 2
    assert case.reports == [
        "ClickHouse does not accept rows of t: its memory is used up (error 241)",
        "ClickHouse does not accept rows of t: it does not answer: OSError",
        None,
    ]


async def test_only_unreadable_rows_are_rejected() -> None:
    client = Client()
    client.unreadable = {ROWS[1], ROWS[6]}
    case = Case(client)
    await asyncio.wait_for(await case.writer.add(ROWS), 20)
    assert client.stored == [row for row in ROWS if row not in client.unreadable]
    assert case.rejected == [(ROWS[1], 27), (ROWS[6], 27)]


@pytest.mark.parametrize("error", [KeyError("a bug"), asyncio.CancelledError()])
async def test_whatever_else_ends_an_insert_reaches_who_waits_for_its_rows(error: BaseException) -> None:
    case = Case(Client(error))
    stored = await case.writer.add(ROWS[:2])
    with pytest.raises(type(error)):
        await asyncio.wait_for(stored, 20)
    await asyncio.wait_for(await case.writer.add(ROWS[:4]), 20)  # its slot is free again


async def test_a_full_block_waits_while_too_many_inserts_are_under_way() -> None:
    client = Client()
    client.gate.clear()
    case = Case(client)
    stored = [await case.writer.add(ROWS[:4]) for _ in range(MAX_INSERTS)]
    adding = asyncio.create_task(case.writer.add(ROWS[:4]))
    await asyncio.sleep(0.05)
    assert not adding.done()
    client.gate.set()
    await asyncio.wait_for(asyncio.gather(*stored, await adding), 20)
    assert client.most_running == MAX_INSERTS
