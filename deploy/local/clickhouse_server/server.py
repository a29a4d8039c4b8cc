"""The aiohttp application and its life: start, serve, stop on SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from aiohttp import web

from deploy.local.clickhouse_server.auth import Users
from deploy.local.clickhouse_server.connection import Connection
from deploy.local.clickhouse_server.engine import Engine
from deploy.local.clickhouse_server.handler import QueryHandler
from deploy.local.clickhouse_server.job import Limits
from deploy.local.clickhouse_server.runner import Runner
from schemas.http_expect import pass_over_odd_expect

# ClickHouse's own http_max_uri_size is 1 MiB: GET requests carry the query in the URL.
_MAX_LINE_BYTES = 1024 * 1024
_MAX_HEADER_BYTES = 128 * 1024
_CONNECTION: Final = {
    "auto_decompress": False,
    "keepalive_timeout": 75.0,
    "max_line_size": _MAX_LINE_BYTES,
    "max_field_size": _MAX_HEADER_BYTES,
}


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """How to serve one data directory. `max_seconds` 0 = no limit; `grace_s` = how long a stop waits for queries.

    `send_s` = the time in which a client has to read 256 KiB of its result.
    """

    data: Path
    max_seconds: float = 300.0
    max_bytes: int = 0
    max_concurrent: int = 32
    grace_s: float = 30.0
    send_s: float = 30.0


def create_app(config: ServerConfig, users: Users) -> web.Application:
    """The application; opens the engine at start-up (DataDirBusyError when it is in use) and closes it at the end."""
    app = web.Application()
    limits = Limits(config.max_seconds, config.max_bytes or _half_of_memory())

    async def engine_life(app: web.Application) -> AsyncIterator[None]:
        engine = await asyncio.to_thread(Engine, config.data)
        runner = Runner(engine, limits, config.max_concurrent)
        handler = QueryHandler(runner, users, config.send_s)
        app[_HANDLER] = handler
        yield
        await runner.close(config.grace_s)

    app.cleanup_ctx.append(engine_life)
    for path, handler in (("/ping", _ok), ("/replicas_status", _ok), ("/", _query), ("/{anything:.*}", _nothing)):
        app.router.add_route("*", path, handler)
    return app


_HANDLER: web.AppKey[QueryHandler] = web.AppKey("handler", QueryHandler)


async def _ok(_: web.Request) -> web.Response:
    return web.Response(text="Ok.\n")


async def _nothing(_: web.Request) -> web.Response:
    return web.Response(status=HTTPStatus.NOT_FOUND, text="There is nothing at this address; queries go to /.\n")


async def _query(request: web.Request) -> web.StreamResponse:
    if request.method not in ("GET", "HEAD", "POST"):
        headers = {"Allow": "GET, HEAD, POST"}
        return web.Response(
            status=HTTPStatus.METHOD_NOT_ALLOWED, text="Queries are sent by POST or GET.\n", headers=headers
        )
    return await request.app[_HANDLER](request)


async def serve(config: ServerConfig, users: Users, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called with the bound address (port 0 = any free one)."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = create_app(config, users)
    # A client that goes away cancels its query.
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=config.grace_s)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        manager = runner.server
        pass_over_odd_expect(manager)
        assert manager is not None  # noqa: S101  (set by setup)
        version = app[_HANDLER].version
        server = await loop.create_server(lambda: Connection(manager, version, loop=loop, **_CONNECTION), host, port)
        stack.callback(server.close)
        bound_host, bound_port = server.sockets[0].getsockname()[:2]
        ready(f"http://{bound_host}:{bound_port}")
        await stop.wait()


def _half_of_memory() -> int:
    # One query must not take the machine down with it; two of this size together may.
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
