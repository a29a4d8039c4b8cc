"""The page while ClickHouse is unreachable, denies access or lacks the tables."""

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
    """A folder and a fixed port for a server that is restarted."""
    return tmp_path / "data", str(free_ports(1)[0])


def expect_unreachable(site: Site, *paths: str) -> None:
    for path in paths:
        reply = site.get(path)
        assert (reply.status, reply.json["error"]) == (503, "clickhouse_unreachable"), path
        assert reply.json["since"] == NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert "make up" in reply.json["detail"]
        assert reply.headers["retry-after"] == "5"
    assert site.get("/healthz").status == site.get("/kinds").status == 200
    assert site.get("/api/panels/k-sent/sql").status == 200  # needs no query


def test_the_page_survives_an_outage_of_clickhouse_and_names_the_cause(place: tuple[Path, str]) -> None:
    data, port = place
    with Site(config(f"http://127.0.0.1:{port}", DATABASE), BOARDS) as site:
        expect_unreachable(
            site, "/readyz", "/api/panels/k-sent", "/api/filters?kind=template"
        )  # started before ClickHouse
        server = Server(data, "--port", port)
        try:
            reply = site.get("/api/panels/k-sent")
            assert (reply.status, reply.json["error"]) == (503, "tables_missing")
            assert "ackstream migrate" in reply.json["detail"]
            Engine(server, DATABASE)
            assert site.get("/readyz").status == site.get("/api/panels/k-sent").status == 200
        finally:
            server.stop()
        expect_unreachable(site, "/readyz", "/api/panels/k-rate", "/api/panels/k-rate.csv")
        server = Server(data, "--port", port)
        try:
            assert site.get("/readyz").status == site.get("/api/panels/k-rate").status == 200
        finally:
            server.kill()


def test_a_wrong_password_is_reported(place: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    data, port = place
    server = Server(data, "--port", port)
    try:
        for password in ("wrong", ""):
            monkeypatch.setenv(READER_PASSWORD, password)
            with Site(config(server.url, DATABASE), BOARDS) as site:
                reply = site.get("/api/panels/k-sent")
            assert (reply.status, reply.json["error"]) == (503, "clickhouse_access_denied")
            assert "reader_password" in reply.json["detail"]
    finally:
        server.kill()
