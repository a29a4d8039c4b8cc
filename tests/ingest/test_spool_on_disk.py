"""The spool without Kafka: no body is lost whatever happens to its files, and every answer is in time."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest
from structlog.testing import capture_logs

from ingest.storage import spool_folder
from ingest.storage.spool import Bounds
from ingest.storage.spool_file import EMPTY, contents, spooled_size
from schemas.process.waiting import wait_for_async
from tests.ingest.spool_place import Kafka, Place, record
from tests.support.waiting import until, wait_until

MakePlace = Callable[..., Place]


@pytest.fixture
async def make_place(tmp_path: Path) -> AsyncIterator[MakePlace]:
    """Makes spools; afterwards none of their tasks has failed, no memory is charged, and they are stopped."""
    made: list[Place] = []

    def make(
        clock: Callable[[], int] = lambda: 2_000,
        max_bytes: int = 1 << 30,
        max_age_seconds: float = 3600,
        commit_seconds: float = 5,
    ) -> Place:
        made.append(Place(tmp_path, clock, Bounds(max_bytes, max_age_seconds, commit_seconds)))
        return made[-1]

    yield make
    for place in made:
        await place.spool.stop()
        assert place.tasks.failed is None
        assert place.budget.used == 0


async def test_concurrent_bodies_share_a_commit(make_place: MakePlace) -> None:
    place = make_place()
    assert all(await asyncio.gather(*(place.put(record(number)) for number in range(300))))
    (path,) = place.paths()
    # SQLite starts a transaction with a fresh page, so 300 commits would have logged at least 300 of 4 KiB.
    assert contents(path).records == 300
    assert path.with_name(path.name + "-wal").stat().st_size < 300 * 4096


async def test_it_is_bounded_in_bytes_and_age(make_place: MakePlace) -> None:
    now = 1_000
    place = make_place(lambda: now, max_bytes=5 * spooled_size(record(1, 1000)), max_age_seconds=60)
    answers = await asyncio.gather(*(place.put(record(1, 1000)) for _ in range(7)))
    assert answers == [True] * 5 + [False] * 2
    assert place.spool.accepts(0)
    now += 62_000
    assert not place.spool.accepts(0)


async def test_a_body_just_written_counts_once_against_the_limit(make_place: MakePlace) -> None:
    place = make_place(max_bytes=2 * spooled_size(record(1, 1000)))
    first = asyncio.create_task(place.put(record(1, 1000)))
    while not place.folder.exists():  # noqa: ASYNC110  (made by a thread)
        await asyncio.sleep(0)
    # The event loop is blocked until the write is on the disk, as a busy one is.
    wait_until("one body is in the folder", lambda: spool_folder.held(place.folder).records == 1)
    second = asyncio.create_task(place.put(record(1, 1000)))
    assert all(await asyncio.gather(first, second))
    assert not place.spool.accepts(1)


async def test_a_deleted_file_is_noticed_before_the_next_answer_and_its_bodies_are_sent_all_the_same(
    make_place: MakePlace,
) -> None:
    place, kafka = make_place(), Kafka()
    assert await place.put(record(1))
    (path,) = place.paths()
    path.unlink()
    assert await place.put(record(2))
    (fresh,) = place.paths()
    assert fresh != path
    assert contents(fresh).records == 1
    kafka.flowing = True
    place.spool.start(kafka)
    await kafka.store(record(1).body, record(2).body)
    await until("nothing is held", lambda: place.spool.held == EMPTY and not place.paths())


async def test_a_file_that_is_deleted_while_its_bodies_are_in_flight_ends_nothing(make_place: MakePlace) -> None:
    place, kafka = make_place(), Kafka()
    assert await place.put(record(1))
    kafka.flowing = True
    place.spool.start(kafka)
    await until("one body is offered", lambda: len(kafka.offered) == 1)
    place.paths()[0].unlink()
    assert await place.put(record(2))
    await kafka.store(record(1).body, record(2).body)
    await until("nothing is held", lambda: place.spool.held == EMPTY)
    assert await place.put(record(3))
    await kafka.store(record(3).body)


async def test_a_corrupt_file_that_cannot_be_set_aside_costs_one_answer_and_is_set_aside_later(
    make_place: MakePlace,
) -> None:
    place, kafka = make_place(), Kafka()
    assert await place.put(record(1))
    (path,) = place.paths()
    obstacle = path.with_name(path.name + ".broken")
    (obstacle / "inside").mkdir(parents=True)
    other = sqlite3.connect(path)
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    other.close()
    path.write_bytes(b"junk" * 4096)
    with capture_logs() as logs:
        assert not await place.put(record(2))
    assert "spool_set_aside_failed" in [line["event"] for line in logs]
    assert await wait_for_async(lambda: place.put(record(2)), within=30)
    (obstacle / "inside").rmdir()
    obstacle.rmdir()
    kafka.flowing = True
    place.spool.start(kafka)
    await kafka.store(record(2).body)
    await until("the obstacle is found", lambda: spool_folder.broken(place.folder) == [obstacle])


@contextmanager
def stalled(path: Path) -> Iterator[None]:
    """Another connection holds the file's write lock, so that every write to it waits."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def test_a_stalled_disk_is_answered_in_time_and_used_again_afterwards(make_place: MakePlace) -> None:
    place = make_place(commit_seconds=0.3)
    assert await place.put(record(1))
    with stalled(place.paths()[0]):
        began = monotonic()
        assert (
            await asyncio.gather(*(place.put(record(number), seconds=0.5) for number in range(2, 30))) == [False] * 28
        )
        assert monotonic() - began < 2
        assert not place.spool.accepts()
        assert place.budget.used > 0  # the disk may still write the first group
        assert not await place.put(record(30))
    await until("the spool accepts bodies", place.spool.accepts)
    assert place.budget.used == 0
    assert await place.put(record(31))
