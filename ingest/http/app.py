"""Builds the aiohttp application of the edge from settings and sources.

Each source has a fixed route of its own: finding it is one dictionary look-up, and its handler has everything about the
source at hand. Other spellings of its address are found by a second look-up. A method that an address does not take is
answered by its handler, so that every error body is JSON.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping

from aiohttp import web

from ingest.http import probes
from ingest.http.authenticate import Source
from ingest.http.bodies import MAX_BODY_BYTES
from ingest.http.context import APP_CONTEXT, AppContext, now_ms
from ingest.http.limits import Limits
from ingest.http.other_spellings import OtherSpellings
from ingest.http.sent import SentHandler
from ingest.http.uploads import Uploads
from ingest.http.webhooks import WebhookHandler
from ingest.metrics import Metrics
from ingest.storage.memory_budget import MemoryBudget
from ingest.storage.record_store import RecordStore
from ingest.storage.spool import Bounds, Spool
from ingest.storage.spool_folder import folder
from schemas.addresses import Kind
from schemas.process.logs import get_logger
from schemas.process.tasks import Tasks
from schemas.settings.config import Config

log = get_logger("ingest.http")

# A stop waits this long for the requests in progress, and then for records whose client was answered 503 already. A
# supervisor should wait 25 s before it kills: both of these, and some seconds to close the connections to Kafka.
STOP_SECONDS = 10.0
FLUSH_SECONDS = 5.0


def create_app(
    config: Config,
    sources: Mapping[str, Source],
    instance: int = 0,
    clock: Callable[[], int] = now_ms,
    tasks: Tasks | None = None,
) -> web.Application:
    """The application of one process; to be called where the event loop runs. `clock` returns milliseconds UTC.

    It serves before Kafka is available, and stores what it accepted before its cleanup ends.
    """
    context = _context(config, sources, instance, clock, tasks or Tasks())
    app = web.Application()
    app[APP_CONTEXT] = context
    app[MAX_BODY_BYTES] = config.ingest.max_body_bytes
    app.cleanup_ctx.append(_run_stores)
    spellings = OtherSpellings()
    for name, source in sources.items():
        for handler in (WebhookHandler(source, context), SentHandler(source, context)):
            kind: Kind = "webhooks" if isinstance(handler, WebhookHandler) else "sent"
            app.router.add_route("*", f"/{kind}/{name}", handler.__call__, expect_handler=handler.expect)
            spellings.add(kind, name, handler, with_tail=kind == "webhooks" and source.has_subpaths)
    app.router.add_route("*", "/healthz", probes.healthz)
    app.router.add_route("*", "/readyz", probes.readyz)
    app.router.add_route("*", "/metrics", probes.metrics)
    app.router.add_route("*", "/{anything:.*}", spellings.__call__, expect_handler=spellings.expect)
    return app


def _context(
    config: Config, sources: Mapping[str, Source], instance: int, clock: Callable[[], int], tasks: Tasks
) -> AppContext:
    settings = config.ingest
    metrics = Metrics(config.data_dir, instance)
    budget = MemoryBudget(settings.max_in_flight_bytes)
    spool = None
    kafka_within = settings.answer_within_seconds
    if settings.spool:
        bounds = Bounds(settings.spool_max_bytes, settings.spool_max_age_hours * 3600, settings.answer_within_seconds)
        spool = Spool(folder(config.data_dir), bounds, clock, metrics, budget, tasks)
        # The disk needs time as well: at least half of the whole.
        kafka_within = min(settings.spool_after_seconds, settings.answer_within_seconds / 2)
    client_id = f"ackstream-ingest-{instance}"
    return AppContext(
        store=RecordStore(
            config.kafka.bootstrap, client_id, budget, kafka_within, metrics, tasks, spooling=settings.spool
        ),
        budget=budget,
        uploads=Uploads(budget, settings.max_body_bytes),
        metrics=metrics,
        tasks=tasks,
        spool=spool,
        limits=Limits(_rates(config, sources), settings.strangers_per_minute, on_shared=_warn_shared),
        max_body_bytes=settings.max_body_bytes,
        answer_within=settings.answer_within_seconds,
        trusted_proxies=settings.trusted_proxies,
        public_url=settings.public_url.rstrip("/"),
        clock=clock,
    )


def _warn_shared() -> None:
    """Says what nobody can tell apart from here: forged requests and accepted ones have the same address."""
    log.warning(
        "shared_address",
        reason="forged and accepted requests come from one address, so they cannot be limited apart",
        remedy="if that is a proxy in front of ingest, name it in ingest.trusted_proxies",
    )


def _rates(config: Config, sources: Iterable[str]) -> dict[str, float]:
    """Requests a second of each source that has a limit."""
    own = {name: source.per_second for name, source in config.sources.items() if source.per_second is not None}
    rates = {name: own.get(name, config.ingest.source_per_second) for name in sources}
    return {name: rate for name, rate in rates.items() if rate}


async def _run_stores(app: web.Application) -> AsyncIterator[None]:
    context = app[APP_CONTEXT]
    context.store.start()
    if context.spool is not None:
        context.spool.start(context.store)
    yield
    if context.spool is not None:
        await context.spool.stop()
    await context.store.stop(FLUSH_SECONDS)
