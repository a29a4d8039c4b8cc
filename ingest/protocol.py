"""One HTTP connection: aiohttp's, with our errors. IO."""

from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest

from ingest.answers import BAD_REQUEST, INTERNAL, Refusal
from ingest.edge import refuse
from ingest.logs import describe

# An idle connection, also one that never sends its first request. Longer than the usual proxies' 60 s, so that it is
# the proxy that ends a connection and never this side while the next request is on its way.
KEEPALIVE_SECONDS = 75.0
# So long the rest of a refused body is read and thrown away: a client that is still sending sees the answer that way.
LINGERING_SECONDS = 5.0


class Connection(RequestHandler):
    """Answers what is no valid HTTP, and our own failures, in JSON; logs neither texts nor addresses of requests."""

    __slots__ = ()

    def __init__(self, manager: web.Server, **kwargs: Any) -> None:
        super().__init__(
            manager,
            access_log=None,  # type: ignore[arg-type]
            auto_decompress=False,  # signatures are made over the bytes on the wire
            keepalive_timeout=KEEPALIVE_SECONDS,
            lingering_time=LINGERING_SECONDS,
            **kwargs,
        )

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
