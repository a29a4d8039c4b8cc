"""`/healthz`, `/readyz`, `/metrics`, and the answer for addresses that do not exist."""

from aiohttp import web

from ingest.http.context import APP_CONTEXT, json_answer, refuse
from ingest.http.refusals import NOT_FOUND, NOT_READY, UNKNOWN_SOURCE, too_many
from ingest.metrics import CONTENT_TYPE
from schemas.http_errors import method_not_allowed
from schemas.parsing.json_text import dumps

_READ_ONLY = method_not_allowed("GET", "HEAD", "OPTIONS")


def _wrong_method(request: web.Request) -> web.Response | None:
    if request.method == "OPTIONS":
        return web.Response(status=204, headers=dict(_READ_ONLY.headers))
    return None if request.method in ("GET", "HEAD") else refuse(_READ_ONLY)


async def healthz(request: web.Request) -> web.StreamResponse:
    """200 as long as the process answers."""
    return _wrong_method(request) or json_answer(200, dumps({"status": "ok"}))


async def readyz(request: web.Request) -> web.StreamResponse:
    """200 only if a body could be stored right now."""
    wrong = _wrong_method(request)
    if wrong is not None:
        return wrong
    if not await request.app[APP_CONTEXT].ready():
        return refuse(NOT_READY)
    return json_answer(200, dumps({"status": "ready"}))


async def metrics(request: web.Request) -> web.StreamResponse:
    """The metrics of all processes of this data folder."""
    wrong = _wrong_method(request)
    if wrong is not None:
        return wrong
    return web.Response(body=request.app[APP_CONTEXT].metrics.scrape(), headers={"Content-Type": CONTENT_TYPE})


async def unknown_source(request: web.Request) -> web.StreamResponse:
    """A source that the settings do not list; its name becomes no label of a metric."""
    context = request.app[APP_CONTEXT]
    client = context.client_of(request)
    wait = context.limits.unproven_wait(client)
    error = too_many(wait) if wait else UNKNOWN_SOURCE
    context.limits.record_outcome(client, error.status)
    context.metrics.requests.labels("", "", error.code).inc()
    return refuse(error)


async def not_found(request: web.Request) -> web.StreamResponse:  # noqa: ARG001  (a handler's signature)
    """Any other address."""
    return refuse(NOT_FOUND)
