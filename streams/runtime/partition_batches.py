"""Faust on whole batches: one Faust event carries many records of one partition, in order.

Two reasons. Stock Faust 0.15.3 spends about 200 us of CPU on each message (four asyncio tasks each); a list of records
costs less than 1 us a record. And stock Faust may commit an offset past a message that was never acknowledged (its
`_new_offset` looks only for gaps larger than one); here the committed offset is always the end of the unbroken run of
acknowledged batches. The rest of Faust (groups, assignment, tables and their recovery, the commit timer) is unchanged.
"""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, cast

import faust
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, ConsumerStoppedError, KafkaError
from aiokafka.protocol.group import LeaveGroupRequest
from aiokafka.structs import OffsetAndMetadata
from faust.transport.consumer import CONSUMER_FETCHING
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types.tuples import TP

from schemas.process.logs import get_logger
from streams.runtime.batches import Batch, InFlight, split
from streams.runtime.gaps import Gap, deleted

log = get_logger("consumer")

# Without a minimum each single record costs a fetch (80 % of a core at 3,300 records/s). The maximum wait limits the
# latency that the minimum adds; Faust's own is fixed at 1500 ms.
FETCH_MIN_BYTES = 64 * 1024
FETCH_MAX_WAIT_MS = 50
STOP_SECONDS = 15.0


