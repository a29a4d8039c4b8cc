"""The process of the page: port, signals, exit code."""

import asyncio
import errno
import logging
import signal
import socket
from collections.abc import Sequence

from aiohttp import web

from dashboards.page.app import create_app
from dashboards.page.connection import Runner
from dashboards.page.context import Alerts
from dashboards.page.security import is_loopback
from dashboards.panel import Dashboard
from schemas.errors import StartError
from schemas.http_expect import pass_over_odd_expect
from schemas.http_head_timer import HEAD_SECONDS
from schemas.process.logs import get_logger
from schemas.process.tasks import EXIT_BROKEN
from schemas.settings.config import Config

log = get_logger("dashboards")

# Running queries are not awaited: the browser repeats them.
_SHUTDOWN_SECONDS = 1.0
# Fifty names of usual length in each filter need 16 KiB; aiohttp's default is 8 KiB.
_MAX_LINE_BYTES = 32 * 1024


def run(config: Config, dashboards: Sequence[Dashboard], alerts: Alerts | None = None) -> None:
    """Serves until SIGTERM or SIGINT. Raises StartError when the port cannot be used."""
    bound = listen(config.dashboards.host, config.dashboards.port)
    if not is_loopback(config.dashboards.host):
        log.warning("page_without_login", remedy="put a proxy with a login in front of it")
    # It would log addresses that it cannot parse; our own log has everything else.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    asyncio.run(_serve(config, dashboards, alerts, bound))


def listen(host: str, port: int) -> list[socket.socket]:
    """Bound sockets on every address of `host`. Raises StartError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartError(
            f"dashboards.host = {host!r} is not an address of this machine ({error.strerror}): correct it"
        ) from None
    addresses = dict.fromkeys((family, address) for family, _, _, _, address in found)
    try:
        return [socket.create_server(address[:2], family=family, backlog=128) for family, address in addresses]
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = "is taken by another program: stop it, or set dashboards.port (ACKSTREAM_DASHBOARDS_PORT)"
        else:
            reason = f"cannot be used ({error.strerror}): change dashboards.host or dashboards.port"
        raise StartError(f"port {port} on {host} {reason}") from None


async def set_up(app: web.Application, head_seconds: float = HEAD_SECONDS) -> web.AppRunner:
    """A runner of the application, ready for its sockets: for the process and for tests."""
    runner = Runner(
        app,
        head_seconds=head_seconds,
        access_log=None,  # addresses contain search texts
        handler_cancellation=True,  # a closed page cancels its queries
        shutdown_timeout=_SHUTDOWN_SECONDS,
        max_line_size=_MAX_LINE_BYTES,
    )
    await runner.setup()
    pass_over_odd_expect(runner.server)
    return runner


async def _serve(
    config: Config, dashboards: Sequence[Dashboard], alerts: Alerts | None, bound: Sequence[socket.socket]
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    failures: list[str] = []

    def fail(reason: str) -> None:
        failures.append(reason)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = await set_up(create_app(config, dashboards, alerts, on_failure=fail))
    for each in bound:
        await web.SockSite(runner, each).start()
    log.info("listening", address=f"{config.dashboards.url}/")
    await stop.wait()
    log.info("stopping")
    await runner.cleanup()
    if failures:
        raise SystemExit(EXIT_BROKEN)
