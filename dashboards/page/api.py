"""Handlers of the page's JSON and CSV: catalogue, panels, filters, freshness, alerts.

A panel's answer has an ETag of its rows, so a refresh without changes transfers and draws nothing.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from aiohttp import web

from dashboards.page import queries, statement
from dashboards.page.context import PAGE, Page
from dashboards.page.problems import Problem, bad_parameter, not_found, unknown_parameter
from dashboards.page.ranges import PRESETS
from dashboards.page.reader_client import Table
from dashboards.page.selection import ALL, MAX_CHARACTERS, Extent, Selection, needs_extent, parse_selection, single
from dashboards.page.values import csv_text, moment, plain
from dashboards.panel import Panel
from schemas.parsing.json_text import dumps

JSON: Final = "application/json"
_COMPRESS_FROM: Final = 2048  # bytes; compression of smaller bodies saves less than its headers need
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)  # ClickHouse's value for "no time": the layer was never built
_LAYERS: Final = ("live", "copy", "rollup", "samples")


async def catalogue(request: web.Request) -> web.StreamResponse:
    """Dashboards and panels without their SQL, the configured sources, and the settings that the page needs."""
    page = _plain_request(request)
    return _cached(request, dumps(_catalogue(page)))


async def panel(request: web.Request) -> web.StreamResponse:
    """The rows of a panel, with the selection and the freshness of the numbers."""
    page = request.app[PAGE]
    shown, selection = await _panel_and_selection(request, page)
    parameters = _parameters(page, selection)
    table = await _table(page, shown, parameters, page.config.dashboards.max_rows)
    rows = [[plain(value) for value in row] for row in table.rows]
    content = {
        "panel": shown.id,
        "selection": selection.as_json(),
        "columns": _columns(shown),
        "rows": rows,
        "truncated": table.truncated,
    }
    etag = f'W/"{sha256(dumps(content)).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers={"ETag": etag, "Cache-Control": "no-cache"})
    about = {
        "layer": shown.layer,
        "freshness": await _lag(page, shown.layer),
        "parameters": statement.used(shown.sql, parameters),
        "elapsed_ms": table.elapsed_ms,
        "queried_at": moment(page.clock()),
    }
    return _json(dumps(content | about), etag)


async def panel_csv(request: web.Request) -> web.StreamResponse:
    """The rows of a panel as a CSV file with the same columns."""
    page = request.app[PAGE]
    shown, selection = await _panel_and_selection(request, page)
    table = await _table(page, shown, _parameters(page, selection), page.config.dashboards.max_csv_rows)
    body = csv_text([column.name for column in shown.columns], table.rows).encode("utf-8", "replace")
    first = f"-first-{len(table.rows)}-rows" if table.truncated else ""
    name = f"{shown.id}-{selection.span.start:%Y%m%dT%H%MZ}-{selection.span.end:%Y%m%dT%H%MZ}{first}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    response = web.Response(body=body, content_type="text/csv", charset="utf-8", headers=headers)
    response.headers["Content-Type"] = "text/csv; charset=utf-8; header=present"
    response.enable_compression()
    return response


async def panel_sql(request: web.Request) -> web.StreamResponse:
    """The SQL of a panel: with parameters, with its values inserted, and as commands to paste."""
    page = request.app[PAGE]
    shown, selection = await _panel_and_selection(request, page)
    parameters = _parameters(page, selection)
    settings = page.config.clickhouse
    text = statement.inlined(shown.sql, parameters)
    options = settings.client_options(reader=True)
    scheme = "https" if options["secure"] else "http"
    access = {"url": f"{scheme}://{options['host']}:{options['port']}", "user": settings.reader_user}
    return _json(
        dumps(
            {
                "panel": shown.id,
                "sql": shown.sql.strip(),
                "parameters": statement.used(shown.sql, parameters),
                "inlined": text,
                "command": statement.command(text),
                "curl": statement.curl(shown.sql, parameters, database=settings.database, **access),
            }
        )
    )


async def filters(request: web.Request) -> web.StreamResponse:
    """The sources, templates or campaigns (`kind`) with messages in a range; `q`: a part of the name."""
    page = request.app[PAGE]
    kind = single(request.query, "kind")
    if kind not in queries.FILTERS:
        raise bad_parameter("kind", f"is one of {', '.join(queries.FILTERS)}")
    search = single(request.query, "q") or ""
    if len(search) > MAX_CHARACTERS:
        raise bad_parameter("q", f"may have at most {MAX_CHARACTERS} characters")
    selection = await _selection(request, page, ("kind", "q"))
    parameters = _parameters(page, selection) | {"q": search}
    found = await _rows(page, f"filter {kind}", queries.FILTERS[kind], parameters, queries.CHOICES)
    values = [{"value": value, "messages": messages} for value, messages in found.rows]
    if kind == "source":
        known = {entry["value"] for entry in values}
        without_messages = [name for name in page.config.sources if name not in known and search.lower() in name]
        values += [{"value": name, "messages": 0} for name in without_messages]
    return _json(dumps({"kind": kind, "values": values, "more": found.truncated}))


async def freshness(request: web.Request) -> web.StreamResponse:
    """How far each layer of numbers lags behind the stored events."""
    page = _plain_request(request)
    layers = await _freshness(page)
    return _json(dumps({"now": moment(page.clock()), "layers": layers}))


async def alerts(request: web.Request) -> web.StreamResponse:
    """The states of the alert rules; `enabled` is false if this process does not evaluate them."""
    page = _plain_request(request)
    states = [_plain_mapping(state) for state in page.alerts.states()] if page.alerts else []
    return _json(dumps({"enabled": page.alerts is not None, "alerts": states}))


def _plain_mapping(state: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping with values for JSON."""
    return {
        name: _plain_mapping(value) if isinstance(value, Mapping) else plain(value) for name, value in state.items()
    }


