"""Stage 2: events and dead letters go to ClickHouse, events also into the lifecycle rows of `wa.messages`. IO."""

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from functools import partial
from typing import Any

import orjson
from clickhouse_connect import get_async_client

from schemas.events import WRITTEN
from schemas.parsing.json_values import as_id
from schemas.reasons import Reason
from schemas.settings.config import MIB, Config
from schemas.tables import DEAD_LETTER_LOG, EVENT_LOG
from schemas.topics import DEAD, EVENTS, MESSAGES, STATE
from streams.load.clickhouse_writer import Loader
from streams.load.decode import decode, decode_object
from streams.load.lifecycle import apply_events
from streams.load.state import StateTable
from streams.normalise.worker import dead_record, partition_of
from streams.runtime.app import Stage
from streams.runtime.backoff import APPLIED, AWAY, Patience, tables_made
from streams.runtime.batch_producer import Outbox, Pending, stored
from streams.runtime.fence import Claim, Fence, FencedBatch
from streams.runtime.partition_batches import Batch

log = logging.getLogger("ackstream")

NAME = "load"
TOLD = ("source", "provider", "received_at", "request_id")


def dead_letter(place: Mapping[str, Any], event: Mapping[str, Any], detail: str) -> tuple[bytes, bytes]:
    """Key and value of the record of wa.dead for an event that cannot be loaded; `place` says where it lies. Pure."""
    told = {name: value for name in TOLD if (value := as_id(event.get(name)))}
    letter = {
        "raw": place, "source": "", "provider": "", "request_id": "", **told,
        "reason": Reason.BAD_ELEMENT, "detail": detail, "excerpt": "",
    }  # fmt: skip
    return dead_record(letter)


def without_text(event: Mapping[str, Any]) -> bytes:
    """The row of an event of which ClickHouse must not get what people wrote. Pure."""
    return orjson.dumps({name: value for name, value in event.items() if name not in WRITTEN})


