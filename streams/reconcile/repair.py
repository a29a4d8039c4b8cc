"""Publishes again the rows of wa.messages that differ from ClickHouse.

Safe while workers run, because of two rules:

1. The unit's events are sent through wa.events again, as ClickHouse has them (without their text where that is not
   stored). The worker that owns the partition joins them into its state (a join removes nothing, and known events
   change nothing) and publishes the row itself. So a row still has one writer, which never writes an older row over a
   newer one.
2. Rows that differ even then are written from here, because the worker has more events than tables that
   were swapped, or because no event belongs to the row; but only while ClickHouse lacks nothing. A worker may publish
   in between, and our row would be the older one on top. So it is compared again once the workers have processed every
   event that was there after our row: rows that differ are written again, from ClickHouse's rows of that moment, until
   none does. If this process dies before, the row differs, and the next check finds it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson
from aiokafka import AIOKafkaProducer

from schemas.lifecycle import PUBLISHED
from schemas.parsing.json_types import JsonObject
from schemas.settings.config import Config
from schemas.topics import EVENTS, MESSAGES
from streams.load.lifecycle import unit_key
from streams.reconcile import hashes
from streams.reconcile.offsets import wait_for_all_stages
from streams.reconcile.unit_diff import DifferentUnit, UnitDiff
from streams.reconcile.units import UnitKey
from streams.runtime.batch_producer import BatchProducer, wait_until_stored
from streams.runtime.progress import Progress
from streams.runtime.records import partition_of
from streams.runtime.topic_reader import KAFKA_SECONDS, TopicReader, started_producer

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_ROUNDS: Final = 5
_MESSAGES_PER_QUERY: Final = 500
_FORM: Final = {"date_time_output_format": "iso", "output_format_json_quote_64bit_integers": "0"}
_CHOSEN: Final = "source = {source:String} AND message_id IN {ids:Array(String)}"
_EVENTS: Final = f"SELECT * EXCEPT (stored_at) FROM events WHERE {_CHOSEN} ORDER BY received_at, event_id"  # noqa: S608
_ROWS: Final = f"SELECT {', '.join(PUBLISHED)} FROM units WHERE {_CHOSEN}"  # noqa: S608


@dataclass(slots=True)
class Repair:
    """One repair; `unit_diff` compares units again."""

    config: Config
    client: "Client"
    topics: TopicReader
    unit_diff: UnitDiff
    progress: Progress
    spooled: Callable[[], int]

    async def run(self, wrong: Sequence[DifferentUnit], *, complete: bool) -> int:
        """Publishes the rows of these units; returns how many are right then. `complete`: ClickHouse lacks no event.

        Raises KafkaError, OSError, ClickHouseError, and Failure when the load worker makes no progress.
        """
        async with started_producer(self.config.kafka.bootstrap, "ackstream-repair") as producer:
            await self._send_events(producer, [one.key for one in wrong])
            left = await self._still_different(wrong)
            for _ in range(_ROUNDS if complete else 0):
                if not left:
                    break
                await self._send_rows(producer, left)
                left = await self._still_different(left)
        return len(wrong) - len(left)

    async def _still_different(self, wrong: Sequence[DifferentUnit]) -> list[DifferentUnit]:
        """Those that still differ when the workers have processed everything."""
        await wait_for_all_stages(self.topics, self.spooled, self.progress)
        self.unit_diff.messages = await self.topics.whole(MESSAGES)
        keys = {one.key for one in wrong}
        buckets = {hashes.bucket_of(*key[:2]) for key in keys}
        found = await self.unit_diff.rows(buckets) if buckets else []
        return [one for one in found if one.key in keys and one.topic_problem]

    async def _send_events(self, producer: AIOKafkaProducer, keys: Iterable[UnitKey]) -> None:
        batches = BatchProducer(producer, EVENTS.name)
        partitions = len(await producer.partitions_for(EVENTS.name))
        for parameters in _portions(keys):
            for event in await asyncio.to_thread(self._ask, _EVENTS, parameters):
                known = {name: value for name, value in event.items() if value is not None}
                key = orjson.dumps([known["source"], known["message_id"]])
                batches.add(partition_of(key, partitions), key, orjson.dumps(known))
            await _store(batches)

    async def _send_rows(self, producer: AIOKafkaProducer, wrong: Sequence[DifferentUnit]) -> None:
        """Publishes the rows as ClickHouse has them; for a unit that it does not have, a tombstone."""
        batches = BatchProducer(producer, MESSAGES.name)
        partitions = len(await producer.partitions_for(MESSAGES.name))
        rows: dict[UnitKey, bytes] = {}
        for parameters in _portions(one.key for one in wrong):
            for row in await asyncio.to_thread(self._ask, _ROWS, parameters):
                rows[str(row["source"]), str(row["message_id"]), str(row["participant"])] = orjson.dumps(row)
        for number, one in enumerate(wrong, 1):
            home = partition_of(orjson.dumps([one.key[0], one.key[1]]), partitions)
            key, known = unit_key(*one.key), rows.get(one.key)
            for partition in {published.partition for published in one.topic} - {home if known else -1}:
                async with asyncio.timeout(KAFKA_SECONDS):
                    await producer.send_and_wait(MESSAGES.name, None, key=key, partition=partition)
            if known:
                batches.add(home, key, known)
            if number % _MESSAGES_PER_QUERY == 0:
                await _store(batches)
        await _store(batches)

    def _ask(self, statement: str, parameters: dict[str, object]) -> list[JsonObject]:
        lines = self.client.raw_query(statement, parameters=parameters, settings=_FORM, fmt="JSONEachRow")
        return [orjson.loads(line) for line in lines.splitlines()]


async def _store(batches: BatchProducer) -> None:
    """Returns when Kafka has stored what was added. Raises KafkaError, and TimeoutError when it does not answer."""
    async with asyncio.timeout(KAFKA_SECONDS):
        await wait_until_stored(await batches.send())


def _portions(keys: Iterable[UnitKey]) -> Iterator[dict[str, object]]:
    """The messages of these units as parameters of queries, _MESSAGES_PER_QUERY of one source each."""
    by_source: dict[str, set[str]] = defaultdict(set)
    for source, message_id, _ in keys:
        by_source[source].add(message_id)
    for source, ids in by_source.items():
        chosen = sorted(ids)
        for first in range(0, len(chosen), _MESSAGES_PER_QUERY):
            yield {"source": source, "ids": chosen[first : first + _MESSAGES_PER_QUERY]}