class BatchConsumer(Consumer):
    """Faust's consumer, delivering batches of the app's `batch_topics` and committing only unbroken prefixes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.in_flight: dict[TP, InFlight] = {}
        self.drained = False  # whether the task that reads records has ended
        self._last_times: dict[TP, int] = {}  # of the last record that was delivered, ms
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def ack(self, message: Any) -> bool:
        """Marks a message as acknowledged. A batch is committed by `InFlight`, not by Faust's own bookkeeping."""
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
        if did_commit:  # Faust takes an offset for committed even when the commit failed; here it is committed again
            for tp, offset in offsets.items():
                if (flight := self.in_flight.get(tp)) is not None:
                    flight.committed = offset
        return did_commit

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Forgets the batches in flight: the next owner reads the uncommitted records again."""
        self.in_flight.clear()
        self._last_times.clear()
        await super().on_partitions_revoked(revoked)

    async def perform_seek(self) -> None:
        """Seeks to the committed offsets; the batches in flight are read again from there."""
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
            log.warning("seek_failed_while_suspended", error=type(error).__name__)

    async def _deliver(self, tp: TP, records: Sequence[Any], generation: int) -> None:
        """Delivers the records of one partition from its read offset on."""
        if tp.topic in self.app.tables.changelog_topics:
            await self._deliver_changelog(tp, records)
            return
        # Faust clears the streams' queues after it has sought to the committed offsets. A batch delivered in between
        # would be dropped and never acknowledged, and the partition's commits would stop: deliver it later.
        while self.app.rebalancing:  # noqa: ASYNC110  (Faust has a flag, no event)
            await asyncio.sleep(0.01)
        if self.app.consumer_generation_id != generation:
            return
        start = self._read_offset[tp]
        if start is not None and records[0].offset < start:
            if (end := self.highwater(tp)) >= start:
                records = [record for record in records if record.offset >= start]
            else:  # Kafka has lost its log and begun another: everything in it is new
                log.error("log_lost", topic=tp.topic, partition=tp.partition, expected=start, end=end)
        elif start is not None and records[0].offset > start:
            await self._find_gap(tp, start, records[0])
        flight = self.in_flight.setdefault(tp, InFlight())
        for part in split(records):
            batch = Batch(tp, part, generation)
            flight.batches.append(batch)
            delivered = False
            try:
                await self.callback(batch)
                delivered = True
            finally:
                if not delivered and flight.batches and flight.batches[-1] is batch:
                    flight.batches.pop()
            self._read_offset[tp] = batch.offset + 1
            self._last_times[tp] = part[-1].timestamp

    async def _find_gap(self, tp: TP, expected: int, found: Any) -> None:
        """Records a gap before anything after it is delivered, and so before an offset after it can be committed."""
        starts = await self.earliest_offsets(tp)
        missing = deleted(expected, found.offset, starts[tp])
        if missing is not None:
            after_ms = self._last_times.get(tp)
            await cast(BatchApp, self.app).on_gap(Gap(tp.topic, tp.partition, *missing, after_ms, found.timestamp))

    async def _deliver_changelog(self, tp: TP, records: Iterable[Any]) -> None:
        for count, record in enumerate(records):
            read = self._read_offset[tp]
            if read is None or record.offset >= read:
                await self.callback(self._to_message(tp, record))
                self._read_offset[tp] = record.offset
            if count % 100 == 99:
                await asyncio.sleep(0)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Does nothing: Faust's check does not know batches and takes the changelog for a stream that hangs.

        `skipped`, `drained` and the fail-stop replace it.
        """

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seeks to the committed offsets, and to the start where these are offsets of another life of the topic."""
        thread = cast("BatchConsumerThread", self._thread)
        return cast("Mapping[TP, int]", await thread.call_thread(thread.seek_to_own_commits))

    @property
    def member_id(self) -> str:
        """The id that Kafka has given this worker in its group."""
        return cast("BatchConsumerThread", self._thread).member_id

    async def leave_group(self) -> None:
        """Leaves the group for good, so that the next start joins it as a new member."""
        thread = cast("BatchConsumerThread", self._thread)
        await thread.call_thread(thread.leave_group)

    async def is_member(self, generation: int) -> bool:
        """Asks Kafka whether this worker is in that generation of the group."""
        return bool(await self._thread.call_thread(cast("BatchConsumerThread", self._thread).is_member, generation))

    @property
    def uncoordinated(self) -> bool:
        """Whether aiokafka's task for the group has ended; it does not report that to Faust.

        It ends when a broker comes back and lists no broker yet ("Did we not perform bootstrap?"). Records that were
        fetched before may still arrive; but nothing is committed, and no partition is assigned or revoked any more.
        """
        return cast("BatchConsumerThread", self._thread).uncoordinated

    def skipped(self) -> list[TP]:
        """Partitions in which a batch was lost between consumer and agent, so that their commits would stop."""
        return [tp for tp, flight in self.in_flight.items() if flight.skipped()]


class BatchConsumerThread(AIOKafkaConsumerThread):
    """Faust's thread of the Kafka client, with fetch limits for batches and a view of its group membership."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS  # read at its start; Faust has no setting for the two
        consumer._fetch_min_bytes = FETCH_MIN_BYTES
        return consumer

    @property
    def uncoordinated(self) -> bool:
        """Whether the client's task for the group has ended; see BatchConsumer.uncoordinated."""
        task = None if self._consumer is None else self._consumer._coordinator._coordination_task
        return task is not None and bool(task.done())

    @property
    def member_id(self) -> str:
        """See BatchConsumer.member_id."""
        return str(self._ensure_consumer()._coordinator.member_id)

    async def leave_group(self) -> None:
        """See BatchConsumer.leave_group. Errors are ignored: the process ends, and its session with it."""
        coordinator = self._ensure_consumer()._coordinator
        with suppress(KafkaError):
            await coordinator._send_req(LeaveGroupRequest(coordinator.group_id, coordinator.member_id))

    def _new_commit(self, topic: str, offset: int) -> OffsetAndMetadata:
        """A commit carries the id of the topic: its offset means nothing in a topic that is made anew."""
        return OffsetAndMetadata(offset, cast(BatchApp, self.consumer.app).topic_ids.get(topic, ""))

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        consumer = self._ensure_consumer()
        assigned = self.assignment()
        commits = {
            TopicPartition(tp.topic, tp.partition): self._new_commit(tp.topic, offset)
            for tp, offset in offsets.items()
            if tp in assigned
        }
        try:
            await consumer.commit(commits)
        except CommitFailedError as error:
            if "already rebalanced" in str(error):
                return False
            await self.crash(error)
            return False
        except Exception as error:
            await self.crash(error)
            return False
        return True

    async def seek_to_own_commits(self) -> Mapping[TP, int]:
        """See BatchConsumer.seek_to_committed. The offset is None where nothing of this life was committed."""
        consumer = self._ensure_consumer()
        offsets = dict(await consumer.seek_to_committed())
        topic_ids = cast(BatchApp, self.consumer.app).topic_ids
        for tp, commit in (await consumer._coordinator.fetch_committed_offsets(list(offsets))).items():
            # A commit of an earlier version carries no id.
            if offsets[tp] is not None and commit.metadata and commit.metadata != topic_ids.get(tp.topic):
                log.warning("commit_of_another_topic", topic=tp.topic, partition=tp.partition, offset=offsets[tp])
                await consumer.seek_to_beginning(tp)
                offsets[tp] = None
        return offsets

    async def is_member(self, generation: int) -> bool:
        """Asks Kafka by a heartbeat request whether this client is in that generation of the group."""
        coordinator = self._ensure_consumer()._coordinator
        return bool(coordinator.generation == generation and await coordinator._do_heartbeat())


class BatchTransport(Transport):
    """Faust's Kafka transport with BatchConsumer."""

    Consumer = BatchConsumer


class BatchApp(faust.App):
    """A Faust app whose topics with a BatchSchema deliver batches and commit only acknowledged ones."""

    # Awaited for every gap; what it raises ends the worker, which then finds the gap again.
    on_gap: Callable[[Gap], Awaitable[None]]
    topic_ids: Mapping[str, str] = MappingProxyType({})  # of the topics that the worker reads, by name
    partition_counts: Mapping[str, int] = MappingProxyType({})  # of all topics, at the start

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    async def on_stop(self) -> None:
        """Stops within STOP_SECONDS: Faust alone would wait for an unreachable broker without end."""
        deadline = threading.Timer(STOP_SECONDS, os._exit, (0,))  # unacknowledged batches are read again
        deadline.daemon = True
        deadline.start()
        await super().on_stop()
