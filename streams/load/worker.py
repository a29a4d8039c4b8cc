"""The load worker: events and dead letters to ClickHouse, events also into the lifecycle rows of wa.messages."""

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import orjson
from clickhouse_connect import get_async_client

from schemas.errors import ConfigError
from schemas.events import WRITTEN
from schemas.lengths import too_long
from schemas.parsing.json_values import as_id
from schemas.process.logs import get_logger
from schemas.reasons import Reason
from schemas.settings.config import Config
from schemas.settings.sections import MIB
from schemas.tables import DEAD_LETTER_LOG, EVENT_LOG
from schemas.topics import DEAD, EVENTS, MESSAGES, STATE
from streams.load.clickhouse_writer import ClickHouseWriter
from streams.load.decode import decode, decode_object
from streams.load.lifecycle import apply_events
from streams.load.preparation import note_skipped, prepare
from streams.load.state import StateTable
from streams.runtime import schema_objects
from streams.runtime.app import Stage
from streams.runtime.batch_producer import BatchProducer, Pending, wait_until_stored
from streams.runtime.batches import Batch
from streams.runtime.clickhouse import CLICKHOUSE_ERRORS, connect, describe
from streams.runtime.fence import Claim, Fence, FencedBatch
from streams.runtime.migrations import COUNT_APPLIED, wait_for_migrations
from streams.runtime.records import dead_letter_record, partition_of, position_of
from streams.runtime.retries import retry

log = get_logger("load")

NAME = "load"
# Facts of an event that its dead letter repeats.
_REPEATED = ("source", "provider", "received_at", "request_id")


def dead_letter(raw: Mapping[str, Any], event: Mapping[str, Any], detail: str) -> tuple[bytes, bytes]:
    """Key and value of the wa.dead record of an event that cannot be loaded; `raw` is the position of its element."""
    repeated = {name: value for name in _REPEATED if (value := as_id(event.get(name)))}
    letter = {
        "raw": raw, "source": "", "provider": "", "request_id": "", **repeated,
        "reason": Reason.BAD_ELEMENT, "detail": detail, "excerpt": "",
    }  # fmt: skip
    return dead_letter_record(letter)


def without_text(event: Mapping[str, Any]) -> bytes:
    """The row of an event without everything that people wrote, for `store_text = false`."""
    return orjson.dumps({name: value for name, value in event.items() if name not in WRITTEN})


