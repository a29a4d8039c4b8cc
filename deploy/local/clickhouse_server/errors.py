"""Errors as ClickHouse reports them over HTTP: number, name, text and status."""

from __future__ import annotations

import re
from typing import Final

BAD_ARGUMENTS: Final = 36
NOT_IMPLEMENTED: Final = 48
SYNTAX_ERROR: Final = 62
UNKNOWN_SETTING: Final = 115
TIMEOUT_EXCEEDED: Final = 159
READONLY: Final = 164
TOO_MANY_SIMULTANEOUS_QUERIES: Final = 202
QUERY_IS_TOO_LARGE: Final = 229
CANNOT_DECOMPRESS: Final = 271
QUERY_WAS_CANCELLED: Final = 394
UNKNOWN_QUERY_PARAMETER: Final = 456
TOO_MANY_ROWS_OR_BYTES: Final = 396
ACCESS_DENIED: Final = 497
AUTHENTICATION_FAILED: Final = 516
UNKNOWN_EXCEPTION: Final = 1002

_NAMES: Final = {
    BAD_ARGUMENTS: "BAD_ARGUMENTS",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    SYNTAX_ERROR: "SYNTAX_ERROR",
    UNKNOWN_SETTING: "UNKNOWN_SETTING",
    TIMEOUT_EXCEEDED: "TIMEOUT_EXCEEDED",
    READONLY: "READONLY",
    TOO_MANY_SIMULTANEOUS_QUERIES: "TOO_MANY_SIMULTANEOUS_QUERIES",
    QUERY_IS_TOO_LARGE: "QUERY_IS_TOO_LARGE",
    CANNOT_DECOMPRESS: "CANNOT_DECOMPRESS",
    QUERY_WAS_CANCELLED: "QUERY_WAS_CANCELLED",
    UNKNOWN_QUERY_PARAMETER: "UNKNOWN_QUERY_PARAMETER",
    TOO_MANY_ROWS_OR_BYTES: "TOO_MANY_ROWS_OR_BYTES",
    ACCESS_DENIED: "ACCESS_DENIED",
    AUTHENTICATION_FAILED: "AUTHENTICATION_FAILED",
    UNKNOWN_EXCEPTION: "UNKNOWN_EXCEPTION",
}

# The engine's numbers by the status its own HTTP server gives them; what is in no group is 500. Two differ on
# purpose: READONLY is 403 because the refusal is about rights, and TOO_MANY_SIMULTANEOUS_QUERIES is 503 because
# clients repeat a 503 and give up on a 500.
_STATUS_GROUPS: Final = (
    (401, (194,)),
    (403, (192, 193, READONLY, ACCESS_DENIED, 512, AUTHENTICATION_FAILED)),
    (400, (6, 8, 15, 25, 26, 27, BAD_ARGUMENTS, 37, 38, 41, 44, 53, SYNTAX_ERROR, 72, 117, 123, 167, 168, 223)),
    (400, (CANNOT_DECOMPRESS, 321, 376, 427, 441, UNKNOWN_QUERY_PARAMETER, 457, 675, 676)),
    (404, (46, 47, 50, 56, 60, 63, 73, 78, 81, UNKNOWN_SETTING, 152, 336, 511)),
    (408, (TIMEOUT_EXCEEDED,)),
    (413, (QUERY_IS_TOO_LARGE,)),
    (501, (NOT_IMPLEMENTED,)),
    (503, (76, TOO_MANY_SIMULTANEOUS_QUERIES, 209, 439)),
)
_STATUS: Final = {code: status for status, codes in _STATUS_GROUPS for code in codes}

_ENGINE_TEXT = re.compile(r"Code: (\d+)\. DB::Exception: (.*)", re.DOTALL)
_VERSION_MARK = re.compile(r"\s*\(version [^()]*(?:\([^()]*\))?\)")
_NAME_MARK = re.compile(r"\(([A-Z][A-Z0-9_]*)\)\.?\s*$")


class QueryError(Exception):
    """A query failed. `code` is ClickHouse's number, `name` its name, the text is one for the client only."""

    def __init__(self, code: int, text: str, name: str | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.name = name or _NAMES.get(code, "UNKNOWN_EXCEPTION")

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return _STATUS.get(self.code, 500)

    def body(self, version: str) -> str:
        """The line ClickHouse's server writes for this error, with the engine's version."""
        return f"Code: {self.code}. DB::Exception: {self.text} ({self.name}) (version {version})\n"


def from_engine(text: str) -> QueryError:
    """Read the engine's own message; what does not look like one becomes UNKNOWN_EXCEPTION with the text kept."""
    bare = _VERSION_MARK.sub("", text).strip()
    code, name = UNKNOWN_EXCEPTION, None
    while match := _ENGINE_TEXT.match(bare):  # some errors arrive wrapped twice
        code, bare = int(match[1]), match[2]
        while mark := _NAME_MARK.search(bare):
            name, bare = mark[1], bare[: mark.start()].rstrip()
    return QueryError(code, bare, name)
