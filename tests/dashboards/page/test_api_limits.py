"""Slow and equal queries of the page, and the command that serves it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from dashboards.page.context import now
from dashboards.page.reader_client import ReaderClient, Table
from dashboards.panel import Dashboard
from deploy.local.ports import free_ports
from schemas.settings.config import Config
from tests.dashboards.page.boards import BOARDS, KINDS, SLOW
from tests.dashboards.page.conftest import DATABASE
from tests.dashboards.page.site import WEEK, Site, config
from tests.support.clickhouse import ADMIN, Server
from tests.support.waiting import wait_until


@pytest.fixture
def slow(engine: Server) -> Iterator[Site]:
    boards = (Dashboard("slow", "Slow", "Takes for ever.", (SLOW,)), KINDS)
    with Site(config(engine.url, DATABASE, query_seconds=1.0, max_concurrent_queries=1), boards) as running:
        yield running


def _running(engine: Server) -> int:
    return int(engine.ok("SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%'", user=ADMIN)) - 1


def test_a_slow_query_is_ended_in_time_also_in_clickhouse(slow: Site, engine: Server) -> None:
    reply = slow.get("/api/panels/slow")
    assert (reply.status, reply.json["error"]) == (504, "query_timeout")
    wait_until("no query runs", lambda: _running(engine) == 0)
    assert slow.get("/api/panels/k-sent", **WEEK).status == 200


class GatedReader(ReaderClient):
    """Counts the statements of a page, and starts them when the test opens the gate."""

    def __init__(self, settings: Config) -> None:
        super().__init__(settings.clickhouse, settings.dashboards, now)
        self.gate = asyncio.Event()
        self.statements: list[str] = []

    async def rows(self, sql: str, parameters: Mapping[str, Any], limit: int) -> Table:
        self.statements.append(sql)
        await self.gate.wait()
        return await super().rows(sql, parameters, limit)


def test_equal_requests_at_the_same_time_are_one_statement(engine: Server) -> None:
    settings = config(engine.url, DATABASE)
    with Site(settings, BOARDS) as site, ThreadPoolExecutor(8) as pool:
        reader = GatedReader(settings)
        site.page.reader = reader
        replies = [pool.submit(site.get, "/api/panels/k-sent", **WEEK) for _ in range(8)]
        wait_until("eight requests run", lambda: site.requests() == 8)
        started = len(reader.statements)
        site.call(reader.gate.set)
        assert {reply.result().status for reply in replies} == {200}
    assert started == 1
    assert reader.statements.count(KINDS.panels[0].sql) == 1


def test_the_command_starts_and_stops(engine: Server, tmp_path: Path) -> None:
    """The command with the real dashboards: it becomes ready and ends on SIGTERM."""
    port = free_ports(1)[0]
    (tmp_path / "ackstream.toml").write_text(
        f'[clickhouse]\nurl = "{engine.url}"\ndatabase = "{DATABASE}"\nreader_user = "viewer"\n'
        f'reader_password = {{ env = "TEST_PAGE_READER" }}\n[dashboards]\nport = {port}\n'
    )
    env = {**os.environ, "ACKSTREAM_CONFIG": str(tmp_path / "ackstream.toml")}
    command = [sys.executable, "-m", "deploy.cli", "dashboards"]
    first = subprocess.Popen(command, env=env, stderr=subprocess.PIPE)
    try:

        def ready() -> bool:
            try:
                return bool(urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).status == 200)
            except OSError:
                return False

        wait_until("it is ready", ready)
        second = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == 1
        assert f"port {port} on 127.0.0.1 is taken by another program" in second.stderr
        first.terminate()
        assert first.wait(20) == 0
    finally:
        first.kill()
