"""The files of the spool in one folder, and which process owns which. Blocking: used in a thread.

Every process writes a file of its own. A locked lock file beside it shows that its writer lives; a file without one
belonged to a process that ended, and the first process that finds it takes it over.
"""

import fcntl
import os
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from ingest.storage.spool_file import EMPTY, Held, SpoolFile, contents, is_corrupt
from schemas.process.logs import get_logger

log = get_logger("ingest.spool")

_DATA, _LOCK, _BROKEN = ".spool", ".lock", ".broken"


@dataclass(slots=True, eq=False)
class OwnedFile:
    """An open file of which this process holds the lock."""

    file: SpoolFile
    lock: int

    def close(self) -> None:
        """Releases the file to other processes."""
        try:
            self.file.close()
        finally:
            os.close(self.lock)

    def delete(self) -> None:
        """Removes an empty file and then its lock. Raises OSError: the file is closed then, and not owned any more."""
        try:
            self.file.delete()
            _lock_path(self.file.path).unlink(missing_ok=True)
        finally:
            os.close(self.lock)


def folder(data_dir: Path) -> Path:
    """Where the spool of a data folder is."""
    return data_dir / "spool"


def create(place: Path) -> OwnedFile:
    """A new file. Raises OSError or sqlite3.Error."""
    place.mkdir(parents=True, exist_ok=True, mode=0o700)  # bodies hold phone numbers and texts
    path = place / f"{token_hex(8)}{_DATA}"
    lock = _take(path)
    if lock is None:
        raise OSError(f"{path.name} belongs to another process")
    try:
        return OwnedFile(SpoolFile(path), lock)
    except BaseException:
        _lock_path(path).unlink(missing_ok=True)
        os.close(lock)
        raise


def adopt(place: Path) -> tuple[list[OwnedFile], int]:
    """Takes over every file whose process ended, the oldest first; and how many of them could not be opened now.

    A file that is not a database is set aside.
    """
    adopted: list[OwnedFile] = []
    failed = 0
    for path in sorted(place.glob(f"*{_DATA}"), key=_age):
        try:
            owned = _adopt(path)
        except (sqlite3.Error, OSError) as error:  # disk full, read only: perhaps later
            log.warning("spool_adopt_failed", file=path.name, error=type(error).__name__, reason=str(error))
            failed += 1
            continue
        if owned is not None:
            adopted.append(owned)
    return adopted, failed


def _adopt(path: Path) -> OwnedFile | None:
    lock = _take(path)
    if lock is None:
        return None
    try:
        if path.exists():
            return OwnedFile(SpoolFile(path), lock)
        _lock_path(path).unlink(missing_ok=True)  # its owner emptied and deleted it just now
    except BaseException as error:
        try:
            if is_corrupt(error):
                set_aside(path, error)
                return None
            raise
        finally:
            os.close(lock)
    os.close(lock)
    return None


def set_aside(path: Path, error: BaseException) -> None:
    """Renames a corrupt file and its log: not used any more, kept for a recovery. Raises OSError."""
    broken_path = path.with_name(path.name + _BROKEN)
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(path.with_name(broken_path.name + suffix))
    log.critical(
        "spool_broken",
        file=path.name,
        error=type(error).__name__,
        reason=f"bodies in it are not in Kafka; try `sqlite3 {broken_path} .recover`",
    )


def held(place: Path) -> Held:
    """What all files together hold; a file that cannot be read now counts with its size on disk."""
    total = EMPTY
    for path in place.glob(f"*{_DATA}"):
        try:
            total += contents(path)
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
    """Bytes of a file and its log; 0 when it does not exist."""
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
