"""The request id: the name of one arrival of a body."""

import os


def request_id(now_ms: int) -> str:
    """32 hex digits laid out as UUIDv7 (RFC 9562): sorts by time; 74 random bits distinguish ids of one millisecond."""
    random = int.from_bytes(os.urandom(10))
    high = random >> 68  # 12 bits
    low = random & (1 << 62) - 1
    return f"{now_ms << 80 | 7 << 76 | high << 64 | 2 << 62 | low:032x}"
