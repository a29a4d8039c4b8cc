"""One process of the edge, from its settings to its exit.

Several processes share one port; the supervisor starts `ingest.processes` of them, each with its own --instance.
"""

import asyncio
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping

import uvloop
from aiohttp import web

from ingest import metrics
from ingest.http import sockets, sources
from ingest.http.app import FLUSH_SECONDS, STOP_SECONDS, create_app
from ingest.http.authenticate import Source
from ingest.http.connection import Connection
from ingest.http.context import APP_CONTEXT, now_ms
from schemas.errors import StartError
from schemas.http_expect import pass_over_odd_expect
from schemas.process import logs
from schemas.process.tasks import EXIT_BROKEN, BrokenError, Tasks
from schemas.settings.config import Config

log = logs.get_logger("ingest")

# After the drain no handler should be left; one that is gets no more than this.
_SHUTDOWN_SECONDS = 1.0
# A process with a broken task ends after this long even if its disk never answers.
_BROKEN_SECONDS = STOP_SECONDS + FLUSH_SECONDS + 10.0
_OPEN_FILES = 65_536


def run(config: Config, instance: int, clock: Callable[[], int] = now_ms) -> None:
    """Serves until SIGTERM or SIGINT; returns when every accepted request is answered and stored.

    `clock` returns milliseconds UTC.
    Raises StartError or ConfigError when it cannot start, BrokenError after a background task failed.
    """
    processes = config.ingest.processes
    if not 0 <= instance < processes:
        raise StartError(f"--instance {instance}: ingest.processes = {processes}, so use 0 to {processes - 1}")
    # aiokafka's own reports about a connection that is being rebuilt: store_down and store_up are what a user needs.
    logs.configure(quiet=("aiokafka",))
    ready = sources.load(config)
    host, port = config.ingest.host, config.ingest.port
    with sockets.claim(config.data_dir, instance, host, port) as claim:
        listeners = sockets.listen(host, port, share=processes > 1, among_siblings=claim.sharers > 0)
        if not claim.siblings:
            metrics.wipe(config.data_dir)
    if instance == 0:
        sources.warn(ready)
    _raise_file_limit()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config, ready, instance, listeners, claim, clock))


async def _serve(
    config: Config,
    ready: Mapping[str, Source],
    instance: int,
    listeners: list[socket.socket],
    claim: sockets.Claim,
    clock: Callable[[], int],
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks = Tasks(on_failure=lambda _reason: stop.set())
    app = create_app(config, ready, instance, clock, tasks)
    runner = web.AppRunner(app, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    manager = runner.server
    pass_over_odd_expect(manager)
    assert manager is not None  # noqa: S101  (set by setup)
    servers = [
        await loop.create_server(
            lambda: Connection(manager, config.ingest.max_connections, loop=loop), sock=each, backlog=sockets.BACKLOG
        )
        for each in listeners
    ]
    claim.note_serving()
    log.info("listening", address=f"http://{config.ingest.host}:{config.ingest.port}", instance=instance)
    await stop.wait()
    if tasks.failed is not None:
        _end_at_the_latest(_BROKEN_SECONDS)
    log.info("stopping", instance=instance)
    for server in servers:
        server.close()
    await app[APP_CONTEXT].drain(STOP_SECONDS)
    await runner.cleanup()
    log.info("stopped", instance=instance)
    if tasks.failed is not None:
        raise BrokenError(tasks.failed)


def _end_at_the_latest(seconds: float) -> None:
    """Ends the process after `seconds`, whatever its other threads wait for."""
    timer = threading.Timer(seconds, os._exit, (EXIT_BROKEN,))
    timer.daemon = True
    timer.start()


def _raise_file_limit() -> None:
    """Each connection is an open file, and many systems start a program with a limit of 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if sys.platform != "darwin" and 0 <= soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
