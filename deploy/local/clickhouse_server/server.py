"""The aiohttp application and its life: start, serve, stop on SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from deploy.local.clickhouse_server.auth import Users
from deploy.local.clickhouse_server.engine import Engine
from deploy.local.clickhouse_server.handler import QueryHandler
from deploy.local.clickhouse_server.job import Limits
from deploy.local.clickhouse_server.runner import Runner

# ClickHouse's own http_max_uri_size is 1 MiB: GET requests carry the query in the URL.
_MAX_LINE_BYTES = 1024 * 1024
_MAX_HEADER_BYTES = 128 * 1024
_KEEP_ALIVE_S = 75.0


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """How to serve one data directory. `max_seconds` 0 = no limit; `grace_s` = how long a stop waits for queries."""

    data: Path
    max_seconds: float = 300.0
    max_bytes: int = 0
    max_concurrent: int = 32
    grace_s: float = 30.0


def create_app(config: ServerConfig, users: Users) -> web.Application:
    """The application; opens the engine at start-up (DataDirBusyError when it is in use) and closes it at the end."""
    app = web.Application()
    limits = Limits(config.max_seconds, config.max_bytes or _half_of_memory())

    async def engine_life(app: web.Application) -> AsyncIterator[None]:
        engine = await asyncio.to_thread(Engine, config.data)
        runner = Runner(engine, limits, config.max_concurrent)
        handler = QueryHandler(runner, users)
        app[_HANDLER] = handler
        yield
        await runner.close(config.grace_s)

    app.cleanup_ctx.append(engine_life)
    app.router.add_route("*", "/ping", _ok)
    app.router.add_route("*", "/replicas_status", _ok)
    app.router.add_route("*", "/", _query)
    return app


_HANDLER: web.AppKey[QueryHandler] = web.AppKey("handler", QueryHandler)


async def _ok(_: web.Request) -> web.Response:
    return web.Response(text="Ok.\n")


async def _query(request: web.Request) -> web.StreamResponse:
    if request.method not in ("GET", "HEAD", "POST"):
        raise web.HTTPMethodNotAllowed(request.method, ["GET", "HEAD", "POST"])
    return await request.app[_HANDLER](request)


async def serve(config: ServerConfig, users: Users, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called with the bound address (port 0 = any free one)."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(
        create_app(config, users),
        access_log=None,
        handler_cancellation=True,  # a client that goes away cancels its query
        auto_decompress=False,
        shutdown_timeout=config.grace_s,
        keepalive_timeout=_KEEP_ALIVE_S,
        max_line_size=_MAX_LINE_BYTES,
        max_field_size=_MAX_HEADER_BYTES,
    )
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        bound_host, bound_port = runner.addresses[0][:2]
        ready(f"http://{bound_host}:{bound_port}")
        await stop.wait()


def _half_of_memory() -> int:
    # One query must not take the machine down with it; two of this size together may.
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
