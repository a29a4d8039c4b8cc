"""The spool's files: what is committed is there, in order, owned by one process, and nothing of it is ever deleted."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.metrics import Metrics
from ingest.storage import spool_folder
from ingest.storage.spool import Spool
from ingest.storage.spool_file import EMPTY, Held, Record, SpoolFile, look
from schemas.process.waiting import wait_for

# A process that spools one body and then stands still, its file open and locked.
WRITER = """
import sys, time
from pathlib import Path
from ingest.storage import spool_folder
from ingest.storage.spool_file import Record
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


def test_what_is_appended_is_there_byte_for_byte_and_in_order_after_a_reopen(file: SpoolFile) -> None:
    records = [record(number) for number in range(5)]
    file.append(records[:3])
    file.append(records[3:])
    file.close()
    again = SpoolFile(file.path)
    assert [entry.record for entry in again.peek(1 << 20, 100)] == records
    assert again.held == Held(5, sum(one.size for one in records), 1_000) == look(file.path)


def test_a_portion_is_bounded_in_bytes_and_records_but_never_empty(file: SpoolFile) -> None:
    file.append([record(number, 1000) for number in range(9)])
    assert [len(file.peek(size, count)) for size, count in ((1, 9), (3 * record(1, 1000).size, 9), (1 << 20, 4))] == [
        1, 3, 4,
    ]  # fmt: skip


def test_removed_entries_are_forgotten_and_the_oldest_is_known(file: SpoolFile) -> None:
    file.append([record(number) for number in range(3)])
    file.remove(file.peek(1, 1))
    assert file.held == Held(2, 2 * record(1).size, 1_001)
    file.remove(file.peek(1 << 20, 9))
    assert file.held == EMPTY
    file.delete()
    assert not list(file.path.parent.iterdir())


def test_a_refused_entry_goes_behind_the_others_and_alone(file: SpoolFile) -> None:
    file.append([record(number) for number in range(3)])
    file.refused(file.peek(1 << 20, 2))
    assert [(entry.id, entry.tries) for entry in file.peek(1 << 20, 9)] == [(3, 0)]
    file.remove(file.peek(1 << 20, 1))
    assert [(entry.id, entry.tries) for entry in file.peek(1 << 20, 9)] == [(1, 1)]


def test_a_failed_append_changes_nothing(file: SpoolFile) -> None:
    file.append([record(1)])
    pages = file._connection.execute("PRAGMA page_count").fetchone()[0]
    file._connection.execute(f"PRAGMA max_page_count = {pages}")  # as a full disk would
    with pytest.raises(sqlite3.OperationalError, match="full"):
        file.append([record(2), record(3, 1 << 20)])
    assert [entry.record for entry in file.peek(1 << 20, 9)] == [record(1)]
    assert file.held.records == look(file.path).records == 1


def test_the_file_of_a_living_process_is_left_alone_and_that_of_a_killed_one_taken_over(tmp_path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    name = writer.stdout.readline().strip()
    try:
        assert list(spool_folder.adopt(tmp_path)) == []
        assert spool_folder.held(tmp_path).records == 1
    finally:
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
    (owned,) = spool_folder.adopt(tmp_path)
    assert owned.file.path.name == name
    assert [entry.record for entry in owned.file.peek(1 << 20, 9)] == [Record(b"left behind", [("source", b"shop")], 5)]
    assert list(spool_folder.adopt(tmp_path)) == []
    owned.file.remove(owned.file.peek(1, 1))
    owned.delete()
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_database_is_set_aside_and_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "bad.spool").write_bytes(b"not a database, but perhaps somebody can read it" * 100)
    assert list(spool_folder.adopt(tmp_path)) == []
    assert "spool_broken" in caplog.text
    (kept,) = spool_folder.broken(tmp_path)
    assert kept.read_bytes().startswith(b"not a database, but")
    assert spool_folder.held(tmp_path) == EMPTY


async def test_concurrent_bodies_share_a_commit(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", 1 << 30, 3600, lambda: 2_000, Metrics(tmp_path, 0))
    assert all(await asyncio.gather(*(spool.put(record(number)) for number in range(300))))
    (path,) = (tmp_path / "spool").glob("*.spool")
    # SQLite starts a transaction with a fresh page, so 300 commits would have logged at least 300 of 4 KiB.
    assert look(path).records == 300
    assert path.with_name(path.name + "-wal").stat().st_size < 300 * 4096
    await spool.stop()


async def test_it_is_bounded_in_bytes_and_age(tmp_path: Path) -> None:
    now = 1_000
    spool = Spool(tmp_path / "spool", 5 * record(1, 1000).size, 60, lambda: now, Metrics(tmp_path, 0))
    answers = await asyncio.gather(*(spool.put(record(1, 1000)) for _ in range(7)))
    assert answers == [True] * 5 + [False] * 2
    assert spool.accepts(0)
    now += 62_000
    assert not spool.accepts(0)
    await spool.stop()


async def test_a_body_just_written_counts_once_against_the_limit(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    spool = Spool(folder, 2 * record(1, 1000).size, 60, lambda: 1_000, Metrics(tmp_path, 0))
    first = asyncio.create_task(spool.put(record(1, 1000)))
    while not folder.exists():  # noqa: ASYNC110  (made by a thread)
        await asyncio.sleep(0)
    # The event loop is blocked until the write is on the disk, as a busy one is.
    assert wait_for(lambda: spool_folder.held(folder).records == 1, within=30, every=0.01)
    second = asyncio.create_task(spool.put(record(1, 1000)))
    assert await asyncio.gather(first, second) == [True, True]
    assert not spool.accepts(1)
    await spool.stop()


async def test_a_file_that_somebody_deleted_is_noticed_before_the_next_answer(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", 1 << 30, 3600, lambda: 2_000, Metrics(tmp_path, 0))
    assert await spool.put(record(1))
    (path,) = (tmp_path / "spool").glob("*.spool")
    path.unlink()
    assert await spool.put(record(2))
    (fresh,) = (tmp_path / "spool").glob("*.spool")
    assert fresh != path
    assert look(fresh).records == 1
    await spool.stop()
