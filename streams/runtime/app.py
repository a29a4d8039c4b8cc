"""The Faust app of a stage, from the settings. IO: opens nothing yet."""

import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, cast

import faust
from aiokafka import AIOKafkaProducer

from schemas.settings.config import Config
from streams.runtime.batch_producer import new_producer
from streams.runtime.heartbeat import BEAT_SECONDS, EXIT_HELD, Vitals
from streams.runtime.partition_batches import Batch, BatchApp, BatchConsumer, BatchSchema

log = logging.getLogger("ackstream")

# Batches of one agent whose effects are under way; more would only grow memory.
IN_PROGRESS = 8
# Faust starts its reader anew after a rebalance; one that is still away after this many beats has ended for good.
DRAINED_BEATS = 5
# A process that ends sooner than after 2 s is a failed start to a supervisor, and tried again whatever it said.
HELD_SECONDS = 3.0


class Stage:
    """One worker of one stage: its app, its producer, its vitals, and the loop that acknowledges in order."""

    def __init__(self, config: Config, name: str, instance: int, *, owns_state: bool, **more: Any) -> None:
        """`owns_state`: what it writes late could overwrite its successor's, so it must not outlive a standstill."""
        self.config = config
        self.name = name
        streams = config.streams
        folder = config.data_dir / "state" / f"{name}-{instance}"
        folder.mkdir(parents=True, exist_ok=True)
        self.vitals = Vitals(
            config.data_dir / "run", name, instance, streams.session_seconds / 2 if owns_state else float("inf")
        )
        self.app = BatchApp(
            f"ackstream-{name}",
            broker=[f"kafka://{address}" for address in config.kafka.bootstrap.addresses],
            datadir=folder,
            # A restarted worker with the same id gets its partitions back without waiting for the session to end.
            consumer_group_instance_id=f"{name}-{instance}",
            consumer_auto_offset_reset="earliest",
            # The largest record must fit; Kafka sends at least one whatever its size, this is the usual portion.
            consumer_max_fetch_size=4 * 1024 * 1024,
            broker_session_timeout=streams.session_seconds,
            broker_heartbeat_interval=streams.session_seconds / 4,
            broker_rebalance_timeout=30.0,
            broker_commit_interval=streams.commit_seconds,
            broker_max_poll_records=20_000,
            stream_buffer_maxsize=16,  # counts batches
            stream_wait_empty=False,
            table_standby_replicas=0,  # a standby replays record by record: 18-40 us each instead of 9
            topic_partitions=config.kafka.partitions,
            topic_replication_factor=config.kafka.replication,
            topic_allow_declare=False,  # topics are made from schemas/topics.py
            topic_disable_leader=True,
            web_enabled=False,
            **more,
        )
        # At the start: why the worker must not go on as it is, if so.
        self.why_held: Callable[[], str | None] = lambda: None
        self._producer: AIOKafkaProducer | None = None
        self._drained_beats = 0
        self.app.task()(self._beat)
        self.app.on_before_shutdown.connect(self._close, weak=False)

    def topic(self, name: str) -> Any:
        """A topic whose agents get batches."""
        return self.app.topic(name, schema=BatchSchema())

    @property
    def producer(self) -> AIOKafkaProducer:
        """The stage's producer; started by `start_producer`."""
        assert self._producer is not None  # noqa: S101  (agents start it before they use it)
        return self._producer

    @property
    def has_producer(self) -> bool:
        """Whether anything may have been sent yet."""
        return self._producer is not None

    async def start_producer(self) -> AIOKafkaProducer:
        """The started producer, the same for all agents of the stage."""
        if self._producer is None:
            producer = new_producer(self.config.kafka.bootstrap, f"ackstream-{self.name}")
            await producer.start()
            self._producer = producer
        return self._producer

    async def _close(self, *_: Any, **__: Any) -> None:
        if self._producer is not None:
            await self._producer.stop()

    def is_current(self, batch: Batch) -> bool:
        """Whether the batch's partition is still this worker's by the group generation it was read in."""
        return bool(batch.generation_id == self.app.consumer_generation_id and not self.app.rebalancing)

    async def is_member(self, batch: Batch) -> bool:
        """Whether Kafka, asked now, has this worker in its group, in the generation that the batch was read in."""
        generation = batch.generation_id
        return generation is not None and await cast("BatchConsumer", self.app.consumer).is_member(generation)

    async def _beat(self) -> None:
        try:
            while not self.app.should_stop:
                self._beat_once(cast("BatchConsumer", self.app.consumer))
                await self.app.sleep(BEAT_SECONDS)
        except Exception as error:  # without the heart every other check is gone too
            self.vitals.die(f"the heartbeat failed: {type(error).__name__}: {error}")
        if self.app.crashed:  # Faust would take most of a minute to end
            self.vitals.die(f"Faust crashed: {type(self.app.crash_reason).__name__}")

    def _beat_once(self, consumer: BatchConsumer) -> None:
        self.vitals.beat()
        if lost := consumer.skipped():
            self.vitals.die(f"a batch of {lost[0].topic}/{lost[0].partition} never reached its agent")
        if consumer.uncoordinated and not self.app.should_stop:
            self.vitals.die("Kafka's group has lost this worker for good")
        settled = not (self.app.in_recovery or self.app.rebalancing)
        self._drained_beats = self._drained_beats + 1 if settled and consumer.drained else 0
        if self._drained_beats > DRAINED_BEATS:
            self.vitals.die("nothing reads from Kafka any more")
        self.vitals.write(ready=bool(consumer.assignment()) and settled)

    async def run_agent(self, stream: Any, start: Any, work: Any) -> None:
        """Feeds batches to `work(batch) -> awaitable of its effects` and acknowledges each once they are durable.

        `start()` is awaited first. `work` itself runs one batch at a time, in order; the effects of IN_PROGRESS
        batches overlap. It returns None for a batch that is this worker's no more: that stays unacknowledged. Anything
        that raises, and a stream that ends by itself, ends the process: what was under way is read again.
        """
        finishing: deque[Any] = deque()
        try:
            await start()
            async for event in stream.noack().events():
                batch: Batch = event.message
                effects = await work(batch) if self.is_current(batch) else None
                if effects is None:
                    continue
                batch.seen = True
                finishing.append(self.app.loop.create_task(self._finish(event, effects)))
                while len(finishing) > IN_PROGRESS or (finishing and finishing[0].done()):
                    await finishing.popleft()
        except Exception as error:
            log.exception("agent failed")
            self.vitals.die(f"agent failed: {type(error).__name__}")
        if not self.app.should_stop:
            self.vitals.die("an agent's stream ended")

    async def _finish(self, event: Any, effects: Awaitable[None]) -> None:
        try:
            await effects
        except Exception as error:
            self.vitals.die(f"an effect of a batch failed: {type(error).__name__}: {error}")
        event.ack()


def run(stage: Stage) -> None:
    """Runs the worker until SIGTERM; returns never (exits with Faust's code, or EXIT_HELD)."""
    if (why := stage.why_held()) is not None:
        stage.vitals.last_error = why
        stage.vitals.write(ready=False)
        time.sleep(HELD_SECONDS)
        stage.vitals.die(why, EXIT_HELD)
    worker = faust.Worker(
        stage.app,
        loglevel="INFO",  # with "WARN" Faust's spinner puts the root logger on DEBUG, 12 % of the CPU
        quiet=True,
        redirect_stdouts=False,
        override_logging=False,
    )
    worker.execute_from_commandline()
