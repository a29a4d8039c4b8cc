"""The HTTP connections of the page: aiohttp's, with a limit of time for headers and errors in JSON."""

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from dashboards.page.api import problem_response
from dashboards.page.problems import Problem, internal
from dashboards.page.security import HEADERS
from schemas.http_errors import BAD_REQUEST
from schemas.http_head_timer import HEAD_SECONDS, HeadTimer
from schemas.process.logs import get_logger
from schemas.quiet_connection import QuietConnection


class Runner(web.AppRunner):
    """aiohttp's runner, with our connections."""

    def __init__(self, app: web.Application, *, head_seconds: float = HEAD_SECONDS, **options: Any) -> None:
        super().__init__(app, **options)
        self._head_seconds = head_seconds

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            head_seconds=self._head_seconds,
            options=made._kwargs,
        )


class _Server(web.Server):
    def __init__(self, *arguments: Any, head_seconds: float, options: dict[str, Any], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head_seconds = head_seconds
        self._options = options

    def __call__(self) -> "_Connection":
        return _Connection(self, self._head_seconds, loop=asyncio.get_running_loop(), **self._options)


class _Connection(QuietConnection, RequestHandler):
    __slots__ = ("_head_timer",)

    own_log = get_logger("dashboards")

    def __init__(self, manager: web.Server, head_seconds: float, **options: Any) -> None:
        super().__init__(manager, **options)
        self._head_timer = HeadTimer(self.force_close, head_seconds)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._head_timer.received(complete=bool(self._messages) or self._current_request is not None)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._head_timer.cancel()
        super().connection_lost(exc)

    def failure(self, status: int) -> web.Response:
        response = problem_response(internal() if status >= 500 else Problem(BAD_REQUEST))
        response.headers.update(HEADERS)  # no signal of the application adds them here
        return response
