"""What the handlers of a source have in common: a POST is counted, timed and charged, whatever becomes of it. IO."""

from abc import ABC, abstractmethod
from time import perf_counter

from aiohttp import web

from ingest.accept import RecordHeaders, Source
from ingest.answers import INTERNAL, Refusal
from ingest.budget import Charge
from ingest.edge import Edge, refuse


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
        if edge.draining:
            response.force_close()
        return response

    async def _keep(self, value: bytes, headers: RecordHeaders, received_ms: int, charge: Charge) -> bool:
        """Stores one record; True once Kafka acknowledged it. Takes over `charge` as far as Kafka took the record."""
        waiter = self._edge.store.put(value, headers, received_ms, charge.size)
        if waiter is None:
            return False
        charge.hand_over()
        return await waiter

    def _count(self, outcome: str) -> None:
        self._edge.metrics.requests.labels(self._source.name, self._source.provider.name, outcome).inc()

    def _refused(self, refusal: Refusal, request_id: str | None = None) -> web.Response:
        self._count(refusal.outcome)
        response = refuse(refusal)
        if request_id is not None:
            response.headers["X-Request-Id"] = request_id
        return response
