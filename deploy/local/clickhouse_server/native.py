"""One block in the Native layout of newer protocol revisions.

clickhouse-go reads its first query in the layout of the revision it asked for, and takes the server's own revision
from that answer. The engine writes the layout of revision 0, so this first answer is written here, with revision 0:
from then on the client reads what the engine writes.
"""

from __future__ import annotations

import re
import struct
from typing import Final

# Revision 54454 put a byte for custom serialisation after each column's type; block info came long before it.
GREETING_REVISION: Final = 54454

_GREETING = re.compile(
    rb"\s*SELECT\s+displayName\(\)\s*,\s*version\(\)\s*,\s*revision\(\)\s*,\s*timezone\(\)\s*;?\s*\Z", re.IGNORECASE
)


def is_greeting(sql: bytes, revision: int) -> bool:
    """Is this the first query of clickhouse-go, in a layout that the engine does not write?"""
    return revision >= GREETING_REVISION and _GREETING.match(sql) is not None


def greeting_block(display_name: str, version: str, timezone: str) -> bytes:
    """The answer: one row of display name, version, revision 0 and time zone."""
    columns = (
        ("displayName()", "String", _text(display_name)),
        ("version()", "String", _text(version)),
        ("revision()", "UInt32", struct.pack("<I", 0)),
        ("timezone()", "String", _text(timezone)),
    )
    block_info = _varint(1) + b"\x00" + _varint(2) + struct.pack("<i", -1) + _varint(0)
    body = b"".join(_text(name) + _text(kind) + b"\x00" + data for name, kind, data in columns)
    return block_info + _varint(len(columns)) + _varint(1) + body


def _text(value: str) -> bytes:
    raw = value.encode()
    return _varint(len(raw)) + raw


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
