"""The state of alerts in a file, and a lock: only one process evaluates rules and sends notifications."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dashboards.alerts.saved_state import SavedState, parse
from schemas.process.logs import describe, get_logger

log = get_logger("alerts")


class StateFile:
    """`folder`/alerts.json, which is replaced as a whole, and the lock file beside it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "alerts.json"
        self._lock = folder / "alerts.lock"

    def load(self) -> SavedState:
        """The saved state; an empty one without a file. An unreadable file is renamed to alerts.broken."""
        try:
            return parse(self.path.read_bytes())
        except FileNotFoundError:
            return SavedState()
        except ValueError as error:
            broken = self.path.with_suffix(".broken")
            self.path.replace(broken)
            log.warning("alerts_state_unreadable", moved_to=str(broken), error=describe(error))
            return SavedState()

    def save(self, data: bytes) -> None:
        """Replaces the file. After a crash at any moment either the old file or the new one is there."""
        scratch = self.path.with_suffix(".new")
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        scratch.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Whether this process has the lock. The operating system releases it when the process ends."""
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
