"""The files of the spool: committed records are there, in order, and every file belongs to one process."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ingest.storage import spool_folder
from ingest.storage.record import Record
from ingest.storage.spool_file import EMPTY, Held, SpoolFile, contents, spooled_size
from tests.ingest.spool_place import record

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
