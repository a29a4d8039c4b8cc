"""Hashes that Python and ClickHouse compute alike, so that millions of rows are compared by count and sum.

64 bits of MD5, read as ClickHouse's reinterpretAsUInt64 reads them. They protect against chance, not against an
attacker: two sets of a million rows that differ have the same count and sum once in 2^64 times.
"""

from hashlib import md5
from typing import Any, Final

from schemas.lifecycle import Kind, published

MASK: Final = 2**64 - 1
BUCKETS: Final = 2**20  # of messages: ten each for ten million

# Columns of `messages`, and fields of wa.messages, in the order in which they are hashed.
WORDS: Final = published(Kind.WORD, Kind.NUMBER)
TIMES: Final = published(Kind.TIME)


def hash_of(*words: str) -> int:
    """The hash of some words."""
    digest = md5("\x1f".join(words).encode("utf-8", "replace"), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "little")


def hash_sql(*expressions: str) -> str:
    """The same in ClickHouse; each expression is a String."""
    joined = f"concat({', '.join(_separated(expressions))})" if len(expressions) > 1 else expressions[0]
    return f"reinterpretAsUInt64(substring(MD5({joined}), 1, 8))"


def _separated(expressions: tuple[str, ...]) -> list[str]:
    return [part for expression in expressions for part in ("'\\x1f'", expression)][1:]


def of_delivery(event_id: str, request_id: str, index: int) -> int:
    """The hash of a row of `deliveries`."""
    return hash_of(event_id, request_id, str(index))


def of_dead_letter(topic: Any, partition: Any, offset: Any, index: Any) -> int:
    """The hash of the position of an element, which identifies its dead letter."""
    return hash_of(str(topic), str(partition), str(offset), str(index))


def bucket_of(source: str, message_id: str) -> int:
    """The bucket in which the units of a message are summed up."""
    return hash_of(source, message_id) % BUCKETS


def of_row(row: dict[str, Any]) -> int:
    """The hash of a row of wa.messages."""
    words = ["" if (word := row.get(name)) is None else str(word) for name in WORDS]
    return hash_of(*words, *(_moment(row.get(name)) for name in TIMES))


def _moment(iso: Any) -> str:
    """As ClickHouse writes a DateTime64(3): 2026-11-20 12:00:00.000."""
    return iso.replace("T", " ", 1).removesuffix("Z") if isinstance(iso, str) else ""


DELIVERY_SQL: Final = hash_sql("toString(event_id)", "request_id", "toString(`index`)")
DEAD_LETTER_SQL: Final = hash_sql(*(f"toString(raw.{name})" for name in ("topic", "partition", "offset", "index")))
BUCKET_SQL: Final = f"modulo({hash_sql('toString(source)', 'message_id')}, {BUCKETS})"
ROW_SQL: Final = hash_sql(
    *(f"toString({name})" for name in WORDS),
    *(f"ifNull(toString({name}), '')" for name in TIMES),
)
