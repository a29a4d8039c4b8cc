"""Samples of the pipeline for dashboards: Kafka's lag, the oldest unfinished record, the answers of ingest.

Every 10 s one block of rows (at, name, part, source, value) goes into `samples`. An unreachable part gives no samples:
without Kafka there is no lag, instead of a lag of 0. Only an unreachable ingest gives a sample, store_up = 0. What
ingest counted while this process did not run is in the metrics of ingest alone.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
import orjson
from aiokafka.errors import KafkaError

from schemas.parsing.times import to_iso
from schemas.process.logs import get_logger
from schemas.settings.config import Config
from schemas.tables import INSERT_SETTINGS, SAMPLES
from streams.analytics.scrape import Reading, increases, read
from streams.runtime.clickhouse import CLICKHOUSE_ERRORS, describe
from streams.runtime.lag import Lags

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

log = get_logger("samples")

SAMPLE_SECONDS = 10.0
_KAFKA_SECONDS = 9.0  # the oldest record of a stage may take 5 of them
_INGEST_SECONDS = 5.0
DAY_SECONDS = 86_400


@dataclass(slots=True, frozen=True)
class Sample:
    """One number. `part` = a stage or an outcome, `source` = a configured source; "" where there is none."""

    name: str
    value: float
    part: str = ""
    source: str = ""


async def run(config: Config, connect: Callable[[], "Client"]) -> None:
    """Takes and stores samples until cancelled; `connect` opens a client, a new one after each error."""
    sampler = Sampler(config)
    client: Client | None = None
    problem: str | None = None
    try:
        while True:
            began = time.monotonic()
            samples = await sampler.take()
            try:
                if client is None:
                    client = await asyncio.to_thread(connect)
                await asyncio.to_thread(store, client, samples)
            except CLICKHOUSE_ERRORS as error:
                client, before, problem = None, problem, describe(error)
                if problem != before:  # one line, however long it lasts
                    log.warning("samples_not_stored", error=problem, retry_seconds=SAMPLE_SECONDS)
            else:
                sampler.stored()
                problem = None
            await asyncio.sleep(max(began + SAMPLE_SECONDS - time.monotonic(), 0.0))
    finally:
        await sampler.close()


def store(client: "Client", samples: list[Sample]) -> None:
    """Inserts samples with the present time. Raises CLICKHOUSE_ERRORS."""
    at = to_iso(time.time_ns() // 1_000_000)
    rows = [
        {"at": at, "name": each.name, "part": each.part, "source": each.source, "value": each.value} for each in samples
    ]
    if rows:
        block = b"\n".join(map(orjson.dumps, rows))
        client.raw_insert(SAMPLES, insert_block=block, fmt="JSONEachRow", settings=INSERT_SETTINGS)


class Sampler:
    """Measures Kafka and ingest; keeps the counters of ingest at the last stored samples."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lags: Lags | None = None
        self._before: tuple[float, Reading] | None = None
        self._now: tuple[float, Reading] | None = None

    async def take(self) -> list[Sample]:
        """The samples of this moment; parts that do not answer give none, and raise nothing."""
        found = await asyncio.gather(self._kafka(), self._ingest())
        return [sample for part in found for sample in part]

    def stored(self) -> None:
        """The samples of the last `take` are in the table: the next increases are counted from them."""
        if self._now is not None:
            self._before = self._now

    async def close(self) -> None:
        """Closes the connections to Kafka."""
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
        for stage, lag in behind.items():
            if lag is not None:
                samples.append(Sample("lag_records", lag.records, stage))
                samples.append(Sample("deleted_unread_records", lag.deleted, stage))
                if lag.oldest_seconds is not None:
                    samples.append(Sample("oldest_unfinished_seconds", lag.oldest_seconds, stage))
                    if (kept := self._config.kafka.retention_days * DAY_SECONDS) > 0:
                        samples.append(Sample("retention_used", lag.oldest_seconds / kept, stage))
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
