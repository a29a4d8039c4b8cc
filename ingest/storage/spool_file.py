"""One file of the spool: the bodies that Kafka has not taken yet, in SQLite. Blocking: used in a thread.

SQLite in WAL mode with synchronous=FULL: a commit returns after the log was flushed to the disk, so a committed body
survives a kill of the process and a loss of power.
"""

import json
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ingest.storage.record import Record, RecordHeaders

# What SQLite needs for a row beside its contents; measured with 100,000 bodies of 700 bytes: 50 to 75.
ROW_BYTES = 64

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",  # macOS: a plain fsync leaves the data in the drive's cache
)
_TABLE = """
CREATE TABLE IF NOT EXISTS bodies (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tries INTEGER NOT NULL DEFAULT 0,
    received_ms INTEGER NOT NULL,
    size INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL
)
"""
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS bodies_in_turn ON bodies (tries, id)",
    # The oldest body of a large file without reading all of it.
    "CREATE INDEX IF NOT EXISTS bodies_by_age ON bodies (received_ms)",
)
_TOTALS = "SELECT count(*), coalesce(sum(size), 0), min(received_ms) FROM bodies"
_OLDEST = "SELECT min(received_ms) FROM bodies"


class Entry(NamedTuple):
    """A stored record; `size` = bytes that it takes, `tries` = how often Kafka refused it while it took others."""

    id: int
    tries: int
    size: int
    record: Record


class Held(NamedTuple):
    """The contents of a file, or of a folder. `oldest_ms` is the time at which its oldest body was received."""

    records: int
    bytes: int
    oldest_ms: int | None

    def __add__(self, other: object) -> "Held":
        if not isinstance(other, Held):
            return NotImplemented
        oldest = [each.oldest_ms for each in (self, other) if each.oldest_ms is not None]
        return Held(self.records + other.records, self.bytes + other.bytes, min(oldest, default=None))


EMPTY = Held(0, 0, None)


class CorruptRowError(sqlite3.DatabaseError):
    """SQLite read a row, but its headers are not what was written."""


def is_corrupt(error: BaseException) -> bool:
    """Whether the file is damaged, as against a disk that does not let it be read or written at the moment."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, CorruptRowError) or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def spooled_size(record: Record) -> int:
    """Bytes that a record takes in the spool, about."""
    return len(record.body) + sum(len(name) + len(value) + 8 for name, value in record.headers) + ROW_BYTES


class SpoolFile:
    """An open file. One thread at a time. Every method may raise sqlite3.Error: nothing was changed then."""

    def __init__(self, path: Path) -> None:
        """Opens the file, or creates it. Raises sqlite3.Error or OSError."""
        fresh = not path.exists()
        self.path = path
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            for statement in (*_PRAGMAS, _TABLE, *_INDEXES):
                self._connection.execute(statement)
            if fresh:
                _flush_folder(path.parent)
            self.held = _totals(self._connection)
        except BaseException:
            self._connection.close()
            raise

    def append(self, records: Sequence[Record]) -> None:
        """Stores the records in one transaction; they are on the disk when it returns."""
        rows = [(one.received_ms, spooled_size(one), _text(one.headers), one.body) for one in records]
        with _Transaction(self._connection):
            self._connection.executemany(
                "INSERT INTO bodies (received_ms, size, headers, body) VALUES (?, ?, ?, ?)", rows
            )
        self.held += Held(len(rows), sum(row[1] for row in rows), min(row[0] for row in rows))

    def peek(self, max_bytes: int, max_records: int) -> list[Entry]:
        """The next entries in order, at least one if there is any.

        Entries that Kafka refused come last and each alone, so that one that Kafka never takes delays no other.
        """
        cursor = self._connection.execute(
            "SELECT id, tries, received_ms, size, headers, body FROM bodies ORDER BY tries, id LIMIT ?", (max_records,)
        )
        found: list[Entry] = []
        total = 0
        for number, tries, received_ms, size, headers, body in cursor:
            total += size
            if found and (tries or total > max_bytes):
                break
            found.append(Entry(number, tries, size, Record(body, _headers(headers), received_ms)))
        cursor.close()
        return found

    def remove(self, entries: Sequence[Entry]) -> None:
        """Deletes entries that Kafka has."""
        with _Transaction(self._connection):
            self._connection.executemany("DELETE FROM bodies WHERE id = ?", [(entry.id,) for entry in entries])
            (oldest_ms,) = self._connection.execute(_OLDEST).fetchone()
        removed = sum(entry.size for entry in entries)
        self.held = Held(self.held.records - len(entries), self.held.bytes - removed, oldest_ms)

    def defer(self, entries: Sequence[Entry]) -> None:
        """Moves entries that Kafka refused behind the others."""
        with _Transaction(self._connection):
            self._connection.executemany(
                "UPDATE bodies SET tries = tries + 1 WHERE id = ?", [(entry.id,) for entry in entries]
            )

    def close(self) -> None:
        """Closes the file; SQLite then moves its log into it."""
        self._connection.close()

    def delete(self) -> None:
        """Closes and deletes an empty file. Raises OSError."""
        self.close()
        for suffix in ("-wal", "-shm", ""):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def contents(path: Path) -> Held:
    """What a file holds, also while another process has it open. Raises sqlite3.Error."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        return _totals(connection)
    finally:
        connection.close()


class _Transaction:
    """BEGIN ... COMMIT; whatever fails in between, the COMMIT itself included, leaves the file as it was."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


def _totals(connection: sqlite3.Connection) -> Held:
    return Held(*connection.execute(_TOTALS).fetchone())


def _text(headers: RecordHeaders) -> str:
    return json.dumps([(name, value.decode("latin-1")) for name, value in headers])


def _headers(text: str) -> RecordHeaders:
    try:
        return [(name, value.encode("latin-1")) for name, value in json.loads(text)]
    except (ValueError, TypeError, AttributeError) as error:
        raise CorruptRowError("the headers of a body cannot be read") from error


def _flush_folder(folder: Path) -> None:
    """Makes the names in `folder` durable: a flushed file without a name would be lost with the power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
