"""One request's statement, run in a worker thread: settings, checks, then insert, stream or short answer.

A SELECT writes its result INTO OUTFILE on a pipe: the engine then formats the whole result as one document in every
format it has, and no more of it is in memory than the pipe holds. (Its streaming interface formats each block as a
document of its own, which is right for few formats only.)
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import IO, cast

from deploy.local.clickhouse_server import readonly
from deploy.local.clickhouse_server.auth import User
from deploy.local.clickhouse_server.body import BodyFeed
from deploy.local.clickhouse_server.compression import BodyReader
from deploy.local.clickhouse_server.engine import Counts, Engine, Session
from deploy.local.clickhouse_server.errors import (
    BAD_ARGUMENTS,
    QUERY_IS_TOO_LARGE,
    QUERY_WAS_CANCELLED,
    READONLY,
    SYNTAX_ERROR,
    QueryError,
)
from deploy.local.clickhouse_server.formats import DEFAULT_FORMAT
from deploy.local.clickhouse_server.insert import run_insert
from deploy.local.clickhouse_server.native import greeting_block, is_greeting
from deploy.local.clickhouse_server.settings import readonly_settings
from deploy.local.clickhouse_server.statement import (
    MAX_STATEMENT_BYTES,
    InsertHead,
    first_word,
    insert_head,
    is_blank,
    split_output,
)

_BLOCK_BYTES = 1024 * 1024
_FORMAT_NAME = re.compile("[A-Za-z0-9_]{1,64}")
_STREAMED = ("SELECT", "WITH", "FROM")
_KINDS = frozenset({
    "SELECT", "WITH", "FROM", "INSERT", "CREATE", "ALTER", "DROP", "TRUNCATE", "OPTIMIZE", "SHOW", "DESCRIBE", "DESC",
    "EXISTS", "EXPLAIN", "SET", "USE", "KILL", "RENAME", "SYSTEM", "DELETE", "UPDATE", "ATTACH", "DETACH", "CHECK",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may use: seconds (0 = no limit; inserts are exempt, their clients may be slow) and bytes."""

    max_seconds: float
    max_bytes: int


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """A request with its URL and headers parsed; `sql` is the part of the statement that was not in the body."""

    user: User
    sql: bytes
    database: str
    default_format: str
    settings: Mapping[str, str]
    params: Mapping[str, str]
    revision: int
    may_write: bool


