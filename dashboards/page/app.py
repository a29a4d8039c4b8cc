"""Puts the page together: an aiohttp application out of settings and dashboards. IO by what it wires up.

Only GET and HEAD, no cookies, no CORS: another site can neither change nor read anything here.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from dashboards.page import api
from dashboards.page.assets import Asset, Assets
from dashboards.page.clickhouse import Store
from dashboards.page.context import PAGE, Alerts, Page, now
from dashboards.page.problems import Problem, internal, method_not_allowed, not_found, wrong_host
from dashboards.page.query_cache import Answers
from dashboards.page.security import HEADERS, host_check
from dashboards.panel import Dashboard
from schemas.process.logs import get_logger
from schemas.process.tasks import Tasks
from schemas.settings.config import Config

log = get_logger("dashboards")

# Answers live so long. Shorter than every refresh, so that nobody sees the same answer twice for a change that was
# stored in between; the extent of all data moves slowly.
_ANSWER_SECONDS: Final = 1.5
_EXTENT_SECONDS: Final = 60.0
_PROBES: Final = ("/healthz", "/readyz")
_FOR_EVER: Final = "public, max-age=31536000, immutable"


def create_app(
    config: Config,
    dashboards: Sequence[Dashboard],
    alerts: Alerts | None = None,
    clock: Callable[[], datetime] = now,
    on_failure: Callable[[str], None] = lambda _reason: None,
) -> web.Application:
    """The application of the page. `alerts`, when given, runs as long as the application does.

    `on_failure` is called with the reason when the task of the alerts ends unexpectedly.
    """
    page = Page(
        config,
        dashboards,
        Store(config.clickhouse, config.dashboards, clock),
        Answers(_ANSWER_SECONDS),
        Answers(_EXTENT_SECONDS),
        Assets(),
        alerts,
        clock,
        on_failure,
    )
    app = web.Application(middlewares=[_guard(config)])
    app[PAGE] = page
    app.on_response_prepare.append(_secure)
    app.cleanup_ctx.append(_run)
    app.add_routes(
        [
            web.get("/", _home),
            web.get("/healthz", _healthz),
            web.get("/readyz", _readyz),
            web.get("/static/{version}/{name}", _static),
            web.get("/favicon.ico", _favicon),
            web.get("/api/catalogue", api.catalogue),
            web.get("/api/filters", api.filters),
            web.get("/api/freshness", api.freshness),
            web.get("/api/alerts", api.alerts),
            web.get("/api/panels/{panel:[a-z0-9-]+}", api.panel),
            web.get("/api/panels/{panel:[a-z0-9-]+}.csv", api.panel_csv),
            web.get("/api/panels/{panel:[a-z0-9-]+}/sql", api.panel_sql),
            web.get("/{dashboard:[a-z0-9-]+}", _dashboard),
        ]
    )
    return app


async def _run(app: web.Application) -> AsyncIterator[None]:
    page = app[PAGE]
    tasks = Tasks(page.on_failure)
    if page.alerts:
        tasks.start("alerts", page.alerts.run())
    yield
    await tasks.stop()
    await page.store.close()


def _guard(config: Config) -> Middleware:
    """Refuses foreign names and methods, and turns everything that goes wrong into a JSON answer."""
    named = host_check(config.dashboards.host, config.dashboards.hosts)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if request.path not in _PROBES and not named(request.headers.get("Host", "")):
                raise wrong_host()
            if request.method not in ("GET", "HEAD"):
                raise method_not_allowed()
            return await handler(request)
        except Problem as problem:
            return api.problem_response(problem)
        except web.HTTPException as error:
            return api.problem_response(not_found("address") if error.status == 404 else internal())
        except Exception as error:  # the answer tells nothing, the log only the place: texts may hold values of rows
            log.error("request_failed", exc_info=error)
            return api.problem_response(internal())

    return guard


async def _secure(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


async def _home(request: web.Request) -> web.StreamResponse:
    return _shell(request, 200)


async def _dashboard(request: web.Request) -> web.StreamResponse:
    """The same HTML for every dashboard: its scripts read the address. One that does not exist is told so, with 404."""
    known = {dashboard.id for dashboard in request.app[PAGE].dashboards}
    return _shell(request, 200 if request.match_info["dashboard"] in known else 404)


def _shell(request: web.Request, status: int) -> web.Response:
    headers = {"Cache-Control": "no-cache"}
    body = request.app[PAGE].assets.shell
    response = web.Response(status=status, body=body, content_type="text/html", charset="utf-8", headers=headers)
    response.enable_compression()
    return response


async def _static(request: web.Request) -> web.StreamResponse:
    assets = request.app[PAGE].assets
    asset = assets.files.get(request.match_info["name"])
    if asset is None or request.match_info["version"] != assets.version:
        raise not_found("file")
    return await _asset(request, asset)


async def _favicon(request: web.Request) -> web.StreamResponse:
    """Browsers ask for it at this address whatever the HTML says."""
    return await _asset(request, request.app[PAGE].assets.files["icon.svg"])


async def _asset(request: web.Request, asset: Asset) -> web.Response:
    headers = {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
    body = asset.body
    if asset.compressible and "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        body = await asset.packed()
    return web.Response(body=body, content_type=asset.content_type, headers=headers)


async def _healthz(_: web.Request) -> web.StreamResponse:
    """200 while the process answers at all."""
    return web.json_response({"status": "ok"})


async def _readyz(request: web.Request) -> web.StreamResponse:
    """200 only if ClickHouse answers the read-only user right now."""
    await request.app[PAGE].store.rows("SELECT 1", {}, 1)
    return web.json_response({"status": "ready"})
