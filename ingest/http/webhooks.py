"""`/webhooks/{source}`: a provider's POST into `wa.raw`, and its GET handshake. IO."""

from aiohttp import web

from ingest.http import authenticate, bodies
from ingest.http.authenticate import Source
from ingest.http.context import Edge
from ingest.http.handler import Handler
from ingest.http.refusals import NOT_FOUND, NOT_STORED, WRONG_VERIFY_TOKEN, Refusal, method_not_allowed, too_many
from ingest.http.request_ids import request_id as new_id
from ingest.storage.memory_budget import Charge
from schemas.authentication.request import Request


class Webhooks(Handler):
    """The handler of one source; what does not change from request to request is looked up once, here."""

    def __init__(self, source: Source, edge: Edge) -> None:
        super().__init__(source, edge)
        self._nested = source.has_subpaths
        self._handshakes = source.provider.challenge is not None
        methods = ("GET", "POST", "OPTIONS") if self._handshakes else ("POST", "OPTIONS")
        self._wrong_method = method_not_allowed(*methods)
        self._allow = ", ".join(methods)
        requests, names = edge.metrics.requests, (source.name, source.provider.name)
        self._count_stored = requests.labels(*names, "stored").inc
        self._count_bytes = edge.metrics.bytes.labels(*names).inc

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Every method of the address."""
        if self._nested and self._source.path_secret(_tail(request)) is None:
            return self._refused(NOT_FOUND)
        if request.method == "POST":
            return await self._timed(request)
        if request.method == "GET" and self._handshakes:
            return self._handshake(request)
        if request.method == "OPTIONS":
            return web.Response(status=204, headers={"Allow": self._allow})
        return self._refused(self._wrong_method)

    async def _post(self, request: web.Request, charge: Charge) -> web.Response:
        body = await bodies.read(request, charge, self._edge.max_body_bytes)
        if isinstance(body, Refusal):
            return self._refused(body)
        received_ms = self._edge.clock()
        request_id = new_id(received_ms)
        headers = authenticate.webhook(self._source, self._as_seen(request, body, received_ms), request_id)
        if isinstance(headers, Refusal):
            return self._refused(headers)
        if not await self._keep(body, headers, received_ms, charge):
            return self._refused(NOT_STORED, request_id)
        self._count_stored()
        self._count_bytes(len(body))
        return web.Response(headers={"X-Request-Id": request_id})

    def _handshake(self, request: web.Request) -> web.Response:
        answer_to = self._source.provider.challenge
        assert answer_to is not None  # noqa: S101  (_handshakes)
        limits, address = self._edge.limits, self._edge.address_of(request)
        if wait := limits.stranger(address):
            return self._refused(too_many(wait))
        seen = self._as_seen(request, b"", self._edge.clock())
        answer = answer_to(seen.query, self._source.verify_tokens) if self._source.auth.admits_handshake(seen) else None
        limits.saw(address, 403 if answer is None else 200)
        if answer is None:
            return self._refused(WRONG_VERIFY_TOKEN)
        self._count("handshake")
        return web.Response(text=answer, content_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})

    def _as_seen(self, request: web.Request, body: bytes, received_ms: int) -> Request:
        base = self._edge.public_url or f"{request.scheme}://{request.host}"
        return Request(
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            query=dict(request.query) if "?" in request.raw_path else {},
            url=base + request.raw_path,
            now_ms=received_ms,
            path_secret=(self._source.path_secret(_tail(request)) or "") if self._nested else "",
            address=(self._edge.sender_of(request) or "") if self._source.auth.checks else "",
        )


def _tail(request: web.Request) -> str:
    """What follows the source's name in the address."""
    return request.match_info.get("tail", "")
