"""The tables with known messages (once per test process), a page over them and a real browser (once per module).

Playwright's event loop occupies the thread, so a browser may not be open while other modules run async tests.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from schemas.tables import EVENT_LOG, INSERT_SETTINGS
from streams.analytics import copy, rollups
from tests.dashboards.page.boards import BOARDS
from tests.dashboards.page.data import events
from tests.dashboards.page.site import READER_PASSWORD, Site, config
from tests.dashboards.page.view import WAIT_MS
from tests.support.browser import chromium
from tests.support.clickhouse import VIEWER, Server
from tests.support.engine import Engine

DATABASE = "page_test"


@pytest.fixture(scope="session", autouse=True)
def _reader_password() -> Iterator[None]:
    """The page's environment has the password of the read-only user and no other."""
    os.environ[READER_PASSWORD] = VIEWER[1]
    yield
    del os.environ[READER_PASSWORD]


@pytest.fixture(scope="session")
def engine(clickhouse: Server) -> Server:
    """The ClickHouse of the dashboards' tests with the messages of `data` in DATABASE, copied and rolled up."""
    Engine(clickhouse, DATABASE)
    insert(clickhouse, events())
    return clickhouse


def insert(server: Server, batch: Sequence[dict[str, Any]]) -> None:
    """Inserts events as the workers do, and brings the copy and the rollups up to date."""
    rows = b"\n".join(map(orjson.dumps, batch))
    server.ok(rows, query=f"INSERT INTO {EVENT_LOG} FORMAT JSONEachRow", database=DATABASE, **INSERT_SETTINGS)
    writer = server.client(database=DATABASE)
    copy.catch_up(writer)
    rollups.catch_up(writer)


@pytest.fixture(scope="module")
def site(engine: Server) -> Iterator[Site]:
    """The page with the dashboards of the tests."""
    with Site(config(engine.url, DATABASE, max_rows=400), BOARDS) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless browser without any page."""
    expect.set_options(timeout=WAIT_MS)  # Playwright's own 5 s are too few for a busy machine
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()
