"""The lag of the workers, read from Kafka itself, so that it is known even when no worker runs."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from schemas.topics import DEAD, EVENTS, RAW, SENT, Topic

# The consumer group of each stage and the topics that it reads, in the order of the pipeline.
GROUPS: Mapping[str, tuple[str, tuple[Topic, ...]]] = {
    "normalise": ("ackstream-normalise", (RAW, SENT)),
    "load": ("ackstream-load", (EVENTS, DEAD)),
}
_READ_SECONDS = 5.0  # to read the oldest unprocessed record of every partition
_POLL_MS = 200
# Of one answer to a fetch: Kafka sends at least one batch of records, whatever its size.
_READ_BYTES = 64 * 1024


@dataclass(slots=True, frozen=True)
class Behind:
    """How many `records` a stage has not processed yet, and the age of the oldest by Kafka's clock.

    `oldest_seconds` is 0.0 when there are none, None when that record could not be read in time. `deleted`: how many
    records Kafka has deleted that no worker has come to yet.
    """

    records: int
    oldest_seconds: float | None
    deleted: int = 0


@dataclass(slots=True, frozen=True)
class _Unread:
    """The unprocessed offsets of a partition, [first, end), and how many were deleted before `first`."""

    first: int
    end: int
    deleted: int


class Lags:
    """Measures the lag of every stage. `open` and `close` it, or use `async with`.

    Methods raise KafkaError and OSError, and are not to be called concurrently.
    """

    def __init__(self, bootstrap: str) -> None:
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_READ_BYTES,
        )

    async def open(self) -> None:
        """Connects to Kafka. Call `close` even when it fails."""
        await self._admin.start()
        await self._consumer.start()

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections, open or not."""
        await self._consumer.stop()
        await self._admin.close()

    async def records(self) -> dict[str, int | None]:
        """The number of unprocessed records by stage; None when its topics do not exist."""
        found = {stage: await self._waiting(stage) for stage in GROUPS}
        return {stage: None if waiting is None else _records(waiting) for stage, waiting in found.items()}

    async def deleted(self) -> dict[str, int]:
        """The number of records by stage that Kafka has deleted and that no worker has come to yet."""
        found = {stage: await self._waiting(stage) for stage in GROUPS}
        return {stage: sum(one.deleted for one in (waiting or {}).values()) for stage, waiting in found.items()}

    async def behind(self) -> dict[str, Behind | None]:
        """The number of unprocessed records and the age of the oldest, by stage."""
        return {stage: await self._behind(stage) for stage in GROUPS}

    async def _behind(self, stage: str) -> Behind | None:
        waiting = await self._waiting(stage)
        if waiting is None:
            return None
        late = {partition: one.first for partition, one in waiting.items() if one.end > one.first}
        deleted = sum(one.deleted for one in waiting.values())
        if not late:
            return Behind(0, 0.0, deleted)
        oldest = await self._oldest(late)
        age = None if oldest is None else max(time.time() - oldest / 1000, 0.0)
        return Behind(_records(waiting), age, deleted)

    async def _waiting(self, stage: str) -> dict[TopicPartition, _Unread] | None:
        """The unprocessed offsets of a stage, by partition; None when its topics do not exist."""
        group, topics = GROUPS[stage]
        found = await self._admin.describe_topics([topic.name for topic in topics])
        if any(topic["error_code"] for topic in found):
            return None
        partitions = [
            TopicPartition(topic["topic"], part["partition"]) for topic in found for part in topic["partitions"]
        ]
        committed = await self._admin.list_consumer_group_offsets(group, partitions=partitions)
        first, end = await asyncio.gather(
            self._consumer.beginning_offsets(partitions), self._consumer.end_offsets(partitions)
        )
        waiting = {}
        for partition in partitions:
            reached = committed[partition].offset if partition in committed else -1
            if reached > end[partition]:  # Kafka has lost its log and begun another, of which nothing is processed
                reached = first[partition]
            position = max(reached, first[partition])  # what is deleted cannot be processed any more
            deleted = position - reached if reached >= 0 else 0  # a new group has not missed what was there before it
            waiting[partition] = _Unread(position, max(end[partition], position), deleted)
        return waiting

    async def _oldest(self, late: Mapping[TopicPartition, int]) -> int | None:
        """The earliest timestamp (ms) of the records at these offsets; None when one was not read in time."""
        consumer = self._consumer
        stamps: dict[TopicPartition, int] = {}
        consumer.assign(list(late))
        for partition, offset in late.items():
            consumer.seek(partition, offset)
        deadline = time.monotonic() + _READ_SECONDS
        try:
            while missing := [partition for partition in late if partition not in stamps]:
                if time.monotonic() > deadline:
                    return None
                found = await consumer.getmany(*missing, timeout_ms=_POLL_MS, max_records=len(missing))
                for partition, records in found.items():
                    stamps.setdefault(partition, records[0].timestamp)
        finally:
            consumer.unsubscribe()  # otherwise the client keeps prefetching
        return min(stamps.values())


def _records(waiting: Mapping[TopicPartition, _Unread]) -> int:
    return sum(one.end - one.first for one in waiting.values())
