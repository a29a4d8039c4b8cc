"""The page's answers over known messages: numbers, files, statements, errors. With ClickHouse, without a browser."""

import asyncio
import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from dashboards.page.context import now
from dashboards.page.reader_client import ReaderClient, Table
from dashboards.page.security import HEADERS
from dashboards.page.statement import bound_text
from dashboards.panel import Dashboard
from deploy.local.ports import free_ports
from schemas.settings.config import Config
from tests.dashboards.page.boards import BOARDS, HOSTILE, KINDS, ODD, SLOW
from tests.dashboards.page.conftest import DATABASE
from tests.dashboards.page.data import CAMPAIGNS, TEMPLATES, Message, count, messages
from tests.dashboards.page.site import FixedAlerts, Site, config
from tests.support.clickhouse import ADMIN, Server
from tests.support.events import NOON
from tests.support.waiting import came_true

WEEK: dict[str, Any] = {"range": "7d", "zone": "UTC"}
NASTY = [
    "'", '"', "\\", "\\'", "' OR 1=1 --", "'); DROP TABLE outbound; --", "/* */", "#", "\0", "\n", "\t", "\\N",
    "{zone:String}", "%s", "%(x)s", "$(id)", "`id`", "../../../../etc/passwd", "<script>alert(1)</script>", "☃" * 200,
    "x" * 10_000, "[]", "['a']", "1 SETTINGS readonly=0", "1; INSERT INTO event_log VALUES (1)", "CAST(1 AS String)",
]  # fmt: skip


def rows(site: Site, panel: str, **parameters: Any) -> list[dict[str, Any]]:
    reply = site.get(f"/api/panels/{panel}", **(WEEK | parameters))
    assert reply.status == 200, reply.body
    names = [column["name"] for column in reply.json["columns"]]
    return [dict(zip(names, row, strict=True)) for row in reply.json["rows"]]


def test_a_stat_has_its_value_and_terms(site: Site) -> None:
    truth = count()
    assert rows(site, "k-sent") == [{"messages": truth["sent"], "messages_before": 0}]
    (share,) = rows(site, "k-rate")
    assert (share["rate"], share["delivered"], share["sent"]) == (48 / 60, 48, 60)
    assert share["provisional"] == 1


def test_an_answer_contains_selection_layer_and_parameters(site: Site) -> None:
    answer = site.get("/api/panels/k-line", range="today", zone="Europe/Berlin", source=["shop", "clinic"]).json
    assert answer["selection"] == {
        "from": "2026-11-19T23:00:00Z",
        "to": "2026-11-20T12:15:00Z",
        "range": "today",
        "zone": "Europe/Berlin",
        "bucket": "hour",
        "sources": ["shop", "clinic"],
        "templates": [],
        "campaigns": [],
    }
    assert answer["layer"] == "rollup"
    assert answer["freshness"].keys() == {"at", "lag_seconds", "pending"}
    assert answer["parameters"]["from"] == "2026-11-19 23:00:00.000"
    assert answer["elapsed_ms"] > 0
    assert answer["truncated"] is False


def of_template(source: str, template: str) -> Callable[[Message], bool]:
    return lambda message: (message.source, message.template) == (source, template)


def of_campaign(campaign: str) -> Callable[[Message], bool]:
    return lambda message: message.campaign == campaign


def day_of(message: Message) -> str:
    return datetime.fromtimestamp(message.sent_at / 1000, UTC).strftime("%Y-%m-%dT00:00:00.000Z")


def on_day(moment: str) -> Callable[[Message], bool]:
    return lambda message: day_of(message) == moment


@pytest.mark.parametrize("source", ["shop", "clinic"])
def test_a_filter_selects_only_its_values(site: Site, source: str) -> None:
    expected = count(lambda message: message.source == source)
    assert rows(site, "k-sent", source=source)[0]["messages"] == expected["sent"]
    found = {row["template"]: row["sent"] for row in rows(site, "k-table", source=source)}
    assert found == {name: count(of_template(source, name))["sent"] for name in TEMPLATES}


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_names_with_quotes_and_markup_can_be_filtered(site: Site, campaign: str) -> None:
    chosen = count(lambda message: message.campaign == campaign)
    assert rows(site, "k-sent", campaign=campaign)[0]["messages"] == chosen["sent"]
    both = rows(site, "k-sent", campaign=[campaign, "nobody"], template=list(TEMPLATES))
    assert both[0]["messages"] == chosen["sent"]


def test_lines_have_a_point_for_each_day_of_the_zone(site: Site) -> None:
    days = sorted({day_of(message) for message in messages()})
    found = {row["at"]: row for row in rows(site, "k-line") if row["series"] == "Delivered / sent"}
    assert sorted(found) == days
    for each in days:
        truth = count(on_day(each))
        assert (found[each]["part"], found[each]["whole"]) == (truth["delivered"], truth["sent"])


