"""One connected Kafka producer and the batches that it may be given.

aiokafka 0.14's idempotent producer never gives up a batch: while the broker is unavailable the batch is retried without
end, in order and without duplicates. Two facts about it decide how it is used here:
- a batch that does fail (refused by the broker, or without a leader for too long) leaves a gap in its partition's
  sequence numbers, and everything after it on that partition fails too: the producer has to be replaced;
- a metadata request that names a topic asks the broker to create it: this session always asks for all topics instead.
"""

import asyncio
from contextlib import suppress

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from schemas.topics import RAW

# A batch is closed at this size; one larger body makes a batch of its own.
BATCH_BYTES = 512 * 1024
# Batches in flight, each on a partition of its own: the next one fills meanwhile. More only makes batches smaller; four
# of the largest bodies stay far below the broker's socket.request.max.bytes (100 MiB).
MAX_WRITES = 4
# After this long without an answer the connection is closed and the batch is sent again over a new one.
REQUEST_SECONDS = 10.0
CONNECT_SECONDS = 15.0
PROBE_SECONDS = 1.5
CLOSE_SECONDS = 2.0


class TopicMissingError(Exception):
    """Kafka answers, but the topic `wa.raw` does not exist."""


class ProducerSession:
    """A started producer. Broken once a write failed: a partition that failed is not used again."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._busy: set[int] = set()
        self._failed: set[int] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._last_partition = 0

    @classmethod
    async def open(cls, bootstrap: str, client_id: str) -> "ProducerSession":
        """Connects. Raises KafkaError, OSError or TimeoutError while Kafka is unavailable, TopicMissingError."""
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            client_id=client_id,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,  # batches are made by ingest/storage/batch_producer.py
            max_batch_size=BATCH_BYTES,
            max_request_size=RAW.max_bytes,
            request_timeout_ms=int(REQUEST_SECONDS * 1000),
        )
        session = cls(producer)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await producer.start()
                await producer.client.force_metadata_update()
            if not producer.client.cluster.partitions_for_topic(RAW.name):
                raise TopicMissingError
        except BaseException:
            await session.close()
            raise
        return session

    @property
    def broken(self) -> bool:
        """Whether a write failed: the session has to be replaced."""
        return bool(self._failed)

    def new_batch(self) -> BatchBuilder:
        """An empty batch."""
        return self._producer.create_batch()

    def claim_partition(self) -> int | None:
        """The next partition for one batch, round robin; None when none is available or MAX_WRITES are in flight."""
        if len(self._busy) >= MAX_WRITES:
            return None
        known = self._producer.client.cluster.available_partitions_for_topic(RAW.name) or ()
        usable = sorted(known - self._busy - self._failed) if known else ()
        if not usable:
            return None
        self._last_partition = next((partition for partition in usable if partition > self._last_partition), usable[0])
        self._busy.add(self._last_partition)
        self._idle.clear()
        return self._last_partition

    async def write(self, batch: BatchBuilder, partition: int) -> None:
        """Returns when all in-sync replicas have the batch. Raises KafkaError.

        `partition` comes from `claim_partition` and is free again afterwards.
        """
        try:
            await (await self._producer.send_batch(batch, RAW.name, partition=partition))
        except asyncio.CancelledError:
            raise
        except Exception:
            self._failed.add(partition)
            raise
        finally:
            self._busy.discard(partition)
            if not self._busy:
                self._idle.set()

    def refresh_leaders(self) -> None:
        """Asks for the partitions' leaders soon; the producer itself does so only after a failed write or 5 minutes."""
        self._producer.client.force_metadata_update()

    async def probe(self) -> bool:
        """Whether Kafka answers right now and a partition of `wa.raw` has a leader."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                cluster = await self._producer.client.fetch_all_metadata()
        except (KafkaError, OSError, TimeoutError):
            return False
        return bool(cluster.available_partitions_for_topic(RAW.name))

    async def close_when_idle(self, seconds: float) -> None:
        """Closes a replaced producer once nothing is in flight, at the latest after `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        await self.close()

    async def close(self) -> None:
        """Ends the producer within some seconds, with or without a broker; what is in flight fails."""
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._producer.stop()
                return
        # stop() waits for the broker without end; without this the sender task would go on in the background.
        sender = self._producer._sender.sender_task
        if sender is not None:
            sender.cancel()
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._producer.client.close()
        self._producer._message_accumulator.fail_all(KafkaError("the producer was closed"))
