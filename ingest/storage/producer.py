"""One connected Kafka producer and what it may be given. IO.

aiokafka 0.14's idempotent producer never gives up a batch: while the broker is away it is tried again for ever, in
order, without making duplicates. Two facts of it decide how it is used here:
- a batch that does fail (refused by the broker, or without a leader for too long) leaves a gap in its partition's
  sequence numbers, and everything after it on that partition fails too: the producer has to be replaced;
- a metadata request that names a topic asks the broker to create it: this one always asks for all topics instead.
"""

import asyncio
from contextlib import suppress

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from schemas.topics import RAW

# A batch is closed at this size; one larger body makes a batch of its own.
BATCH_BYTES = 512 * 1024
# Batches on the way at once, each on a partition of its own: the next one fills while these travel. More only makes
# batches smaller; four of the largest bodies stay far below the broker's socket.request.max.bytes (100 MiB).
MAX_WRITES = 4
# After this long without an answer the connection is closed and the batch is sent again over a new one.
REQUEST_SECONDS = 10.0
CONNECT_SECONDS = 15.0
PROBE_SECONDS = 1.5
CLOSE_SECONDS = 2.0


class TopicMissingError(Exception):
    """Kafka is there, `wa.raw` is not."""


class Link:
    """A started producer. Broken once a write failed: partitions that failed are not used again."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._busy: set[int] = set()
        self._failed: set[int] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._turn = 0

    @classmethod
    async def open(cls, bootstrap: str, client_id: str) -> "Link":
        """Connects. Raises KafkaError, OSError or TimeoutError when Kafka is away, TopicMissingError."""
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            client_id=client_id,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,  # batches are made by ingest/storage/batches.py
            max_batch_size=BATCH_BYTES,
            max_request_size=RAW.max_bytes,
            request_timeout_ms=int(REQUEST_SECONDS * 1000),
        )
        link = cls(producer)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await producer.start()
                await producer.client.force_metadata_update()
            if not producer.client.cluster.partitions_for_topic(RAW.name):
                raise TopicMissingError
        except BaseException:
            await link.close()
            raise
        return link

    @property
    def broken(self) -> bool:
        return bool(self._failed)

    def new_batch(self) -> BatchBuilder:
        return self._producer.create_batch()

    def claim(self) -> int | None:
        """A partition to write one batch to, in turn, or None while there is none or enough are busy."""
        if len(self._busy) >= MAX_WRITES:
            return None
        known = self._producer.client.cluster.available_partitions_for_topic(RAW.name) or ()
        usable = sorted(known - self._busy - self._failed) if known else ()
        if not usable:
            return None
        self._turn = next((partition for partition in usable if partition > self._turn), usable[0])
        self._busy.add(self._turn)
        self._idle.clear()
        return self._turn

    async def write(self, batch: BatchBuilder, partition: int) -> None:
        """Returns when all in-sync replicas have the batch; `partition` comes from `claim`. Raises KafkaError."""
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

    def refresh(self) -> None:
        """Asks for new leaders soon; the producer by itself does so only after a failed write or five minutes."""
        self._producer.client.force_metadata_update()

    async def probe(self) -> bool:
        """Whether Kafka answers right now and a partition of `wa.raw` has a leader."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                cluster = await self._producer.client.fetch_all_metadata()
        except (KafkaError, OSError, TimeoutError):
            return False
        return bool(cluster.available_partitions_for_topic(RAW.name))

    async def retire(self, seconds: float) -> None:
        """Gives a replaced producer so much time for what it still has on its way, then closes it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        await self.close()

    async def close(self) -> None:
        """Ends the producer within some seconds, with or without a broker; what is on its way fails."""
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._producer.stop()
                return
        # stop() waits for the broker for ever; without it the sender task would go on trying in the background.
        sender = self._producer._sender.sender_task
        if sender is not None:
            sender.cancel()
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._producer.client.close()
        self._producer._message_accumulator.fail_all(KafkaError("given up"))
