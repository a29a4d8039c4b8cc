"""One HTTP connection: aiohttp's, with our errors. IO."""

import asyncio
from typing import Any, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest

from ingest.http.context import refuse
from ingest.http.refusals import BAD_REQUEST, INTERNAL, TOO_MANY_CONNECTIONS, Refusal
from ingest.logs import describe

# An idle connection, also one that never sends its first request. Longer than the usual proxies' 60 s, so that it is
# the proxy that ends a connection and never this side while the next request is on its way.
KEEPALIVE_SECONDS = 75.0
# So long the rest of a refused body is read and thrown away: a client that is still sending sees the answer that way.
LINGERING_SECONDS = 5.0
# From the first byte of a request to the end of its headers: a client that sends them a byte at a time holds a
# connection no longer than this.
HEAD_SECONDS = 20.0
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
) % (len(TOO_MANY_CONNECTIONS.body()), TOO_MANY_CONNECTIONS.body())


class Connection(RequestHandler):
    """Answers what is no valid HTTP, and our own failures, in JSON; logs neither texts nor addresses of requests."""

    __slots__ = ("_head_timer", "_max_connections", "_server")

    def __init__(self, manager: web.Server, max_connections: int, **kwargs: Any) -> None:
        self._server = manager
        self._max_connections = max_connections
        self._head_timer: asyncio.TimerHandle | None = None
        super().__init__(
            manager,
            access_log=None,  # type: ignore[arg-type]
            auto_decompress=False,  # signatures are made over the bytes on the wire
            keepalive_timeout=KEEPALIVE_SECONDS,
            lingering_time=LINGERING_SECONDS,
            **kwargs,
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if len(self._server.connections) > self._max_connections:
            cast("asyncio.Transport", transport).write(_FULL)
            self.force_close()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._messages or self._current_request is not None:
            self._stop_waiting()
        elif self._head_timer is None:
            self._head_timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  (quotes the request)
    ) -> web.StreamResponse:
        refusal: Refusal = BAD_REQUEST if status < 500 else INTERNAL
        if refusal is INTERNAL:
            self.logger.error("failed error=%s", describe(exc) if exc is not None else "unknown")
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        response = refuse(refusal)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002  (quotes the request)
        error = kwargs.get("exc_info")
        self.logger.error("failed error=%s", describe(error) if isinstance(error, BaseException) else "unknown")
