"""The sinks of a replay: the streams again, or directly the tables of a database.

Either way the result is a function of the record alone, so a record that is added twice changes nothing.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any, Protocol, Self

import orjson
from clickhouse_connect import get_async_client

from schemas.errors import Failure
from schemas.providers import registry
from schemas.settings.config import Config
from schemas.tables import DEAD_LETTER_LOG, EVENT_LOG
from schemas.topics import EVENTS
from streams.load.clickhouse_writer import MAX_BYTES, ClickHouseWriter
from streams.load.decode import decode
from streams.load.worker import dead_letter, without_text
from streams.normalise.parse import parse_record
from streams.normalise.worker import Normaliser, count_partitions
from streams.runtime.batch_producer import wait_until_stored
from streams.runtime.records import dead_letter_record, position_of
from streams.runtime.retries import Report
from streams.runtime.topic_reader import KAFKA_SECONDS, KafkaRecord, started_producer

# A replay ends when every INSERT has failed for this long.
CLICKHOUSE_SECONDS = 45.0
# In the database of a shadow: the bodies that its replay has read.
REPLAYED = "replayed"


class Sink(Protocol):
    """Stores records; an async context manager."""

    @property
    def events(self) -> int:
        """How many events the records held."""

    @property
    def dead(self) -> int:
        """How many dead letters they became."""

    @property
    def is_full(self) -> bool:
        """Whether it is time to flush."""

    def add(self, record: KafkaRecord) -> None:
        """Adds a record; nothing is durable yet."""

    async def flush(self) -> None:
        """Returns when everything that was added is durable."""


class ToStreams:
    """Parses raw records into events on wa.events and dead letters on wa.dead, for the load workers."""

    is_full = True

    def __init__(self, config: Config) -> None:
        self._config = config
        self._normaliser: Normaliser
        self._closing = AsyncExitStack()

    @property
    def events(self) -> int:
        """How many events the records held."""
        return self._normaliser.events

    @property
    def dead(self) -> int:
        """How many dead letters they became."""
        return self._normaliser.dead

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            producer = await stack.enter_async_context(
                started_producer(self._config.kafka.bootstrap, "ackstream-replay")
            )
            self._normaliser = Normaliser(producer, await count_partitions(producer), self._config)
            self._closing = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._closing.aclose()

    def add(self, record: KafkaRecord) -> None:
        """Parses a raw record."""
        self._normaliser.take(record)

    async def flush(self) -> None:
        """Returns when Kafka has stored everything. Raises KafkaError and TimeoutError."""
        async with asyncio.timeout(KAFKA_SECONDS):
            await wait_until_stored(await self._normaliser.send())


class ToTables:
    """Turns raw records or events into rows of the settings' database; no topic and no other table is written.

    `replayed`: the name of a table, `database.table`, that gets the request_id of every body once its rows are in. A
    ClickHouse that does not answer is tried again for `give_up_seconds`; `on_state` gets the reason, or None once it
    answers.
    """

    def __init__(
        self,
        config: Config,
        replayed: str | None,
        on_state: Report = lambda _: None,
        give_up_seconds: float = CLICKHOUSE_SECONDS,
    ) -> None:
        self._config = config
        self._formats = registry.load(config)
        self._replayed = replayed
        self._on_state = on_state
        self._give_up_seconds = give_up_seconds
        self._failing_since: float | None = None
        self._rows: list[bytes] = []
        self._dead_letters: list[bytes] = []
        self._bodies: set[str] = set()
        self._size = 0
        self._client: Any = None
        self.events = 0
        self.dead = 0

    async def __aenter__(self) -> Self:
        self._client = await get_async_client(**self._config.clickhouse.client_options())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    @property
    def is_full(self) -> bool:
        """Whether there are rows for an INSERT."""
        return len(self._rows) >= self._config.streams.insert_rows or self._size >= MAX_BYTES

    def add(self, record: KafkaRecord) -> None:
        """Adds the rows of a raw record or of an event."""
        if record.topic == EVENTS.name:
            self._add_event_record(record)
            return
        events, dead_letters = parse_record(record, self._config, self._formats)
        for event in events:
            self._add_event(event.value, event.fields)
        self._dead_letters.extend(dead_letter_record(one)[1] for one in dead_letters)
        self.dead += len(dead_letters)
        if self._replayed is not None:
            self._bodies.update(one["request_id"] for one in dead_letters)

    def _add_event_record(self, record: KafkaRecord) -> None:
        if record.value is None:
            return
        event, problem = decode(record)
        if event is not None:
            self._add_event(record.value, event)
            return
        self._add_dead_letter({**position_of(record), "index": 0}, {}, problem)

    def _add_event(self, value: bytes, event: dict[str, Any]) -> None:
        row = value if self._config.streams.store_text else without_text(event)
        self._rows.append(row)
        if self._replayed is not None:
            self._bodies.add(event["request_id"])
        self._size += len(row)
        self.events += 1

    def _add_dead_letter(self, position: dict[str, Any], event: dict[str, Any], reason: str) -> None:
        self._dead_letters.append(dead_letter(position, event, reason)[1])
        self.dead += 1

    async def _reject(self, row: bytes, code: int | None) -> None:
        event = orjson.loads(row)
        self.events -= 1
        self._add_dead_letter(event["raw"], event, f"ClickHouse cannot read the event: code {code}")

    async def _reject_own_row(self, row: bytes, code: int | None) -> None:
        raise AssertionError(f"ClickHouse cannot read one of our own rows: code {code}, {len(row)} bytes")

    async def flush(self) -> None:
        """Returns when ClickHouse has everything. Raises Failure when it stays unavailable."""
        rows, self._rows, self._size = self._rows, [], 0
        await self._insert(EVENT_LOG, rows, self._reject)
        dead_letters, self._dead_letters = self._dead_letters, []
        await self._insert(DEAD_LETTER_LOG, dead_letters, self._reject_own_row)
        bodies, self._bodies = self._bodies, set()
        if self._replayed is not None:  # last, so that the rows of every noted body are in the tables
            noted = [orjson.dumps({"request_id": body}) for body in bodies - {""}]
            await self._insert(self._replayed, noted, self._reject_own_row)

    async def _insert(self, table: str, rows: list[bytes], reject: Any) -> None:
        async def ready() -> None:
            """Nothing to wait for: the tables existed at the start."""

        await (await ClickHouseWriter(self._client, table, 1, 1.0, reject, ready, self._report).add(rows))

    def _report(self, trouble: str | None) -> None:
        """Passes on whether rows can be inserted. Raises Failure when that has failed for too long."""
        self._on_state(trouble)
        now = time.monotonic()
        if trouble is None:
            self._failing_since = None
        elif self._failing_since is None:
            self._failing_since = now
        elif now - self._failing_since > self._give_up_seconds:
            raise Failure(f"{trouble}: see `make status`, then run the same command again: it continues where it was")