class Load:
    """The two agents' work. One instance a worker."""

    def __init__(self, stage: Stage, table: StateTable) -> None:
        self.stage = stage
        self.table = table
        # Held from the check of the generation to the last send: a revocation waits for it, so nothing of a partition
        # is written after it was given away.
        self.sending = asyncio.Lock()
        self.fence: Fence | None = None
        self._events: Loader | None = None
        self._dead: Loader | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Connects, once for both agents. Dies when the topics do not fit together."""
        async with self._starting:
            if self._events is not None:
                return
            producer = await self.stage.start_producer()
            counts = {topic.name: len(await producer.partitions_for(topic.name)) for topic in (EVENTS, STATE, MESSAGES)}
            if len(set(counts.values())) > 1:
                self.stage.vitals.die(f"the topics differ in partitions ({counts}): give them the same number")
            topics = STATE.name, MESSAGES.name
            self.fence = Fence(producer, f"ackstream-{NAME}", topics, self._on_state)
            settings = self.stage.config
            client = await self._connect()
            limits = settings.streams.insert_rows, settings.streams.insert_seconds
            ready = partial(self._tables_made, client)
            await ready()
            self._dead = Loader(client, DEAD_LETTER_LOG, *limits, self._refuse_letter, ready, self._on_state)
            self._events = Loader(client, EVENT_LOG, *limits, self._refuse_event, ready, self._on_state)

    async def _connect(self) -> Any:
        settings = self.stage.config.clickhouse
        patience = Patience(self._on_state)
        while True:
            try:
                client = await get_async_client(**settings.client_options())
            except AWAY as error:
                await patience.wait(f"ClickHouse at {settings.url} does not answer: {type(error).__name__}")
            else:
                patience.over()
                return client

    async def _tables_made(self, client: Any) -> None:
        """Waits for the last migration: a row that comes before its materialized views is in no lifecycle ever."""

        async def applied() -> int:
            return int((await client.query(APPLIED)).result_rows[0][0])

        await tables_made(applied, self._on_state)

    def _on_state(self, error: str | None) -> None:
        self.stage.vitals.last_error = error

    async def _refuse_event(self, row: bytes, code: int) -> None:
        """ClickHouse cannot read this event: it becomes a dead letter at its place in wa.raw."""
        event = orjson.loads(row)
        await self._bury([dead_letter(event["raw"], event, f"ClickHouse cannot read the event: code {code}")])

    async def _refuse_letter(self, row: bytes, code: int) -> None:  # noqa: ARG002
        log.error("a record of %s is no dead letter (code %d): it stays in the topic alone", DEAD.name, code)

    async def _bury(self, letters: list[tuple[bytes, bytes]]) -> None:
        if not letters:
            return
        outbox = Outbox(self.stage.producer, DEAD.name)
        partitions = len(await self.stage.producer.partitions_for(DEAD.name))
        for key, value in letters:
            outbox.add(partition_of(key, partitions), key, value)
        await stored(await outbox.send())

    async def events(self, batch: Batch) -> Any:
        """The work on a batch of wa.events: rows to ClickHouse, states to the store and its changelog, rows out."""
        events, rows, letters = [], [], []
        store_text = self.stage.config.streams.store_text
        for record in batch.records:
            if record.value is None:
                continue
            event, problem = decode(record)
            if event is None:
                place = {"topic": record.topic, "partition": record.partition, "offset": record.offset, "index": 0}
                letters.append(dead_letter(place, {}, problem))
            else:
                events.append(event)
                rows.append(record.value if store_text else without_text(event))
        assert self._events is not None  # noqa: S101  (start)
        assert self.fence is not None  # noqa: S101  (start)
        mine, member = partial(self.stage.is_current, batch), partial(self.stage.is_member, batch)
        if not await self.fence.hold(batch.partition, mine, member):
            return None
        async with self.sending:
            self.stage.vitals.check_not_still()
            claim = self.fence.claim_of(batch.partition)
            if claim is None or not self.stage.is_current(batch):
                return None
            changelog, pending = await self._publish(batch.partition, events, claim)
        inserted = await self._events.add(rows)
        return self._durable(batch.partition, inserted, changelog, pending, letters)

    async def _publish(self, partition: int, events: list[dict[str, Any]], claim: Claim) -> tuple[Pending, Pending]:
        states, rows = apply_events(
            events, self.table.store(partition).get, lambda prefix: self.table.scan(partition, prefix)
        )
        new_batch = partial(FencedBatch, claim, self.stage.vitals.check_not_still)
        changelog = Outbox(self.stage.producer, STATE.name, new_batch)
        messages = Outbox(self.stage.producer, MESSAGES.name, new_batch)
        for key, value in self.table.put(partition, states):
            changelog.add(partition, key, value)
        for key, row in rows.items():
            messages.add(partition, key, orjson.dumps(row))
        return await changelog.send(), await messages.send()

    async def _durable(
        self,
        partition: int,
        inserted: Awaitable[None],
        changelog: Pending,
        pending: Pending,
        letters: list[tuple[bytes, bytes]],
    ) -> None:
        """Resolves when every effect of a batch is durable; only then is it acknowledged."""
        await self._bury(letters)
        reached = -1
        for future in changelog:
            sent = await future
            reached = max(reached, sent.offset)
        await stored(pending)
        await inserted
        if reached >= 0 and self.table.has(partition):
            self.table.reached(partition, reached)

    async def letters(self, batch: Batch) -> Any:
        """The work on a batch of wa.dead."""
        assert self._dead is not None  # noqa: S101  (start)
        rows = []
        for record in batch.records:
            letter = decode_object(record.value)
            if letter is not None:
                rows.append(orjson.dumps({**letter, "dead_offset": record.offset}))
            elif record.value is not None:
                await self._refuse_letter(record.value, 0)
        return await self._dead.add(rows)

    async def on_revoked(self) -> None:
        """Before partitions go to another worker: everything handed to Kafka is stored, or the process ends."""
        if self.stage.has_producer:
            try:
                async with asyncio.timeout(self.stage.config.streams.session_seconds / 2), self.sending:
                    await self.stage.producer.flush()
                    if self.fence is not None:
                        self.fence.forget()
            except TimeoutError:
                self.stage.vitals.die("Kafka did not take the last writes before the partitions were revoked")


def build(config: Config, instance: int) -> Stage:
    """The stage, ready to run."""
    stage = Stage(config, NAME, instance, owns_state=True, store="rocksdb://")
    app = stage.app
    table = StateTable(
        app,
        name="state",
        changelog_topic=app.topic(
            STATE.name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        ),
        partitions=config.kafka.partitions,
        key_type=bytes,
        value_type=bytes,
        options={"driver": "rocksdict", "write_buffer_size": 16 * MIB, "block_cache_size": 64 * MIB},
    )
    app.tables.add(table)
    load = Load(stage, table)

    async def events_agent(stream: Any) -> None:
        await stage.run_agent(stream, load.start, load.events)

    async def letters_agent(stream: Any) -> None:
        await stage.run_agent(stream, load.start, load.letters)

    async def revoked(*_: Any, **__: Any) -> None:
        await load.on_revoked()

    app.agent(stage.topic(EVENTS.name), name="load-events")(events_agent)
    app.agent(stage.topic(DEAD.name), name="load-dead-letters")(letters_agent)
    app.on_partitions_revoked.connect(revoked, weak=False)
    return stage
