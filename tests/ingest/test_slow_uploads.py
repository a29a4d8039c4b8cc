"""Slow uploads that have proven nothing do not take the memory of honest senders, and count as failures."""

import asyncio
from contextlib import suppress

import pytest

from ingest.http.uploads import Uploads
from ingest.storage.memory_budget import REQUEST_OVERHEAD, Charge, MemoryBudget
from tests.ingest.conftest import StartEdge
from tests.ingest.slow_uploads import good_posts, slow_uploads

MIB = 1024 * 1024


@pytest.mark.parametrize("addresses", [1, 8])
async def test_good_posts_are_stored_during_an_attack_of_slow_uploads(start_edge: StartEdge, addresses: int) -> None:
    edge = start_edge(max_in_flight_bytes=8 * MIB).start().wait()
    async with slow_uploads(edge.port, 48, addresses):
        answers = await asyncio.gather(
            good_posts(edge.port, 60, 700, split=False),
            good_posts(edge.port, 60, 700, split=True),
            good_posts(edge.port, 20, 300_000, split=False),
            good_posts(edge.port, 20, 300_000, split=True),
        )
    assert {status for each in answers for status, _ in each} == {b"200"}


class Sender:
    """One upload that is being read, as a handler holds it."""

    def __init__(self, uploads: Uploads, budget: MemoryBudget, address: str, *, known: bool = False) -> None:
        self.charge = Charge(budget)
        assert self.charge.add(REQUEST_OVERHEAD)
        self.timer = asyncio.Timeout(None)
        self._uploads, self._address, self._known = uploads, address, known

    async def send(self, size: int) -> None:
        """Reads `size` bytes and waits for more, until the upload is given up."""
        with suppress(TimeoutError):
            async with self.timer as timer:
                self.upload = self._uploads.open(self._address, self.charge, timer, known=self._known)
                assert self.upload.add(size)
                await asyncio.Event().wait()
        self.charge.release()


async def start(*senders: Sender, size: int = MIB) -> list[asyncio.Task[None]]:
    """Lets them send one after another."""
    tasks = []
    for sender in senders:
        tasks.append(asyncio.create_task(sender.send(size)))
        await asyncio.sleep(0)
    return tasks


async def test_the_oldest_upload_of_an_address_is_given_up_before_one_of_another() -> None:
    budget = MemoryBudget(64 * MIB)
    uploads = Uploads(budget, MIB)  # 4 MiB for an address, 16 MiB for all
    other = Sender(uploads, budget, "192.0.2.1")
    many = [Sender(uploads, budget, "192.0.2.2") for _ in range(6)]
    tasks = await start(other, *many)
    assert [sender.upload.given_up for sender in (other, *many)] == [False, True, True, True, False, False, False]
    await asyncio.gather(*tasks[1:4])
    assert budget.used == 4 * (MIB + REQUEST_OVERHEAD)
    await _end(tasks)


async def test_all_strangers_have_one_part_and_known_addresses_another() -> None:
    budget = MemoryBudget(64 * MIB)
    uploads = Uploads(budget, MIB)
    known = Sender(uploads, budget, "198.51.100.1", known=True)
    strangers = [Sender(uploads, budget, f"192.0.2.{number}") for number in range(20)]
    tasks = await start(known, *strangers)
    assert [sender.upload.given_up for sender in (known, *strangers)] == [False, *[True] * 5, *[False] * 15]
    await _end(tasks)


async def test_what_is_complete_or_proven_may_use_the_whole_budget() -> None:
    budget = MemoryBudget(8 * MIB)
    uploads = Uploads(budget, 2 * MIB)
    slow = [Sender(uploads, budget, "192.0.2.1", known=known) for known in (True, False)]
    tasks = await start(*slow)
    assert not any(sender.upload.given_up for sender in slow)
    proven = Charge(budget)
    assert proven.add(8 * MIB)
    assert all(sender.upload.given_up for sender in slow)
    assert not Charge(budget).add(1)
    assert not Charge(budget).add(9 * MIB)
    proven.release()
    await _end(tasks)
    assert budget.used == 0


async def test_an_upload_whose_time_is_over_can_be_given_up_before_its_reader_knows() -> None:
    budget = MemoryBudget(8 * MIB)
    sender = Sender(Uploads(budget, 2 * MIB), budget, "192.0.2.1")
    tasks = await start(sender)
    sender.timer.reschedule(0)
    asyncio.get_running_loop().call_soon(Charge(budget).add, 8 * MIB)  # runs between the timer and the reader
    await asyncio.gather(*tasks)
    assert sender.upload.given_up
    assert budget.used == 8 * MIB


async def test_the_time_of_an_upload_grows_with_what_arrived() -> None:
    budget = MemoryBudget(64 * MIB)
    sender = Sender(Uploads(budget, MIB), budget, "192.0.2.1")
    now = asyncio.get_running_loop().time()
    tasks = await start(sender, size=640 * 1024)
    end = sender.timer.when()
    assert end is not None
    assert 14.9 < end - now < 20
    await _end(tasks)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
