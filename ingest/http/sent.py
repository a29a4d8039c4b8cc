"""`POST /sent/{source}`: what the user's own send API accepted, stored in `wa.raw` beside the webhooks."""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from ingest.http import authenticate, bodies
from ingest.http.context import json_answer
from ingest.http.handler import Handler
from ingest.http.refusals import (
    BAD_SENT_TOKEN,
    NOT_INFLATED,
    NOT_STORED,
    NOTHING_USABLE,
    OVERLOADED,
    too_large,
    too_many,
)
from ingest.http.request_ids import request_id as new_id
from ingest.http.sent_bodies import SentBody, read_sent_body
from ingest.storage.memory_budget import Charge
from schemas.authentication.request import Verdict
from schemas.authentication.secrets import verdict_for
from schemas.http_errors import HttpError, method_not_allowed
from schemas.parsing.content_coding import NotInflated, inflated
from schemas.parsing.json_text import dumps
from schemas.providers.base import Provider
from schemas.topics import RAW

# Parsing this much JSON takes about a millisecond; more of it is parsed in a thread.
THREAD_BYTES = 64 * 1024
# Room for the headers of the record; the rest of RAW.max_bytes is its value.
_RECORD_BYTES = RAW.max_bytes - 64 * 1024

_WRONG_METHOD = method_not_allowed("POST", "OPTIONS")


class SentHandler(Handler):
    """The handler of one source."""

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answers every method of the address."""
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=dict(_WRONG_METHOD.headers))
        if request.method != "POST":
            return self._refuse(_WRONG_METHOD)
        return await self._post(request)

    def _judge_head(self, request: web.Request) -> Verdict | HttpError:
        token = self._token(request, self._context.client_of(request))
        return token if isinstance(token, HttpError) else verdict_for("bearer", token)

    def _token(self, request: web.Request, client: str | None) -> str | HttpError:
        """The valid token of a request, or a refusal; also a valid one is refused to who guessed too often."""
        if wait := self._context.limits.guess_wait(client):
            return too_many(wait)
        return authenticate.sent_token(self._source, {"authorization": request.headers.get("Authorization", "")})

    async def _answer_post(self, request: web.Request, charge: Charge) -> web.Response | HttpError:
        context = self._context
        client = context.client_of(request)
        token = self._token(request, client)
        if isinstance(token, HttpError):
            if token is BAD_SENT_TOKEN:
                context.limits.record_guess(client)
            return token
        body = bodies.arrived(request, charge, context.max_body_bytes)
        if body is None:
            body = await self._receive(request, charge, verdict_for("bearer", token))
        return body if isinstance(body, HttpError) else await self._answer_body(request, charge, token, body)

    async def _answer_body(
        self, request: web.Request, charge: Charge, token: str, body: bytes
    ) -> web.Response | HttpError:
        context = self._context
        encoding = request.headers.get("Content-Encoding", "")
        sent = await _read(body, encoding, request.query, self._source.provider)
        if isinstance(sent, HttpError):
            return sent
        report = sent.report()
        if not sent.accepted:
            self._count(NOTHING_USABLE.code)
            error = {"error": NOTHING_USABLE.code, "detail": NOTHING_USABLE.detail}
            return json_answer(NOTHING_USABLE.status, dumps({**report, **error}))
        if len(sent.value) > _RECORD_BYTES:
            return too_large(context.max_body_bytes)
        if not charge.add(max(len(sent.value) - len(body), 0)):  # it came compressed
            return OVERLOADED
        if wait := context.limits.source_wait(self._source.name):
            return too_many(wait)
        received_ms = context.clock()
        request_id = new_id(received_ms)
        headers = authenticate.sent_headers(self._source, token, received_ms, request_id, sent.headers)
        if not await self._persist(sent.value, headers, received_ms, charge):
            return NOT_STORED
        self._count("stored")
        context.metrics.bytes.labels(self._source.name, self._source.provider.name).inc(len(body))
        return json_answer(200, dumps(report), (("X-Request-Id", request_id),))


async def _read(body: bytes, encoding: str, query: Mapping[str, str], provider: Provider) -> SentBody | HttpError:
    if len(body) <= THREAD_BYTES and not encoding:
        return _inflate_and_read(body, encoding, query, provider)
    return await asyncio.to_thread(_inflate_and_read, body, encoding, query, provider)


def _inflate_and_read(body: bytes, encoding: str, query: Mapping[str, str], provider: Provider) -> SentBody | HttpError:
    try:
        plain = inflated(body, encoding)
    except NotInflated:
        return NOT_INFLATED
    return read_sent_body(plain, query, provider)
