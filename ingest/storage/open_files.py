"""The spool files that this process has open: its own, and those it took over. Blocking: used in the spool's thread.

An error of the disk changes nothing that is stored: the file is used again later. A file that somebody deleted stays
readable while it is open, so its bodies still go to Kafka. A corrupt file is set aside.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from ingest.storage import spool_folder
from ingest.storage.record import Record
from ingest.storage.spool_file import EMPTY, Held, is_corrupt
from ingest.storage.spool_folder import OwnedFile
from schemas.process.backoff import Backoff
from schemas.process.logs import get_logger

log = get_logger("ingest.spool")

# A file that could not be opened is tried again after this, then after twice as long, up to the limit.
ADOPT_RETRY_SECONDS = 0.5
LONGEST_ADOPT_RETRY_SECONDS = 30.0


class OpenFiles:
    """One thread at a time, except for `files`, which may be read from anywhere."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._own: OwnedFile | None = None
        self._others: list[OwnedFile] = []
        self._adopt_backoff = Backoff(ADOPT_RETRY_SECONDS, LONGEST_ADOPT_RETRY_SECONDS)
        self._adopt_at = 0.0

    def files(self) -> list[OwnedFile]:
        """Every open file, in the order in which they are sent to Kafka."""
        return [*self._others, *([self._own] if self._own is not None else [])]

    def held(self) -> Held:
        """What all open files hold."""
        total = EMPTY
        for owned in self.files():
            total += owned.file.held
        return total

    def append(self, records: Sequence[Record]) -> None:
        """Stores the records in the process's own file. Raises sqlite3.Error or OSError: none of them is stored."""
        own = self._own
        if own is not None and not own.file.path.exists():
            log.critical(
                "spool_file_deleted",
                file=own.file.path.name,
                records=own.file.held.records,
                reason="its bodies are sent from the open file; they are lost if this process ends before",
            )
            self._others.append(own)
            own = self._own = None
        if own is None:
            own = self._own = spool_folder.create(self._place)
        try:
            own.file.append(records)
        except sqlite3.Error as error:
            self.close_if_corrupt(own, error)
            raise

    def adopt(self) -> None:
        """Takes over the files of processes that ended."""
        if monotonic() < self._adopt_at:
            return
        adopted, failed = spool_folder.adopt(self._place)
        for owned in adopted:
            self._others.append(owned)
            log.warning("spool_adopted", file=owned.file.path.name, records=owned.file.held.records)
        if failed:
            self._adopt_at = monotonic() + self._adopt_backoff.next()
        else:
            self._adopt_backoff.reset()

    def bytes_beside(self) -> int:
        """Bytes on disk of the files of other processes."""
        return spool_folder.bytes_beside(self._place, {owned.file.path for owned in self.files()})

    def delete_if_empty(self, owned: OwnedFile) -> None:
        """Frees the disk. In the one thread, so that nothing is appended meanwhile. Raises OSError."""
        if owned in self.files() and not owned.file.held.records:
            self._forget(owned)
            owned.delete()

    def close_if_corrupt(self, owned: OwnedFile, error: Exception) -> None:
        """Sets a corrupt file aside, so that the next append makes a new one. Any other error changes nothing.

        A file that cannot be renamed now is closed all the same; `adopt` finds it and tries again.
        """
        if owned not in self.files() or not is_corrupt(error):
            return
        self._forget(owned)
        try:
            spool_folder.set_aside(owned.file.path, error)
        except OSError as problem:
            log.error("spool_set_aside_failed", file=owned.file.path.name, error=type(problem).__name__)
        finally:
            owned.close()

    def close(self) -> None:
        """Closes every file, deletes the empty ones; the others are for the next process. Never raises."""
        for owned in self.files():
            held, path = owned.file.held, owned.file.path
            if held.records and not path.exists():
                log.critical("spool_lost", file=path.name, records=held.records, reason="somebody deleted the file")
            self._forget(owned)
            try:
                if held.records:
                    owned.close()
                else:
                    owned.delete()
            except (sqlite3.Error, OSError) as error:
                log.error("spool_failed", file=path.name, error=type(error).__name__, reason=str(error))

    def _forget(self, owned: OwnedFile) -> None:
        if owned is self._own:
            self._own = None
        else:
            self._others.remove(owned)
