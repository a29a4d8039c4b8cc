"""Samples of the pipeline for dashboards: Kafka's lag, the oldest unfinished record, what ingest answered. IO.

Every 10 s one block of rows (at, name, part, source, value) goes into `samples`. What cannot be asked is not claimed:
while Kafka is away there is no lag, not a lag of 0. Only that ingest is away is a sample of its own, store_up = 0.
What ingest counted while this process was away is in its metrics alone.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
import orjson
from aiokafka.errors import KafkaError

from schemas.parsing.times import to_iso
from schemas.settings.config import Config
from schemas.tables import INSERT_SETTINGS, SAMPLES
from streams.analytics.scrape import Reading, increases, read
from streams.runtime.clickhouse import CLICKHOUSE_ERRORS
from streams.runtime.lag import Lags

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

log = logging.getLogger("ackstream.samples")

SAMPLE_SECONDS = 10.0
_KAFKA_SECONDS = 9.0  # the oldest record of a stage may take 5 of them
_INGEST_SECONDS = 5.0


@dataclass(slots=True, frozen=True)
class Sample:
    """One number; `part` is a stage or an outcome, `source` a configured source, "" where there is none."""

    name: str
    value: float
    part: str = ""
    source: str = ""


async def run(config: Config, connect: Callable[[], "Client"], stop: asyncio.Event) -> None:
    """Takes and stores samples until `stop` is set; what is away is tried again. `connect` opens a client for it."""
    sampler = Sampler(config)
    client: Client | None = None
    trouble: str | None = None
    try:
        while not stop.is_set():
            began = time.monotonic()
            samples = await sampler.take()
            try:
                if client is None:
                    client = await asyncio.to_thread(connect)
                await asyncio.to_thread(store, client, samples)
            except CLICKHOUSE_ERRORS as error:
                client, trouble = None, _told(trouble, type(error).__name__)
            else:
                sampler.stored()
                trouble = None
            await _pause(stop, began + SAMPLE_SECONDS - time.monotonic())
    finally:
        await sampler.close()


def store(client: "Client", samples: list[Sample]) -> None:
    """Inserts samples as those of now. Raises what is in CLICKHOUSE_ERRORS."""
    at = to_iso(time.time_ns() // 1_000_000)
    rows = [
        {"at": at, "name": each.name, "part": each.part, "source": each.source, "value": each.value} for each in samples
    ]
    if rows:
        block = b"\n".join(map(orjson.dumps, rows))
        client.raw_insert(SAMPLES, insert_block=block, fmt="JSONEachRow", settings=INSERT_SETTINGS)


class Sampler:
    """Looks at Kafka and at ingest, and remembers what ingest's counters stood at in the last stored sample."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lags: Lags | None = None
        self._before: tuple[float, Reading] | None = None
        self._now: tuple[float, Reading] | None = None

    async def take(self) -> list[Sample]:
        """Everything that can be told now; never raises for what is away."""
        found = await asyncio.gather(self._kafka(), self._ingest())
        return [sample for part in found for sample in part]

    def stored(self) -> None:
        """The samples of the last `take` are in the table: the next increases start from them."""
        if self._now is not None:
            self._before = self._now

    async def close(self) -> None:
        """Ends the connections to Kafka."""
        lags, self._lags = self._lags, None
        if lags is not None:
            await lags.close()

    async def _kafka(self) -> list[Sample]:
        try:
            async with asyncio.timeout(_KAFKA_SECONDS):
                if self._lags is None:
                    self._lags = Lags(self._config.kafka.bootstrap)
                    await self._lags.open()
                behind = await self._lags.behind()
        except (KafkaError, OSError, TimeoutError):
            await self.close()
            return []
        samples = []
        for stage, told in behind.items():
            if told is not None:
                samples.append(Sample("lag_records", told.records, stage))
                if told.oldest_seconds is not None:
                    samples.append(Sample("oldest_unfinished_seconds", told.oldest_seconds, stage))
        return samples

    async def _ingest(self) -> list[Sample]:
        self._now = None
        try:
            text = await _metrics(f"{self._config.ingest.url}/metrics")
            reading = read(text, self._config.sources)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return [Sample("store_up", 0.0)]
        self._now = time.monotonic(), reading
        samples = [Sample(name, value, part, source) for (name, part, source), value in reading.gauges.items()]
        if self._before is not None:
            since, before = self._before
            samples.append(Sample("sample_seconds", self._now[0] - since))
            grown = increases(before, reading)
            samples += [Sample(name, value, part, source) for (name, part, source), value in grown.items()]
        return samples


async def _metrics(url: str) -> str:
    timeout = aiohttp.ClientTimeout(total=_INGEST_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session, session.get(url) as response:
        return await response.text()


def _told(before: str | None, now: str) -> str:
    """Says what is wrong once, however long it lasts."""
    if before != now:
        log.warning("samples cannot be stored in ClickHouse (%s): trying again every %.0f s", now, SAMPLE_SECONDS)
    return now


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await stop.wait()
    except TimeoutError:
        return
