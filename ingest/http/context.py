"""What every handler of one process shares: settings, store, budget, metrics, and the requests under way. IO-free."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from ingest.http.limits import Limits, Network, client_address, sender_address
from ingest.http.refusals import JSON, Refusal
from ingest.metrics import Metrics
from ingest.storage.memory_budget import Budget
from ingest.storage.record_store import Store
from ingest.storage.spool import Spool


def now_ms() -> int:
    """The wall clock, milliseconds UTC."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Edge:
    """`draining` once a stop was asked for: answers then close their connection. `active` POSTs are under way."""

    store: Store
    budget: Budget
    metrics: Metrics
    max_body_bytes: int
    spool: Spool | None
    limits: Limits
    trusted: tuple[Network, ...] = ()
    public_url: str = ""
    clock: Callable[[], int] = now_ms
    draining: bool = False
    active: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    def enter(self) -> None:
        self.active += 1

    def leave(self) -> None:
        self.active -= 1
        if self.draining and not self.active:
            self._idle.set()

    def address_of(self, request: web.Request) -> str | None:
        """What the request's limits are counted by; proxies that the settings trust are looked through."""
        return client_address(request.remote, self._forwarded(request), self.trusted)

    def sender_of(self, request: web.Request) -> str | None:
        """The very address of the sender, by the same rules."""
        return sender_address(request.remote, self._forwarded(request), self.trusted)

    def _forwarded(self, request: web.Request) -> str | None:
        return ",".join(request.headers.getall("X-Forwarded-For", ())) if self.trusted else None

    async def ready(self) -> bool:
        """Whether a body of any allowed size could be stored right now, in Kafka or on the disk."""
        if self.draining:
            return False
        return (self.spool is not None and self.spool.accepts(self.max_body_bytes)) or await self.store.ready()

    async def drain(self, seconds: float) -> None:
        """From now on answers close their connection; waits until none is under way, at most `seconds`."""
        self.draining = True
        if self.active:
            try:
                async with asyncio.timeout(seconds):
                    await self._idle.wait()
            except TimeoutError:
                return


EDGE = web.AppKey("edge", Edge)


def refuse(refusal: Refusal) -> web.Response:
    """The answer for a refusal."""
    return json_answer(refusal.status, refusal.body(), refusal.headers)


def json_answer(status: int, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> web.Response:
    return web.Response(status=status, body=body, content_type=JSON, headers=dict(headers))
