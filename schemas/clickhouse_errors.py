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

# What ClickHouse writes before and after its explanation.
_BEFORE = re.compile(r"^.*?DB::Exception: ", re.DOTALL)
_AFTER = re.compile(r"\.? ?(Expected one of|In scope |\(version |\(for url ).*$", re.DOTALL)


def meaning(code: int | None) -> Meaning:
    """The meaning of an error number; None = no answer from a server."""
    return Meaning.UNREACHABLE if code is None else _BY_CODE.get(code, Meaning.REJECTED)


def sentence(error: Exception) -> str:
    """The server's own explanation, without the list of all keywords that it appends to a syntax error."""
    return " ".join(_AFTER.sub("", _BEFORE.sub("", str(error))).split())
