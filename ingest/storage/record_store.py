"""Stores records in `wa.raw` for as long as the process lives, whatever Kafka does meanwhile. IO.

Owns the link to Kafka: connects when Kafka appears, replaces a producer that failed or got stuck, and knows whether a
record could be stored right now.
"""

import asyncio
import logging
from contextlib import suppress
from time import monotonic

from aiokafka.errors import KafkaError

from ingest.metrics import Metrics
from ingest.storage.batches import Batches
from ingest.storage.memory_budget import Budget
from ingest.storage.producer import Link, TopicMissingError
from ingest.storage.record import RecordHeaders
from schemas.topics import RAW

log = logging.getLogger("ackstream.ingest.store")

TICK_SECONDS = 0.5
# A start of the broker takes about 4 s on two cores: asking more often gains nothing, less often is noticed.
RECONNECT_SECONDS = 1.0
# A producer recovers from anything a broker does within its request timeout (10 s, see producer.py) and the
# reconnection after it; one that owes an answer for longer is replaced as soon as a new one can connect.
STUCK_SECONDS = 30.0
# Nothing answered for this long while something is on its way: not ready.
SLOW_SECONDS = 2.0
READY_CACHE_SECONDS = 1.0


class Store:
    """`start`, any number of `put`, `stop`. `put` and `ready` may be called before Kafka is there."""

    def __init__(
        self, bootstrap: str, client_id: str, budget: Budget, answer_within: float, metrics: Metrics, *, spooling: bool
    ) -> None:
        """`spooling`: there is another place for records, so none waits for a Kafka that is away."""
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._answer_within = answer_within
        self._budget = budget
        self._metrics = metrics
        self._spooling = spooling
        self.refusals = 0  # writes that Kafka answered with an error
        self._link: Link | None = None
        self._batches = Batches(lambda: self._link, budget, answer_within, self)
        self._keeper: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._told = ""
        self._probe: asyncio.Task[bool] | None = None
        self._probed_at = -READY_CACHE_SECONDS
        self._ready = False

    def start(self) -> None:
        """Begins to connect; returns at once."""
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def stop(self, seconds: float) -> bool:
        """Stores what was taken, for at most `seconds`, and closes. True when nothing had to be given up."""
        complete = await self._batches.drain(seconds)
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        if self._link is not None:
            await self._link.close()
        if self._retiring:
            await asyncio.wait(self._retiring)
        self._metrics.store_up.set(0)
        self._metrics.in_flight.set(0)
        return complete

    def put(self, value: bytes, headers: RecordHeaders, timestamp_ms: int, charge: int) -> asyncio.Future[bool] | None:
        """Takes a record; the future is True once all in-sync replicas have it, False when that took too long.

        None: Kafka is away, nothing was taken and `charge` is still the caller's. The future is answered within
        `answer_within` seconds; `charge` goes back to the budget when Kafka has answered, which may be later.
        """
        if self._batches.stalled_seconds > self._answer_within or (self._spooling and not self.flowing):
            return None
        return self._batches.put(value, headers, timestamp_ms, charge)

    def offer(self, value: bytes, headers: RecordHeaders, timestamp_ms: int) -> asyncio.Future[bool] | None:
        """Takes a record of the spool, if there is memory for it; see `put`."""
        if not self._budget.take(len(value)):
            return None
        waiter = self.put(value, headers, timestamp_ms, len(value))
        if waiter is None:
            self._budget.give(len(value))
        return waiter

    async def ready(self) -> bool:
        """Whether Kafka could store right now; asked at most once in READY_CACHE_SECONDS."""
        if self._probe is None and monotonic() - self._probed_at >= READY_CACHE_SECONDS:
            self._probe = asyncio.get_running_loop().create_task(self._ask())
        if self._probe is not None:
            await asyncio.shield(self._probe)
        return self._ready and self.flowing

    def stored(self, records: int, late: bool) -> None:
        """Told by Batches."""
        (self._metrics.late if late else self._metrics.stored).inc(records)

    def failed(self, error: Exception) -> None:
        """Told by Batches."""
        self.refusals += 1
        self._metrics.kafka_errors.labels(type(error).__name__).inc()
        log.warning("write_failed error=%s: the connection to Kafka is renewed", type(error).__name__)

    @property
    def flowing(self) -> bool:
        """Whether Kafka takes records, as far as is known without asking it."""
        return self._link is not None and not self._link.broken and self._batches.stalled_seconds < SLOW_SECONDS

    async def _ask(self) -> bool:
        try:
            link = self._link
            self._ready = link is not None and self.flowing and await link.probe()
            return self._ready
        finally:
            self._probed_at = monotonic()
            self._probe = None

    async def _keep(self) -> None:
        """Sees to it that there is a link that works, for ever."""
        while True:
            link = self._link
            if link is None or link.broken or self._batches.stalled_seconds > STUCK_SECONDS:
                await self._connect()
            elif self._batches.starved:
                link.refresh()
            self._batches.pump()
            self._tell()
            await asyncio.sleep(TICK_SECONDS)

    async def _connect(self) -> None:
        try:
            fresh = await Link.open(self._bootstrap, self._client_id)
        except (KafkaError, OSError, TimeoutError, TopicMissingError) as error:
            self._metrics.kafka_errors.labels(type(error).__name__).inc()
            self._tell(error)
            await asyncio.sleep(RECONNECT_SECONDS - TICK_SECONDS)
            return
        old, self._link = self._link, fresh
        if old is not None:
            task = asyncio.get_running_loop().create_task(old.retire(STUCK_SECONDS))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    def _tell(self, error: Exception | None = None) -> None:
        """Says in log and metrics when storing begins or ceases to work, or ceases for another reason."""
        self._metrics.in_flight.set(self._budget.used)
        up = self.flowing
        self._metrics.store_up.set(int(up))
        if up:
            now = "store_up"
        elif isinstance(error, TopicMissingError):
            now = f"store_down: the topic {RAW.name} does not exist: run `ackstream up`"
        else:
            instead = "spooled" if self._spooling else "answered 503"
            now = f"store_down: Kafka does not acknowledge; bodies are {instead} until it does"
        if now != self._told:
            self._told = now
            log.log(logging.INFO if up else logging.WARNING, "%s (kafka.bootstrap = %s)", now, self._bootstrap)
