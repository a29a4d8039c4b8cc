"""A ClickHouse with a table to watch, a receiver that does what a test wants, and settings for both. IO."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from deploy.local.ports import free_ports
from schemas.settings.config import Config, load
from tests.support.clickhouse import VIEWER, Server

KEY = "chat-key-invented-5f1c"  # of the webhook's address: it may stand nowhere else

SETTINGS = """
data_dir = "data"

[clickhouse]
url = "{clickhouse}"
database = "watching"
reader_user = "{user}"
reader_password = {{ file = "reader" }}

[dashboards]
port = 8080

[alerts]
webhook = {{ file = "webhook" }}
check_seconds = 1
group_seconds = 0
timeout_seconds = 0.5
{more}
"""


async def until(what: str, check: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The first truthy answer of `check`, while everything else goes on."""
    deadline = time.monotonic() + seconds
    while not (answer := check()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        await asyncio.sleep(0.02)
    return answer


@dataclass
class Receiver:
    """A chat. `mood`: what it answers, a status, or "silence" for nothing at all."""

    port: int
    mood: int | str = 200
    taken: list[dict[str, Any]] = field(default_factory=list)
    tries: int = 0
    on_try: Callable[[dict[str, Any]], None] | None = None
    runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/{KEY}"

    def heard(self) -> list[tuple[str, str]]:
        """(source, status) of every alert that arrived, in order."""
        return [(alert["labels"]["source"], alert["status"]) for made in self.taken for alert in made["alerts"]]

    async def up(self) -> None:
        app = web.Application()
        app.router.add_post(f"/hooks/{KEY}", self._take)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port).start()

    async def down(self) -> None:
        if self.runner is not None:
            await self.runner.cleanup()
            self.runner = None

    async def _take(self, request: web.Request) -> web.Response:
        self.tries += 1
        if self.on_try is not None:
            self.on_try(await request.json())
        if self.mood == "silence":
            await asyncio.sleep(3600)
        if self.mood == 200:
            self.taken.append(await request.json())
        return web.Response(status=int(self.mood))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Not up yet."""
    made = Receiver(free_ports(1)[0])
    yield made
    await made.down()


@dataclass
class Watched:
    """The table that the test rule looks at."""

    server: Server

    def put(self, **values: float) -> None:
        """How bad each source is from now on."""
        rows = [{"source": source, "value": value} for source, value in values.items()]
        body = b"\n".join(map(orjson.dumps, rows))
        self.server.ok(body, query="INSERT INTO watching.watched FORMAT JSONEachRow")


def make_table(server: Server) -> None:
    """The table of the test rule; a row holds from a second before it was written, as clocks may differ."""
    server.ok("CREATE DATABASE watching ENGINE = Atomic")
    server.ok(
        "CREATE TABLE watching.watched (at DateTime64(3, 'UTC') DEFAULT now64(3) - 1, source String, value Float64) "
        "ENGINE = MergeTree ORDER BY (source, at)"
    )


@pytest.fixture(scope="module")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("alerts") / "data")
    make_table(server)
    yield server
    server.kill()


@pytest.fixture
def watched(_server: Server) -> Watched:
    """Empty."""
    _server.ok("TRUNCATE TABLE watching.watched")
    return Watched(_server)


@pytest.fixture
def settings_file(tmp_path: Path, watched: Watched, receiver: Receiver) -> Callable[..., Path]:
    """Writes settings with `more` lines for [alerts], or without a webhook (`deaf`); the file's path."""

    def written(more: str = "", clickhouse: str = "", *, deaf: bool = False) -> Path:
        (tmp_path / "reader").write_text(VIEWER[1])
        (tmp_path / "webhook").write_text(receiver.url)
        file = tmp_path / "ackstream.toml"
        text = SETTINGS.format(clickhouse=clickhouse or watched.server.url, user=VIEWER[0], more=more)
        file.write_text(text.replace('webhook = { file = "webhook" }\n', "") if deaf else text)
        return file

    return written


@pytest.fixture
def config(settings_file: Callable[..., Path]) -> Callable[..., Config]:
    """The settings of `settings_file`."""
    return lambda *given, **named: load(settings_file(*given, **named), {})
