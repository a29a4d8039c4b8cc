"""ClickHouse goes away and comes back, refuses, or lacks the tables: what the page says meanwhile."""

from pathlib import Path

import pytest

from deploy.local.ports import free_ports
from tests.dashboards.page.boards import BOARDS
from tests.dashboards.page.conftest import DATABASE
from tests.dashboards.page.site import NOW, READER_PASSWORD, Site, config
from tests.support.clickhouse import Server
from tests.support.engine import Engine


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, str]:
    """A folder for an engine, and the port that it always gets."""
    return tmp_path / "data", str(free_ports(1)[0])


def away(site: Site, *paths: str) -> None:
    for path in paths:
        reply = site.get(path)
        assert (reply.status, reply.json["error"]) == (503, "clickhouse_away"), path
        assert reply.json["since"] == NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert "make up" in reply.json["detail"]
        assert reply.headers["retry-after"] == "5"
    assert site.get("/healthz").status == site.get("/kinds").status == 200
    assert site.get("/api/panels/k-sent/sql").status == 200  # asks nobody


def test_the_page_outlives_clickhouse_and_says_what_is_missing(place: tuple[Path, str]) -> None:
    data, port = place
    with Site(config(f"http://127.0.0.1:{port}", DATABASE), BOARDS) as site:
        away(site, "/readyz", "/api/panels/k-sent", "/api/filters?kind=template")  # it started first
        server = Server(data, "--port", port)
        try:
            reply = site.get("/api/panels/k-sent")
            assert (reply.status, reply.json["error"]) == (503, "tables_missing")
            assert "ackstream migrate" in reply.json["detail"]
            Engine(server, DATABASE)
            assert site.get("/readyz").status == site.get("/api/panels/k-sent").status == 200
        finally:
            server.stop()
        away(site, "/readyz", "/api/panels/k-rate", "/api/panels/k-rate.csv")
        server = Server(data, "--port", port)
        try:
            assert site.get("/readyz").status == site.get("/api/panels/k-rate").status == 200
        finally:
            server.kill()


def test_a_wrong_password_is_named(place: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    data, port = place
    server = Server(data, "--port", port)
    try:
        for password in ("wrong", ""):
            monkeypatch.setenv(READER_PASSWORD, password)
            with Site(config(server.url, DATABASE), BOARDS) as site:
                reply = site.get("/api/panels/k-sent")
            assert (reply.status, reply.json["error"]) == (503, "clickhouse_refuses")
            assert "reader_password" in reply.json["detail"]
    finally:
        server.kill()
