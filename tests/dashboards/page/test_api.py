"""The page's answers over known messages: numbers, files, statements, errors. With ClickHouse, without a browser."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from dashboards.page.statement import bound_text
from tests.dashboards.page.boards import BOARDS, HOSTILE, KINDS, ODD
from tests.dashboards.page.conftest import DATABASE
from tests.dashboards.page.data import CAMPAIGNS, TEMPLATES, Message, count, messages
from tests.dashboards.page.site import WEEK, FixedAlerts, Site, config, rows
from tests.support.clickhouse import Server
from tests.support.events import NOON


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
