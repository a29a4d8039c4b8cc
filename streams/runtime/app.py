"""The Faust app of a stage and the loop that acknowledges its batches in order."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NoReturn, cast

import faust
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.process.logs import describe, get_logger
from schemas.settings.config import Config
from schemas.topics import DEAD, TOPICS
from streams.runtime.batch_producer import BatchProducer, new_producer, wait_until_stored
from streams.runtime.batches import Batch, BatchSchema
from streams.runtime.gaps import Gap, letter
from streams.runtime.group_watch import FIRST_SECONDS, Finding, GroupWatch
from streams.runtime.heartbeat import BEAT_SECONDS, EXIT_CIRCUIT_OPEN, Heartbeat
from streams.runtime.in_progress import InProgress
from streams.runtime.lag import GROUPS
from streams.runtime.partition_batches import BatchApp, BatchConsumer
from streams.runtime.records import dead_letter_record, partition_of
from streams.runtime.retries import retry
from streams.runtime.topic_identity import TopicIdentity
from streams.runtime.topic_reader import TopicReader

log = get_logger("stage")

# Faust restarts its reader after a rebalance; one that is still missing after this many beats has ended for good.
DRAINED_BEATS = 5
# The supervisor counts a process that ends within 2 s as a failed start, and restarts it whatever its exit code is.
REFUSED_START_SECONDS = 3.0


class Stage:
    """One worker of one stage: its Faust app, its producer, its heartbeat, and the loop over its batches."""

    def __init__(self, config: Config, name: str, instance: int, *, owns_state: bool, **more: Any) -> None:
        """`owns_state`: late writes of this worker could overwrite its successor's, so it ends when it was stalled.

        `more` = settings of the Faust app.
        """
        self.config = config
        self.name = name
        streams = config.streams
        self.folder = config.data_dir / "state" / f"{name}-{instance}"
        self.folder.mkdir(parents=True, exist_ok=True)
        # On a Kafka of their own, which other machines may use as well, workers have the name of their host in the id.
        host = "" if config.kafka.local else f"{socket.gethostname()}-"
        self.instance_id = f"{name}-{host}{instance}"
        self.heartbeat = Heartbeat(
            config.data_dir / "run", name, instance, streams.session_seconds / 2 if owns_state else float("inf")
        )
        self.app = BatchApp(
            f"ackstream-{name}",
            broker=[f"kafka://{address}" for address in config.kafka.bootstrap.addresses],
            datadir=self.folder,
            # A restarted worker with the same id gets its partitions back without waiting for the session to end.
            consumer_group_instance_id=self.instance_id,
            broker_client_id=f"ackstream-{name}@{socket.gethostname()}",
            consumer_auto_offset_reset="earliest",
            # Kafka always sends at least one record, whatever its size.
            consumer_max_fetch_size=4 * 1024 * 1024,
            broker_session_timeout=streams.session_seconds,
            broker_heartbeat_interval=streams.session_seconds / 4,
            broker_rebalance_timeout=30.0,
            broker_commit_interval=streams.commit_seconds,
            broker_max_poll_records=20_000,
            stream_buffer_maxsize=16,  # counts batches
            stream_wait_empty=False,
            table_standby_replicas=0,  # a standby replays record by record: 18-40 us each instead of 9 us
            topic_partitions=config.kafka.partitions,
            topic_replication_factor=config.kafka.replication,
            topic_allow_declare=False,  # topics are created from schemas/topics.py
            topic_disable_leader=True,
            web_enabled=False,
            **more,
        )
        self.app.on_gap = self._record_gap
        # Called before the start: the reason why the worker must not run, or None.
        self.open_circuit: Callable[[], str | None] = lambda: None
        # Awaited before the app starts, in an event loop of its own.
        self.prepare: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._drained_beats = 0
        self._complete = False  # whether every partition of the topics has a reader in the group
        self.app.task()(self._beat)
        self.app.task()(self._watch_group)
        self.app.on_before_shutdown.connect(self._close, weak=False)

    def report(self, reason: str | None) -> None:
        """Why the worker cannot go on, in its heartbeat; None once it can."""
        self.heartbeat.last_error = reason

    def topic(self, name: str) -> Any:
        """The Faust topic of this name; its agents receive batches."""
        return self.app.topic(name, schema=BatchSchema())

    @property
    def producer(self) -> AIOKafkaProducer:
        """The stage's producer, once `start_producer` has started it."""
        assert self._producer is not None  # noqa: S101  (agents start it before they use it)
        return self._producer

    @property
    def has_producer(self) -> bool:
        """Whether the producer was started, so that records may have been sent."""
        return self._producer is not None

    async def start_producer(self) -> AIOKafkaProducer:
        """Starts the producer if necessary; all agents of the stage share it."""
        async with self._starting:
            if self._producer is None:
                producer = new_producer(self.config.kafka.bootstrap, f"ackstream-{self.name}")
                await producer.start()
                self._producer = producer
            return self._producer

    async def _record_gap(self, gap: Gap) -> None:
        """Returns when Kafka has stored the gap on wa.dead."""
        try:
            producer = await self.start_producer()
            batches = BatchProducer(producer, DEAD.name)
            key, value = dead_letter_record(letter(gap))
            batches.add(partition_of(key, len(await producer.partitions_for(DEAD.name))), key, value, gap.before_ms)
            await wait_until_stored(await batches.send())
        except Exception as error:
            self.heartbeat.fail_stop(f"a gap in {gap.topic}/{gap.partition} could not be recorded: {describe(error)}")
        log.error("records_deleted_unread", topic=gap.topic, partition=gap.partition, first=gap.first, end=gap.end)

    async def learn_topics(self) -> None:
        """Before the start: which lives of its topics the worker reads, and their partitions. Waits for Kafka."""
        bootstrap, own = self.config.kafka.bootstrap, {topic.name for topic in GROUPS[self.name][1]}

        async def described() -> dict[str, TopicIdentity]:
            async with TopicReader(bootstrap) as reader:
                return await reader.identities(TOPICS)

        def sentence(error: Exception) -> str:
            return f"Kafka at {bootstrap} does not describe the topics of {self.name}: {type(error).__name__}"

        found = await retry(described, (KafkaError, OSError), sentence, self.report_before_start)
        self.app.topic_ids = {name: identity.topic for name, identity in found.items() if name in own}
        self.app.partition_counts = {name: identity.partitions for name, identity in found.items()}

    def report_before_start(self, reason: str | None) -> None:
        """`report`, while nothing else writes the heartbeat."""
        self.report(reason)
        self.heartbeat.write(ready=False)

    def refuse(self, reason: str) -> NoReturn:
        """Ends the process because something must be changed first; the supervisor does not start it again."""
        self.heartbeat.last_error = reason
        self.heartbeat.write(ready=False)
        time.sleep(REFUSED_START_SECONDS)
        self.heartbeat.fail_stop(reason, EXIT_CIRCUIT_OPEN)

    async def _watch_group(self) -> None:
        """Compares the group with the topics while the worker runs; what Kafka does not answer is asked again."""
        watch = GroupWatch(self.config.kafka.bootstrap, GROUPS[self.name], self.instance_id)
        try:
            while not self.app.should_stop:
                await self.app.sleep(watch.pause if self._complete else FIRST_SECONDS)
                if self.app.in_recovery or self.app.rebalancing:
                    self._complete = False
                    continue
                consumer = cast("BatchConsumer", self.app.consumer)
                finding = await watch.look(self.app.topic_ids, consumer.member_id)
                self._complete = watch.complete
                if finding is not None and not self.app.should_stop:
                    await self._act_on(finding, consumer)
        except Exception as error:
            self._fail_unless_stopping("the watch over the consumer group failed", error)
        finally:
            await watch.close()

    async def _act_on(self, finding: Finding, consumer: BatchConsumer) -> None:
        if finding.final:
            self.heartbeat.fail_stop(finding.reason, EXIT_CIRCUIT_OPEN)
        await consumer.leave_group()  # else the next start would get the same assignment back
        self.heartbeat.fail_stop(finding.reason)

    async def _close(self, *_: Any, **__: Any) -> None:
        if self._producer is not None:
            await self._producer.stop()

    def is_current(self, batch: Batch) -> bool:
        """Whether this worker still owns the batch's partition: the group generation is that of its reading."""
        return bool(batch.generation_id == self.app.consumer_generation_id and not self.app.rebalancing)

    async def is_member(self, batch: Batch) -> bool:
        """Asks Kafka whether this worker is in its group, in the generation in which the batch was read."""
        generation = batch.generation_id
        return generation is not None and await cast("BatchConsumer", self.app.consumer).is_member(generation)

    async def _beat(self) -> None:
        try:
            while not self.app.should_stop:
                self._beat_once(cast("BatchConsumer", self.app.consumer))
                await self.app.sleep(BEAT_SECONDS)
        except Exception as error:  # every other check depends on this task
            self.heartbeat.fail_stop(f"the heartbeat failed: {describe(error)}")
        if self.app.crashed:  # Faust would take most of a minute to end
            self.heartbeat.fail_stop(f"Faust crashed: {type(self.app.crash_reason).__name__}")

    def _beat_once(self, consumer: BatchConsumer) -> None:
        self.heartbeat.beat()
        if lost := consumer.skipped():
            self.heartbeat.fail_stop(f"a batch of {lost[0].topic}/{lost[0].partition} never reached its agent")
        if consumer.uncoordinated and not self.app.should_stop:
            self.heartbeat.fail_stop("the Kafka client has left its consumer group for good")
        settled = not (self.app.in_recovery or self.app.rebalancing)
        self._drained_beats = self._drained_beats + 1 if settled and consumer.drained else 0
        if self._drained_beats > DRAINED_BEATS:
            self.heartbeat.fail_stop("the reader of Kafka has ended")
        self.heartbeat.write(ready=bool(consumer.assignment()) and settled and self._complete)

    async def run_agent(self, stream: Any, start: Any, work: Any) -> None:
        """Feeds batches to `work(batch) -> awaitable of its effects`; acknowledges each once its effects are durable.

        `start()` is awaited first. `work` runs one batch at a time, in order; the effects of several overlap. It
        returns None for a batch that this worker no longer owns: that one stays unacknowledged. The process ends with
        EXIT_BROKEN when anything raises or is cancelled, or when the stream ends, except at a stop; unacknowledged
        batches are read again.
        """
        in_progress = InProgress()
        try:
            await start()
            async for event in stream.noack().events():
                batch: Batch = event.message
                effects = await work(batch) if self.is_current(batch) else None
                if effects is None:
                    continue
                batch.seen = True
                await in_progress.add(self.app.loop.create_task(self._finish(event, effects)), batch.memory)
        except BaseException as error:
            self._fail_unless_stopping("an agent failed", error)
            raise
        if not self.app.should_stop:
            self.heartbeat.fail_stop("the stream of an agent ended")

    async def _finish(self, event: Any, effects: Awaitable[None]) -> None:
        """Acknowledges a batch when its effects are durable. Nobody else sees an exception of this task."""
        try:
            await effects
            event.ack()
        except BaseException as error:
            self._fail_unless_stopping("an effect of a batch failed", error)
            raise

    def _fail_unless_stopping(self, what: str, error: BaseException) -> None:
        """A stop cancels tasks; everything else ends the process."""
        if not (isinstance(error, asyncio.CancelledError) and self.app.should_stop):
            self.heartbeat.fail_stop(f"{what}: {describe(error)}")


def run(stage: Stage) -> None:
    """Runs the worker until SIGTERM. Never returns: exits with Faust's code, EXIT_BROKEN or EXIT_CIRCUIT_OPEN."""
    if (reason := stage.open_circuit()) is not None:
        stage.refuse(reason)
    asyncio.run(stage.learn_topics())
    if stage.prepare is not None:
        asyncio.run(stage.prepare())
    worker = faust.Worker(
        stage.app,
        loglevel="INFO",  # with "WARN" Faust's spinner sets the root logger to DEBUG, which costs 12 % of the CPU
        quiet=True,
        redirect_stdouts=False,
        override_logging=False,
    )
    worker.execute_from_commandline()
