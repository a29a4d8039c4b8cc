"""Every shipped query on the real engine as the read-only user, as Grafana sends it: the same answers as the page's."""

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.alerts.rule import PARAMETERS
from dashboards.alerts.rules import RULES
from dashboards.catalogue import DASHBOARDS
from dashboards.grafana.board import options_sql
from dashboards.grafana.macros import panel_sql, rule_sql
from dashboards.grafana.panels import panel_id
from dashboards.panel import Panel
from tests.dashboards.grafana.conftest import NAMES, SOURCES
from tests.dashboards.grafana.expander import ALL_CHOSEN, Value, percent_encode, sent
from tests.dashboards.panels.model import utc
from tests.dashboards.panels.random_data import random_search
from tests.dashboards.panels.tables import EVERYTHING, Tables
from tests.support.events import DAY, NOON

START, END = NOON - 20 * DAY, NOON + DAY
NOTHING_CHOSEN: dict[str, Value] = {
    "sources": [ALL_CHOSEN],
    "templates": [ALL_CHOSEN],
    "campaigns": [ALL_CHOSEN],
    "mask": "1",
    "__timezone": "utc",
}
AS_NUMBERS = {"output_format_json_quote_64bit_integers": 0}
PANELS = [(dashboard.id, panel) for dashboard in DASHBOARDS for panel in dashboard.panels]
# Every panel in UTC, and those that have to do with time zones in another one.
IN_ZONES = [
    (dashboard, panel, zone)
    for dashboard, panel in PANELS
    for zone in ("utc", "Asia/Kathmandu")
    if zone == "utc" or "{zone:" in panel.sql
]


@dataclass(slots=True, frozen=True)
class Answer:
    """What ClickHouse writes as JSONCompact."""

    meta: list[dict[str, str]]
    data: list[list[Any]]


def ask(tables: Tables, sql: str, **values: Any) -> Answer:
    """The answer as the read-only user gets it; `values` are bound. Fails with ClickHouse's error."""
    text = tables.reader.raw_query(sql, EVERYTHING | values if values else None, AS_NUMBERS, fmt="JSONCompact")
    return Answer(**{key: json.loads(text)[key] for key in ("meta", "data")})


def rows(tables: Tables, sql: str) -> list[list[Any]]:
    return ask(tables, sql).data


def shipped_sql(boards: dict[str, Any], dashboard: str, panel: Panel) -> str:
    (shown,) = (each for each in boards[f"{dashboard}.json"]["panels"] if each["id"] == panel_id(panel))
    sql: str = shown["targets"][0]["rawSql"]
    return sql


def steady(panel: Panel, data: list[list[Any]]) -> list[list[Any]]:
    """Without what is measured against the clock, which two questions see at different moments."""
    places = [
        place
        for place, column in enumerate(panel.columns)
        if column.unit != "seconds" and not (panel.id == "layers" and column.unit == "time")
    ]
    return [[row[place] for place in places] for row in data]


@pytest.mark.parametrize(
    ("dashboard", "panel", "zone"), IN_ZONES, ids=[f"{panel.id}-{zone}" for _, panel, zone in IN_ZONES]
)
def test_grafana_gets_the_same_answer_as_the_page(
    tables: Tables, boards: dict[str, Any], dashboard: str, panel: Panel, zone: str
) -> None:
    chosen = {"sources": SOURCES[:1], "templates": NAMES, "campaigns": NAMES}
    options = {variable: [percent_encode(name) for name in names] for variable, names in chosen.items()}
    sql = sent(shipped_sql(boards, dashboard, panel), {**NOTHING_CHOSEN, **options, "__timezone": zone}, START, END)
    page = {"from": utc(START), "to": utc(END), "zone": "UTC" if zone == "utc" else zone, **chosen}
    assert steady(panel, rows(tables, sql)) == steady(panel, ask(tables, panel.sql, **page).data)


def test_the_data_reaches_the_queries(tables: Tables, boards: dict[str, Any]) -> None:
    """What the test above compares is not nothing on both sides."""
    filled = [
        panel.id
        for dashboard, panel in PANELS
        if rows(tables, sent(shipped_sql(boards, dashboard, panel), NOTHING_CHOSEN, START, END))
    ]
    assert len(filled) > 0.6 * len(PANELS), sorted({panel.id for _, panel in PANELS} - set(filled))


SENT = (
    "SELECT sum(sent) FROM outbound WHERE (empty({templates:Array(String)}) OR template IN {templates:Array(String)})"
)


@pytest.fixture(scope="module")
def options(tables: Tables) -> dict[str, str]:
    """The menu of templates: the option's value by the name that is shown."""
    return {text: value for value, text in rows(tables, options_sql("template"))}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_any_kind_can_be_chosen(tables: Tables, options: dict[str, str], name: str) -> None:
    """The option's value goes into the variable, the rows of that name come out."""
    sql = sent(panel_sql(SENT), {**NOTHING_CHOSEN, "templates": [options[name]]}, START, END)
    assert rows(tables, sql) == [[3]]


def test_several_names_and_all_of_them(tables: Tables, options: dict[str, str]) -> None:
    assert set(options) == set(NAMES)
    sql = panel_sql(SENT)
    several = {**NOTHING_CHOSEN, "templates": [options["a,b"], options["{a}"], options["*"]]}
    assert rows(tables, sent(sql, several, START, END)) == [[9]]
    for everything in ([ALL_CHOSEN], ALL_CHOSEN, [], ""):
        assert rows(tables, sent(sql, {**NOTHING_CHOSEN, "templates": everything}, START, END)) == [[3 * len(NAMES)]]


