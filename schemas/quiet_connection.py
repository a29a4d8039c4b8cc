"""An HTTP connection of aiohttp that puts no word of a request into a log or an answer.

aiohttp quotes the requests that it cannot parse, and those hold passwords, tokens and phone numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from schemas.process.logs import describe

if TYPE_CHECKING:  # this package loads no library for HTTP
    from aiohttp import web
    from aiohttp.web_request import BaseRequest


class QuietConnection:
    """A base beside aiohttp's RequestHandler, for the connections of ingest, page and the local ClickHouse server."""

    __slots__ = ()

    # The logger of the server.
    own_log: structlog.stdlib.BoundLogger

    def failure(self, status: int) -> web.Response:
        """The answer to invalid HTTP (400) or to a failure of the server (500)."""
        raise NotImplementedError

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  (quotes the request)
    ) -> web.StreamResponse:
        """aiohttp's hook: the answer to a request that failed. Raises once an answer has begun."""
        if status >= 500:
            self.own_log.error("request_failed", error=describe(exc) if exc is not None else "unknown")
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        response = self.failure(status)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002  (quotes the request)
        """Logs an exception without its text."""
        error = kwargs.get("exc_info")
        self.own_log.error("request_failed", error=describe(error) if isinstance(error, BaseException) else "unknown")
