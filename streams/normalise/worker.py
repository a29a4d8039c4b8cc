"""Stage 1: raw bodies and sent records become canonical events, keyed by source and message. Stateless.

IO around schemas.normalisation.raw_topic and schemas.normalisation.sent_topic.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any
from zlib import crc32

from aiokafka.structs import ConsumerRecord

from schemas.normalisation.raw_topic import Event, normalise, resolved
from schemas.normalisation.sent_topic import Record, named_sources, normalise_record, resolved_records
from schemas.parsing.json_text import dumps
from schemas.providers import registry
from schemas.providers.registry import Formats
from schemas.settings.config import Config
from schemas.topics import DEAD, EVENTS, RAW, SENT
from streams.normalise.circuit_breaker import Guard
from streams.runtime.app import Stage
from streams.runtime.batch_producer import Outbox, stored
from streams.runtime.partition_batches import Batch

NAME = "normalise"
# After this many bytes of bodies the event loop gets a turn: 2 MiB of updates are some 100 ms of parsing.
TURN_BYTES = 256 * 1024
# Ours stay below 1 KiB. A dead letter, of at most 1 MiB, repeats three of them.
MAX_HEADER_BYTES = 16 * 1024


def headers_of(record: ConsumerRecord) -> dict[str, str]:
    """The record's headers as text: bytes that are no UTF-8 are replaced, headers longer than the edge's left out."""
    return {
        name: (value or b"").decode("utf-8", "replace")
        for name, value in record.headers
        if len(value or b"") <= MAX_HEADER_BYTES
    }


def partition_of(key: bytes, partitions: int) -> int:
    """Where a key lives: crc32, for aiokafka's murmur2 is pure Python and costs 6.8 us a key."""
    return crc32(key) % partitions


def dead_record(letter: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Key and value of a dead letter on wa.dead: the same element always has the same key. Pure."""
    place = letter["raw"]
    return dumps([place[name] for name in ("topic", "partition", "offset", "index")]), dumps(letter)


def _position(record: ConsumerRecord) -> dict[str, Any]:
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset}


def understood(record: ConsumerRecord, config: Config, formats: Formats) -> tuple[list[Event], list[dict[str, Any]]]:
    """Events and dead letters of one record of wa.raw or wa.sent; `formats` are those of `config`. Never raises."""
    if record.topic == SENT.name:
        return normalise_record(_sent(record), config)
    return normalise(headers_of(record), record.value or b"", _position(record), formats)


def sources_of(record: ConsumerRecord) -> set[str]:
    """The sources that a record of wa.raw or wa.sent speaks of; only one of the latter may have several. Pure."""
    if record.topic == SENT.name:
        return named_sources(_sent(record))
    return {headers_of(record).get("source", "")}


def _sent(record: ConsumerRecord) -> Record:
    return Record(headers_of(record), record.value or b"", _position(record), record.timestamp)


class Normaliser:
    """Normalises records into the two topics that follow; used by the stage and by a replay alike."""

    def __init__(self, producer: Any, partitions: int, config: Config) -> None:
        """Raises ConfigError for a provider or a mapping that cannot work."""
        self._events = Outbox(producer, EVENTS.name)
        self._dead = Outbox(producer, DEAD.name)
        self._partitions = partitions
        self._config = config
        self._formats = registry.load(config)
        self.events = 0
        self.dead = 0

    def take(self, record: ConsumerRecord) -> list[dict[str, Any]]:
        """Adds what one record holds to the batches; its dead letters."""
        events, dead = understood(record, self._config, self._formats)
        for event in events:
            self._events.add(partition_of(event.key, self._partitions), event.key, event.value, record.timestamp)
        for letter in dead:
            self._bury(letter, record.timestamp)
        self.events += len(events)
        self.dead += len(dead)
        return dead

    def resolve(self, record: ConsumerRecord, indexes: Iterable[int]) -> None:
        """Adds the letters that take the place of dead ones of this record."""
        if record.topic == SENT.name:
            letters = resolved_records(_sent(record), self._config, indexes)
        else:
            letters = resolved(headers_of(record), _position(record), indexes)
        for letter in letters:
            self._bury(letter)

    def _bury(self, letter: Mapping[str, Any], timestamp_ms: int | None = None) -> None:
        key, value = dead_record(letter)
        self._dead.add(partition_of(key, self._partitions), key, value, timestamp_ms)

    async def send(self) -> list[Any]:
        """Sends what was taken; the futures resolve when Kafka has stored it."""
        return await self._events.send() + await self._dead.send()


def build(config: Config, instance: int) -> Stage:
    """The stage, ready to run. Raises ConfigError for a provider or a mapping that cannot work."""
    # Stateless: an event that it sends late is one more arrival. And one hostile body of 4 MB can take it a minute.
    registry.load(config)  # raises before anything is joined
    stage = Stage(config, NAME, instance, owns_state=False)
    guard = Guard(config, stage.vitals)
    stage.why_held = guard.why_held

    async def agent(stream: Any) -> None:
        normaliser: Normaliser

        async def start() -> None:
            nonlocal normaliser
            producer = await stage.start_producer()
            normaliser = Normaliser(producer, len(await producer.partitions_for(EVENTS.name)), config)

        async def work(batch: Batch) -> Any:
            size = 0
            for record in batch.records:
                before = normaliser.events
                letters = normaliser.take(record)
                guard.add(record, normaliser.events > before, letters)
                size += len(record.value or b"")
                if size > TURN_BYTES:
                    size = 0
                    await asyncio.sleep(0)
            guard.check()
            return stored(await normaliser.send())

        await stage.run_agent(stream, start, work)

    stage.app.agent(stage.topic(RAW.name), name="normalise")(agent)
    stage.app.agent(stage.topic(SENT.name), name="normalise-sent")(agent)
    return stage
