"""One HTTP connection: aiohttp's, with our limits and our errors."""

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest

from ingest.http.context import refuse
from ingest.http.refusals import BAD_REQUEST, INTERNAL, NOT_FOUND, TOO_MANY_CONNECTIONS
from schemas.http_head_timer import HEAD_SECONDS, HeadTimer
from schemas.process.logs import get_logger
from schemas.quiet_connection import QuietConnection

# An idle connection, also one that never sends its first request. Longer than the usual proxies' 60 s, so that the
# proxy ends a connection, and never this side while the next request is on its way.
KEEPALIVE_SECONDS = 75.0
# How long the rest of a refused body is read and discarded, so that a client that is still sending gets the answer.
LINGERING_SECONDS = 5.0
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
) % (len(TOO_MANY_CONNECTIONS.body()), TOO_MANY_CONNECTIONS.body())


class Connection(QuietConnection, RequestHandler):
    """Answers invalid HTTP, and our own failures, in JSON; logs neither texts nor addresses of requests."""

    __slots__ = ("_head_timer", "_max_connections", "_server")

    own_log = get_logger("ingest.http")

    def __init__(
        self,
        manager: web.Server,
        max_connections: int,
        *,
        loop: asyncio.AbstractEventLoop,
        head_seconds: float = HEAD_SECONDS,
    ) -> None:
        self._server = manager
        self._max_connections = max_connections
        self._head_timer = HeadTimer(self.force_close, head_seconds)
        super().__init__(
            manager,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]
            auto_decompress=False,  # signatures are made over the bytes on the wire
            keepalive_timeout=KEEPALIVE_SECONDS,
            lingering_time=LINGERING_SECONDS,
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Answers 503 and closes when there are too many connections."""
        super().connection_made(transport)
        if len(self._server.connections) > self._max_connections:
            cast("asyncio.Transport", transport).write(_FULL)
            self.force_close()

    def data_received(self, data: bytes) -> None:
        """Limits the time for the headers of a request."""
        super().data_received(data)
        self._head_timer.received(complete=bool(self._messages) or self._current_request is not None)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Ends the timer of the headers with the connection."""
        self._head_timer.cancel()
        super().connection_lost(exc)

    def finish_response(
        self, request: BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> Coroutine[Any, Any, tuple[web.StreamResponse, bool]]:
        """Sends an answer; in JSON also to what no route can take, such as `OPTIONS *` and CONNECT."""
        if isinstance(resp, web.HTTPException):
            resp = refuse(NOT_FOUND if resp.status == 404 else BAD_REQUEST)
        return super().finish_response(request, resp, start_time)

    def failure(self, status: int) -> web.Response:
        """The answer in JSON."""
        return refuse(BAD_REQUEST if status < 500 else INTERNAL)
