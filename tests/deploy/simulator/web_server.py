"""A web server for tests: one handler for every path and method."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

MIB = 1024 * 1024
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """The server's base URL."""
    app = web.Application(client_max_size=8 * MIB)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class LostFirstConnection:
    """A handler that closes the connection of the first request and answers all others 200."""

    def __init__(self) -> None:
        self.tries = 0

    async def __call__(self, request: web.Request) -> web.Response:
        self.tries += 1
        if self.tries == 1:
            assert request.transport is not None
            request.transport.abort()
        return web.Response()
