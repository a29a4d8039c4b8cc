"""The catalogue as a whole: ids, words, columns and types of every panel, and that no value can become a statement."""

import re
from itertools import cycle
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from dashboards import catalogue
from dashboards.catalogue import DASHBOARDS
from dashboards.panel import PARAMETERS, Column, Dashboard, Panel
from tests.dashboards.panels.messages import FROM_CUSTOMER
from tests.dashboards.panels.tables import Tables
from tests.support.clickhouse import Server
from tests.support.events import NOON, event

PANELS = [panel for dashboard in DASHBOARDS for panel in dashboard.panels]
each_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.id)
each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.id)

_NUMBER = r"U?Int\d+|Float64"
_WORD = r"LowCardinality\((?:Nullable\(String\)|String)\)|String"
TYPES = {
    "count": r"U?Int\d+",
    "share": "Float64",
    "ms": _NUMBER,
    "seconds": _NUMBER,
    "time": r"Date|DateTime\('UTC'\)|DateTime64\(3, 'UTC'\)",
    "money": r"Decimal\(\d+, \d+\)",
    "text": _WORD,
    "phone": _WORD,
    "mark": "UInt8",
}
# What a panel must hold by its kind: how many columns of each role that is not free.
SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "stat": {"value": (1,), "x": (0,), "y": (0,), "series": (0,), "cell": (0, 1)},
    "line": {"value": (1,), "x": (1,), "y": (0,), "series": (0, 1), "cell": (0,), "before": (0,)},
    "stack": {"value": (1,), "x": (1,), "y": (0,), "series": (1,), "cell": (0,), "before": (0,)},
    "bar": {"value": (1,), "x": (1,), "y": (0,), "series": (0, 1), "cell": (0,), "before": (0,)},
    "heatmap": {"value": (1,), "x": (1,), "y": (1,), "series": (0,), "cell": (0,), "before": (0,)},
    "funnel": {"value": (1,), "x": (1,), "y": (0,), "series": (0,), "cell": (0,), "before": (0,)},
    "table": {"value": (0,), "x": (0,), "y": (0,), "series": (0,), "before": (0,)},
}


def test_ids_are_unique_and_can_stand_in_a_url_and_a_file_name() -> None:
    ids = [panel.id for panel in PANELS] + [dashboard.id for dashboard in DASHBOARDS]
    assert not [name for name in ids if not re.fullmatch("[a-z0-9-]{2,40}", name)]
    assert len({panel.id for panel in PANELS}) == len(PANELS)
    assert len({dashboard.id for dashboard in DASHBOARDS}) == len(DASHBOARDS)


def test_the_menu_has_the_dashboards_in_order() -> None:
    wanted = ["overview", "delivery", "failures", "numbers", "conversations", "cost", "senders", "pipeline"]
    assert [dashboard.id for dashboard in DASHBOARDS] == wanted


def test_panels_and_dashboards_are_found_by_id() -> None:
    assert [catalogue.panel(known.id) for known in PANELS] == PANELS
    assert [catalogue.dashboard(known.id) for known in DASHBOARDS] == list(DASHBOARDS)
    with pytest.raises(KeyError):
        catalogue.panel("nothing")


@each_dashboard
def test_a_dashboard_has_a_title_a_purpose_and_panels(dashboard: Dashboard) -> None:
    assert dashboard.title.strip()
    assert dashboard.purpose.endswith(("?", "."))
    assert dashboard.panels


@each_panel
def test_texts_are_sentences_of_a_readable_length(panel: Panel) -> None:
    assert 2 < len(panel.title) < 60
    for text in (panel.meaning, panel.remediation):
        assert text.endswith(".")
        assert 20 < len(text) < 700
        assert "  " not in text
    assert panel.meaning != panel.remediation
    assert 1 <= panel.width <= 12


def test_no_two_panels_have_the_same_title() -> None:
    titles = [panel.title for panel in PANELS]
    assert len(set(titles)) == len(titles)


@each_panel
def test_no_two_columns_of_a_panel_have_the_same_title(panel: Panel) -> None:
    titles = [column.title for column in panel.columns]
    assert len(set(titles)) == len(titles)


@each_panel
def test_columns_fit_the_kind(panel: Panel) -> None:
    names = [column.name for column in panel.columns]
    assert len(set(names)) == len(names)
    assert all(column.title.strip() for column in panel.columns)
    roles = [column.role for column in panel.columns]
    for role, allowed in SHAPES[panel.kind].items():
        assert roles.count(role) in allowed, role  # type: ignore[arg-type]
    if panel.threshold:
        assert _column(panel, panel.threshold.column).unit not in ("text", "phone", "time")


@each_panel
def test_a_share_stands_beside_its_two_terms(panel: Panel) -> None:
    shares = [column for column in panel.columns if column.unit == "share" and column.role in ("value", "cell")]
    roles = {column.role for column in panel.columns}
    if panel.kind == "table":
        assert not shares or sum(column.unit in ("count", "money") for column in panel.columns) >= 2
    elif shares:
        assert {"numerator", "denominator"} <= roles


