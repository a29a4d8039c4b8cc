"""Writes records to Kafka as record batches: one request and one future a batch instead of one a record."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from aiokafka import AIOKafkaProducer

from schemas.topics import PRODUCE_MAX_BYTES

# One future a record batch; it resolves when Kafka has stored the batch.
Pending = list["asyncio.Future[Any]"]

# A batch grows to this size; a larger record travels in a batch of its own (a builder always takes its first record).
BATCH_BYTES = 512 * 1024


def new_producer(bootstrap: str, client_id: str) -> AIOKafkaProducer:
    """A producer whose acknowledgements mean stored: acks=all, idempotent, so that its own retries repeat nothing."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES,
        max_request_size=PRODUCE_MAX_BYTES,
        request_timeout_ms=60_000,
    )


class BatchProducer:
    """Collects records for the partitions of one topic and sends them as record batches, in the order of `add`."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, new_batch: Callable[[], Any] | None = None) -> None:
        """`new_batch` makes the record batches; by default the producer does."""
        self._producer = producer
        self._topic = topic
        self._new_batch = new_batch or producer.create_batch
        self._open: dict[int, Any] = {}
        self._full: list[tuple[int, Any]] = []

    def add(self, partition: int, key: bytes, value: bytes, timestamp_ms: int | None = None) -> None:
        """Adds one record; nothing is sent yet."""
        builder = self._open.get(partition)
        if builder is None or builder.append(key=key, value=value, timestamp=timestamp_ms) is None:
            if builder is not None:
                self._full.append((partition, builder))
            builder = self._open[partition] = self._new_batch()
            builder.append(key=key, value=value, timestamp=timestamp_ms)

    async def send(self) -> Pending:
        """Hands all batches to the Kafka client; each future resolves when Kafka has stored its batch, or raises."""
        batches = self._full + list(self._open.items())
        self._full, self._open = [], {}
        pending: Pending = []
        for partition, builder in batches:
            builder.close()
            pending.append(await self._producer.send_batch(builder, self._topic, partition=partition))
        return pending


async def wait_until_stored(pending: Iterable["asyncio.Future[Any]"]) -> None:
    """Returns when Kafka has stored every batch. Raises the error of the first batch that failed."""
    for future in list(pending):
        await future
