"""The base of both handlers of a source: counts, times, limits and charges a POST, and stores its record."""

from abc import ABC, abstractmethod
from functools import partial
from time import monotonic, perf_counter

from aiohttp import web

from ingest.http import bodies
from ingest.http.authenticate import Source
from ingest.http.bodies import expect_continue
from ingest.http.context import AppContext, refuse
from ingest.http.limits import FAILURES
from ingest.http.refusals import BAD_REQUEST, INTERNAL, SLOW_BODY, too_many
from ingest.http.uploads import BEYOND_LIMIT_SECONDS
from ingest.storage.memory_budget import Charge
from ingest.storage.record import Record, RecordHeaders
from schemas.authentication.request import Verdict
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
    async def _answer_post(self, request: web.Request, charge: Charge) -> web.Response | HttpError:
        """Answers a POST; what it reads is charged to `charge`."""

    @abstractmethod
    def _judge_head(self, request: web.Request) -> Verdict | HttpError:
        """What everything but the body proves; a refusal if no body can make the request valid."""

    async def expect(self, request: web.Request) -> None:
        """Asks for the body of `Expect: 100-continue`, unless the request is refused whatever it is."""
        if request.method == "POST" and not isinstance(self._judge_head(request), HttpError):
            await expect_continue(request)

    async def _post(self, request: web.Request) -> web.Response:
        context, began = self._context, perf_counter()
        client = context.client_of(request)
        # A client above the limit is still heard: forged and good requests may come through one proxy.
        wait = context.limits.unproven_wait(client)
        context.enter()
        charge = Charge(context.budget)
        try:
            answer = await self._answer_post(request, charge)
        except Exception:
            self._count(INTERNAL.code)
            raise
        finally:
            charge.release()
            context.leave()
            self._observe_seconds(perf_counter() - began)
        if isinstance(answer, HttpError):
            answer = self._refuse(too_many(wait) if wait and answer.status in FAILURES else answer)
        context.limits.record_outcome(client, answer.status)
        if context.draining:
            answer.force_close()
        return answer

    async def _receive(self, request: web.Request, charge: Charge, proof: Verdict) -> bytes | HttpError:
        """The body of a request, after what its head proves (`proof`), if it was not complete with its headers."""
        context, limits = self._context, self._context.limits
        if proof.auth == "ok":
            return await bodies.receive_proven(request.content, charge, context.max_body_bytes, context.body_seconds)
        client = context.client_of(request)
        wait = limits.unproven_wait(client)
        open_upload = partial(context.uploads.open, client, charge, known=limits.is_proven(client))
        seconds = min(context.body_seconds, BEYOND_LIMIT_SECONDS) if wait else context.body_seconds
        body = await bodies.receive_unproven(request.content, open_upload, context.max_body_bytes, seconds)
        if body is SLOW_BODY or body is BAD_REQUEST:
            limits.record_failure(client)
            return too_many(wait) if wait else body
        return body

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