def _plain_request(request: web.Request) -> Page:
    """The page, for an address without parameters. Raises Problem (400) if the request has any."""
    if request.query:
        raise unknown_parameter(("none",))
    return request.app[PAGE]


async def _panel_and_selection(request: web.Request, page: Page) -> tuple[Panel, Selection]:
    found = page.panel(request.match_info["panel"])
    if found is None:
        raise not_found("panel")
    return found, await _selection(request, page)


async def _selection(request: web.Request, page: Page, also: tuple[str, ...] = ()) -> Selection:
    extent = await _extent(page) if needs_extent(request.query) else Extent()
    return parse_selection(request.query, page.clock(), extent, also)


def _parameters(page: Page, selection: Selection) -> dict[str, Any]:
    return selection.parameters(mask=page.config.dashboards.mask_phones)


async def _table(page: Page, shown: Panel, parameters: Mapping[str, Any], limit: int) -> Table:
    return await _rows(page, shown.id, shown.sql, statement.used(shown.sql, parameters), limit)


async def _rows(page: Page, name: str, sql: str, parameters: Mapping[str, Any], limit: int) -> Table:
    used = statement.used(sql, parameters)
    key = (name, limit, dumps(used))
    return await page.cache.get(key, lambda: page.reader.rows(sql, used, limit))


async def _extent(page: Page) -> Extent:
    found = await page.extent_cache.get("extent", lambda: page.reader.rows(queries.EXTENT, {}, 1))
    first, last = found.rows[0] if found.rows else (None, None)
    return Extent(first, last)


async def _freshness(page: Page) -> dict[str, Any]:
    found = await page.cache.get("freshness", lambda: page.reader.rows(queries.FRESHNESS, {}, len(_LAYERS)))
    layers: dict[str, Any] = {
        layer: {"at": plain(at), "lag_seconds": plain(lag), "pending": pending}
        if at is not None and at.year > _NEVER.year
        else {"at": None, "lag_seconds": None, "pending": pending}
        for layer, at, lag, pending in found.rows
    }
    return {"live": {"at": moment(page.clock()), "lag_seconds": 0.0, "pending": 0}} | layers


async def _lag(page: Page, layer: str) -> Any:
    """The freshness of a layer; None if it cannot be queried: numbers are useful without it."""
    try:
        return (await _freshness(page)).get(layer)
    except Problem:
        return None


def _catalogue(page: Page) -> dict[str, Any]:
    settings = page.config.dashboards
    return {
        "version": page.assets.version,
        "refresh_seconds": settings.refresh_seconds,
        "max_rows": settings.max_rows,
        "mask_phones": settings.mask_phones,
        "currency": page.config.costs.currency,
        "ranges": [*PRESETS, ALL],
        "sources": [{"name": name, "provider": source.provider} for name, source in page.config.sources.items()],
        "dashboards": [
            {
                "id": dashboard.id,
                "title": dashboard.title,
                "purpose": dashboard.purpose,
                "panels": [_panel_json(shown) for shown in dashboard.panels],
            }
            for dashboard in page.dashboards
        ],
    }


def _panel_json(shown: Panel) -> dict[str, Any]:
    limit = shown.threshold
    return {
        "id": shown.id,
        "title": shown.title,
        "kind": shown.kind,
        "width": shown.width,
        "layer": shown.layer,
        "meaning": shown.meaning,
        "remediation": shown.remediation,
        "columns": _columns(shown),
        "threshold": limit and {"column": limit.column, "side": limit.side, "limit": limit.limit},
    }


def _columns(shown: Panel) -> list[dict[str, str]]:
    return [
        {"name": column.name, "title": column.title, "unit": column.unit, "role": column.role}
        for column in shown.columns
    ]


def _cached(request: web.Request, body: bytes) -> web.StreamResponse:
    etag = f'W/"{sha256(body).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers={"ETag": etag, "Cache-Control": "no-cache"})
    return _json(body, etag)


def _json(body: bytes, etag: str | None = None) -> web.Response:
    headers = {"Cache-Control": "no-cache" if etag else "no-store", **({"ETag": etag} if etag else {})}
    response = web.Response(body=body, content_type=JSON, headers=headers)
    if len(body) >= _COMPRESS_FROM:
        response.enable_compression()
    return response


def problem_response(problem: Problem) -> web.Response:
    """The answer for a problem."""
    error = problem.error
    headers = {"Cache-Control": "no-store", **dict(error.headers)}
    return web.Response(status=error.status, body=error.body(), content_type=JSON, headers=headers)
