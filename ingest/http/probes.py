"""`/healthz`, `/readyz`, `/metrics`, and the answer for addresses that do not exist. IO."""

from aiohttp import web

from ingest.http.context import EDGE, json_answer, refuse
from ingest.http.refusals import NOT_FOUND, UNKNOWN_SOURCE, Refusal, method_not_allowed, too_many
from ingest.metrics import CONTENT_TYPE
from schemas.parsing.json_text import dumps

_NOT_READY = Refusal(
    503,
    "not_ready",
    "Kafka cannot store right now; check that it runs at kafka.bootstrap and that `ackstream up` made its topics.",
    (("Retry-After", "2"),),
)
_READ_ONLY = method_not_allowed("GET", "HEAD", "OPTIONS")


def _wrong_method(request: web.Request) -> web.Response | None:
    if request.method == "OPTIONS":
        return web.Response(status=204, headers=dict(_READ_ONLY.headers))
    return None if request.method in ("GET", "HEAD") else refuse(_READ_ONLY)


async def healthz(request: web.Request) -> web.StreamResponse:
    """200 while the process answers at all."""
    return _wrong_method(request) or json_answer(200, dumps({"status": "ok"}))


async def readyz(request: web.Request) -> web.StreamResponse:
    """200 only if a body could be stored right now."""
    wrong = _wrong_method(request)
    if wrong is not None:
        return wrong
    edge = request.app[EDGE]
    if not await edge.ready():
        return refuse(_NOT_READY)
    return json_answer(200, dumps({"status": "ready"}))


async def metrics(request: web.Request) -> web.StreamResponse:
    """The metrics of all processes of this data folder."""
    wrong = _wrong_method(request)
    if wrong is not None:
        return wrong
    return web.Response(body=request.app[EDGE].metrics.scrape(), headers={"Content-Type": CONTENT_TYPE})


async def unknown_source(request: web.Request) -> web.StreamResponse:
    """A source that the settings do not list; its name becomes no label."""
    edge = request.app[EDGE]
    address = edge.address_of(request)
    wait = edge.limits.stranger(address)
    refusal = too_many(wait) if wait else UNKNOWN_SOURCE
    edge.limits.saw(address, refusal.status)
    edge.metrics.requests.labels("", "", refusal.outcome).inc()
    return refuse(refusal)


async def not_found(request: web.Request) -> web.StreamResponse:  # noqa: ARG001  (a handler's signature)
    """Any other address."""
    return refuse(NOT_FOUND)
