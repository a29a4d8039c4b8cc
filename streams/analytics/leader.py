"""The lease of the analytics processes: the owner of the first partition of wa.events in a consumer group works.

Kafka exists anyway, notices within a session that a process is dead or stalled, and leaves no lock that somebody
must remove. The lease saves work and prevents duplicate samples. The results of the copy and the rollups are right
even while two processes work, as in the seconds until a lost connection is noticed.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from schemas.settings.config import Config
from schemas.topics import EVENTS
from streams.runtime.retries import Report, Retries

GROUP = "ackstream-analytics"
_LEASE = TopicPartition(EVENTS.name, 0)
_POLL_MS = 1_000
_LEAVE_SECONDS = 3.0


class Leader(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Runs `work` while this process holds the lease; `work` is cancelled, and has ended, before the lease is lost."""

    def __init__(
        self, config: Config, work: Callable[[], Awaitable[None]], report: Report, client_id: str = GROUP
    ) -> None:
        """Of the members of the group, the one whose `client_id` is first in the order of text gets the lease."""
        self._config = config
        self._client_id = client_id
        self._work = work
        self._retries = Retries(report)
        self._consumer: AIOKafkaConsumer | None = None
        self._working: asyncio.Future[None] | None = None
        # Whether the group has assigned this process its role: active or standby.
        self.is_placed = False

    @property
    def is_leading(self) -> bool:
        """Whether `work` is running."""
        return self._working is not None

    async def run(self) -> None:
        """Takes part in the group until cancelled; retries while Kafka is unreachable. Raises what `work` raises."""
        while True:
            consumer = self._consumer = self._new_consumer()
            try:
                await consumer.start()
                consumer.subscribe([EVENTS.name], listener=self)
                await self._stay(consumer)
            except (KafkaError, OSError, TimeoutError) as error:
                reason = f"Kafka does not answer: {type(error).__name__}"
            finally:
                await self._leave(consumer)
            await self._retries.pause(reason)

    def _new_consumer(self) -> AIOKafkaConsumer:
        session_ms = int(self._config.streams.session_seconds * 1000)
        return AIOKafkaConsumer(
            bootstrap_servers=self._config.kafka.bootstrap,
            client_id=self._client_id,
            group_id=GROUP,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // 4,
        )

    async def _stay(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            # Nothing is read, because every partition is paused. The call shows the client that its owner is alive.
            await consumer.getmany(timeout_ms=_POLL_MS)
            if self._working is not None and self._working.done():
                self._working.result()
                raise AssertionError("the work of the leader must not end by itself")

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Called by the client after a rebalance."""
        assert self._consumer is not None  # noqa: S101  (the consumer calls this)
        self._consumer.pause(*assigned)
        self.is_placed = True
        self._retries.succeeded()
        if _LEASE in assigned and self._working is None:
            self._working = asyncio.ensure_future(self._work())

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:  # noqa: ARG002
        """Called by the client before each rebalance."""
        await self._end_work()

    async def _end_work(self) -> None:
        working, self._working = self._working, None
        self.is_placed = False
        if working is not None:
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working

    async def _leave(self, consumer: AIOKafkaConsumer) -> None:
        await self._end_work()
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(_LEAVE_SECONDS):
                await consumer.stop()
