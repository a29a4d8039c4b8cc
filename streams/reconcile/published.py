"""The rows of wa.messages: the newest row of every unit, as sums of hashes.

One partition is read at a time, because all rows of a unit are in one partition: memory holds a part of the units.
"""

from collections import defaultdict
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import orjson

from schemas.parsing.times import parse_iso
from streams.load.decode import decode_object
from streams.reconcile import hashes
from streams.reconcile.model import source_hour
from streams.reconcile.units import BucketSums, UnitKey
from streams.runtime.topic_reader import KafkaRecord, Span, TopicReader

_BUCKET_BITS = (hashes.BUCKETS - 1).bit_length()


class PublishedRow(NamedTuple):
    """The newest row of a unit in one partition."""

    partition: int
    offset: int
    row: int  # its hash
    hour: int  # in which its unit was first seen (ms); 0 when the row does not contain it


def key_of(record: KafkaRecord) -> UnitKey | None:
    """The unit of a record of wa.messages, None when its key is not that of a unit."""
    try:
        key = orjson.loads(record.key or b"")
    except orjson.JSONDecodeError:
        return None
    if isinstance(key, list) and len(key) == 3 and all(isinstance(word, str) for word in key):
        return key[0], key[1], key[2]
    return None


def _hash(row: dict[str, Any] | None, record: KafkaRecord) -> int:
    """The hash of the row; for a value that is no row, a hash that no row has."""
    return hashes.hash_of("no row", str(record.offset)) if row is None else hashes.of_row(row)


def _published(record: KafkaRecord) -> PublishedRow:
    row = decode_object(record.value)
    hour = source_hour("", parse_iso((row or {}).get("first_seen_at"))).hour
    return PublishedRow(record.partition, record.offset, _hash(row, record), hour)


async def sums(topics: TopicReader, span: Span, source: str | None, advance: Callable[[int], None]) -> BucketSums:
    """The sums of the newest row of every unit, of one source or of all."""
    total = BucketSums()
    for tp in span:
        newest: dict[bytes | None, int] = {}  # a row's hash, with its bucket in the lowest bits
        async for records in topics.read({tp: span[tp]}):
            for record in records:
                if (key := key_of(record)) is None or (source is not None and key[0] != source):
                    continue
                if record.value is None:
                    newest.pop(record.key, None)
                else:
                    hashed = _hash(decode_object(record.value), record)
                    newest[record.key] = hashed << _BUCKET_BITS | hashes.bucket_of(key[0], key[1])
            advance(len(records))
        for packed in newest.values():
            total.add(packed % hashes.BUCKETS, packed >> _BUCKET_BITS)
    return total


async def rows(
    topics: TopicReader, span: Span, source: str | None, buckets: Collection[int]
) -> dict[UnitKey, list[PublishedRow]]:
    """The newest row of each unit of some buckets; more than one when several partitions have rows of it."""
    found: dict[tuple[UnitKey, int], PublishedRow] = {}
    async for records in topics.read(span):
        for record in records:
            key = key_of(record)
            if key is None or (source is not None and key[0] != source):
                continue
            if hashes.bucket_of(key[0], key[1]) not in buckets:
                continue
            if record.value is None:
                found.pop((key, record.partition), None)
            else:
                found[key, record.partition] = _published(record)
    by_key: dict[UnitKey, list[PublishedRow]] = defaultdict(list)
    for (key, _), row in found.items():
        by_key[key].append(row)
    return dict(by_key)
