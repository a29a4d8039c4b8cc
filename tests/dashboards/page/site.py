"""The page in a thread of the test process, on a free port, with dashboards that the test chooses."""

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self, TypeVar
from urllib.parse import quote

from aiohttp import web

from dashboards.page.app import create_app
from dashboards.page.context import PAGE, Alerts, Page
from dashboards.page.server import set_up
from dashboards.panel import Dashboard
from schemas.settings.base import Secret
from schemas.settings.config import Config
from schemas.settings.sections import ClickHouse, Dashboards, Source
from tests.support.clickhouse import VIEWER

# Environment variables of the passwords. That of the writer is never set, because the page must not need it.
READER_PASSWORD = "TEST_PAGE_READER"
WRITER_PASSWORD = "TEST_PAGE_WRITER_THAT_NOBODY_SETS"
T = TypeVar("T")

# The selection of most tests.
WEEK: dict[str, Any] = {"range": "7d", "zone": "UTC"}
NOW = datetime(2026, 11, 20, 12, 1, tzinfo=UTC)


@dataclass(slots=True)
class Reply:
    """A response of the page."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def config(url: str, database: str, *, sources: Sequence[str] = ("shop", "clinic"), **dashboards: Any) -> Config:
    """Settings of a page over one server. The environment has only the reader's password."""
    return Config(
        clickhouse=ClickHouse(
            url=url,
            database=database,
            password=Secret(env=WRITER_PASSWORD),
            reader_user=VIEWER[0],
            reader_password=Secret(env=READER_PASSWORD),
        ),
        dashboards=Dashboards(**{"refresh_seconds": 3600, **dashboards}),
        sources={name: Source(provider="meta") for name in sources},
    )


class FixedAlerts:
    """Alert rules with fixed states: one normal, one firing for two sources, one not evaluated."""

    async def run(self) -> None:
        return None

    def states(self) -> list[dict[str, Any]]:
        alert: dict[str, Any] = {
            "rule": "silent",
            "title": "No webhooks from a source",
            "severity": "critical",
            "state": "firing",
            "labels": {},
            "text": "",
            "since": None,
            "evaluated_at": NOW,
            "meaning": "No webhook for longer than usual.",
            "action": "Check the provider's console.",
            "dashboard": "odd",
        }
        firing = [
            {
                **alert,
                "labels": {"source": f"shop-{number}"},
                "text": f"shop-{number}: silent.",
                "since": NOW.replace(hour=11 - number, minute=0),
            }
            for number in range(2)
        ]
        normal = {**alert, "rule": "lag", "title": "Lag", "state": "ok"}
        return [normal, *firing, {**normal, "rule": "broken", "title": "Not evaluated", "state": "unknown"}]


class Site:
    """A running page. `clock` gives its time, so that the ranges of a test are fixed."""

    def __init__(
        self,
        settings: Config,
        dashboards: Sequence[Dashboard],
        alerts: Alerts | None = None,
        clock: Callable[[], datetime] = lambda: NOW,
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.page, self._runner = self._do(self._start(settings, dashboards, alerts, clock))
        self.port: int = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"

    @staticmethod
    async def _start(
        settings: Config, dashboards: Sequence[Dashboard], alerts: Alerts | None, clock: Callable[[], datetime]
    ) -> tuple[Page, web.AppRunner]:
        app = create_app(settings, dashboards, alerts, clock)
        runner = await set_up(app)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return app[PAGE], runner

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def requests(self) -> int:
        """How many requests have reached their handlers."""

        async def count() -> int:
            server = self._runner.server
            assert server is not None
            received: int = server.requests_count
            # The handlers of these requests were scheduled before this task goes on, and run up to their first wait.
            await asyncio.sleep(0)
            return received

        return self._do(count())

    def call(self, function: Callable[[], None]) -> None:
        """Calls a function in the thread of the page."""
        self._loop.call_soon_threadsafe(function)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def get(
        self, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, **parameters: Any
    ) -> Reply:
        """Requests a path with parameters; a list repeats its parameter. `from_` means from."""
        pairs = [
            f"{quote(name.rstrip('_'))}={quote(str(each), safe='')}"
            for name, value in parameters.items()
            for each in (value if isinstance(value, list) else [value])
        ]
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path + ("?" + "&".join(pairs) if pairs else ""), headers=dict(headers or {}))
            answer = connection.getresponse()
            return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()


def rows(site: Site, panel: str, **parameters: Any) -> list[dict[str, Any]]:
    """The rows of a panel by column name, of WEEK unless `parameters` select another range."""
    reply = site.get(f"/api/panels/{panel}", **(WEEK | parameters))
    assert reply.status == 200, reply.body
    names = [column["name"] for column in reply.json["columns"]]
    return [dict(zip(names, row, strict=True)) for row in reply.json["rows"]]
