"""The normalise worker. It is stateless: events are keyed by source and message, and may be sent more than once."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord

from schemas.normalisation import raw_topic, sent_topic
from schemas.normalisation.dead_letters import DeadLetter
from schemas.providers import registry
from schemas.settings.config import Config
from schemas.topics import DEAD, EVENTS, RAW, SENT
from streams.normalise.circuit_breaker import CircuitBreaker
from streams.normalise.parse import parse_record, sent_record
from streams.runtime.app import Stage
from streams.runtime.batch_producer import BatchProducer, Pending, wait_until_stored
from streams.runtime.batches import Batch
from streams.runtime.records import dead_letter_record, headers_of, partition_of, position_of

NAME = "normalise"
# The event loop runs other tasks after this many bytes of bodies: parsing 2 MiB of them takes about 100 ms.
YIELD_BYTES = 256 * 1024


class Normaliser:
    """Normalises records into wa.events and wa.dead; used by the worker, by replays and by retries."""

    def __init__(self, producer: AIOKafkaProducer, partitions: Mapping[str, int], config: Config) -> None:
        """`partitions` as `count_partitions` returns them. Raises ConfigError for a provider that cannot work."""
        self._events = BatchProducer(producer, EVENTS.name)
        self._dead = BatchProducer(producer, DEAD.name)
        self._event_partitions, self._dead_partitions = partitions[EVENTS.name], partitions[DEAD.name]
        self._config = config
        self._formats = registry.load(config)
        self.events = 0
        self.dead = 0

    def take(self, record: ConsumerRecord) -> list[DeadLetter]:
        """Adds the events and dead letters of one record to the batches; returns the dead letters."""
        events, letters = parse_record(record, self._config, self._formats)
        for event in events:
            self._events.add(partition_of(event.key, self._event_partitions), event.key, event.value, record.timestamp)
        for letter in letters:
            self._add_letter(letter, record.timestamp)
        self.events += len(events)
        self.dead += len(letters)
        return letters

    def resolve(self, record: ConsumerRecord, indexes: Iterable[int]) -> None:
        """Adds the records that replace the dead letters of these elements, which are events now."""
        if record.topic == SENT.name:
            letters = sent_topic.resolved_letters(sent_record(record), self._config, indexes)
        else:
            letters = raw_topic.resolved_letters(headers_of(record), position_of(record), indexes)
        for letter in letters:
            self._add_letter(letter)

    def _add_letter(self, letter: Mapping[str, Any], timestamp_ms: int | None = None) -> None:
        key, value = dead_letter_record(letter)
        self._dead.add(partition_of(key, self._dead_partitions), key, value, timestamp_ms)

    async def send(self) -> Pending:
        """Sends what was added; the futures resolve when Kafka has stored it."""
        return await self._events.send() + await self._dead.send()


async def count_partitions(producer: AIOKafkaProducer) -> dict[str, int]:
    """How many partitions the topics have that a Normaliser writes to."""
    return {topic.name: len(await producer.partitions_for(topic.name)) for topic in (EVENTS, DEAD)}


def build(config: Config, instance: int) -> Stage:
    """The stage, ready to run. Raises ConfigError for a provider or a mapping that cannot work."""
    registry.load(config)  # raises before the worker joins its group
    # Stateless: an event that it sends late is one more arrival. And one hostile body of 4 MB can take it a minute.
    stage = Stage(config, NAME, instance, owns_state=False)
    breaker = CircuitBreaker(config, stage.heartbeat)
    stage.open_circuit = breaker.open_circuit

    async def agent(stream: Any) -> None:
        normaliser: Normaliser

        async def start() -> None:
            nonlocal normaliser
            producer = await stage.start_producer()
            normaliser = Normaliser(producer, await count_partitions(producer), config)

        async def work(batch: Batch) -> Any:
            size = 0
            for record in batch.records:
                before = normaliser.events
                letters = normaliser.take(record)
                breaker.add(record, normaliser.events > before, letters)
                size += len(record.value or b"")
                if size > YIELD_BYTES:
                    size = 0
                    await asyncio.sleep(0)
            breaker.check()
            return wait_until_stored(await normaliser.send())

        await stage.run_agent(stream, start, work)

    stage.app.agent(stage.topic(RAW.name), name="normalise")(agent)
    stage.app.agent(stage.topic(SENT.name), name="normalise-sent")(agent)
    return stage