@random_search(20)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=5),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_what_is_chosen_is_what_clickhouse_sees(tables: Tables, names: list[str], zone: str) -> None:
    sql = panel_sql("SELECT {templates:Array(String)}, {zone:String}")
    chosen = {**NOTHING_CHOSEN, "templates": [percent_encode(name) for name in names], "__timezone": zone}
    known = {row["time_zone"] for row in tables.engine.rows("SELECT time_zone FROM system.time_zones")}
    assert rows(tables, sent(sql, chosen, START, END)) == [[names, zone if zone in known else "UTC"]]


@pytest.mark.parametrize(
    ("zone", "used"),
    [("Europe/Berlin", "Europe/Berlin"), ("browser", "UTC"), ("utc", "UTC"), ("", "UTC"), ("Mars/Olympus", "UTC")],
)
def test_a_zone_that_clickhouse_does_not_know_is_utc(tables: Tables, zone: str, used: str) -> None:
    sql = panel_sql("SELECT toString(toTimeZone(now(), {zone:String})) != '', {zone:String}")
    assert rows(tables, sent(sql, {**NOTHING_CHOSEN, "__timezone": zone}, START, END)) == [[1, used]]


@pytest.mark.parametrize("hostile", [*NAMES, "' OR '1'='1", "\\", "'); SELECT 1; --", "a" * 10_000, "\x00"])
def test_a_value_from_an_address_is_never_part_of_a_statement(tables: Tables, hostile: str) -> None:
    """Anybody can write `?var-templates=...` into an address: the value is a name that nothing has, or a plain one."""
    variables = ("sources", "templates", "campaigns", "mask")
    lists = ", ".join(f"{{{variable}:Array(String)}}" for variable in variables[:3])
    statement = panel_sql(f"SELECT {lists}, {{mask:UInt8}}, 7 AS seven")
    for value in (hostile, [hostile], [hostile, "x"]):
        sql = sent(statement, {**NOTHING_CHOSEN, **dict.fromkeys(variables, value)}, START, END)
        ((*_, seven),) = rows(tables, sql)
        assert seven == 7


@pytest.mark.parametrize(("written", "masked"), [("1", 1), ("0", 0), ("", 1), ("2", 1), ("false", 1), ("0 ", 1)])
def test_phones_are_masked_unless_the_variable_is_a_plain_0(tables: Tables, written: str, masked: int) -> None:
    assert rows(tables, sent(panel_sql("SELECT {mask:UInt8}"), {"mask": written}, START, END)) == [[masked]]


@pytest.mark.parametrize(
    ("days", "step"), [(1, "hour"), (3, "hour"), (4, "day"), (90, "day"), (400, "day"), (500, "month")]
)
def test_the_step_of_lines_follows_the_range(tables: Tables, days: int, step: str) -> None:
    assert rows(tables, sent(panel_sql("SELECT {bucket:String}"), {}, NOON, NOON + days * DAY)) == [[step]]


def test_a_chosen_source_is_looked_up_and_not_searched_for(tables: Tables) -> None:
    """An alias of an array after IN would read every row."""
    sql = panel_sql(
        "SELECT count() FROM cohort_log WHERE (empty({sources:Array(String)}) OR source IN {sources:Array(String)})"
    )
    text = sent(sql, {**NOTHING_CHOSEN, "sources": ["shop"]}, START, END)
    plan = tables.engine.run(f"EXPLAIN indexes = 1 {text}")
    assert re.search(r"Condition: .*source in ", plan), plan


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_a_rule_is_words_and_one_number(tables: Tables, rules: dict[str, Any], rule: Any) -> None:
    """The only shape that Grafana turns into one alert a row; and the same rows as the evaluator's."""
    (shown,) = (each for group in rules["groups"] for each in group["rules"] if each["labels"]["rule"] == rule.id)
    answer = ask(tables, sent(shown["data"][0]["model"]["rawSql"], {}, NOON - 600_000, NOON))
    kinds = [re.sub(r"(LowCardinality|Nullable)\((\w+)\)", r"\2", column["type"]) for column in answer.meta]
    assert kinds == ["String"] * len(rule.labels) + ["Float64"]
    words = [tuple(row[:-1]) for row in answer.data]
    assert len(words) == len(set(words)), "Grafana refuses two rows with the same labels"
    own = tables.reader.query(rule.sql, parameters={"now": utc(NOON)}).named_results()
    assert sorted(words) == sorted(tuple(row[label] for label in rule.labels) for row in own)


@pytest.mark.parametrize("sql", ["SELECT '$x'", "SELECT '${sources}'", "SELECT [[sources]]", "SELECT {other:String}"])
def test_sql_that_grafana_would_change_is_refused(sql: str) -> None:
    with pytest.raises(ValueError, match=r"Grafana|parameter"):
        panel_sql(sql)


def test_a_rule_knows_its_moment_and_nothing_else() -> None:
    with pytest.raises(ValueError, match="parameter"):
        rule_sql("SELECT {from:DateTime64(3, 'UTC')}", PARAMETERS)
