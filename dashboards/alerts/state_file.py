"""The evaluator's memory in a file, and the lock by which one process alone judges and tells. IO."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dashboards.alerts.memory import Memory, parse
from schemas.process.logs import describe, get_logger

log = get_logger("alerts")


class Store:
    """`folder`/alerts.json, replaced as a whole; beside it the lock."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "alerts.json"
        self._lock = folder / "alerts.lock"

    def load(self) -> Memory:
        """What was saved last; nothing when there is no file. A file that cannot be read as one is set aside."""
        try:
            return parse(self.file.read_bytes())
        except FileNotFoundError:
            return Memory()
        except ValueError as error:
            aside = self.file.with_suffix(".broken")
            self.file.replace(aside)
            log.warning("alerts_state_unreadable", moved_to=str(aside), error=describe(error))
            return Memory()

    def save(self, data: bytes) -> None:
        """Survives a crash of the process or the machine at any moment: either the old file is there or the new one."""
        scratch = self.file.with_suffix(".new")
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        scratch.replace(self.file)
        folder = os.open(self.file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Whether this process may judge; the lock ends with the process, however that ends."""
        self._lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(handle)
