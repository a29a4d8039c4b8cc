"""Builds the aiohttp application of the page from settings and dashboards.

Only GET and HEAD, no cookies, no CORS: another site can neither change nor read anything here.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from dashboards.page import api
from dashboards.page.assets import Asset, Assets
from dashboards.page.context import PAGE, Alerts, Page, now
from dashboards.page.problems import Problem, internal, method_not_allowed, not_found, wrong_host
from dashboards.page.query_cache import QueryCache
from dashboards.page.reader_client import ReaderClient
from dashboards.page.security import HEADERS, host_check
from dashboards.panel import Dashboard
from schemas.process.logs import get_logger
from schemas.process.tasks import Tasks
from schemas.settings.config import Config

log = get_logger("dashboards")

# How long results are cached. Shorter than every refresh interval, so that each refresh shows new data; the extent of
# all data changes slowly.
_RESULT_SECONDS: Final = 1.5
_EXTENT_SECONDS: Final = 60.0
_PROBES: Final = ("/healthz", "/readyz")
_CACHE_FOREVER: Final = "public, max-age=31536000, immutable"


def create_app(
    config: Config,
    dashboards: Sequence[Dashboard],
    alerts: Alerts | None = None,
    clock: Callable[[], datetime] = now,
    on_failure: Callable[[str], None] = lambda _reason: None,
) -> web.Application:
    """The application of the page. `alerts`, if given, runs as long as the application does.

    `on_failure` is called with the reason when the task of the alerts ends unexpectedly.
    """
    page = Page(
        config,
        dashboards,
        ReaderClient(config.clickhouse, config.dashboards, clock),
        QueryCache(_RESULT_SECONDS),
        QueryCache(_EXTENT_SECONDS),
        Assets(),
        alerts,
        clock,
        on_failure,
    )
    app = web.Application(middlewares=[_check_and_catch(config)])
    app[PAGE] = page
    app.on_response_prepare.append(_add_headers)
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
    await page.reader.close()


def _check_and_catch(config: Config) -> Middleware:
    """Rejects foreign host names and methods, and turns every error into a JSON answer."""
    is_own_host = host_check(config.dashboards.host, config.dashboards.hosts)

    @web.middleware
    async def check_and_catch(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if request.path not in _PROBES and not is_own_host(request.headers.get("Host", "")):
                raise wrong_host()
            if request.method not in ("GET", "HEAD"):
                raise method_not_allowed()
            return await handler(request)
        except Problem as problem:
            return api.problem_response(problem)
        except web.HTTPException as error:
            return api.problem_response(not_found("address") if error.status == 404 else internal())
        except Exception as error:  # its text may quote rows: only the place is logged
            log.error("request_failed", exc_info=error)
            return api.problem_response(internal())

    return check_and_catch


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


async def _home(request: web.Request) -> web.StreamResponse:
    return _shell(request, 200)


async def _dashboard(request: web.Request) -> web.StreamResponse:
    """The same HTML for every dashboard, since its scripts read the address; status 404 for an unknown dashboard."""
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
    """Browsers request this address regardless of the HTML."""
    return await _asset(request, request.app[PAGE].assets.files["icon.svg"])


async def _asset(request: web.Request, asset: Asset) -> web.Response:
    headers = {"Cache-Control": _CACHE_FOREVER, "Vary": "Accept-Encoding"}
    body = asset.body
    if asset.compressible and "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        body = await asset.gzipped()
    return web.Response(body=body, content_type=asset.content_type, headers=headers)


async def _healthz(_: web.Request) -> web.StreamResponse:
    """200 while the process runs."""
    return web.json_response({"status": "ok"})


async def _readyz(request: web.Request) -> web.StreamResponse:
    """200 only if ClickHouse answers the read-only user now."""
    await request.app[PAGE].reader.rows("SELECT 1", {}, 1)
    return web.json_response({"status": "ready"})
