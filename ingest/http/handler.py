"""What the handlers of a source have in common: a POST is counted, timed and charged, whatever becomes of it. IO."""

from abc import ABC, abstractmethod
from time import perf_counter

from aiohttp import web

from ingest.http.authenticate import Source
from ingest.http.context import Edge, refuse
from ingest.http.refusals import INTERNAL, Refusal, too_many
from ingest.storage.memory_budget import Charge
from ingest.storage.record import RecordHeaders
from ingest.storage.spool_file import Record


class Handler(ABC):
    """The handler of one source at one address."""

    def __init__(self, source: Source, edge: Edge) -> None:
        self._source = source
        self._edge = edge
        self._observe = edge.metrics.seconds.observe

    @abstractmethod
    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Every method of the address."""

    @abstractmethod
    async def _post(self, request: web.Request, charge: Charge) -> web.Response:
        """Answers a POST; what it reads is charged to `charge`."""

    async def _timed(self, request: web.Request) -> web.Response:
        edge, began = self._edge, perf_counter()
        address = edge.address_of(request)
        wait = edge.limits.stranger(address) or edge.limits.source(self._source.name)
        if wait:
            return self._refused(too_many(wait))
        edge.enter()
        charge = Charge(edge.budget)
        try:
            response = await self._post(request, charge)
        except Exception:
            self._count(INTERNAL.outcome)
            raise
        finally:
            charge.release()
            edge.leave()
            self._observe(perf_counter() - began)
        edge.limits.saw(address, response.status)
        if edge.draining:
            response.force_close()
        return response

    async def _keep(self, value: bytes, headers: RecordHeaders, received_ms: int, charge: Charge) -> bool:
        """Stores one record; True once Kafka acknowledged it, or once it is on the disk where Kafka does not in time.

        Takes over `charge` as far as Kafka took the record.
        """
        size = charge.size
        waiter = self._edge.store.put(value, headers, received_ms, size)
        if waiter is not None:
            charge.hand_over()
            if await waiter:
                return True
            if not charge.add(size):  # Kafka may still have it on its way
                return False
        spool = self._edge.spool
        return spool is not None and await spool.put(Record(value, headers, received_ms))

    def _count(self, outcome: str) -> None:
        self._edge.metrics.requests.labels(self._source.name, self._source.provider.name, outcome).inc()

    def _refused(self, refusal: Refusal, request_id: str | None = None) -> web.Response:
        self._count(refusal.outcome)
        response = refuse(refusal)
        if request_id is not None:
            response.headers["X-Request-Id"] = request_id
        return response
