"""Names one arrival of a body: the request id. IO: reads the operating system's randomness."""

import os


def request_id(now_ms: int) -> str:
    """32 hex digits laid out as UUIDv7 (RFC 9562): sorts by time, and 74 random bits tell apart what shares one ms."""
    random = int.from_bytes(os.urandom(10))
    high = random >> 68  # 12 bits
    low = random & (1 << 62) - 1
    return f"{now_ms << 80 | 7 << 76 | high << 64 | 2 << 62 | low:032x}"