def test_the_range_all_begins_with_the_first_message(site: Site) -> None:
    first = min(message.sent_at for message in messages())
    assert NOON - first > 2 * 86_400_000
    answer = site.get("/api/panels/k-sent", range="all", zone="UTC").json
    assert answer["selection"]["from"] == "2026-11-18T00:00:00Z"
    assert answer["rows"][0][0] == 60


def test_an_unchanged_answer_is_a_304(site: Site) -> None:
    first = site.get("/api/panels/k-table", **WEEK)
    again = site.get("/api/panels/k-table", headers={"If-None-Match": first.headers["etag"]}, **WEEK)
    assert (again.status, again.body) == (304, b"")
    other = site.get("/api/panels/k-table", headers={"If-None-Match": first.headers["etag"]}, range="today")
    assert other.status == 200
    assert other.headers["etag"] != first.headers["etag"]


def test_rows_past_the_limit_are_truncated_and_the_answer_states_it(site: Site) -> None:
    answer = site.get("/api/panels/o-many").json
    assert (len(answer["rows"]), answer["truncated"]) == (400, True)
    assert len(site.get("/api/panels/o-many.csv").body.splitlines()) == 451


def test_a_csv_file_has_the_panel_s_columns_and_harmless_cells(site: Site) -> None:
    reply = site.get("/api/panels/o-texts.csv", **WEEK)
    assert reply.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert reply.headers["content-disposition"] == ('attachment; filename="o-texts-20261114T0000Z-20261120T1215Z.csv"')
    read = list(csv.reader(io.StringIO(reply.body.decode(), newline="")))
    assert read[0] == ["text", "phone", "negative", "nothing"]
    guarded = [f"'{text}" if text[0] in "=+-@\t" else text for text in HOSTILE]
    assert [row[0] for row in read[1:]] == guarded
    assert {tuple(row[1:]) for row in read[1:]} == {("+55…001", "-1.5", "")}


def test_a_truncated_csv_file_states_it_in_its_name(engine: Server) -> None:
    with Site(config(engine.url, DATABASE, max_csv_rows=100), (ODD,)) as site:
        reply = site.get("/api/panels/o-many.csv")
    assert len(reply.body.splitlines()) == 101
    assert "-first-100-rows.csv" in reply.headers["content-disposition"]


def test_only_the_settings_decide_whether_phones_are_masked(site: Site, engine: Server) -> None:
    assert {row["phone"] for row in rows(site, "o-texts")} == {"+55…001"}
    assert site.get("/api/panels/o-texts", mask="0").status == 400
    assert b"5511955550001" not in site.get("/api/panels/o-texts.csv").body
    with Site(config(engine.url, DATABASE, mask_phones=False), (ODD,)) as open_site:
        assert {row["phone"] for row in rows(open_site, "o-texts")} == {"+5511955550001"}
        assert open_site.get("/api/catalogue").json["mask_phones"] is False


def test_the_shown_statement_gives_the_same_rows_when_pasted(site: Site, engine: Server) -> None:
    chosen: dict[str, Any] = {**WEEK, "campaign": list(CAMPAIGNS), "template": TEMPLATES[1]}
    shown = site.get("/api/panels/k-table/sql", **chosen).json
    expected = site.get("/api/panels/k-table", **chosen).json["rows"]
    pasted = engine.sql(shown["inlined"], database=DATABASE, default_format="JSONCompact")
    assert pasted.status == 200, pasted.text
    bound: dict[str, Any] = {f"param_{name}": value for name, value in _texts(shown["parameters"]).items()}
    sent = engine.sql(shown["sql"], database=DATABASE, default_format="JSONCompact", **bound)
    assert _counts(pasted.body) == _counts(sent.body) == [row[1:3] for row in expected]
    assert shown["command"].startswith("ackstream query -- ")
    assert engine.url in shown["curl"]
    assert "invented" not in str(shown)


def _texts(values: dict[str, Any]) -> dict[str, str]:
    return {name: bound_text(value) for name, value in values.items()}


def _counts(body: bytes) -> list[list[int]]:
    return [[int(row[1]), int(row[2])] for row in json.loads(body)["data"]]