class Load:
    """The work of the two agents of one worker."""

    def __init__(self, stage: Stage, table: StateTable) -> None:
        self.stage = stage
        self.table = table
        # Locked from the check of the generation to the last send. A revocation takes it too, so that nothing of a
        # partition is written after the partition was given away.
        self.sending = asyncio.Lock()
        self.fence: Fence | None = None
        self._events: ClickHouseWriter | None = None
        self._dead: ClickHouseWriter | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Connects, once for both agents. Ends the process when the topics differ in partitions."""
        async with self._starting:
            if self._events is not None:
                return
            stage, settings = self.stage, self.stage.config
            producer = await stage.start_producer()
            counts = {topic.name: len(await producer.partitions_for(topic.name)) for topic in (EVENTS, STATE, MESSAGES)}
            if len(set(counts.values())) > 1:
                stage.heartbeat.fail_stop(f"the topics differ in partitions ({counts}): give them the same number")
            topics = STATE.name, MESSAGES.name
            self.fence = Fence(producer, f"ackstream-{NAME}", topics, self.stage.report)
            client = await self._connect()
            limits = settings.streams.insert_rows, settings.streams.insert_seconds
            wait = partial(self._wait_for_migrations, client)
            await wait()
            await self._report_drift()
            self._dead = ClickHouseWriter(client, DEAD_LETTER_LOG, *limits, self._reject_letter, wait, stage.report)
            self._events = ClickHouseWriter(client, EVENT_LOG, *limits, self._reject_event, wait, stage.report)

    async def _connect(self) -> Any:
        settings = self.stage.config.clickhouse
        return await retry(
            lambda: get_async_client(**settings.client_options()),
            CLICKHOUSE_ERRORS,
            lambda error: f"ClickHouse at {settings.url} does not answer: {describe(error)}",
            self.stage.report,
        )

    async def _wait_for_migrations(self, client: Any) -> None:
        """Waits for the last one: a row inserted before its materialized views exist never reaches their tables."""

        async def count_applied() -> int:
            return int((await client.query(COUNT_APPLIED)).result_rows[0][0])

        await wait_for_migrations(count_applied, self.stage.report)

    async def _report_drift(self) -> None:
        """Logs tables and views that are missing or differ, and keeps them in the heartbeat."""
        settings = self.stage.config.clickhouse

        def look() -> list[str]:
            with connect(settings) as client:
                return schema_objects.sentences(schema_objects.drift_of(client, settings.database))

        with suppress(ConfigError, *CLICKHOUSE_ERRORS):  # a server that is away is waited for at the first INSERT
            for number, line in enumerate(await asyncio.to_thread(look)):
                self.stage.heartbeat.notes[f"schema_{number}"] = line
                log.error("schema_differs", reason=line)

    async def _reject_event(self, row: bytes, code: int | None) -> None:
        """An event that ClickHouse cannot read becomes a dead letter at its position in wa.raw."""
        event = orjson.loads(row)
        await self._send_letters([dead_letter(event["raw"], event, f"ClickHouse cannot read the event: code {code}")])

    async def _reject_letter(self, _row: bytes, code: int | None) -> None:
        log.error("dead_letter_unreadable", topic=DEAD.name, code=code)  # it stays in the topic

    async def _send_letters(self, letters: list[tuple[bytes, bytes]]) -> None:
        if not letters:
            return
        batches = BatchProducer(self.stage.producer, DEAD.name)
        partitions = len(await self.stage.producer.partitions_for(DEAD.name))
        for key, value in letters:
            batches.add(partition_of(key, partitions), key, value)
        await wait_until_stored(await batches.send())

    async def events(self, batch: Batch) -> Any:
        """Loads a batch of wa.events: rows to ClickHouse, states to the store and its changelog, rows to wa.messages.

        Returns an awaitable of these effects; None when this worker no longer owns the partition.
        """
        events, rows, letters = self._decoded(batch)
        assert self._events is not None  # noqa: S101  (start)
        assert self.fence is not None  # noqa: S101  (start)
        is_current, is_member = partial(self.stage.is_current, batch), partial(self.stage.is_member, batch)
        if not await self.fence.ensure_claim(batch.partition, is_current, is_member):
            return None
        async with self.sending:
            self.stage.heartbeat.check_not_stalled()
            claim = self.fence.claim_of(batch.partition)
            if claim is None or not self.stage.is_current(batch):
                return None
            changelog, published = await self._publish(batch.partition, events, claim)
        inserted = await self._events.add(rows)
        return self._until_durable(batch.partition, inserted, changelog, published, letters)

    def _decoded(self, batch: Batch) -> tuple[list[dict[str, Any]], list[bytes], list[tuple[bytes, bytes]]]:
        """The events of a batch, their rows for ClickHouse, and dead letters for records that are not events."""
        events, rows, letters = [], [], []
        store_text = self.stage.config.streams.store_text
        for record in batch.records:
            if record.value is None:
                continue
            event, problem = decode(record)
            if event is None:
                letters.append(dead_letter({**position_of(record), "index": 0}, {}, problem))
            else:
                events.append(event)
                rows.append(record.value if store_text else without_text(event))
        return events, rows, letters

    async def _publish(self, partition: int, events: list[dict[str, Any]], claim: Claim) -> tuple[Pending, Pending]:
        states, rows = apply_events(
            events, self.table.store(partition).get, lambda prefix: self.table.scan(partition, prefix)
        )
        new_batch = partial(FencedBatch, claim, self.stage.heartbeat.check_not_stalled)
        changelog = BatchProducer(self.stage.producer, STATE.name, new_batch)
        messages = BatchProducer(self.stage.producer, MESSAGES.name, new_batch)
        for key, value in self.table.put(partition, states):
            changelog.add(partition, key, value)
        for key, row in rows.items():
            messages.add(partition, key, orjson.dumps(row))
        return await changelog.send(), await messages.send()

    async def _until_durable(
        self,
        partition: int,
        inserted: Awaitable[None],
        changelog: Pending,
        published: Pending,
        letters: list[tuple[bytes, bytes]],
    ) -> None:
        """Returns when every effect of a batch is durable; only then is the batch acknowledged."""
        await self._send_letters(letters)
        reached = -1
        for future in changelog:
            sent = await future
            reached = max(reached, sent.offset)
        await wait_until_stored(published)
        await inserted
        if reached >= 0 and self.table.has(partition):
            self.table.reached(partition, reached)

    async def letters(self, batch: Batch) -> Any:
        """Loads a batch of wa.dead: rows to ClickHouse. Returns an awaitable that ends when they are stored."""
        assert self._dead is not None  # noqa: S101  (start)
        rows = []
        for record in batch.records:
            letter = decode_object(record.value)
            if letter is not None and too_long(letter) is None:
                rows.append(orjson.dumps({**letter, "dead_offset": record.offset}))
            elif record.value is not None:
                await self._reject_letter(record.value, None)
        return await self._dead.add(rows)

    async def on_revoked(self) -> None:
        """Before partitions go to another worker: Kafka stores everything that was sent, or the process ends."""
        if self.stage.has_producer:
            try:
                async with asyncio.timeout(self.stage.config.streams.session_seconds / 2), self.sending:
                    await self.stage.producer.flush()
                    if self.fence is not None:
                        self.fence.forget()
            except TimeoutError:
                self.stage.heartbeat.fail_stop("Kafka did not store the last writes before partitions were revoked")


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
    table.on_failure = stage.heartbeat.fail_stop
    table.count = lambda: stage.app.partition_counts[STATE.name]
    table.on_skipped = partial(note_skipped, stage)
    stage.prepare = partial(prepare, stage)
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
