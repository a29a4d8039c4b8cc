"""Kafka as a check reads it: what is there, how far the workers are, every record of a range. IO.

Methods raise KafkaError and OSError.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from schemas.topics import PRODUCE_MAX_BYTES, Topic
from streams.reconcile.model import CheckError

CHUNK_RECORDS = 1000
PATIENCE_SECONDS = 60.0
_POLL_MS = 1000
Offsets = dict[TopicPartition, int]
Span = dict[TopicPartition, tuple[int, int]]  # the first offset, and the one after the last


def length(span: Span) -> int:
    """How many offsets a span has. Pure."""
    return sum(end - first for first, end in span.values())


def between(first: Offsets, end: Offsets) -> Span:
    """The partitions in which there is anything between two offsets. Pure."""
    return {tp: (first[tp], end[tp]) for tp in end if first[tp] < end[tp]}


def _checked(moved: float, is_moving: bool) -> float:
    """When something was read last. Raises CheckError when that is too long ago: the client itself never gives up."""
    now = time.monotonic()
    if is_moving:
        return now
    if now - moved > PATIENCE_SECONDS:
        raise CheckError("Kafka gives no more records: see `make status`")
    return moved


class Kafka:
    """Connections for one check; use `async with`. One question at a time."""

    def __init__(self, bootstrap: str) -> None:
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",  # retention may delete what is about to be read: go on with what is left
            max_partition_fetch_bytes=PRODUCE_MAX_BYTES,
        )

    async def __aenter__(self) -> Self:
        try:
            await self._admin.start()
            await self._consumer.start()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def partitions(self, topic: Topic) -> list[TopicPartition]:
        """All partitions of a topic. Raises CheckError when it does not exist."""
        (found,) = await self._admin.describe_topics([topic.name])
        if found["error_code"]:
            raise CheckError(f"Kafka has no topic {topic.name}: `make up` makes the topics")
        return sorted(TopicPartition(topic.name, each["partition"]) for each in found["partitions"])

    async def starts(self, partitions: Iterable[TopicPartition]) -> Offsets:
        """The first offsets that retention has left."""
        return dict(await self._consumer.beginning_offsets(list(partitions)))

    async def ends(self, partitions: Iterable[TopicPartition]) -> Offsets:
        """The offsets of what comes next."""
        return dict(await self._consumer.end_offsets(list(partitions)))

    async def whole(self, topic: Topic) -> Span:
        """Everything that a topic holds now. Raises CheckError when it does not exist."""
        partitions = await self.partitions(topic)
        return between(await self.starts(partitions), await self.ends(partitions))

    async def reached(self, group: str, starts: Offsets) -> Offsets:
        """What a consumer group has done with: the offsets that it reads next, never below `starts`."""
        committed = await self._admin.list_consumer_group_offsets(group, partitions=list(starts))
        done = {tp: committed[tp].offset if tp in committed else -1 for tp in starts}
        return {tp: max(done[tp], starts[tp]) for tp in starts}

    async def seek_time(self, span: Span, from_ms: int) -> Span:
        """What of a span was received at `from_ms` or later: no record before it is younger."""
        found = await self._consumer.offsets_for_times(dict.fromkeys(span, from_ms)) if span else {}
        firsts = {tp: end if found[tp] is None else max(first, found[tp].offset) for tp, (first, end) in span.items()}
        return {tp: (firsts[tp], end) for tp, (_, end) in span.items() if firsts[tp] < end}

    async def first_times(self, span: Span) -> dict[TopicPartition, int]:
        """The timestamp (ms) of the first record of each partition of a span."""
        times: dict[TopicPartition, int] = {}
        for tp, (first, end) in span.items():
            async with aclosing(self.read({tp: (first, end)}, most=1)) as portions:
                async for records in portions:
                    if records:
                        times[tp] = records[0].timestamp
                        break
        return times

    async def read(self, span: Span, most: int = CHUNK_RECORDS) -> AsyncGenerator[list[Any], None]:
        """The records of a span, in order within each partition, in portions of at most `most`; some may be empty.

        Ends when all that is left of the span has been read.
        """
        ends = {tp: end for tp, (_, end) in span.items()}
        if not ends:
            return
        self._consumer.assign(list(span))
        try:
            for tp, (first, _) in span.items():
                self._consumer.seek(tp, first)
            moved = time.monotonic()
            while ends:
                fetched: Mapping[TopicPartition, list[Any]] = await self._consumer.getmany(
                    *ends, timeout_ms=_POLL_MS, max_records=most
                )
                yield [
                    record for tp, records in fetched.items() for record in records if record.offset < ends.get(tp, 0)
                ]
                moved = _checked(moved, bool(fetched))
                for tp in list(ends):  # also without records: retention may have passed the end
                    if await self._consumer.position(tp) >= ends[tp]:
                        del ends[tp]
                        self._consumer.pause(tp)
                await asyncio.sleep(0)
        finally:
            # Else it would go on reading ahead.
            self._consumer.pause(*self._consumer.assignment())
