"""The spool without Kafka: committed bodies stay on the disk whatever happens to the files, and answers are in time."""

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest
from structlog.testing import capture_logs

from ingest.metrics import Metrics
from ingest.storage import spool_folder
from ingest.storage.memory_budget import Charge, MemoryBudget
from ingest.storage.record import Record, RecordHeaders
from ingest.storage.spool import Bounds, Spool
from ingest.storage.spool_file import EMPTY, Held, SpoolFile, contents, spooled_size
from schemas.process.tasks import Tasks
from schemas.process.waiting import wait_for, wait_for_async

# A process that spools one body and keeps its file open and locked.
WRITER = """
import sys, time
from pathlib import Path
from ingest.storage import spool_folder
from ingest.storage.record import Record
owned = spool_folder.create(Path(sys.argv[1]))
owned.file.append([Record(b"left behind", [("source", b"shop")], 5)])
print(owned.file.path.name, flush=True)
time.sleep(600)
"""


def record(number: int, size: int = 10) -> Record:
    return Record(b"%d" % number * size, [("source", b"shop"), ("odd", bytes(range(256)))], 1_000 + number)


@pytest.fixture
def file(tmp_path: Path) -> SpoolFile:
    return SpoolFile(tmp_path / "one.spool")


def test_appended_records_are_there_byte_for_byte_and_in_order_after_a_reopen(file: SpoolFile) -> None:
    records = [record(number) for number in range(5)]
    file.append(records[:3])
    file.append(records[3:])
    file.close()
    again = SpoolFile(file.path)
    assert [entry.record for entry in again.peek(1 << 20, 100)] == records
    assert again.held == Held(5, sum(map(spooled_size, records)), 1_000) == contents(file.path)


def test_a_portion_is_bounded_in_bytes_and_records_but_never_empty(file: SpoolFile) -> None:
    file.append([record(number, 1000) for number in range(9)])
    three = 3 * spooled_size(record(1, 1000))
    assert [len(file.peek(size, count)) for size, count in ((1, 9), (three, 9), (1 << 20, 4))] == [1, 3, 4]


def test_the_totals_of_a_file_stay_exact_when_entries_are_removed(file: SpoolFile) -> None:
    records = [record(3), record(1, 70), record(2, 400), record(0, 5)]  # not in the order of their times
    file.append(records)
    for left in (3, 2, 1):
        file.remove(file.peek(1, 1))
        assert file.held == contents(file.path)
        assert file.held.records == left
    assert file.held == Held(1, spooled_size(record(0, 5)), 1_000)
    file.remove(file.peek(1 << 20, 9))
    assert file.held == EMPTY
    file.delete()
    assert not list(file.path.parent.iterdir())


def test_a_refused_entry_goes_behind_the_others_and_alone(file: SpoolFile) -> None:
    file.append([record(number) for number in range(3)])
    file.defer(file.peek(1 << 20, 2))
    assert [(entry.id, entry.tries) for entry in file.peek(1 << 20, 9)] == [(3, 0)]
    file.remove(file.peek(1 << 20, 1))
    assert [(entry.id, entry.tries) for entry in file.peek(1 << 20, 9)] == [(1, 1)]


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Writes beyond this size fail in this process, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_failed_append_changes_nothing(file: SpoolFile) -> None:
    file.append([record(1)])
    with no_file_beyond(200_000), pytest.raises(sqlite3.OperationalError):
        file.append([record(2), record(3, 1 << 20)])
    assert [entry.record for entry in file.peek(1 << 20, 9)] == [record(1)]
    assert file.held.records == contents(file.path).records == 1


def test_the_file_of_a_running_process_is_left_alone_and_that_of_a_killed_one_taken_over(tmp_path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    name = writer.stdout.readline().strip()
    try:
        assert spool_folder.adopt(tmp_path) == ([], 0)
        assert spool_folder.held(tmp_path).records == 1
    finally:
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
    (owned,), _ = spool_folder.adopt(tmp_path)
    assert owned.file.path.name == name
    assert [entry.record for entry in owned.file.peek(1 << 20, 9)] == [Record(b"left behind", [("source", b"shop")], 5)]
    assert spool_folder.adopt(tmp_path) == ([], 0)
    owned.file.remove(owned.file.peek(1, 1))
    owned.delete()
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_database_is_set_aside_and_kept(tmp_path: Path) -> None:
    (tmp_path / "bad.spool").write_bytes(b"not a database, but perhaps somebody can read it" * 100)
    with capture_logs() as logs:
        assert spool_folder.adopt(tmp_path) == ([], 0)
    assert [(line["event"], line["log_level"]) for line in logs] == [("spool_broken", "critical")]
    (kept,) = spool_folder.broken(tmp_path)
    assert kept.read_bytes().startswith(b"not a database, but")
    assert spool_folder.held(tmp_path) == EMPTY


class Kafka:
    """A sink whose answers the test gives; it takes nothing until `flowing` is set."""

    def __init__(self) -> None:
        self.flowing = False
        self.refusals = 0
        self.offered: list[tuple[bytes, asyncio.Future[bool]]] = []

    def offer(self, value: bytes, headers: RecordHeaders, timestamp_ms: int) -> asyncio.Future[bool] | None:
        """Takes every record."""
        assert headers[-1] == ("spooled", b"1")
        assert timestamp_ms >= 1_000
        self.offered.append((value, asyncio.get_running_loop().create_future()))
        return self.offered[-1][1]

    async def store(self, *bodies: bytes) -> None:
        """Acknowledges these bodies, in this order, as they are offered."""
        for body in bodies:
            await eventually(lambda: bool(self.offered))
            value, waiter = self.offered.pop(0)
            assert value == body
            waiter.set_result(True)


async def eventually(check: Callable[[], bool]) -> None:
    async def checked() -> bool:
        return check()

    assert await wait_for_async(checked, within=30, every=0.02)


class Place:
    """A spool with everything that it needs, in `folder`."""

    def __init__(self, tmp_path: Path, clock: Callable[[], int], bounds: Bounds) -> None:
        self.folder = tmp_path / "spool"
        self.budget = MemoryBudget(1 << 30)
        self.tasks = Tasks()
        self.spool = Spool(self.folder, bounds, clock, Metrics(tmp_path, 0), self.budget, self.tasks)

    async def put(self, one: Record, seconds: float = 60) -> bool:
        """Puts a record as a handler does."""
        charge = Charge(self.budget)
        assert charge.add(len(one.body))
        try:
            return await self.spool.put(one, charge, seconds)
        finally:
            charge.release()

    def paths(self) -> list[Path]:
        """The files of the spool."""
        return sorted(self.folder.glob("*.spool"))


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
    assert wait_for(lambda: spool_folder.held(place.folder).records == 1, within=30, every=0.01)
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
    await eventually(lambda: place.spool.held == EMPTY and not place.paths())


async def test_a_file_that_is_deleted_while_its_bodies_are_in_flight_ends_nothing(make_place: MakePlace) -> None:
    place, kafka = make_place(), Kafka()
    assert await place.put(record(1))
    kafka.flowing = True
    place.spool.start(kafka)
    await eventually(lambda: len(kafka.offered) == 1)
    place.paths()[0].unlink()
    assert await place.put(record(2))
    await kafka.store(record(1).body, record(2).body)
    await eventually(lambda: place.spool.held == EMPTY)
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
    await eventually(lambda: spool_folder.broken(place.folder) == [obstacle])


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
    await eventually(place.spool.accepts)
    assert place.budget.used == 0
    assert await place.put(record(31))
