"""Puts the edge together: an aiohttp application out of settings and sources. IO by what it wires up.

Each source has a fixed route of its own: finding it is one dictionary look-up, and its handler has everything about the
source at hand. A method that an address does not take is answered by its handler, so that every error body is JSON.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping

from aiohttp import web

from ingest.http import probes
from ingest.http.authenticate import Source
from ingest.http.bodies import MAX_BODY_BYTES, expect_continue
from ingest.http.context import EDGE, Edge, now_ms
from ingest.http.limits import Limits
from ingest.http.sent import Sent
from ingest.http.webhooks import Webhooks
from ingest.metrics import Metrics
from ingest.storage.memory_budget import Budget
from ingest.storage.record_store import Store
from ingest.storage.spool import Spool
from ingest.storage.spool_folder import folder
from schemas.settings.config import Config

# A stop waits so long for the requests that are being answered, and then for records whose client was told 503 already.
# A supervisor should wait 25 s before it kills: both of these, and some seconds to close the connections to Kafka.
STOP_SECONDS = 10.0
FLUSH_SECONDS = 5.0


def create_app(
    config: Config, sources: Mapping[str, Source], instance: int = 0, clock: Callable[[], int] = now_ms
) -> web.Application:
    """The application of one process. `clock` gives milliseconds UTC. Call it where the event loop runs.

    It serves before Kafka is there, and stores what it took before its cleanup ends.
    """
    metrics = Metrics(config.data_dir, instance)
    budget = Budget(config.ingest.max_in_flight_bytes)
    settings = config.ingest
    answer_within = settings.answer_within_seconds
    spool = None
    if settings.spool:
        place = folder(config.data_dir)
        spool = Spool(place, settings.spool_max_bytes, settings.spool_max_age_hours * 3600, clock, metrics)
        answer_within = min(answer_within, settings.spool_after_seconds)
    client_id = f"ackstream-ingest-{instance}"
    store = Store(config.kafka.bootstrap, client_id, budget, answer_within, metrics, spooling=settings.spool)
    limits = Limits(_rates(config, sources), settings.strangers_per_minute)
    edge = Edge(
        store, budget, metrics, settings.max_body_bytes, spool, limits, settings.trusted_proxies,
        settings.public_url.rstrip("/"), clock,
    )  # fmt: skip
    app = web.Application()
    app[EDGE] = edge
    app[MAX_BODY_BYTES] = settings.max_body_bytes
    app.cleanup_ctx.append(_run_store)
    for name, source in sources.items():
        webhooks = Webhooks(source, edge).__call__
        for path in (f"/webhooks/{name}", *([f"/webhooks/{name}/{{tail:.+}}"] if source.has_subpaths else [])):
            app.router.add_route("*", path, webhooks, expect_handler=expect_continue)
        app.router.add_route("*", f"/sent/{name}", Sent(source, edge).__call__, expect_handler=expect_continue)
    app.router.add_route("*", "/healthz", probes.healthz)
    app.router.add_route("*", "/readyz", probes.readyz)
    app.router.add_route("*", "/metrics", probes.metrics)
    app.router.add_route("*", "/webhooks/{source}", probes.unknown_source, expect_handler=_no_continue)
    app.router.add_route("*", "/sent/{source}", probes.unknown_source, expect_handler=_no_continue)
    app.router.add_route("*", "/{anything:.*}", probes.not_found, expect_handler=_no_continue)
    return app


def _rates(config: Config, sources: Iterable[str]) -> dict[str, float]:
    """Requests a second of each source that has a limit."""
    own = {name: source.per_second for name, source in config.sources.items() if source.per_second is not None}
    rates = {name: own.get(name, config.ingest.source_per_second) for name in sources}
    return {name: rate for name, rate in rates.items() if rate}


async def _run_store(app: web.Application) -> AsyncIterator[None]:
    store, spool = app[EDGE].store, app[EDGE].spool
    store.start()
    if spool is not None:
        spool.start(store)
    yield
    if spool is not None:
        await spool.stop()
    await store.stop(FLUSH_SECONDS)


async def _no_continue(request: web.Request) -> None:
    """The answer is no whatever the body is: it need not be sent."""
