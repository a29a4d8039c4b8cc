"""The meaning of ClickHouse's errors: one mapping for workers, commands, page and alerts.

The numbers are those of ClickHouse's ErrorCodes.cpp. The server's text may quote a row, so only commands that a person
runs show it.
"""

import re
from enum import StrEnum


class Meaning(StrEnum):
    """What an error means for the server or for the statement."""

    UNREACHABLE = "unreachable"  # no answer from a server: connection refused, timeout, an error of a proxy
    BAD_CREDENTIALS = "bad_credentials"
    NO_DATABASE = "no_database"
    NO_TABLE = "no_table"  # a table or a column is missing
    BUSY = "busy"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    DISK_FULL = "disk_full"
    READ_ONLY = "read_only"
    UNREADABLE_ROWS = "unreadable_rows"
    REJECTED = "rejected"  # any other error of the statement


# fmt: off
_MEANINGS = {
    Meaning.BAD_CREDENTIALS: (192, 193, 194, 497, 516),
    Meaning.NO_DATABASE: (81,),
    Meaning.NO_TABLE: (47, 60),
    Meaning.BUSY: (202, 203),
    Meaning.TIMEOUT: (159, 160, 209),
    Meaning.OUT_OF_MEMORY: (241,),
    Meaning.DISK_FULL: (243,),
    Meaning.READ_ONLY: (164, 242),
    Meaning.UNREADABLE_ROWS: (
        6, 25, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 130, 131, 306, 321, 349, 376, 467,
    ),
}
# fmt: on
_BY_CODE = {code: meaning for meaning, codes in _MEANINGS.items() for code in codes}

_WORDS = {
    Meaning.UNREACHABLE: "it does not answer",
    Meaning.BAD_CREDENTIALS: "it refuses the user or the password",
    Meaning.NO_DATABASE: "the database is missing",
    Meaning.NO_TABLE: "a table or a column is missing",
    Meaning.BUSY: "it runs as many queries as it may",
    Meaning.TIMEOUT: "the query took too long",
    Meaning.OUT_OF_MEMORY: "its memory is used up",
    Meaning.DISK_FULL: "its disk is full",
    Meaning.READ_ONLY: "it is read-only, or the user is",
    Meaning.UNREADABLE_ROWS: "it cannot read a row",
    Meaning.REJECTED: "it rejects the statement",
}
# In the text of NO_TABLE; names of tables are no secrets.
_TABLE = re.compile(r"(?:table expression identifier|[Tt]able(?! expression)) [`']?(?:\w+[`']?\.[`']?)?(\w+)")

# What ClickHouse writes before and after its explanation.
_BEFORE = re.compile(r"^.*?DB::Exception: ", re.DOTALL)
_AFTER = re.compile(r"\.? ?(Expected one of|In scope |\(version |\(for url ).*$", re.DOTALL)


def meaning(code: int | None) -> Meaning:
    """The meaning of an error number; None = no answer from a server."""
    return Meaning.UNREACHABLE if code is None else _BY_CODE.get(code, Meaning.REJECTED)


def in_words(code: int | None, text: str) -> str:
    """`its disk is full (error 243)`: what an error means, without the server's text, which may quote a row."""
    found = meaning(code)
    words = _WORDS[found]
    if found is Meaning.NO_TABLE and (table := _TABLE.search(text)) is not None:
        words = f"the table {table[1]} is missing"
    return words if code is None else f"{words} (error {code})"


def sentence(error: Exception) -> str:
    """The server's own explanation, without the list of all keywords that it appends to a syntax error."""
    return " ".join(_AFTER.sub("", _BEFORE.sub("", str(error))).split())
