"""Kafka records as every stage reads and writes them: headers, positions, partitions of keys, dead letters."""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

from aiokafka.structs import ConsumerRecord

from schemas.parsing.json_text import dumps

# Longer headers are dropped: ours stay below 1 KiB, and a dead letter, of at most 1 MiB, repeats three of them.
MAX_HEADER_BYTES = 16 * 1024


def headers_of(record: ConsumerRecord) -> dict[str, str]:
    """The record's headers as text: bytes that are not UTF-8 are replaced, too long headers are left out."""
    return {
        name: (value or b"").decode("utf-8", "replace")
        for name, value in record.headers
        if len(value or b"") <= MAX_HEADER_BYTES
    }


def position_of(record: ConsumerRecord) -> dict[str, Any]:
    """Topic, partition and offset of a record, as events and dead letters hold them."""
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset}


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, by crc32: aiokafka's murmur2 is pure Python and costs 6.8 us a key."""
    return crc32(key) % partitions


def dead_letter_record(letter: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Key and value of a dead letter on wa.dead. The same element always has the same key."""
    raw = letter["raw"]
    return dumps([raw[name] for name in ("topic", "partition", "offset", "index")]), dumps(letter)
