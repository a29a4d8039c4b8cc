"""Faust on whole batches: one Faust event carries the records of one partition, in order. IO.

Why: stock Faust 0.15.3 spends about 200 us of CPU on each message (four asyncio tasks each); handing over lists brings
that below 1 us. And it may commit an offset past a message that was never acknowledged (its `_new_offset` looks only
for gaps larger than one); here the committed offset is the end of the unbroken run of acknowledged batches, nothing
else. Everything else of Faust (groups, assignment, tables and their recovery, the commit timer) stays as it is.
"""

import asyncio
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import faust
from aiokafka.errors import ConsumerStoppedError
from faust.transport.consumer import CONSUMER_FETCHING
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types.tuples import TP, ConsumerMessage

# A batch ends at this many records or bytes: some 50 ms of work, so that heartbeats and timers get their turn.
BATCH_RECORDS = 2000
BATCH_BYTES = 2 * 1024 * 1024
# Without the minimum a trickle of records costs a fetch each (80 % of a core at 3,300/s); the wait bounds what it
# adds to the latency. Faust fixes the wait at 1500 ms.
FETCH_MIN_BYTES = 64 * 1024
FETCH_MAX_WAIT_MS = 50
STOP_SECONDS = 15.0


class Batch(ConsumerMessage):
    """Records of one partition, in order; `offset` is the last one's."""

    __slots__ = ("seen",)

    def __init__(self, tp: TP, records: Sequence[Any], generation: int) -> None:
        last = records[-1]
        super().__init__(
            tp.topic, tp.partition, last.offset, last.timestamp / 1000, last.timestamp_type, [], None,
            cast(Any, records), None, 0, 0, tp, generation_id=generation,
        )  # fmt: skip
        self.seen = False

    @property
    def records(self) -> Sequence[Any]:
        """The records, in order."""
        return cast("Sequence[Any]", self.value)


class BatchSchema(faust.Schema[bytes, bytes]):
    """Hands `Batch.value` to the agent untouched: decoding is the agent's, so a bad record can never stop it."""

    def compile(self, app: Any, **_: Any) -> Any:
        create_event = app.create_event

        async def decode(message: Any, *, propagate: bool = False) -> Any:  # noqa: ARG001  (Faust's signature)
            return create_event(message.key, message.value, message.headers, message)

        return decode