def test_filters_offer_the_values_of_the_range_largest_first(site: Site) -> None:
    found = site.get("/api/filters", kind="campaign", **WEEK).json
    truth = {name: count(of_campaign(name))["sent"] for name in CAMPAIGNS}
    assert {entry["value"]: entry["messages"] for entry in found["values"]} == truth
    sizes = [entry["messages"] for entry in found["values"]]
    assert sizes == sorted(sizes, reverse=True)
    assert found["more"] is False
    named = site.get("/api/filters", kind="campaign", q="BOLD", **WEEK).json["values"]
    assert [entry["value"] for entry in named] == [CAMPAIGNS[2]]
    assert site.get("/api/filters", kind="template", q="%", **WEEK).json["values"][0]["value"] == TEMPLATES[1]
    assert site.get("/api/filters", kind="template", range="yesterday", source="shop").status == 200


def test_a_configured_source_without_messages_is_offered(engine: Server) -> None:
    with Site(config(engine.url, DATABASE, sources=("shop", "silent")), BOARDS) as site:
        found = site.get("/api/filters", kind="source", **WEEK).json["values"]
    assert {entry["value"]: entry["messages"] > 0 for entry in found} == {"shop": True, "clinic": True, "silent": False}


def test_freshness_lists_every_layer(site: Site) -> None:
    layers = site.get("/api/freshness").json["layers"]
    assert set(layers) == {"live", "copy", "rollup", "samples"}
    assert layers["samples"] == {"at": None, "lag_seconds": None, "pending": 0}  # no analytics worker runs here
    assert layers["live"]["lag_seconds"] == 0


def test_the_catalogue_has_all_panels_without_their_sql(site: Site) -> None:
    reply = site.get("/api/catalogue")
    found = reply.json
    assert [board["id"] for board in found["dashboards"]] == [board.id for board in BOARDS]
    assert [panel["id"] for panel in found["dashboards"][0]["panels"]] == [panel.id for panel in KINDS.panels]
    assert found["dashboards"][0]["panels"][1]["threshold"] == {"column": "rate", "side": "below", "limit": 0.99}
    assert found["sources"] == [{"name": "shop", "provider": "meta"}, {"name": "clinic", "provider": "meta"}]
    assert b"SELECT" not in reply.body
    again = site.get("/api/catalogue", headers={"If-None-Match": reply.headers["etag"]})
    assert again.status == 304


def test_alerts_are_shown_if_the_process_evaluates_them(site: Site, engine: Server) -> None:
    assert site.get("/api/alerts").json == {"enabled": False, "alerts": []}
    with Site(config(engine.url, DATABASE), BOARDS, FixedAlerts()) as alerting:
        found = alerting.get("/api/alerts").json
    assert found["enabled"] is True
    assert [alert["state"] for alert in found["alerts"]] == ["ok", "firing", "firing", "unknown"]
    assert found["alerts"][1]["labels"] == {"source": "shop-0"}
    assert found["alerts"][1]["since"] == "2026-11-20T11:00:00.000Z"


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


def test_a_foreign_host_name_is_rejected(site: Site) -> None:
    for path in ("/", "/api/panels/k-sent", "/static/x/main.js"):
        reply = site.get(path, headers={"Host": "rebound.invalid"})
        assert (reply.status, reply.json["error"]) == (421, "wrong_host")
    assert site.get("/healthz", headers={"Host": "10.0.0.1"}).status == 200
    assert site.get("/", headers={"Host": f"localhost:{site.port}"}).status == 200


def test_files_are_cached_forever_and_the_html_is_not(site: Site) -> None:
    shell = site.get("/kinds")
    assert shell.headers["cache-control"] == "no-cache"
    version = site.get("/api/catalogue").json["version"]
    assert f"/static/{version}/main.js" in shell.body.decode()
    assert "{{" not in shell.body.decode()
    kinds = {"main.js": "text/javascript", "tokens.css": "text/css", "icon.svg": "image/svg+xml"}
    for name, kind in (kinds | {"plotly.min.js": "text/javascript"}).items():
        reply = site.get(f"/static/{version}/{name}", headers={"Accept-Encoding": "gzip"})
        assert reply.headers["content-type"].startswith(kind)
        assert "immutable" in reply.headers["cache-control"]
        assert reply.headers["content-encoding"] == "gzip"
    assert site.get("/static/000000000000/main.js").status == 404
    assert site.get("/nowhere").status == 404
    assert site.get("/favicon.ico").headers["content-type"] == "image/svg+xml"


def test_a_failing_statement_is_reported_without_its_text(site: Site) -> None:
    reply = site.get("/api/panels/o-error")
    assert (reply.status, reply.json["error"]) == (503, "tables_missing")
    assert "nothing_of_this_name" not in reply.body.decode()


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
    assert came_true(lambda: _running(engine) == 0)
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
        assert came_true(lambda: site.requests() == 8)
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

        assert came_true(ready)
        second = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == 1
        assert f"port {port} on 127.0.0.1 is taken by another program" in second.stderr
        first.terminate()
        assert first.wait(20) == 0
    finally:
        first.kill()
