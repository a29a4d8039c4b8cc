"""`POST /sent/{source}`: what the user's own send API accepted, into `wa.raw` beside the webhooks. IO."""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from ingest.http import authenticate, bodies
from ingest.http.context import json_answer
from ingest.http.handler import Handler
from ingest.http.refusals import NOT_STORED, NOTHING_USABLE, Refusal, method_not_allowed, too_large
from ingest.http.request_ids import request_id as new_id
from ingest.http.sent_bodies import Taken, take
from ingest.storage.memory_budget import Charge
from schemas.parsing.json_text import dumps
from schemas.providers.base import Provider
from schemas.topics import RAW

# Reading this much JSON takes about a millisecond; more of it is read beside the event loop.
THREAD_BYTES = 64 * 1024
# Room for the headers of the record; the rest of RAW.max_bytes is its value.
_RECORD_BYTES = RAW.max_bytes - 64 * 1024

_WRONG_METHOD = method_not_allowed("POST", "OPTIONS")


class Sent(Handler):
    """The handler of one source."""

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Every method of the address."""
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=dict(_WRONG_METHOD.headers))
        if request.method != "POST":
            return self._refused(_WRONG_METHOD)
        return await self._timed(request)

    async def _post(self, request: web.Request, charge: Charge) -> web.Response:
        token = authenticate.sent_token(self._source, {"authorization": request.headers.get("Authorization", "")})
        if isinstance(token, Refusal):
            return self._refused(token)
        body = await bodies.read(request, charge, self._edge.max_body_bytes)
        if isinstance(body, Refusal):
            return self._refused(body)
        taken = await _taken(body, request.query, self._source.provider)
        if isinstance(taken, Refusal):
            return self._refused(taken)
        report = taken.report()
        if not taken.accepted:
            self._count(NOTHING_USABLE.outcome)
            said = {"error": NOTHING_USABLE.code, "detail": NOTHING_USABLE.detail}
            return json_answer(NOTHING_USABLE.status, dumps(report | said))
        if len(taken.value) > _RECORD_BYTES:
            return self._refused(too_large(self._edge.max_body_bytes))
        received_ms = self._edge.clock()
        request_id = new_id(received_ms)
        headers = authenticate.sent(self._source, token, received_ms, request_id, taken.headers)
        if not await self._keep(taken.value, headers, received_ms, charge):
            return self._refused(NOT_STORED)
        self._count("stored")
        self._edge.metrics.bytes.labels(self._source.name, self._source.provider.name).inc(len(body))
        return json_answer(200, dumps(report), (("X-Request-Id", request_id),))


async def _taken(body: bytes, query: Mapping[str, str], provider: Provider) -> Taken | Refusal:
    if len(body) <= THREAD_BYTES:
        return take(body, query, provider)
    return await asyncio.to_thread(take, body, query, provider)
