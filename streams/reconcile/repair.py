"""Publishes again the rows of wa.messages that differ from ClickHouse's. IO: Kafka and ClickHouse.

Safe while workers run, because of two rules:

1. The unit's events go through wa.events once more, as ClickHouse has them (without their text where that is not
   stored). The worker that owns the partition joins them into what it knows (a join takes nothing away, and what it
   knows already changes nothing) and publishes the row itself: so a row still has one writer, and that one never
   writes an older row over a newer one.
2. What differs even then, because the worker knows more than the tables that were exchanged, or a row that no event
   stands behind, is written from here; only while nothing is missing in ClickHouse. A worker may publish in between,
   and our row would be the older one on top. So it is looked at again once the workers have done with every event that
   was there after our row: whatever differs then is written again, from what ClickHouse says then, until nothing does.
   If this process dies before, the row differs, and the next check says so.
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
from streams.reconcile.unit_diff import Compared, Differing
from streams.reconcile.units import Key
from streams.runtime.batch_producer import BatchProducer, wait_until_stored
from streams.runtime.progress import Progress
from streams.runtime.records import partition_of
from streams.runtime.topic_reader import KAFKA_SECONDS, TopicReader, started_producer

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_ROUNDS: Final = 5
_AT_A_TIME: Final = 500  # messages in one question
_FORM: Final = {"date_time_output_format": "iso", "output_format_json_quote_64bit_integers": "0"}
_THESE: Final = "source = {source:String} AND message_id IN {ids:Array(String)}"
_EVENTS: Final = f"SELECT * EXCEPT (stored_at) FROM events WHERE {_THESE} ORDER BY received_at, event_id"  # noqa: S608
_ROWS: Final = f"SELECT {', '.join(PUBLISHED)} FROM units WHERE {_THESE}"  # noqa: S608


@dataclass(slots=True)
class Repair:
    """One repair; `compared` knows how to look at units again."""

    config: Config
    client: "Client"
    topics: TopicReader
    compared: Compared
    progress: Progress
    spooled: Callable[[], int]

    async def run(self, wrong: Sequence[Differing], *, complete: bool) -> int:
        """Mends units whose row wa.messages lacks: how many are right now. `complete`: ClickHouse lacks no event.

        Raises KafkaError, OSError, ClickHouseError, and Failure when the load worker makes no progress.
        """
        async with started_producer(self.config.kafka.bootstrap, "ackstream-repair") as producer:
            await self._send_events(producer, [one.key for one in wrong])
            left = await self._still(wrong)
            for _ in range(_ROUNDS if complete else 0):
                if not left:
                    break
                await self._send_rows(producer, left)
                left = await self._still(left)
        return len(wrong) - len(left)

    async def _still(self, wrong: Sequence[Differing]) -> list[Differing]:
        """Those that still differ when the workers have done with everything."""
        await wait_for_all_stages(self.topics, self.spooled, self.progress)
        self.compared.messages = await self.topics.whole(MESSAGES)
        keys = {one.key for one in wrong}
        buckets = {hashes.bucket_of(*key[:2]) for key in keys}
        found = await self.compared.rows(buckets) if buckets else []
        return [one for one in found if one.key in keys and one.topic_problem]

    async def _send_events(self, producer: AIOKafkaProducer, keys: Iterable[Key]) -> None:
        batches = BatchProducer(producer, EVENTS.name)
        partitions = len(await producer.partitions_for(EVENTS.name))
        for bound in _portions(keys):
            for event in await asyncio.to_thread(self._ask, _EVENTS, bound):
                known = {name: value for name, value in event.items() if value is not None}
                key = orjson.dumps([known["source"], known["message_id"]])
                batches.add(partition_of(key, partitions), key, orjson.dumps(known))
            await _store(batches)

    async def _send_rows(self, producer: AIOKafkaProducer, wrong: Sequence[Differing]) -> None:
        """Publishes the rows as ClickHouse has them; for a unit that it does not have, a tombstone."""
        batches = BatchProducer(producer, MESSAGES.name)
        partitions = len(await producer.partitions_for(MESSAGES.name))
        rows: dict[Key, bytes] = {}
        for bound in _portions(one.key for one in wrong):
            for row in await asyncio.to_thread(self._ask, _ROWS, bound):
                rows[str(row["source"]), str(row["message_id"]), str(row["participant"])] = orjson.dumps(row)
        for number, one in enumerate(wrong, 1):
            home = partition_of(orjson.dumps([one.key[0], one.key[1]]), partitions)
            key, known = unit_key(*one.key), rows.get(one.key)
            for partition in {published.partition for published in one.topic} - {home if known else -1}:
                async with asyncio.timeout(KAFKA_SECONDS):
                    await producer.send_and_wait(MESSAGES.name, None, key=key, partition=partition)
            if known:
                batches.add(home, key, known)
            if number % _AT_A_TIME == 0:
                await _store(batches)
        await _store(batches)

    def _ask(self, statement: str, bound: dict[str, object]) -> list[JsonObject]:
        lines = self.client.raw_query(statement, parameters=bound, settings=_FORM, fmt="JSONEachRow")
        return [orjson.loads(line) for line in lines.splitlines()]


async def _store(batches: BatchProducer) -> None:
    """Returns when Kafka has stored what was added. Raises KafkaError, and TimeoutError when it does not answer."""
    async with asyncio.timeout(KAFKA_SECONDS):
        await wait_until_stored(await batches.send())


def _portions(keys: Iterable[Key]) -> Iterator[dict[str, object]]:
    """The messages of these units as parameters of questions, _AT_A_TIME of one source each."""
    by_source: dict[str, set[str]] = defaultdict(set)
    for source, message_id, _ in keys:
        by_source[source].add(message_id)
    for source, ids in by_source.items():
        chosen = sorted(ids)
        for first in range(0, len(chosen), _AT_A_TIME):
            yield {"source": source, "ids": chosen[first : first + _AT_A_TIME]}
