"""A table to watch, a receiver of notifications that behaves as a test wants, and settings for both."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from deploy.local.ports import free_ports
from schemas.settings.config import Config, load
from tests.support.clickhouse import VIEWER, Server

SECRET = "chat-key-invented-5f1c"  # part of the webhook's address: it may appear nowhere else
DATABASE = "watching"

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


@dataclass
class Receiver:
    """An HTTP receiver. `mode`: the status that it answers, or "no answer"."""

    port: int
    mode: int | str = 200
    accepted: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0
    on_request: Callable[[dict[str, Any]], None] | None = None
    runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The webhook's address."""
        return f"http://127.0.0.1:{self.port}/hooks/{SECRET}"

    def reported(self) -> list[tuple[str, str]]:
        """(source, status) of every alert in the accepted notifications, in order."""
        return [(alert["labels"]["source"], alert["status"]) for body in self.accepted for alert in body["alerts"]]

    async def up(self) -> None:
        """Starts to listen."""
        app = web.Application()
        app.router.add_post(f"/hooks/{SECRET}", self._receive)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port).start()

    async def down(self) -> None:
        """Stops listening."""
        if self.runner is not None:
            await self.runner.cleanup()
            self.runner = None

    async def _receive(self, request: web.Request) -> web.Response:
        self.requests += 1
        if self.on_request is not None:
            self.on_request(await request.json())
        if self.mode == "no answer":
            await asyncio.sleep(3600)
        if self.mode == 200:
            self.accepted.append(await request.json())
        return web.Response(status=int(self.mode))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that does not listen yet."""
    made = Receiver(free_ports(1)[0])
    yield made
    await made.down()


@dataclass
class Watched:
    """The table that the test rule queries."""

    server: Server

    def put(self, **values: float) -> None:
        """Sets the value of each source from now on."""
        rows = [{"source": source, "value": value} for source, value in values.items()]
        body = b"\n".join(map(orjson.dumps, rows))
        self.server.ok(body, query=f"INSERT INTO {DATABASE}.watched FORMAT JSONEachRow")


def make_table(server: Server) -> None:
    """Creates the table. A row is dated one second before it is written, because clocks may differ."""
    server.ok(f"CREATE DATABASE {DATABASE} ENGINE = Atomic")
    server.ok(
        f"CREATE TABLE {DATABASE}.watched (at DateTime64(3, 'UTC') DEFAULT now64(3) - 1, source String, value Float64) "
        "ENGINE = MergeTree ORDER BY (source, at)"
    )


@pytest.fixture(scope="session")
def server_with_table(clickhouse: Server) -> Server:
    """The ClickHouse of the dashboards' tests, with the table."""
    make_table(clickhouse)
    return clickhouse


@pytest.fixture
def watched(server_with_table: Server) -> Watched:
    """The empty table."""
    server_with_table.ok(f"TRUNCATE TABLE {DATABASE}.watched")
    return Watched(server_with_table)


@pytest.fixture
def write_settings(tmp_path: Path, receiver: Receiver) -> Callable[..., Path]:
    """Writes settings with `more` lines for [alerts], or without a receiver; returns the file's path."""

    def write(more: str = "", clickhouse: str = "http://127.0.0.1:1", *, has_receiver: bool = True) -> Path:
        (tmp_path / "reader").write_text(VIEWER[1])
        (tmp_path / "webhook").write_text(receiver.url)
        file = tmp_path / "ackstream.toml"
        text = SETTINGS.format(clickhouse=clickhouse, user=VIEWER[0], more=more)
        file.write_text(text if has_receiver else text.replace('webhook = { file = "webhook" }\n', ""))
        return file

    return write


@pytest.fixture
def settings_file(write_settings: Callable[..., Path], watched: Watched) -> Callable[..., Path]:
    """The same for the ClickHouse of `watched`, unless a test names another."""

    def write(more: str = "", clickhouse: str = "", *, has_receiver: bool = True) -> Path:
        return write_settings(more, clickhouse or watched.server.url, has_receiver=has_receiver)

    return write


@pytest.fixture
def config(settings_file: Callable[..., Path]) -> Callable[..., Config]:
    """The settings of `settings_file`."""
    return lambda *given, **named: load(settings_file(*given, **named), {})
