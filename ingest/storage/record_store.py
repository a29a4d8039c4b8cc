"""Stores records in `wa.raw` while the process lives, through all restarts and failures of Kafka.

Owns the connection to Kafka: connects when Kafka appears, replaces a producer that failed or got stuck, and knows
whether a record could be stored right now.
"""

import asyncio
from time import monotonic

from aiokafka.errors import KafkaError

from ingest.metrics import Metrics
from ingest.storage.batch_producer import BatchProducer
from ingest.storage.memory_budget import MemoryBudget
from ingest.storage.producer_session import ProducerSession, TopicMissingError
from ingest.storage.record import RecordHeaders
from schemas.process.backoff import Backoff
from schemas.process.logs import get_logger
from schemas.process.tasks import Tasks
from schemas.topics import RAW

log = get_logger("ingest.store")

TICK_SECONDS = 0.5
# A start of the broker takes about 4 s on two cores: connecting more often gains nothing, less often is noticed.
RECONNECT_SECONDS = 1.0
# A producer recovers from anything a broker does within its request timeout (10 s, see producer_session.py) and the
# reconnection after it; one without an answer for longer is replaced as soon as a new one can connect.
STUCK_SECONDS = 30.0
# No answer for this long while a batch is in flight: not ready.
SLOW_SECONDS = 2.0
READY_CACHE_SECONDS = 1.0


class RecordStore:
    """`start`, any number of `put`, `stop`. `put` and `ready` may be called before Kafka is available."""

    def __init__(
        self,
        bootstrap: str,
        client_id: str,
        budget: MemoryBudget,
        answer_within: float,
        metrics: Metrics,
        tasks: Tasks,
        *,
        spooling: bool,
    ) -> None:
        """`spooling`: records can be stored elsewhere, so `put` takes none while Kafka is known to be unavailable."""
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._answer_within = answer_within
        self._budget = budget
        self._metrics = metrics
        self._tasks = tasks
        self._spooling = spooling
        self.refusals = 0  # writes that Kafka answered with an error
        self._session: ProducerSession | None = None
        self._batches = BatchProducer(lambda: self._session, budget, answer_within, self, tasks)
        self._connection: asyncio.Task[None] | None = None
        self._reconnect = Backoff(TICK_SECONDS, RECONNECT_SECONDS)
        self._connect_error: Exception | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._reported: tuple[str, str] | None = None
        self._probe: asyncio.Task[None] | None = None
        self._probed_at = -READY_CACHE_SECONDS
        self._ready = False

    def start(self) -> None:
        """Begins to connect; returns at once."""
        self._connection = self._tasks.start("kafka connection", self._keep_connected())

    async def stop(self, seconds: float) -> bool:
        """Stores what was taken, for at most `seconds`, and closes. True when nothing had to be dropped."""
        complete = await self._batches.drain(seconds)
        if self._connection is not None:
            await self._tasks.stop(self._connection)
        if self._session is not None:
            await self._session.close()
        if self._closing:
            await asyncio.wait(self._closing)
        self._metrics.store_up.set(0)
        self._metrics.in_flight.set(0)
        return complete

    def put(self, value: bytes, headers: RecordHeaders, timestamp_ms: int, charge: int) -> asyncio.Future[bool] | None:
        """Takes a record; the future is True once all in-sync replicas have it, False when that took too long.

        None: Kafka is unavailable, nothing was taken and `charge` is still the caller's. The future is set within
        `answer_within` seconds; `charge` returns to the budget when Kafka has answered, which may be later.
        """
        if self._batches.stalled_seconds > self._answer_within or (self._spooling and not self.flowing):
            return None
        return self._batches.put(value, headers, timestamp_ms, charge)

    def offer(self, value: bytes, headers: RecordHeaders, timestamp_ms: int) -> asyncio.Future[bool] | None:
        """Takes a record of the spool, if it fits into the memory budget; see `put`."""
        if not self._budget.take(len(value)):
            return None
        waiter = self.put(value, headers, timestamp_ms, len(value))
        if waiter is None:
            self._budget.give(len(value))
        return waiter

    async def ready(self) -> bool:
        """Whether Kafka could store right now; asks Kafka at most once in READY_CACHE_SECONDS."""
        if self._probe is None and monotonic() - self._probed_at >= READY_CACHE_SECONDS:
            self._probe = self._tasks.start("kafka probe", self._ask(), endless=False)
        if self._probe is not None:
            await asyncio.wait([self._probe])
        return self._ready and self.flowing

    def on_stored(self, records: int, late: bool) -> None:
        """Counts a stored batch; called by the batch producer."""
        (self._metrics.late if late else self._metrics.stored).inc(records)

    def on_failed(self, error: Exception) -> None:
        """Counts a refused batch; called by the batch producer."""
        self.refusals += 1
        self._metrics.kafka_errors.labels(type(error).__name__).inc()
        log.warning("write_failed", error=type(error).__name__, reason="the connection to Kafka is renewed")

    @property
    def flowing(self) -> bool:
        """Whether Kafka takes records, by the last known state; sends no request."""
        return self._session is not None and not self._session.broken and self._batches.stalled_seconds < SLOW_SECONDS

    async def _ask(self) -> None:
        self._ready = False
        try:
            session = self._session
            self._ready = session is not None and self.flowing and await session.probe()
        finally:
            self._probed_at = monotonic()
            self._probe = None

    async def _keep_connected(self) -> None:
        while True:
            session = self._session
            pause = TICK_SECONDS
            if session is None or session.broken or self._batches.stalled_seconds > STUCK_SECONDS:
                pause = await self._connect()
            elif self._batches.starved:
                session.refresh_leaders()
            self._batches.pump()
            self._report()
            await asyncio.sleep(pause)

    async def _connect(self) -> float:
        """Opens a session in place of the present one; the pause before the next step, in seconds."""
        try:
            session = await ProducerSession.open(self._bootstrap, self._client_id)
        except (KafkaError, OSError, TimeoutError, TopicMissingError) as error:
            self._metrics.kafka_errors.labels(type(error).__name__).inc()
            self._connect_error = error
            return self._reconnect.next()
        self._connect_error = None
        self._reconnect.reset()
        old, self._session = self._session, session
        if old is not None:
            task = self._tasks.start("kafka close", old.close_when_idle(STUCK_SECONDS), endless=False)
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        return TICK_SECONDS

    def _report(self) -> None:
        """Metrics, and a log line when storing begins to work, ceases, or ceases for another reason."""
        self._metrics.in_flight.set(self._budget.used)
        up = self.flowing
        self._metrics.store_up.set(int(up))
        if up:
            event, reason = "store_up", "Kafka takes bodies"
        elif isinstance(self._connect_error, TopicMissingError):
            event, reason = "store_down", f"the topic {RAW.name} does not exist: run `ackstream up`"
        else:
            instead = "spooled" if self._spooling else "answered 503"
            event, reason = "store_down", f"Kafka does not acknowledge; bodies are {instead} until it does"
        if (event, reason) != self._reported:
            self._reported = (event, reason)
            (log.info if up else log.warning)(event, reason=reason, bootstrap=self._bootstrap)
