"""Whose writes to a partition count: Kafka itself refuses those of an owner that has a successor. IO.

A worker may be stopped for a minute with record batches in its client, in its socket, or in the network, all of which
may arrive after its successor has written newer rows; no check in the worker reaches those. So each batch carries the
producer id and epoch that Kafka gives out for the transactional id of its partition. Whoever claims that id next gets
the same producer id and a higher epoch, and from its first batch on the partition's leader refuses every lower one.
There are no transactions: a batch costs nothing more, a claim some 10 ms for each partition after each rebalance.

What a stopped owner still writes before its successor's first batch does no harm: those batches are not acknowledged,
so the successor reads their events again and writes the rows of the same units after them.
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

from streams.runtime.backoff import Patience
from streams.runtime.batch_producer import BATCH_BYTES

# Kafka forgets a transactional id that nobody has claimed for 7 days (transactional.id.expiration.ms), and with it the
# epochs: an owner that works for longer claims it again.
CLAIM_AGAIN_SECONDS = 86_400.0
# Of transactions, of which there are none; Kafka wants a number below transaction.max.timeout.ms (15 minutes).
TRANSACTION_MS = 60_000
# A coordinator that moves or starts is no news.
QUIET_SECONDS = 5.0
PAUSE_SECONDS = 0.1


@dataclass(slots=True, frozen=True)
class Claim:
    """What Kafka gave to the owner of a partition; `at` = monotonic seconds."""

    producer_id: int
    epoch: int
    at: float


class FencedBatch(BatchBuilder):  # type: ignore[misc]  # aiokafka ships no types
    """A record batch of an owner; `on_leave` is called when it leaves the client's queue for the first time."""

    def __init__(self, claim: Claim, on_leave: Callable[[], None]) -> None:
        super().__init__(BATCH_BYTES, 0)  # 0 = not compressed, as the producer's own
        self._claim = claim
        self._on_leave = on_leave

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:  # noqa: ARG002
        self._on_leave()
        super()._set_producer_state(self._claim.producer_id, self._claim.epoch, base_sequence)


class Fence:
    """The claims of one worker on the partitions of `topics`, which it writes through `producer` alone.

    Owners claim under the same `name`; `on_state` gets why Kafka does not grant a claim, or None. One call at a time.
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        name: str,
        topics: Sequence[str],
        on_state: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        self._producer = producer
        self._name = name
        self._topics = topics
        self._on_state = on_state
        self._claims: dict[int, Claim] = {}

    def forget(self) -> None:
        """Before partitions are revoked: the next owner, also if it is this worker, claims them anew."""
        self._claims.clear()

    def claim_of(self, partition: int) -> Claim | None:
        """The claim in force; none after a revocation."""
        return self._claims.get(partition)

    async def hold(
        self, partition: int, is_current: Callable[[], bool], is_member: Callable[[], Awaitable[bool]]
    ) -> bool:
        """Makes sure of a claim on the partition; waits for Kafka. False as soon as `is_current()` is.

        `is_member()` asks Kafka whether the worker is in its group still, in the generation that gave it the partition.
        That must hold after the claim: then every later owner claims later, with a higher epoch. And before it, so that
        a worker that has lost the partition does not shut out its successor.
        """
        held = self._claims.get(partition)
        if held is not None:
            if time.monotonic() - held.at < CLAIM_AGAIN_SECONDS:
                return True
            await self._producer.flush()  # what is under way goes out under the old claim
            self.forget()
        patience, started = Patience(self._on_state), time.monotonic()
        while is_current():
            try:
                claim = await self._claim(partition) if await is_member() else None
                if claim is not None and await is_member() and is_current():
                    self._claims[partition] = claim
                    self._start_numbers(partition)
                    if time.monotonic() - started > QUIET_SECONDS:
                        patience.over()
                    return True
                why = "its group does not confirm that this worker is in it"
            except KafkaError as error:
                why = type(error).__name__
            if time.monotonic() - started > QUIET_SECONDS:
                told = f"Kafka does not give the transactional id {self._id(partition)}: {why}"
                await patience.wait(f"{told} (see transaction.state.log.replication.factor and the broker's log)")
            else:
                await asyncio.sleep(PAUSE_SECONDS)
        return False

    def _id(self, partition: int) -> str:
        return f"{self._name}-{partition}"

    def _start_numbers(self, partition: int) -> None:
        """Under a new epoch the numbers of the batches begin with 0; nothing is under way just now."""
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
