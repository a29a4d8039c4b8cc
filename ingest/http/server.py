"""One process of the edge: from its settings to its exit. IO: port, signals, limits.

Several processes share one port; the supervisor starts `ingest.processes` of them, each with its own --instance.
"""

import asyncio
import logging
import resource
import signal
import socket
import sys
from collections.abc import Mapping

import uvloop
from aiohttp import web

from ingest import logs, metrics
from ingest.http import sockets, sources
from ingest.http.app import STOP_SECONDS, create_app
from ingest.http.authenticate import Source
from ingest.http.context import EDGE
from ingest.http.protocol import Connection
from schemas.errors import StartError
from schemas.settings.config import Config

log = logging.getLogger("ackstream.ingest")

# After the drain nothing should be left; a handler that still is gets no more than this.
_SHUTDOWN_SECONDS = 1.0
_OPEN_FILES = 65_536


def run(config: Config, instance: int) -> None:
    """Serves until SIGTERM or SIGINT, then returns when every accepted request is answered and stored.

    Raises StartError or ConfigError when it cannot start.
    """
    processes = config.ingest.processes
    if not 0 <= instance < processes:
        raise StartError(f"--instance {instance}: ingest.processes = {processes}, so use 0 to {processes - 1}")
    logs.configure()
    ready = sources.load(config)
    host, port = config.ingest.host, config.ingest.port
    with sockets.claim(config.data_dir, instance, host, port) as place:
        bound = sockets.listen(host, port, share=processes > 1, among_siblings=place.sharers > 0)
        if not place.siblings:
            metrics.wipe(config.data_dir)
    if instance == 0:
        sources.warn(ready)
    _raise_file_limit()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config, ready, instance, bound, place))


async def _serve(
    config: Config, ready: Mapping[str, Source], instance: int, bound: list[socket.socket], place: sockets.Claim
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = create_app(config, ready, instance)
    runner = web.AppRunner(app, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    manager = runner.server
    assert manager is not None  # noqa: S101  (setup made it)
    listeners = [
        await loop.create_server(
            lambda: Connection(manager, config.ingest.max_connections, loop=loop), sock=each, backlog=sockets.BACKLOG
        )
        for each in bound
    ]
    place.serves()
    log.info("listening address=http://%s:%d instance=%d", config.ingest.host, config.ingest.port, instance)
    await stop.wait()
    log.info("stopping instance=%d", instance)
    for listener in listeners:
        listener.close()
    await app[EDGE].drain(STOP_SECONDS)
    await runner.cleanup()
    log.info("stopped instance=%d", instance)


def _raise_file_limit() -> None:
    """Each connection is an open file, and many systems start a program with 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if sys.platform != "darwin" and 0 <= soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
