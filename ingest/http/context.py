"""The app context: what the handlers of one process share, and the answers that they all give."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from ingest.http.limits import Limits, Network, client_address, sender_address
from ingest.http.uploads import Uploads
from ingest.metrics import Metrics
from ingest.storage.memory_budget import MemoryBudget
from ingest.storage.record_store import RecordStore
from ingest.storage.spool import Spool
from schemas.http_errors import Headers, HttpError
from schemas.process.tasks import Tasks

JSON = "application/json"

# 4 MiB in this time is 140 kB/s, slower than any provider's network.
BODY_SECONDS = 30.0


def now_ms() -> int:
    """The wall clock, milliseconds UTC."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class AppContext:
    """Settings, stores, limits and metrics of one process, and its requests in progress.

    `draining`: a stop was requested, so answers close their connection. `active`: POSTs in progress.
    """

    store: RecordStore
    budget: MemoryBudget
    uploads: Uploads
    metrics: Metrics
    tasks: Tasks
    spool: Spool | None
    limits: Limits
    max_body_bytes: int
    # From the whole body to its answer, and from the first byte of a body to its last.
    answer_within: float
    body_seconds: float = BODY_SECONDS
    trusted_proxies: tuple[Network, ...] = ()
    public_url: str = ""
    clock: Callable[[], int] = now_ms
    draining: bool = False
    active: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    def enter(self) -> None:
        """A POST begins."""
        self.active += 1

    def leave(self) -> None:
        """A POST ends."""
        self.active -= 1
        if self.draining and not self.active:
            self._idle.set()

    def client_of(self, request: web.Request) -> str | None:
        """The client that the request's limits are counted for; trusted proxies are skipped."""
        return client_address(request.remote, self._forwarded(request), self.trusted_proxies)

    def sender_of(self, request: web.Request) -> str | None:
        """The sender's own address, by the same rules."""
        return sender_address(request.remote, self._forwarded(request), self.trusted_proxies)

    def _forwarded(self, request: web.Request) -> str | None:
        return ",".join(request.headers.getall("X-Forwarded-For", ())) if self.trusted_proxies else None

    async def ready(self) -> bool:
        """Whether a body of any allowed size could be stored right now, in Kafka or on the disk."""
        if self.draining or self.tasks.failed is not None:
            return False
        return (self.spool is not None and self.spool.accepts(self.max_body_bytes)) or await self.store.ready()

    async def drain(self, seconds: float) -> None:
        """From now on answers close their connection; returns when no POST is in progress, at most after `seconds`."""
        self.draining = True
        if self.active:
            try:
                async with asyncio.timeout(seconds):
                    await self._idle.wait()
            except TimeoutError:
                return


APP_CONTEXT = web.AppKey("app_context", AppContext)


def refuse(error: HttpError) -> web.Response:
    """The answer for a refusal."""
    return json_answer(error.status, error.body(), error.headers)


def json_answer(status: int, body: bytes, headers: Headers = ()) -> web.Response:
    """An answer with this JSON."""
    return web.Response(status=status, body=body, content_type=JSON, headers=dict(headers))
