"""The base of both handlers of a source: counts, times, limits and charges a POST, and stores its record."""

from abc import ABC, abstractmethod
from time import monotonic, perf_counter

from aiohttp import web

from ingest.http.authenticate import Source
from ingest.http.context import AppContext, refuse
from ingest.http.refusals import INTERNAL, too_many
from ingest.storage.memory_budget import Charge
from ingest.storage.record import Record, RecordHeaders
from schemas.http_errors import HttpError


class Handler(ABC):
    """The handler of one source at one address."""

    def __init__(self, source: Source, context: AppContext) -> None:
        self._source = source
        self._context = context
        self._observe_seconds = context.metrics.seconds.observe

    @abstractmethod
    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answers every method of the address."""

    @abstractmethod
    async def _answer_post(self, request: web.Request, charge: Charge) -> web.Response:
        """Answers a POST; what it reads is charged to `charge`."""

    async def _post(self, request: web.Request) -> web.Response:
        context, began = self._context, perf_counter()
        client = context.client_of(request)
        wait = context.limits.unproven_wait(client) or context.limits.source_wait(self._source.name)
        if wait:
            return self._refuse(too_many(wait))
        context.enter()
        charge = Charge(context.budget)
        try:
            response = await self._answer_post(request, charge)
        except Exception:
            self._count(INTERNAL.code)
            raise
        finally:
            charge.release()
            context.leave()
            self._observe_seconds(perf_counter() - began)
        context.limits.record_outcome(client, response.status)
        if context.draining:
            response.force_close()
        return response

    async def _persist(self, value: bytes, headers: RecordHeaders, received_ms: int, charge: Charge) -> bool:
        """Stores one record; True once Kafka acknowledged it, or once it is on the disk if Kafka does not in time.

        Returns within `answer_within` seconds. Takes over `charge` for as long as the record stays in memory.
        """
        context = self._context
        deadline = monotonic() + context.answer_within
        size = charge.size
        waiter = context.store.put(value, headers, received_ms, size)
        if waiter is not None:
            charge.hand_over()
            if await waiter:
                return True
            if not charge.add(size):  # Kafka may still have it in flight
                return False
        if context.spool is None:
            return False
        return await context.spool.put(Record(value, headers, received_ms), charge, deadline - monotonic())

    def _count(self, outcome: str) -> None:
        self._context.metrics.requests.labels(self._source.name, self._source.provider.name, outcome).inc()

    def _refuse(self, error: HttpError, request_id: str | None = None) -> web.Response:
        self._count(error.code)
        response = refuse(error)
        if request_id is not None:
            response.headers["X-Request-Id"] = request_id
        return response
