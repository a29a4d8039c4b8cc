"""`/webhooks/{source}`: a provider's POST, stored in `wa.raw`, and its GET handshake."""

from typing import TypeVar

from aiohttp import web

from ingest.http import authenticate, bodies
from ingest.http.authenticate import Source
from ingest.http.context import AppContext
from ingest.http.handler import Handler
from ingest.http.refusals import BAD_SIGNATURE, NOT_FOUND, NOT_STORED, WRONG_VERIFY_TOKEN, too_many
from ingest.http.request_ids import request_id as new_id
from ingest.storage.memory_budget import Charge
from schemas.addresses import address_of
from schemas.authentication.request import Head, Request, Verdict
from schemas.http_errors import HttpError, method_not_allowed

R = TypeVar("R", bound=Request)


class WebhookHandler(Handler):
    """The handler of one source; what is the same for every request is looked up once, here."""

    def __init__(self, source: Source, context: AppContext) -> None:
        super().__init__(source, context)
        self._has_subpaths = source.has_subpaths
        self._has_handshake = source.provider.challenge is not None
        self._has_query_form = source.provider.query_form
        takes_get = self._has_handshake or self._has_query_form
        methods = ("GET", "POST", "OPTIONS") if takes_get else ("POST", "OPTIONS")
        self._wrong_method = method_not_allowed(*methods)
        self._allow = ", ".join(methods)
        requests, names = context.metrics.requests, (source.name, source.provider.name)
        self._count_stored = requests.labels(*names, "stored").inc
        self._count_bytes = context.metrics.bytes.labels(*names).inc

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answers every method of the address."""
        if self._has_subpaths and self._source.path_secret(_tail(request)) is None:
            return self._refuse(NOT_FOUND)
        if request.method == "POST" or (request.method == "GET" and self._has_query_form and _raw_query(request)):
            return await self._post(request)
        if request.method == "GET" and self._has_handshake:
            return self._answer_handshake(request)
        if request.method == "OPTIONS":
            return web.Response(status=204, headers={"Allow": self._allow})
        return self._refuse(self._wrong_method)

    async def _answer_post(self, request: web.Request, charge: Charge) -> web.Response | HttpError:
        context = self._context
        body = bodies.arrived(request, charge, context.max_body_bytes)
        if body is None:
            proof = self._judge_head(request)
            body = proof if isinstance(proof, HttpError) else await self._receive(request, charge, proof)
        if isinstance(body, HttpError):
            return body
        received_ms = context.clock()
        request_id = new_id(received_ms)
        headers = authenticate.webhook_headers(
            self._source, self._request(Request, request, body, received_ms), request_id
        )
        if isinstance(headers, HttpError):
            return headers
        if wait := context.limits.source_wait(self._source.name):
            return too_many(wait)
        value = _raw_query(request) if request.method == "GET" else body
        if not await self._persist(value, headers, received_ms, charge):
            return self._refuse(NOT_STORED, request_id)
        self._count_stored()
        self._count_bytes(len(value))
        return web.Response(headers={"X-Request-Id": request_id})

    def _judge_head(self, request: web.Request) -> Verdict | HttpError:
        head = self._request(Head, request, b"", self._context.clock())
        verdict = authenticate.head_verdict(self._source, head)
        return BAD_SIGNATURE if verdict.auth == "reject" else verdict

    def _answer_handshake(self, request: web.Request) -> web.Response:
        challenge = self._source.provider.challenge
        assert challenge is not None  # noqa: S101  (_has_handshake)
        limits, client = self._context.limits, self._context.client_of(request)
        if wait := limits.guess_wait(client):
            return self._refuse(too_many(wait))
        seen = self._request(Request, request, b"", self._context.clock())
        admitted = self._source.auth.admits_handshake(seen)
        answer = challenge(seen.query, self._source.verify_tokens) if admitted else None
        limits.record_outcome(client, 403 if answer is None else 200)
        if answer is None:
            limits.record_guess(client)
            return self._refuse(WRONG_VERIFY_TOKEN)
        self._count("handshake")
        return web.Response(text=answer, content_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})

    def _request(self, kind: type[R], request: web.Request, body: bytes, received_ms: int) -> R:
        """The request as providers verify it."""
        base = self._context.public_url or f"{request.scheme}://{request.host}"
        return kind(
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            method=request.method,
            query=dict(request.query) if "?" in request.raw_path else {},
            url=base + request.raw_path,
            now_ms=received_ms,
            path_secret=(self._source.path_secret(_tail(request)) or "") if self._has_subpaths else "",
            address=(self._context.sender_of(request) or "") if self._source.auth.checks else "",
        )


def _raw_query(request: web.Request) -> bytes:
    """The query as it was sent, as a form."""
    return request.raw_path.partition("?")[2].partition("#")[0].encode("utf-8", "surrogateescape")


def _tail(request: web.Request) -> str:
    """The part of the address after the source's name."""
    found = address_of(request.path)
    return "" if found is None else found.tail
