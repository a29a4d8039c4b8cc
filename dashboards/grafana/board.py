"""A dashboard in Grafana's format: variables, links and positions of its panels. Needs Grafana's SDK."""

# ruff: noqa: S608  (no value is ever part of these texts)

import re
from collections.abc import Iterable, Iterator
from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana.macros import ALL, option
from dashboards.grafana.names import PLUGIN, SOURCE_NAME, SOURCE_UID, SOURCE_VARIABLE, TAG, dashboard_uid
from dashboards.grafana.panels import HEIGHTS, SOURCE, build_panel
from dashboards.panel import Dashboard, Panel

_FILTERS: Final = {
    "sources": ("source", "Source"),
    "templates": ("template", "Template"),
    "campaigns": ("campaign", "Campaign"),
}
_OPTIONS: Final = 1000  # in the menu of a variable: those with the most messages
_COLUMNS: Final = 24  # Grafana's grid; a panel's width is in twelfths


def build_dashboard(dashboard: Dashboard) -> models.Dashboard:
    """The dashboard in the types of the SDK."""
    board = (
        builders.Dashboard(f"{SOURCE_NAME} · {dashboard.title}")
        .uid(dashboard_uid(dashboard.id))
        .description(dashboard.purpose)
        .tags([TAG])
        .timezone("browser")
        .time("now-7d", "now")
        .refresh("1m")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(
            builders.DashboardLink(SOURCE_NAME)
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .include_vars(True)
            .keep_time(True)
        )
    ).build()
    board.templating = models.DashboardDashboardTemplating(list_val=list(_variables(dashboard)))
    positions = layout(dashboard.panels)
    board.panels = [build_panel(panel, at) for panel, at in zip(dashboard.panels, positions, strict=True)]
    return board


def layout(panels: Iterable[Panel]) -> list[models.GridPos]:
    """Positions from left to right; a panel that does not fit into the row starts the next row."""
    positions: list[models.GridPos] = []
    x = y = height = 0
    for panel in panels:
        width = panel.width * _COLUMNS // 12
        if x + width > _COLUMNS:
            x, y, height = 0, y + height, 0
        positions.append(models.GridPos(h=HEIGHTS[panel.kind], w=width, x=x, y=y))
        x, height = x + width, max(height, HEIGHTS[panel.kind])
    return positions


def _variables(dashboard: Dashboard) -> Iterator[models.VariableModel]:
    """The data source, the filters that at least one panel uses, and whether phone numbers are masked."""
    source = builders.DatasourceVariable(SOURCE_VARIABLE).label("Data source").type(PLUGIN).build()
    source.current = models.VariableOption(text=SOURCE_NAME, value=SOURCE_UID)
    yield source
    used = {name for panel in dashboard.panels for name in re.findall(r"\{([a-z_]+):", panel.sql)}
    for name, (column, label) in _FILTERS.items():
        if name in used:
            yield _filter(name, column, label)
    if "mask" in used:
        mask = builders.ConstantVariable("mask").value("1").description("1: phone numbers are masked").build()
        mask.skip_url_sync = True
        yield mask


def _filter(name: str, column: str, label: str) -> models.VariableModel:
    return (
        builders.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"refId": name, "editorType": "sql", "queryType": "sql", "rawSql": options_sql(column)})
        .refresh(models.VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(models.VariableSort.DISABLED)
        .multi(True)
        .include_all(True)
        .all_value(ALL)
        .current(models.VariableOption(text=["All"], value=["$__all"]))
        .build()
    )


def options_sql(column: str) -> str:
    """SQL of the options of a filter (value and text): the names with the most messages, in alphabetical order."""
    return f"""SELECT {option("name")} AS value, name AS text
FROM
(
    SELECT {column} AS name, sum(sent) AS messages
    FROM outbound
    WHERE {column} != ''
    GROUP BY name
    ORDER BY messages DESC, name
    LIMIT {_OPTIONS}
)
ORDER BY lowerUTF8(name), name"""
