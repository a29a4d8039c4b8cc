"""Reads topics for commands: their offsets, those of the workers, every record of a range.

Kafka's client retries without end. Here every operation ends: within KAFKA_SECONDS without progress it raises
KafkaError or TimeoutError, so that a command never waits forever for a broker.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, Protocol, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaTimeoutError

from schemas.errors import Failure
from schemas.topics import PRODUCE_MAX_BYTES, Topic
from streams.runtime.batch_producer import new_producer
from streams.runtime.topic_identity import TopicIdentity, identities_of

KAFKA_SECONDS = 30.0  # without any progress for this long, Kafka is considered down
STOP_SECONDS = 5.0
CHUNK_RECORDS = 1000
_POLL_MS = 1000

Offsets = dict[TopicPartition, int]
Span = dict[TopicPartition, tuple[int, int]]  # the first offset, and the one after the last


class KafkaRecord(Protocol):
    """A record as Kafka's client returns it."""

    topic: str
    partition: int
    offset: int
    timestamp: int  # ms
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def length(span: Span) -> int:
    """How many offsets a span has."""
    return sum(end - first for first, end in span.values())


def between(first: Offsets, end: Offsets) -> Span:
    """The partitions in which there is anything between two offsets."""
    return {tp: (first[tp], end[tp]) for tp in end if first[tp] < end[tp]}


@asynccontextmanager
async def started_producer(bootstrap: str, client_id: str) -> AsyncIterator[AIOKafkaProducer]:
    """A producer of one command, stopped at the end. What is not stored by then is given up when Kafka is down."""
    producer = new_producer(bootstrap, client_id)
    try:
        async with asyncio.timeout(KAFKA_SECONDS):
            await producer.start()
        yield producer
    finally:
        await _stop(producer.stop)


async def _stop(stop: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Stops a client within STOP_SECONDS; its errors are ignored.

    A task of its own, because the client can raise the CancelledError of a task that it ends itself.
    """
    task = asyncio.create_task(stop())
    done, _ = await asyncio.wait([task], timeout=STOP_SECONDS)
    if not done:
        task.cancel()
    elif not task.cancelled():
        task.exception()


class TopicReader:
    """Connections to Kafka for one command; use `async with`. One question at a time.

    Methods raise KafkaError and OSError (of it TimeoutError) when Kafka does not answer.
    """

    def __init__(self, bootstrap: str) -> None:
        timeout_ms = int(KAFKA_SECONDS * 1000)
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=timeout_ms)
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            request_timeout_ms=timeout_ms,
            auto_offset_reset="earliest",  # retention may delete what is about to be read: the rest is read
            max_partition_fetch_bytes=PRODUCE_MAX_BYTES,
        )

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(KAFKA_SECONDS):
                await self._admin.start()
                await self._consumer.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await _stop(self._consumer.stop)
        await _stop(self._admin.close)

    async def partitions(self, topic: Topic) -> list[TopicPartition]:
        """All partitions of a topic. Raises Failure when it does not exist."""
        (found,) = await self._admin.describe_topics([topic.name])
        if found["error_code"]:
            raise Failure(f"Kafka has no topic {topic.name}: `make up` creates the topics")
        return sorted(TopicPartition(topic.name, each["partition"]) for each in found["partitions"])

    async def identities(self, topics: Iterable[Topic]) -> dict[str, TopicIdentity]:
        """Which cluster and which life of each topic this is, by name; only of topics that exist."""
        async with asyncio.timeout(KAFKA_SECONDS):
            return await identities_of(self._admin._client, [topic.name for topic in topics])

    async def starts(self, partitions: Iterable[TopicPartition]) -> Offsets:
        """The first offsets that retention has left."""
        return dict(await self._consumer.beginning_offsets(list(partitions)))

    async def ends(self, partitions: Iterable[TopicPartition]) -> Offsets:
        """The offsets of what comes next."""
        return dict(await self._consumer.end_offsets(list(partitions)))

    async def whole(self, topic: Topic) -> Span:
        """Everything that a topic holds now. Raises Failure when it does not exist."""
        partitions = await self.partitions(topic)
        return between(await self.starts(partitions), await self.ends(partitions))

    async def reached(self, group: str, starts: Offsets) -> Offsets:
        """What a consumer group has committed: the offsets that it reads next, never below `starts`."""
        done = await self.committed(group, starts)
        return {tp: max(done[tp], starts[tp]) for tp in starts}

    async def committed(self, group: str, partitions: Iterable[TopicPartition]) -> Offsets:
        """What a consumer group has committed, also below what retention has left; -1 where it has nothing."""
        wanted = list(partitions)
        found = await self._admin.list_consumer_group_offsets(group, partitions=wanted)
        return {tp: found[tp].offset if tp in found else -1 for tp in wanted}

    async def seek_time(self, span: Span, from_ms: int) -> Span:
        """The part of a span that was received at `from_ms` or later: no record before it is younger."""
        found = await self._consumer.offsets_for_times(dict.fromkeys(span, from_ms)) if span else {}
        firsts = {tp: end if found[tp] is None else max(first, found[tp].offset) for tp, (first, end) in span.items()}
        return {tp: (firsts[tp], end) for tp, (_, end) in span.items() if firsts[tp] < end}

    async def position(self, partition: TopicPartition) -> int:
        """The offset that `read` returns next of a partition of its span."""
        async with asyncio.timeout(KAFKA_SECONDS):
            return int(await self._consumer.position(partition))

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

    async def read(self, span: Span, most: int = CHUNK_RECORDS) -> AsyncGenerator[list[KafkaRecord], None]:
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
            idle = 0.0
            while ends:
                began = time.monotonic()
                fetched: Mapping[TopicPartition, list[Any]] = await self._consumer.getmany(
                    *ends, timeout_ms=_POLL_MS, max_records=most
                )
                idle = 0.0 if fetched else idle + time.monotonic() - began
                if idle > KAFKA_SECONDS:
                    raise KafkaTimeoutError(f"no records within {KAFKA_SECONDS:.0f} s")
                yield [
                    record for tp, records in fetched.items() for record in records if record.offset < ends.get(tp, 0)
                ]
                for tp in list(ends):  # also without records: retention may have passed the end
                    if await self.position(tp) >= ends[tp]:
                        del ends[tp]
                        self._consumer.pause(tp)
                await asyncio.sleep(0)
        finally:
            # Otherwise the client would go on reading ahead.
            self._consumer.pause(*self._consumer.assignment())
