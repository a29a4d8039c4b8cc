"""The files of the spool in one folder, and which process owns which. IO, blocking.

Every process writes a file of its own. A lock beside it says that its writer lives; a file without one belonged to a
process that is gone, and whoever finds it first takes it over.
"""

import fcntl
import logging
import os
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from ingest.storage.spool_file import EMPTY, Held, SpoolFile, look

log = logging.getLogger("ackstream.ingest.spool")

_DATA, _LOCK, _BROKEN = ".spool", ".lock", ".broken"


@dataclass(slots=True)
class Owned:
    """An open file of which this process holds the lock."""

    file: SpoolFile
    lock: int

    def close(self) -> None:
        """Leaves the file to others."""
        self.file.close()
        os.close(self.lock)

    def delete(self) -> None:
        """Removes an empty file and then its lock."""
        self.file.delete()
        _lock_path(self.file.path).unlink(missing_ok=True)
        os.close(self.lock)


def folder(data_dir: Path) -> Path:
    """Where the spool of a data folder lies."""
    return data_dir / "spool"


def create(place: Path) -> Owned:
    """A fresh file. Raises OSError or sqlite3.Error."""
    place.mkdir(parents=True, exist_ok=True, mode=0o700)  # bodies hold phone numbers and texts
    path = place / f"{token_hex(8)}{_DATA}"
    lock = _take(path)
    if lock is None:
        raise OSError(f"{path.name} belongs to another process already")
    try:
        return Owned(SpoolFile(path), lock)
    except BaseException:
        _lock_path(path).unlink(missing_ok=True)
        os.close(lock)
        raise


def adopt(place: Path) -> Iterator[Owned]:
    """Takes over every file whose process is gone, the oldest first. One that SQLite cannot read is set aside."""
    for path in sorted(place.glob(f"*{_DATA}"), key=_age):
        try:
            lock = _take(path)
        except OSError:
            continue
        if lock is None:
            continue
        if not path.exists():  # its owner emptied and deleted it between our look and our lock
            _lock_path(path).unlink(missing_ok=True)
            os.close(lock)
            continue
        try:
            yield Owned(SpoolFile(path), lock)
        except sqlite3.OperationalError as error:  # disk full, read only: perhaps later
            log.warning("spool_adopt_failed file=%s error=%s", path.name, error)
            os.close(lock)
        except sqlite3.DatabaseError as error:
            set_aside(path, error)
            os.close(lock)


def set_aside(path: Path, error: Exception) -> None:
    """Renames a file that is no database any more, with its log: it is kept for a rescue by hand, and not used."""
    log.critical(
        "spool_broken file=%s error=%s: bodies in it are not in Kafka; try `sqlite3 %s .recover`",
        path.name, error, path.with_name(path.name + _BROKEN),
    )  # fmt: skip
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(path.with_name(path.name + _BROKEN + suffix))


def held(place: Path) -> Held:
    """What all files together hold; those that cannot be read now count with their size on disk."""
    total = EMPTY
    for path in place.glob(f"*{_DATA}"):
        try:
            total += look(path)
        except sqlite3.Error:
            total += Held(0, size_on_disk(path), None)
    return total


def count(data_dir: Path) -> int:
    """How many records the spool of a data folder holds."""
    return held(folder(data_dir)).records


def bytes_beside(place: Path, ours: Collection[Path]) -> int:
    """Bytes on disk of all files but `ours`."""
    return sum(size_on_disk(path) for path in place.glob(f"*{_DATA}") if path not in ours)


def broken(place: Path) -> list[Path]:
    """Files that were set aside."""
    return sorted(place.glob(f"*{_DATA}{_BROKEN}"))


def size_on_disk(path: Path) -> int:
    """Bytes of a file and its log; 0 when it is gone."""
    total = 0
    for suffix in ("", "-wal"):
        try:
            total += path.with_name(path.name + suffix).stat().st_size
        except OSError:
            continue
    return total


def _age(path: Path) -> float:
    try:
        return path.stat().st_ctime
    except OSError:
        return 0.0


def _lock_path(path: Path) -> Path:
    return path.with_suffix(_LOCK)


def _take(path: Path) -> int | None:
    """The descriptor of the lock, or None when another process holds it. Raises OSError."""
    target = _lock_path(path)
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink:  # else the owner deleted the lock file that we opened: nobody else sees it
            return descriptor
    except BlockingIOError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
