"""How far the workers are behind, from Kafka itself, so also when none runs. IO: asks Kafka, reads single records."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from schemas.topics import DEAD, EVENTS, RAW, SENT, Topic

# Consumer group of each stage and what it reads.
GROUPS: Mapping[str, tuple[str, tuple[Topic, ...]]] = {
    "normalise": ("ackstream-normalise", (RAW, SENT)),
    "load": ("ackstream-load", (EVENTS, DEAD)),
}
_READ_SECONDS = 5.0  # for the oldest record of every partition that is behind
_POLL_MS = 200
# Of one answer to a read: Kafka sends at least one batch of records, whatever its size.
_READ_BYTES = 64 * 1024


@dataclass(slots=True, frozen=True)
class Behind:
    """`records` that a stage has not processed yet, and the age of the oldest of them by Kafka's clock.

    `oldest_seconds` is 0.0 when there are none, and None when the record could not be read in time.
    """

    records: int
    oldest_seconds: float | None


class Lags:
    """Connections to Kafka that can be asked again and again; `open` and `close` them, or use `async with`.

    Methods raise KafkaError and OSError. Ask one question at a time.
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
        """Connects; to be closed also when it fails."""
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
        """Ends the connections, started or not."""
        await self._consumer.stop()
        await self._admin.close()

    async def records(self) -> dict[str, int | None]:
        """Records not yet processed, by stage; None when its topics do not exist."""
        found = {stage: await self._waiting(stage) for stage in GROUPS}
        return {
            stage: None if waiting is None else sum(end - first for first, end in waiting.values())
            for stage, waiting in found.items()
        }

    async def behind(self) -> dict[str, Behind | None]:
        """The same with the age of the oldest of them."""
        return {stage: await self._behind(stage) for stage in GROUPS}

    async def _behind(self, stage: str) -> Behind | None:
        waiting = await self._waiting(stage)
        if waiting is None:
            return None
        late = {partition: first for partition, (first, end) in waiting.items() if end > first}
        if not late:
            return Behind(0, 0.0)
        oldest = await self._oldest(late)
        age = None if oldest is None else max(time.time() - oldest / 1000, 0.0)
        return Behind(sum(end - first for first, end in waiting.values()), age)

    async def _waiting(self, stage: str) -> dict[TopicPartition, tuple[int, int]] | None:
        """The offsets that a stage has still to read, by partition: the first, and the one after the last."""
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
            position = committed[partition].offset if partition in committed else -1
            # What was deleted after its retention cannot be processed any more.
            position = max(position, first[partition])
            waiting[partition] = position, max(end[partition], position)
        return waiting

    async def _oldest(self, late: Mapping[TopicPartition, int]) -> int | None:
        """The earliest timestamp (ms) of the records at these offsets; None when not all answered in time."""
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
            consumer.unsubscribe()  # else it would go on reading ahead
        return min(stamps.values())
