"""One HTTP connection: aiohttp's, with ClickHouse's errors and without a word of the request in log or answer."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from deploy.local.clickhouse_server.errors import BAD_ARGUMENTS, UNKNOWN_EXCEPTION, QueryError
from schemas.process.logs import get_logger
from schemas.quiet_connection import QuietConnection

_INVALID = QueryError(BAD_ARGUMENTS, "This is not a valid HTTP request.")
_FAILED = QueryError(UNKNOWN_EXCEPTION, "The server failed on this request; its log names the kind of error.")


class Connection(QuietConnection, RequestHandler):
    """Requests hold passwords and phone numbers, and aiohttp quotes the ones that it cannot parse."""

    __slots__ = ("_version",)

    own_log = get_logger("clickhouse")

    def __init__(self, manager: web.Server, version: str, *, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        self._version = version
        super().__init__(manager, loop=loop, access_log=None, **options)  # type: ignore[arg-type]

    def failure(self, status: int) -> web.Response:
        """The answer with the code of ClickHouse's error."""
        error = _INVALID if status < 500 else _FAILED
        headers = {"X-ClickHouse-Exception-Code": str(error.code)}
        return web.Response(status=error.status, text=error.body(self._version), headers=headers)