def split(records: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Consecutive runs of at most BATCH_RECORDS records and, but for a single larger one, BATCH_BYTES. Pure."""
    start = size = 0
    for place, record in enumerate(records):
        length = len(record.value or b"")
        if place > start and (place - start >= BATCH_RECORDS or size + length > BATCH_BYTES):
            yield records[start:place]
            start, size = place, 0
        size += length
    if start < len(records):
        yield records[start:]


class InFlight:
    """Batches of one partition that were handed over and not yet committed, in order. Pure."""

    def __init__(self) -> None:
        self.batches: deque[Batch] = deque()
        self.frontier: int | None = None  # everything below it is acknowledged
        self.committed: int | None = None

    def advance(self) -> int | None:
        """Drops the acknowledged head; the offset that may be committed, None when there is nothing new."""
        while self.batches and self.batches[0].acked:
            self.frontier = self.batches.popleft().offset + 1
        if self.frontier is None or (self.committed is not None and self.frontier <= self.committed):
            return None
        return self.frontier

    def skipped(self) -> bool:
        """Whether a batch was passed over: a later one reached the agent before it did."""
        later_seen = False
        for batch in reversed(self.batches):
            if batch.seen:
                later_seen = True
            elif later_seen:
                return True
        return False


class BatchConsumer(Consumer):
    """Faust's consumer, delivering batches of the app's `batch_topics` and committing only unbroken prefixes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.in_flight: dict[TP, InFlight] = {}
        self.drained = False  # whether the reading of records has ended
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def ack(self, message: Any) -> bool:
        if not isinstance(message, Batch):
            return bool(super().ack(message))
        self._unacked_messages.discard(message)
        message.acked = True
        return True

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        yield from super()._filter_tps_with_pending_acks(topics)
        for tp in list(self.in_flight):
            if topics is None or tp in topics or tp.topic in topics:
                yield tp

    def _new_offset(self, tp: TP) -> int | None:
        flight = self.in_flight.get(tp)
        return super()._new_offset(tp) if flight is None else flight.advance()

    def _should_commit(self, tp: TP, offset: int) -> bool:
        return tp in self.in_flight or bool(super()._should_commit(tp, offset))

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        did_commit = bool(await super()._commit(offsets))
        if did_commit:  # Faust remembers an offset as committed even when the commit failed; here it is tried again
            for tp, offset in offsets.items():
                if (flight := self.in_flight.get(tp)) is not None:
                    flight.committed = offset
        return did_commit

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self.in_flight.clear()  # what is not committed is read again by whoever gets the partition
        await super().on_partitions_revoked(revoked)

    async def perform_seek(self) -> None:
        self.in_flight.clear()
        await super().perform_seek()

    async def _drain_messages(self, fetcher: Any) -> None:
        def stopping() -> bool:
            return bool(self._stopped.is_set() or fetcher._stopped.is_set())

        self.diag.set_flag(CONSUMER_FETCHING)
        self.drained = False
        try:
            while not stopping():
                records, active = await self._wait_next_records(1.0)
                generation = self.app.consumer_generation_id
                await asyncio.sleep(0)
                if not records or self.should_stop:
                    continue
                if not self.flow_active:
                    await self._seek_back()
                    continue
                for tp, chunk in records.items():
                    if not self.flow_active or self.app.consumer_generation_id != generation:
                        break
                    if active is None or tp in active or tp in self._buffered_partitions:
                        self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
                        await self.wait_first(self._deliver(tp, chunk, generation), self.suspend_flow.wait())
        except (ConsumerStoppedError, asyncio.CancelledError):
            if not self.transport.app.should_stop:
                raise
        finally:
            self.drained = True
            self.diag.unset_flag(CONSUMER_FETCHING)

    async def _seek_back(self) -> None:
        try:
            await self.perform_seek()
        except Exception as error:
            self.log.warning("cannot seek while the flow is suspended: %s", type(error).__name__)

    async def _deliver(self, tp: TP, records: Sequence[Any], generation: int) -> None:
        """Hands the records of one partition over, from its read offset on."""
        if tp.topic in self.app.tables.changelog_topics:
            await self._deliver_changelog(tp, records)
            return
        # Faust empties the streams' queues after it has sought to the committed offsets. What is delivered in between
        # would be dropped, never acknowledged, and the partition would stand still: hold it back.
        while self.app.rebalancing:  # noqa: ASYNC110  (Faust has a flag, no event)
            await asyncio.sleep(0.01)
        if self.app.consumer_generation_id != generation:
            return
        start = self._read_offset[tp]
        if start is not None and records[0].offset < start:
            records = [record for record in records if record.offset >= start]
        flight = self.in_flight.setdefault(tp, InFlight())
        for part in split(records):
            batch = Batch(tp, part, generation)
            flight.batches.append(batch)
            handed_over = False
            try:
                await self.callback(batch)
                handed_over = True
            finally:
                if not handed_over and flight.batches and flight.batches[-1] is batch:
                    flight.batches.pop()
            self._read_offset[tp] = batch.offset + 1

    async def _deliver_changelog(self, tp: TP, records: Iterable[Any]) -> None:
        for count, record in enumerate(records):
            read = self._read_offset[tp]
            if read is None or record.offset >= read:
                await self.callback(self._to_message(tp, record))
                self._read_offset[tp] = record.offset
            if count % 100 == 99:
                await asyncio.sleep(0)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust's watch over each partition knows no batches and takes the changelog for a stream that hangs.

        What it is for is seen to by `skipped`, `drained` and the fail-stop.
        """

    async def is_member(self, generation: int) -> bool:
        """Whether Kafka, asked now, has this worker in that generation of the group."""
        return bool(await self._thread.call_thread(cast("_ConsumerThread", self._thread).is_member, generation))

    @property
    def uncoordinated(self) -> bool:
        """Whether aiokafka has given up its part in the group, which it does without a word to Faust.

        It does when a broker comes back and names no broker yet ("Did we not perform bootstrap?"). What was fetched
        before may still arrive; nothing is committed and no partition comes or goes any more.
        """
        return cast("_ConsumerThread", self._thread).uncoordinated

    def skipped(self) -> list[TP]:
        """Partitions in which a batch was lost between consumer and agent; their commits would stand still."""
        return [tp for tp, flight in self.in_flight.items() if flight.skipped()]


class _ConsumerThread(AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS  # read when it starts; Faust has no setting for either
        consumer._fetch_min_bytes = FETCH_MIN_BYTES
        return consumer

    @property
    def uncoordinated(self) -> bool:
        task = None if self._consumer is None else self._consumer._coordinator._coordination_task
        return task is not None and bool(task.done())

    async def is_member(self, generation: int) -> bool:
        coordinator = self._ensure_consumer()._coordinator
        return bool(coordinator.generation == generation and await coordinator._do_heartbeat())


class BatchTransport(Transport):
    """Faust's Kafka transport with the consumer above."""

    Consumer = BatchConsumer


class BatchApp(faust.App):
    """A Faust app whose topics with a BatchSchema deliver batches. Commits happen only behind acknowledged ones."""

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    async def on_stop(self) -> None:
        """Stops in order, but not for ever: Faust waits without end for a broker that is gone."""
        deadline = threading.Timer(STOP_SECONDS, os._exit, (0,))  # what is unacknowledged is read again
        deadline.daemon = True
        deadline.start()
        await super().on_stop()
