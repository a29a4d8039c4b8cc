"""Fencing of partition owners: Kafka itself rejects the writes of an owner that has a successor.

A worker may be stopped for a minute with record batches in its client, in its socket, or in the network, and all of
them may arrive after its successor has written newer rows. No check in the worker prevents that. So each batch carries
the producer id and epoch that Kafka assigned to the transactional id of its partition. The next owner that claims this
id gets the same producer id and a higher epoch, and from its first batch on the partition's leader rejects every lower
epoch. Transactions are not used: a batch costs nothing more, a claim about 10 ms for each partition after a rebalance.

What a stopped owner writes before its successor's first batch does no harm: those batches are not acknowledged, so the
successor reads their events again and writes the rows of the same units after them.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.client import ConnectionGroup, CoordinationType
from aiokafka.errors import KafkaError, for_code
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.protocol.transaction import InitProducerIdRequest

from streams.runtime.batch_producer import BATCH_BYTES
from streams.runtime.retries import Report, Retries

# Kafka forgets a transactional id that nobody has claimed for 7 days (transactional.id.expiration.ms), and its epochs
# with it, so an owner that keeps its partition claims it again after this time.
RENEW_SECONDS = 86_400.0
# Timeout of transactions, which are not used; Kafka requires a value below transaction.max.timeout.ms (15 minutes).
TRANSACTION_MS = 60_000
# A coordinator that moves or starts answers within this time; only longer failures are logged and reported.
QUIET_SECONDS = 5.0
QUIET_PAUSE_SECONDS = 0.1


@dataclass(slots=True, frozen=True)
class Claim:
    """What Kafka assigned to the owner of a partition; `at` = monotonic seconds."""

    producer_id: int
    epoch: int
    at: float


class FencedBatch(BatchBuilder):  # type: ignore[misc]  # aiokafka ships no types
    """A record batch of an owner; `on_leave` is called when the batch first leaves the client's queue."""

    def __init__(self, claim: Claim, on_leave: Callable[[], None]) -> None:
        super().__init__(BATCH_BYTES, 0)  # 0 = not compressed, as the producer's own
        self._claim = claim
        self._on_leave = on_leave

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:  # noqa: ARG002
        self._on_leave()
        super()._set_producer_state(self._claim.producer_id, self._claim.epoch, base_sequence)


class Fence:
    """One worker's claims on the partitions of `topics`, to which it writes through `producer` alone.

    All owners claim under the same `name`. `report` receives why Kafka grants no claim, or None. Methods are not to be
    called concurrently.
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        name: str,
        topics: Sequence[str],
        report: Report = lambda _reason: None,
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        self._producer = producer
        self._name = name
        self._topics = topics
        self._report = report
        self._renew_seconds = renew_seconds
        self._claims: dict[int, Claim] = {}

    def forget(self) -> None:
        """Drops all claims, before partitions are revoked: the next owner, even this worker, claims them again."""
        self._claims.clear()

    def claim_of(self, partition: int) -> Claim | None:
        """The present claim on the partition; None after a revocation."""
        return self._claims.get(partition)

    async def ensure_claim(
        self, partition: int, is_current: Callable[[], bool], is_member: Callable[[], Awaitable[bool]]
    ) -> bool:
        """Claims the partition unless it is claimed; retries until Kafka grants it. False once `is_current()` is.

        `is_member()` asks Kafka whether the worker is still in its group, in the generation that assigned it the
        partition. That must be true after the claim: then every later owner claims later, with a higher epoch. And it
        must be true before, so that a worker that has lost the partition does not fence off its successor.
        """
        present = self._claims.get(partition)
        if present is not None:
            if time.monotonic() - present.at < self._renew_seconds:
                return True
            await self._producer.flush()  # batches under way are sent under the old claim
            self.forget()
        retries, started = Retries(self._report), time.monotonic()
        while is_current():
            try:
                claim = await self._claim(partition) if await is_member() else None
                if claim is not None and await is_member() and is_current():
                    self._claims[partition] = claim
                    self._restart_sequence(partition)
                    if time.monotonic() - started > QUIET_SECONDS:
                        retries.succeeded()
                    return True
                cause = "the consumer group does not confirm this worker as a member"
            except KafkaError as error:
                cause = type(error).__name__
            if time.monotonic() - started > QUIET_SECONDS:
                refusal = f"Kafka does not assign the transactional id {self._id(partition)}: {cause}"
                await retries.pause(f"{refusal} (see transaction.state.log.replication.factor and the broker's log)")
            else:
                await asyncio.sleep(QUIET_PAUSE_SECONDS)
        return False

    def _id(self, partition: int) -> str:
        return f"{self._name}-{partition}"

    def _restart_sequence(self, partition: int) -> None:
        """Sequence numbers of batches start at 0 under a new epoch; no batch is under way at this point."""
        numbers = self._producer._txn_manager
        for topic in self._topics:
            place = TopicPartition(topic, partition)
            numbers.increment_sequence_number(place, -numbers.sequence_number(place))

    async def _claim(self, partition: int) -> Claim:
        client: Any = self._producer.client
        node = await client.coordinator_lookup(CoordinationType.TRANSACTION, self._id(partition))
        request = InitProducerIdRequest(self._id(partition), TRANSACTION_MS)
        answer = await client.send(node, request, group=ConnectionGroup.COORDINATION)
        if answer.error_code:
            raise for_code(answer.error_code)()
        return Claim(answer.producer_id, answer.producer_epoch, time.monotonic())
