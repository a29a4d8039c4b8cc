"""Find the parts of one SQL text that the HTTP layer has to know.

Not a parser: it only tells comments, strings and quoted names from words, which is enough to find where the data of
an INSERT begins and where a SELECT names its output format. What a statement may do is decided elsewhere, by the
engine's own parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# The engine's max_query_size. A token takes some hundred bytes of memory here and a microsecond of the interpreter.
MAX_STATEMENT_BYTES: Final = 256 * 1024

_TOKEN = re.compile(
    rb"(?P<space>\s+|--[^\n]*|\#[ !][^\n]*|/\*.*?(?:\*/|\Z))"
    rb"|(?P<text>'(?:[^'\\]|\\.|'')*(?:'|\Z)|\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z))"
    rb"|(?P<curly>\xe2\x80\x98.*?(?:\xe2\x80\x99|\Z)|\xe2\x80\x9c.*?(?:\xe2\x80\x9d|\Z))"  # curly quotes count too
    rb"|(?P<name>`(?:[^`\\]|\\.|``)*(?:`|\Z)|\"(?:[^\"\\]|\\.|\"\")*(?:\"|\Z))"
    rb"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    rb"|(?P<other>[0-9][A-Za-z0-9_.]*|.)",
    re.DOTALL,
)
_OPENING = (b"(", b"[", b"{")
_CLOSING = (b")", b"]", b"}")
_BEFORE_TABLE = (b"INTO", b"TABLE", b"FUNCTION")
_FORMAT_NAME = re.compile(rb"[A-Za-z0-9_]+\Z")


@dataclass(frozen=True, slots=True)
class Token:
    """One significant piece: its kind, upper-case text for words (else as is), place and bracket depth."""

    kind: str
    text: bytes
    start: int
    end: int
    depth: int


@dataclass(frozen=True, slots=True)
class InsertHead:
    """An INSERT with data after it: target, SETTINGS clause (or nothing), format (None = not named), start of data."""

    sql: bytes
    settings: bytes
    format: str | None
    data_start: int


@dataclass(frozen=True, slots=True)
class OutputSplit:
    """A statement cut at its output clause: before, named format or None, and what follows the format's name."""

    before: bytes
    format: str | None
    after: bytes


def tokens(sql: bytes) -> Iterator[Token]:
    """Significant tokens in order; an unfinished string or comment runs to the end of the text."""
    depth = 0
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup or "other"
        if kind == "space":
            continue
        if kind in ("tag", "curly"):
            kind = "text" if match[0][:3] != b"\xe2\x80\x9c" else "name"
        text = match[0]
        if text in _CLOSING:
            depth = max(0, depth - 1)
        yield Token(kind, text.upper() if kind == "word" else text, match.start(), match.end(), depth)
        if text in _OPENING:
            depth += 1


def first_word(sql: bytes) -> str:
    """The first keyword in upper case (brackets before it are passed over), '' when there is none."""
    for token in tokens(sql):
        if token.kind == "word":
            return token.text.decode()
        if token.text != b"(":
            return ""
    return ""


def is_blank(sql: bytes) -> bool:
    """Nothing but white space, comments and semicolons."""
    return all(token.text == b";" for token in tokens(sql))


def insert_head(sql: bytes) -> InsertHead | None:
    """Cut an INSERT from its data; None for anything else, INSERT ... SELECT and FROM INFILE included.

    `sql` may be the beginning of a longer body as long as the whole statement is in it.
    """
    stream = tokens(sql)
    token = next(stream, None)
    if token is None or token.text != b"INSERT":
        return None
    last = token
    cut: int | None = None  # where SETTINGS begins
    named = False  # the table's name may be any word, so keywords count only after it
    for token in stream:
        if not named:
            named = token.kind in ("name", "word") and token.text not in _BEFORE_TABLE
        elif last.text == b".":
            pass
        elif token.kind == "word" and token.text in (b"SELECT", b"WITH", b"FROM", b"WATCH") and token.depth <= 1:
            return None
        elif token.depth == 0 and token.text == b"SETTINGS":
            cut = token.start
        elif token.depth == 0 and token.text == b"VALUES":
            return _head(sql, cut, token.start, "Values", token.end)
        elif token.depth == 0 and token.text == b"FORMAT":
            name = next(stream, None)
            if name is None:
                return None
            fmt = sql[name.start : name.end].decode("ascii", "replace")
            return _head(sql, cut, token.start, fmt, _data(sql, name.end))
        last = token
    return _head(sql, cut, last.end, None, len(sql)) if named else None


def _head(sql: bytes, settings: int | None, end: int, fmt: str | None, data: int) -> InsertHead:
    cut = end if settings is None else settings
    return InsertHead(sql[:cut], sql[cut:end], fmt, data)


def _data(sql: bytes, end: int) -> int:
    # The engine passes over blanks and at most one line end between the format's name and the data.
    while end < len(sql) and sql[end : end + 1] in (b" ", b"\t", b"\f"):
        end += 1
    if sql[end : end + 1] == b"\r":
        end += 1
    if sql[end : end + 1] == b"\n":
        end += 1
    return end


def split_output(sql: bytes) -> OutputSplit:
    """Cut a statement at its last FORMAT clause; without one, at its end (a closing semicolon is dropped)."""
    all_tokens = [token for token in tokens(sql) if token.depth == 0]
    while all_tokens and all_tokens[-1].text == b";":
        all_tokens.pop()
    end = all_tokens[-1].end if all_tokens else 0
    for at in range(len(all_tokens) - 2, 0, -1):
        token, name = all_tokens[at], all_tokens[at + 1]
        if token.text != b"FORMAT" or not _FORMAT_NAME.match(sql[name.start : name.end]):
            continue
        follower = all_tokens[at + 2].text if at + 2 < len(all_tokens) else None
        if follower in (None, b"SETTINGS"):
            fmt = sql[name.start : name.end].decode()
            return OutputSplit(sql[: token.start], fmt, sql[name.end : end])
    return OutputSplit(sql[:end], None, b"")
