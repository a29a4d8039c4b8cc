"""Batches under way are bounded by memory, not by their number."""

import asyncio

import pytest

from streams.runtime.in_progress import InProgress


async def finish(gate: asyncio.Event) -> None:
    await gate.wait()


async def test_many_small_batches_are_taken_and_a_large_one_waits_for_the_oldest() -> None:
    gate, later = asyncio.Event(), asyncio.Event()
    in_progress = InProgress(limit=1000)
    for _ in range(100):
        await in_progress.add(asyncio.create_task(finish(gate)), 10)
    adding = asyncio.create_task(in_progress.add(asyncio.create_task(finish(later)), 900))
    await asyncio.sleep(0)
    assert not adding.done()
    gate.set()
    await asyncio.wait_for(adding, 20)
    assert not later.is_set()
    later.set()


async def test_one_batch_is_taken_whatever_its_size_once_nothing_else_is_under_way() -> None:
    gate = asyncio.Event()
    in_progress = InProgress(limit=10)
    adding = asyncio.create_task(in_progress.add(asyncio.create_task(finish(gate)), 1000))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.wait_for(adding, 20)


async def test_what_a_batch_raised_is_raised_to_the_agent() -> None:
    async def fail() -> None:
        raise KeyError("a bug")

    in_progress = InProgress()
    failing = asyncio.create_task(fail())
    await asyncio.wait([failing])
    with pytest.raises(KeyError):
        await in_progress.add(failing, 1)
