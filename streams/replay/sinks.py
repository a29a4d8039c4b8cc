"""Where a replay's records go: once more into the streams, or straight into the tables of a database. IO.

Either way what comes out is a function of the record alone, so a record that is taken twice changes nothing.
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
from streams.normalise.worker import Normaliser
from streams.runtime.batch_producer import wait_until_stored
from streams.runtime.records import dead_letter_record, position_of
from streams.runtime.retries import Report
from streams.runtime.topic_reader import KAFKA_SECONDS, KafkaRecord, started_producer

# A replay ends when every INSERT has failed for this long.
CLICKHOUSE_SECONDS = 45.0
# In the database of a shadow: the bodies that its replay has read.
REPLAYED = "replayed"


class Sink(Protocol):
    """Takes records; an async context manager."""

    @property
    def events(self) -> int:
        """How many events the records held."""

    @property
    def dead(self) -> int:
        """How many dead letters."""

    @property
    def is_full(self) -> bool:
        """Whether it is time to flush."""

    def take(self, record: KafkaRecord) -> None:
        """Takes a record; nothing is durable yet."""

    async def flush(self) -> None:
        """Returns when everything that was taken is durable."""


class ToStreams:
    """Raw records become events on wa.events and dead letters on wa.dead, for the load workers."""

    is_full = True

    def __init__(self, config: Config) -> None:
        self._config = config
        self._normaliser: Normaliser
        self._closing = AsyncExitStack()

    @property
    def events(self) -> int:
        return self._normaliser.events

    @property
    def dead(self) -> int:
        return self._normaliser.dead

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            producer = await stack.enter_async_context(
                started_producer(self._config.kafka.bootstrap, "ackstream-replay")
            )
            self._normaliser = Normaliser(producer, len(await producer.partitions_for(EVENTS.name)), self._config)
            self._closing = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._closing.aclose()

    def take(self, record: KafkaRecord) -> None:
        self._normaliser.take(record)

    async def flush(self) -> None:
        async with asyncio.timeout(KAFKA_SECONDS):
            await wait_until_stored(await self._normaliser.send())


class ToTables:
    """Raw records or events become rows of the settings' database; neither a topic nor another table is written to.

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
        self._letters: list[bytes] = []
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
        return len(self._rows) >= self._config.streams.insert_rows or self._size >= MAX_BYTES

    def take(self, record: KafkaRecord) -> None:
        if record.topic == EVENTS.name:
            self._take_event(record)
            return
        events, letters = parse_record(record, self._config, self._formats)
        for event in events:
            self._add(event.value, event.fields)
        self._letters.extend(dead_letter_record(letter)[1] for letter in letters)
        self.dead += len(letters)
        if self._replayed is not None:
            self._bodies.update(letter["request_id"] for letter in letters)

    def _take_event(self, record: KafkaRecord) -> None:
        if record.value is None:
            return
        event, problem = decode(record)
        if event is not None:
            self._add(record.value, event)
            return
        self._bury({**position_of(record), "index": 0}, {}, problem)

    def _add(self, value: bytes, event: dict[str, Any]) -> None:
        row = value if self._config.streams.store_text else without_text(event)
        self._rows.append(row)
        if self._replayed is not None:
            self._bodies.add(event["request_id"])
        self._size += len(row)
        self.events += 1

    def _bury(self, place: dict[str, Any], event: dict[str, Any], why: str) -> None:
        self._letters.append(dead_letter(place, event, why)[1])
        self.dead += 1

    async def _refuse(self, row: bytes, code: int | None) -> None:
        event = orjson.loads(row)
        self.events -= 1
        self._bury(event["raw"], event, f"ClickHouse cannot read the event: code {code}")

    async def _refuse_other(self, row: bytes, code: int | None) -> None:
        raise AssertionError(f"ClickHouse cannot read a row of our own making: code {code}, {len(row)} bytes")

    async def flush(self) -> None:
        rows, self._rows, self._size = self._rows, [], 0
        await self._insert(EVENT_LOG, rows, self._refuse)
        letters, self._letters = self._letters, []
        await self._insert(DEAD_LETTER_LOG, letters, self._refuse_other)
        bodies, self._bodies = self._bodies, set()
        if self._replayed is not None:  # last: what is noted is in the tables
            noted = [orjson.dumps({"request_id": body}) for body in bodies - {""}]
            await self._insert(self._replayed, noted, self._refuse_other)

    async def _insert(self, table: str, rows: list[bytes], refuse: Any) -> None:
        async def ready() -> None:
            """The tables were there at the start."""

        await (await ClickHouseWriter(self._client, table, 1, 1.0, refuse, ready, self._report).add(rows))

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
