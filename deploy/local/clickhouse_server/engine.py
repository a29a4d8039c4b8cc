"""The chDB engine of this process: opening, sessions, single queries, cancelling.

A session here is a chDB connection: opening one on an open engine costs about 0.4 ms, so every request gets its own
and no setting outlives the request.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import chdb

from deploy.local.clickhouse_server.errors import BAD_ARGUMENTS, UNKNOWN_SETTING, QueryError, from_engine

# The package's own wrapper drops the engine's counters, so its extension module is used as it is.
_chdb: Any = chdb._chdb
_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,127}\Z")


class DataDirBusyError(Exception):
    """Another process owns the data directory; the text says so in one sentence."""


@dataclass(frozen=True, slots=True)
class About:
    """Facts about the engine, constant while the process lives."""

    version: str
    display_name: str
    timezone: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows and bytes of one statement, and its time in nanoseconds."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed_ns: int = 0


class Session:
    """One connection to the engine. Not for two threads at once. Engine errors come out as QueryError."""

    def __init__(self, path: str) -> None:
        self._conn: Any = _engine_call(_chdb.connect, path)

    def close(self) -> None:
        """Give the connection back; the engine stays open."""
        self._conn.close()

    def set(self, settings: Mapping[str, str]) -> None:
        """Apply settings to this session; an ill-formed or unknown name is UNKNOWN_SETTING."""
        if not all(_SETTING_NAME.match(name) for name in settings):
            raise QueryError(UNKNOWN_SETTING, "A setting's name consists of letters, digits, dots and underscores.")
        if settings:
            pairs = ", ".join(f"`{name}` = {quoted(_utf8(value))}" for name, value in settings.items())
            _engine_call(self._conn.query, f"SET {pairs}", "Null")

    def use(self, database: str) -> None:
        """Make `database` the one of unqualified names."""
        escaped = _utf8(database).replace("\\", "\\\\").replace("`", "\\`")
        _engine_call(self._conn.query, f"USE `{escaped}`", "Null")

    def statements(self, sql: bytes) -> tuple[int, bool]:
        """How many statements the engine's parser sees (0 = does not parse) and whether all of them only read."""
        seen = _engine_call(self._conn.classify_query, sql)
        return int(seen["statement_count"]), seen["query_class"] == _chdb.query_class.READ_ONLY

    def query(self, sql: bytes | str, fmt: str, params: Mapping[str, str] | None = None) -> tuple[bytes, Counts]:
        """Run to the end; the whole result in memory."""
        bound = {_utf8(name): _utf8(value) for name, value in (params or {}).items()}
        result = _engine_call(self._conn.query, sql, fmt, params=bound)
        counts = Counts(
            read_rows=result.storage_rows_read(),
            read_bytes=result.storage_bytes_read(),
            written_rows=result.rows_written(),
            written_bytes=result.bytes_written(),
            result_rows=result.rows_read(),
            result_bytes=result.bytes_read(),
            elapsed_ns=int(result.elapsed() * 1e9),
        )
        return bytes(result.bytes()), counts


class Engine:
    """The open engine on one data directory, owned by this process until `close`."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._lock = _own(path)
        self._path = str(path.resolve())
        _chdb.set_signal_handlers_enabled(0)  # SIGTERM and Ctrl-C belong to the server
        self._anchor = Session(self._path)  # keeps the engine loaded between requests
        row, _ = self._anchor.query("SELECT version(), displayName(), timezone()", "TSVRaw")
        self.about = About(*row.decode().rstrip("\n").split("\t"))

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A fresh session with default settings."""
        session = Session(self._path)
        try:
            yield session
        finally:
            session.close()

    def kill(self, marker: str) -> bool:
        """Ask the engine to end the queries whose log_comment is `marker`; true when there were any. Does not wait."""
        with self.session() as session:
            killed, _ = session.query(f"KILL QUERY WHERE Settings['log_comment'] = {quoted(marker)} ASYNC", "TSV")
        return bool(killed)

    def close(self) -> None:
        """Close the engine and give the data directory free."""
        self._anchor.close()
        self._lock.close()


def quoted(value: str) -> str:
    """A string literal of the engine's SQL."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _utf8(text: str) -> str:
    """The text; BAD_ARGUMENTS when the client's bytes were no UTF-8, which the engine cannot take."""
    try:
        text.encode()
    except UnicodeEncodeError:
        fault = "A setting, a parameter or the database's name is not UTF-8."
        raise QueryError(BAD_ARGUMENTS, fault) from None
    return text


def _engine_call(function: Any, *args: object, **kwargs: object) -> Any:
    try:
        return function(*args, **kwargs)
    except RuntimeError as error:
        raise from_engine(str(error)) from None


def _own(path: Path) -> IO[str]:
    # The lock goes with the process, so nothing has to be cleaned up after kill -9.
    lock = (path / "server.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise DataDirBusyError(
            f"Another server already uses {path}: stop it first, or choose another --data directory."
        ) from error
    os.set_inheritable(lock.fileno(), False)
    return lock
