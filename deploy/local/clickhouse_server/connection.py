"""One HTTP connection: aiohttp's, with ClickHouse's errors and without a word of the request in log or answer."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest

from deploy.local.clickhouse_server.errors import BAD_ARGUMENTS, UNKNOWN_EXCEPTION, QueryError
from schemas.process.logs import describe, get_logger

log = get_logger("clickhouse")

_INVALID = QueryError(BAD_ARGUMENTS, "This is not a valid HTTP request.")
_FAILED = QueryError(UNKNOWN_EXCEPTION, "The server failed on this request; its log names the kind of error.")


class Connection(RequestHandler):
    """Requests hold passwords and phone numbers, and aiohttp quotes the ones that it cannot parse."""

    __slots__ = ("_version",)

    def __init__(self, manager: web.Server, version: str, *, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        self._version = version
        super().__init__(manager, loop=loop, access_log=None, **options)  # type: ignore[arg-type]

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  (quotes the request)
    ) -> web.StreamResponse:
        """The answer to invalid HTTP (400) or to a failure of the server (500). Raises once an answer has begun."""
        error = _INVALID if status < 500 else _FAILED
        if error is _FAILED:
            log.error("request_failed", error=describe(exc) if exc is not None else "unknown")
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        headers = {"X-ClickHouse-Exception-Code": str(error.code)}
        response = web.Response(status=error.status, text=error.body(self._version), headers=headers)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002  (quotes the request)
        """Logs an exception without its text."""
        error = kwargs.get("exc_info")
        log.error("request_failed", error=describe(error) if isinstance(error, BaseException) else "unknown")