@each_panel
def test_sql_binds_parameters_alone_and_reads_exact_views(panel: Panel) -> None:
    placeholders = re.findall(r"\{([^{}]*)\}", panel.sql)
    assert set(placeholders) <= {f"{name}:{kind}" for name, kind in PARAMETERS.items()}
    text = re.sub(r"\{[^{}]*\}", "", panel.sql)
    assert not set("{}") & set(text)
    left = re.sub(r"'(?:[^'\\]|\\.)*'", "''", text)
    assert not set(";#") & set(left)
    assert "--" not in left
    assert "/*" not in left
    assert not re.search(r"\b(FINAL|SETTINGS|FORMAT|INTO)\b", left, re.IGNORECASE)
    # Those are exact as well, but a hundred times slower than what is made for panels.
    slow = r"(?:FROM|JOIN|IN)\s+\(?(messages|events|units|delivery_rates|\w+_log)\b"
    assert not re.search(slow, left, re.IGNORECASE)


@each_panel
def test_the_layer_is_where_it_reads(panel: Panel) -> None:
    from_rows = bool(re.search(r"(?:FROM|JOIN)\s+(?:cohorts|recent|failures)\b", panel.sql))
    assert from_rows == (panel.layer == "copy")


@each_panel
def test_the_answer_has_the_columns_and_their_units_even_when_it_is_empty(empty_tables: Tables, panel: Panel) -> None:
    answer = empty_tables.ask(panel)
    assert answer.columns == tuple(column.name for column in panel.columns)
    for column, kind in zip(panel.columns, answer.types, strict=True):
        plain = re.sub(r"^Nullable\((.*)\)$", r"\1", kind)
        assert re.fullmatch(TYPES[column.unit], plain), f"{column.name} is {kind}, not {column.unit}"


def _column(panel: Panel, name: str) -> Column:
    return next(column for column in panel.columns if column.name == name)


# --- values that try to be more than values ---

HOSTILE = [
    "' OR 1=1 --",
    "\\' OR '1'='1",
    "x'; DROP TABLE event_log; --",
    '*/ /* " ` \t \n \r',
    "nul \x00 byte",
    "{sources:Array(String)} ${x} $1 %s \\N \\x27",
    "'" * 10_000,
]


@pytest.fixture(scope="module")
def filled(clickhouse: Server) -> Tables:
    """One message of each status, and one inbound message. No test changes them."""
    tables = Tables(clickhouse, "hostile_test")
    statuses = [("a", "delivered", None), ("b", "failed", "131026"), ("c", "failed", "70007"), ("d", "read", None)]
    events = [
        event("sent", message_id=name, at=NOON, template="t", campaign="c", to="+4915550002") for name, *_ in statuses
    ]
    events += [
        event("status", message_id=name, status=status, at=NOON + 5000, error_code=code)
        for name, status, code in statuses
    ]
    tables.load([*events, event("inbound", message_id="i", type="text", at=NOON, **FROM_CUSTOMER)])
    return tables


def _state(filled: Tables) -> Any:
    """Everything that a statement could have changed: tables and their rows."""
    return filled.engine.rows(
        "SELECT name, engine, total_rows FROM system.tables WHERE database = currentDatabase() ORDER BY name"
    )


def test_hostile_names_are_names_of_nobody(filled: Tables) -> None:
    before = _state(filled)
    for panel in PANELS:
        if "{sources:" in panel.sql:
            nobody = filled.rows(panel, sources=["nobody"], templates=["nobody"], campaigns=["nobody"])
            assert filled.rows(panel, sources=HOSTILE, templates=HOSTILE, campaigns=HOSTILE) == nobody, panel.id
    assert _state(filled) == before


@pytest.mark.parametrize("name", ["sources", "templates", "campaigns"])
def test_one_hostile_name_hides_no_other_filter(filled: Tables, name: str) -> None:
    sent, ours = catalogue.panel("sent"), {"sources": "shop", "templates": "t", "campaigns": "c"}[name]
    for text in HOSTILE:
        assert filled.row(sent, **{name: [text]})["messages"] == 0
        assert filled.row(sent, **{name: [text, ours]})["messages"] == 4


def test_a_hostile_zone_is_no_zone_and_a_hostile_bucket_a_day(filled: Tables) -> None:
    before = _state(filled)
    for panel, text in zip(PANELS, cycle(HOSTILE), strict=False):
        if "{bucket:" in panel.sql:
            assert filled.rows(panel, bucket=text) == filled.rows(panel, bucket="day"), panel.id
        if "{zone:" in panel.sql:
            with pytest.raises(DatabaseError, match="time zone"):
                filled.rows(panel, zone=text)
    assert _state(filled) == before


@pytest.mark.parametrize("name", ["from", "to", "mask"])
def test_a_hostile_moment_or_mask_is_refused(filled: Tables, name: str) -> None:
    before = _state(filled)
    for panel, text in zip(PANELS, cycle(HOSTILE), strict=False):
        if f"{{{name}:" in panel.sql:
            with pytest.raises(DatabaseError):
                filled.rows(panel, **{name: text})
    assert _state(filled) == before