@dataclass(slots=True)
class QueryJob:
    """Runs one request. `format` and `kind` are set before the first byte is written, `counts` at the end."""

    engine: Engine
    known: readonly.Known
    limits: Limits
    request: QueryRequest
    feed: BodyFeed
    encoding: str
    out: int
    format: str = DEFAULT_FORMAT
    kind: str = "unknown"
    counts: Counts = field(default_factory=Counts)
    marker: str = field(default_factory=lambda: uuid.uuid4().hex)
    cancelled: bool = False

    def run(self) -> None:
        """Do all of it; closes `out` in any case. Raises QueryError."""
        try:
            with self.engine.session() as session:
                self._run(session)
        finally:
            os.close(self.out)

    def _run(self, session: Session) -> None:
        body = BodyReader(cast(IO[bytes], self.feed), self.encoding)
        data = body.read(MAX_STATEMENT_BYTES + 1)
        if len(self.request.sql) > MAX_STATEMENT_BYTES:
            raise _too_long()
        whole = len(data) <= MAX_STATEMENT_BYTES
        sql = self.request.sql + b"\n" + data if self.request.sql and data else self.request.sql or data
        word = first_word(sql)
        self.kind = word.lower() if word in _KINDS else "other"
        insert = insert_head(sql)
        if whole:
            self._check_complete()
        if insert is not None and insert.format is None and not whole:
            insert = None  # the statement is longer than what was read
        if insert is None and len(sql) > MAX_STATEMENT_BYTES:
            raise _too_long()
        if self.cancelled:
            raise QueryError(QUERY_WAS_CANCELLED, "Query was cancelled.")
        if insert is not None:
            self._insert(session, insert, sql, body)
        else:
            self._statement(session, sql)

    def _check_complete(self) -> None:
        if not self.feed.complete:
            raise QueryError(QUERY_WAS_CANCELLED, "The client broke off in the middle of the body: nothing was run.")

    def _prepare(self, session: Session, *, timed: bool) -> None:
        """Settings of this request, with the limits under them; rights come last because they freeze the rest."""
        user = self.request.user
        # The engine in a process takes a bare expression for a query; a server does not.
        chosen = {"max_memory_usage": str(self.limits.max_bytes), "log_comment": self.marker, "implicit_select": "0"}
        if timed:
            chosen["max_execution_time"] = f"{self.limits.max_seconds:g}"
        if user.readonly:
            wanted = readonly_settings(self.request.settings, self.limits.max_seconds, self.limits.max_bytes)
            readonly.check_database(self.request.database)
        else:
            wanted = dict(self.request.settings)
        session.set(chosen | wanted)
        if self.request.database:
            session.use(self.request.database)
        if user.readonly:
            session.set({"allow_introspection_functions": "0", "readonly": "1"})
        elif not self.request.may_write:
            session.set({"readonly": "2"})

    def _insert(self, session: Session, insert: InsertHead, sql: bytes, body: BodyReader) -> None:
        if self.request.user.readonly or not self.request.may_write:
            raise self._read_only()
        self._prepare(session, timed=False)
        session.set({f"param_{name}": value for name, value in self.request.params.items()})
        self.format = insert.format or self.request.default_format or "Values"
        self._check_format()
        blocks = self._blocks(sql[insert.data_start :], body)
        self.counts = run_insert(session, insert, self.format, blocks, partial(self.engine.kill, self.marker))

    def _blocks(self, first: bytes, body: BodyReader) -> Iterator[bytes]:
        if first:
            yield first
        while block := body.read(_BLOCK_BYTES):
            if self.cancelled:
                break
            yield block
        # Without this a broken connection would look like the end of the data and the half insert would be kept.
        self._check_complete()

    def _statement(self, session: Session, sql: bytes) -> None:
        if is_blank(sql):
            raise QueryError(SYNTAX_ERROR, "Empty query.")
        self._prepare(session, timed=True)
        count, only_reads = session.statements(sql)
        if count == 0:
            # Parse without running: a text of several statements would otherwise run up to the one that is wrong.
            session.query("SELECT formatQuery({sql:String}) FORMAT Null", "Null", {"sql": _as_param(sql)})
            raise QueryError(SYNTAX_ERROR, "The statement cannot be parsed.")
        if count > 1:
            raise QueryError(SYNTAX_ERROR, "Multi-statements are not allowed.")
        if self.request.user.readonly and not only_reads:
            raise self._read_only()
        self._answer(session, sql, streamed=only_reads and first_word(sql) in _STREAMED)

    def _answer(self, session: Session, sql: bytes, *, streamed: bool) -> None:
        split = split_output(sql)
        self.format = split.format or self.request.default_format or DEFAULT_FORMAT
        self._check_format()
        if self.format == "Native" and is_greeting(split.before, self.request.revision):
            about = self.engine.about
            self._write(greeting_block(about.display_name, about.version, about.timezone))
        elif streamed:
            target = f"/dev/fd/{self.out}"
            clause = f" INTO OUTFILE '{target}' TRUNCATE FORMAT {self.format} "
            sql = split.before + clause.encode() + split.after
            self._check_rights(session, sql, (f"Literal '{target}'", f"Identifier {self.format}"))
            _, self.counts = session.query(sql, self.format, self.request.params)
        else:
            self._check_rights(session, sql, ())
            result, self.counts = session.query(sql, self.format, self.request.params)
            self._write(result)

    def _check_format(self) -> None:
        if not _FORMAT_NAME.fullmatch(self.format):  # it becomes part of the statement
            raise QueryError(BAD_ARGUMENTS, "A format's name consists of letters, digits and underscores.")

    def _check_rights(self, session: Session, sql: bytes, clauses: tuple[str, ...]) -> None:
        """What runs is what was checked, our own output clause included: parsing it takes as long as a small query."""
        if self.request.user.readonly:
            tree, _ = session.query(b"EXPLAIN AST " + sql, "TSVRaw", self.request.params)
            readonly.check(sql, tree.decode("utf-8", "replace"), self.known, clauses)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self.out, view) :]
        except BrokenPipeError as error:
            raise QueryError(QUERY_WAS_CANCELLED, "The client went away.") from error

    def _read_only(self) -> QueryError:
        name = self.request.user.name
        reason = "" if self.request.user.readonly else " For statements that change something use POST, not GET."
        return QueryError(READONLY, f"{name}: Cannot execute query in readonly mode.{reason}")


def _too_long() -> QueryError:
    text = "The statement is longer than 256 KiB: send data with INSERT, and lists as query parameters in a form."
    return QueryError(QUERY_IS_TOO_LARGE, text)


def _as_param(sql: bytes) -> str:
    # Parameter values are read in the escaping of TSV.
    text = sql.decode("utf-8", "replace")
    return (
        text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r").replace("\0", "\\0")
    )
