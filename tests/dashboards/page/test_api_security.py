"""The page against hostile input: parameters, paths, statements, methods and host names."""

from dataclasses import replace
from typing import Any

import pytest

from dashboards.page.security import HEADERS
from tests.dashboards.page.boards import ODD
from tests.dashboards.page.conftest import DATABASE
from tests.dashboards.page.site import Site, config, rows
from tests.support.clickhouse import Server

NASTY = [
    "'", '"', "\\", "\\'", "' OR 1=1 --", "'); DROP TABLE outbound; --", "/* */", "#", "\0", "\n", "\t", "\\N",
    "{zone:String}", "%s", "%(x)s", "$(id)", "`id`", "../../../../etc/passwd", "<script>alert(1)</script>", "☃" * 200,
    "x" * 10_000, "[]", "['a']", "1 SETTINGS readonly=0", "1; INSERT INTO event_log VALUES (1)", "CAST(1 AS String)",
]  # fmt: skip


@pytest.mark.parametrize("name", ["range", "from", "to", "zone", "source", "template", "campaign", "q", "kind"])
def test_no_text_in_a_parameter_becomes_part_of_a_statement(site: Site, name: str) -> None:
    path = "/api/filters" if name in ("q", "kind") else "/api/panels/k-sent"
    for text in NASTY:
        given: dict[str, Any] = {"kind": "template"} if name == "q" else {}
        if name in ("from", "to"):
            given = {"from": "2026-11-01", "to": "2026-11-20"}
        reply = site.get(path, **(given | {name: text}))
        assert reply.status in (200, 400), (name, text, reply.body)
        if reply.status == 400:
            assert set(reply.json) == {"error", "detail", "parameter"}
            assert len(text) < 3 or text not in reply.json["detail"]
        elif path.startswith("/api/panels"):
            assert reply.json["rows"][0][0] == 0
        else:
            assert all(text.lower() in entry["value"].lower() for entry in reply.json["values"])


def test_hostile_paths_are_not_found(site: Site) -> None:
    traversal = ["..", "%2e%2e%2f%2e%2e%2fetc%2fpasswd"]
    for text in [*traversal, "k-sent%27", "k-sent%00", "K-SENT", "%3Cscript%3E", "a" * 5000, "k-sent.csv.csv"]:
        for path in (f"/api/panels/{text}", f"/api/panels/{text}/sql", f"/static/{text}/main.js", f"/api/{text}"):
            reply = site.get(path)
            assert reply.status == 404, path
            assert set(reply.json) == {"error", "detail"}
    version = site.get("/api/catalogue").json["version"]
    for text in ("..%2fapp.py", "..", "index.html", "app.py", "%00", "main.js%00"):
        assert site.get(f"/static/{version}/{text}").status == 404


def test_after_the_injection_attempts_the_tables_are_unchanged(engine: Server, site: Site) -> None:
    assert engine.ok("SELECT sum(sent) FROM outbound", database=DATABASE).strip() == "60"
    assert rows(site, "k-sent")[0]["messages"] == 60


def test_the_page_has_only_the_read_only_user(engine: Server) -> None:
    """ClickHouse rejects panels that write, change settings or read files: the user may not."""
    for number, sql in enumerate(
        (
            "INSERT INTO event_log (event_id) VALUES ('x')",
            "DROP TABLE event_log",
            "SELECT 1 AS number SETTINGS max_threads = 1",
            "SELECT * FROM file('/etc/passwd', 'LineAsString')",
            "SELECT * FROM system.query_log",
            "SELECT 1 AS number INTO OUTFILE 'x'",
        )
    ):
        panel = replace(ODD.panels[3], id=f"w-{number}", sql=sql)
        with Site(config(engine.url, DATABASE), (replace(ODD, panels=(panel,)),)) as site:
            reply = site.get(f"/api/panels/{panel.id}")
        assert reply.status >= 500, sql
        assert set(reply.json) == {"error", "detail"}
    assert engine.ok("SELECT count() FROM event_log", database=DATABASE).strip() != "0"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_than_get_and_head_are_rejected(site: Site, method: str) -> None:
    for path in ("/", "/kinds", "/api/panels/k-sent", "/healthz", "/nowhere"):
        reply = site.get(path, method=method)
        assert reply.status == 405
        assert reply.headers["allow"] == "GET, HEAD"


PATHS = ["/", "/kinds", "/nowhere", "/api/catalogue", "/api/nothing", "/healthz"]
PATHS += ["/api/panels/k-sent", "/api/panels/nobody", "/api/panels/k-table.csv"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_the_same_security_headers(site: Site, path: str) -> None:
    reply = site.get(path)
    assert {name: reply.headers[name.lower()] for name in HEADERS} == HEADERS
    assert "set-cookie" not in reply.headers
    assert "access-control-allow-origin" not in reply.headers
    head = site.get(path, method="HEAD")
    assert (head.status, head.body) == (reply.status, b"")


def test_an_expectation_of_odd_bytes_changes_nothing(site: Site) -> None:
    assert site.get("/healthz", headers={"Expect": "\u00ff"}).status == 200
    assert site.get("/nowhere", headers={"Expect": "\u00ff"}).status == 404


def test_a_foreign_host_name_is_rejected(site: Site) -> None:
    for path in ("/", "/api/panels/k-sent", "/static/x/main.js"):
        reply = site.get(path, headers={"Host": "rebound.invalid"})
        assert (reply.status, reply.json["error"]) == (421, "wrong_host")
    assert site.get("/healthz", headers={"Host": "10.0.0.1"}).status == 200
    assert site.get("/", headers={"Host": f"localhost:{site.port}"}).status == 200
