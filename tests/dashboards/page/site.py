"""The page in a thread of the test's own process, on a free port, with dashboards that the test chooses. IO."""

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import quote

from aiohttp import web

from dashboards.page.app import create_app
from dashboards.page.context import Alerts
from dashboards.page.server import runner_of
from dashboards.panel import Dashboard
from schemas.settings.base import Secret
from schemas.settings.config import Config
from schemas.settings.sections import ClickHouse, Dashboards, Source
from tests.support.clickhouse import VIEWER

# Names the environment variable of the reader's password; that of the writer is never set where the page runs.
READER_PASSWORD = "TEST_PAGE_READER"
WRITER_PASSWORD = "TEST_PAGE_WRITER_THAT_NOBODY_SETS"
NOW = datetime(2026, 11, 20, 12, 1, tzinfo=UTC)


@dataclass(slots=True)
class Reply:
    """An answer of the page."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def config(url: str, database: str, *, sources: Sequence[str] = ("shop", "clinic"), **dashboards: Any) -> Config:
    """Settings of a page over one engine. The environment has the reader's password alone."""
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


class Bell:
    """An evaluator of alert rules whose states stand still: one rule holds, one fires twice, one is not known."""

    async def run(self) -> None:
        return None

    def states(self) -> list[dict[str, Any]]:
        alert: dict[str, Any] = {
            "rule": "silent",
            "title": "A source is silent",
            "severity": "critical",
            "state": "firing",
            "labels": {},
            "text": "",
            "since": None,
            "looked_at": NOW,
            "meaning": "No webhook for longer than is usual.",
            "action": "Look at the provider's console.",
            "dashboard": "odd",
        }
        fires = [
            {
                **alert,
                "labels": {"source": f"shop-{number}"},
                "text": f"shop-{number}: silent.",
                "since": NOW.replace(hour=11 - number, minute=0),
            }
            for number in range(2)
        ]
        holds = {**alert, "rule": "lag", "title": "Lag", "state": "ok"}
        return [holds, *fires, {**holds, "rule": "broken", "title": "Not judged", "state": "unknown"}]


class Site:
    """A running page. `clock` is its present, so that the ranges of a test stand still."""

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
        self._runner = self._do(self._start(settings, dashboards, alerts, clock))
        self.port: int = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"

    @staticmethod
    async def _start(
        settings: Config, dashboards: Sequence[Dashboard], alerts: Alerts | None, clock: Callable[[], datetime]
    ) -> web.AppRunner:
        runner = runner_of(create_app(settings, dashboards, alerts, clock))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def get(
        self, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, **parameters: Any
    ) -> Reply:
        """Asks for a path as it stands, with parameters; a list gives its name several times. `from_` means from."""
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
