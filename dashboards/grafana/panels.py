"""A panel in Grafana's format. Needs Grafana's SDK.

Columns that are not drawn (numerator, denominator, previous period, provisional mark) are shown as numbers beside the
value or in the tooltip. Weekday by hour is a table with coloured cells, because the axis of Grafana's heatmap is always
time.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final
from zlib import crc32

from grafana_foundation_sdk.builders import barchart, common, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.runtime import UnknownDataquery
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana import fields
from dashboards.grafana.macros import panel_sql
from dashboards.grafana.names import PLUGIN, PLUGIN_VERSION, SOURCE_VARIABLE
from dashboards.panel import Column, Kind, Panel, Role

SOURCE: Final = models.DataSourceRef(type_val=PLUGIN, uid=f"${{{SOURCE_VARIABLE}}}")
# In rows of about 30 pixels.
HEIGHTS: Final[Mapping[Kind, int]] = {
    "stat": 4, "line": 9, "stack": 9, "bar": 9, "heatmap": 9, "funnel": 9, "table": 10,
}  # fmt: skip
_LAYERS: Final = {
    "live": "Live data.",
    "copy": "From the copy of the messages; Pipeline shows its lag.",
    "rollup": "From the rollups; Pipeline shows their lag.",
    "samples": "From samples that are taken every few seconds.",
}
_BESIDE: Final[tuple[Role, ...]] = ("numerator", "denominator", "before", "mark")


class Query(Builder[Dataquery]):
    """A query in the format of the ClickHouse data source, which the SDK does not define."""

    def __init__(self, sql: str, source: models.DataSourceRef, *, series: bool) -> None:
        self._data: dict[str, Any] = {
            "refId": "A",
            "datasource": source.to_json(),
            "pluginVersion": PLUGIN_VERSION,
            "editorType": "sql",
            "rawSql": sql,
            # Time series: the data source turns rows (time, text, numbers) into one series per text.
            "queryType": "timeseries" if series else "table",
            "format": 0 if series else 1,
        }

    def build(self) -> Dataquery:
        """The query."""
        return UnknownDataquery(self._data)


def panel_id(panel: Panel) -> int:
    """The number of a panel, made of its id: links to it keep working when other panels are added or removed."""
    return crc32(panel.id.encode()) & 0x7FFFFFFF


def description(panel: Panel) -> str:
    """Definition, remediation and source of the numbers, as Markdown."""
    return f"{panel.meaning}\n\n**When it is red:** {panel.remediation}\n\n{_LAYERS[panel.layer]}"


def build_panel(panel: Panel, position: models.GridPos) -> models.Panel:
    """The panel at its position. ValueError for a panel that Grafana cannot show."""
    made: Any = _KINDS[panel.kind](panel)
    made = (
        made.id(panel_id(panel))
        .title(panel.title)
        .description(description(panel))
        .datasource(SOURCE)
        .with_target(Query(panel_sql(panel.sql), SOURCE, series=panel.kind in ("line", "stack")))
        .grid_pos(position)
        .thresholds(_Built(fields.no_threshold()))
        .no_value("–")
    )
    built: models.Panel = made.build()
    return built


class _Built(Builder[Any]):
    """Wraps a finished object where the SDK expects a builder."""

    def __init__(self, thing: Any) -> None:
        self._thing = thing

    def build(self) -> Any:
        """The finished object."""
        return self._thing


def _only(panel: Panel, role: Role) -> Column | None:
    found = [column for column in panel.columns if column.role == role]
    if len(found) > 1:
        raise ValueError(f"panel {panel.id}: {len(found)} columns have the role {role}, Grafana can show one")
    return found[0] if found else None


def _one(panel: Panel, role: Role) -> Column:
    found = _only(panel, role)
    if found is None:
        raise ValueError(f"panel {panel.id}: a {panel.kind} needs a column with the role {role}")
    return found


def _threshold(panel: Panel, column: Column) -> list[models.DynamicConfigValue]:
    """The threshold of the panel if it applies to this column."""
    if panel.threshold is None or panel.threshold.column != column.name:
        return []
    return [
        fields.prop("thresholds", fields.threshold_steps(panel.threshold, column.unit)),
        fields.prop("color", {"mode": "thresholds"}),
        fields.prop("mappings", [fields.neutral_null()]),
    ]


def _stat(panel: Panel) -> Any:
    made: Any = (
        stat.Panel()
        .graph_mode(look.BigValueGraphMode.NONE)
        .color_mode(look.BigValueColorMode.VALUE)
        .text_mode(look.BigValueTextMode.VALUE_AND_NAME)
        .reduce_options(common.ReduceDataOptions().values(False).calcs(["lastNotNull"]).fields("/.*/"))
    )
    for column in panel.columns:
        made = made.override_by_name(column.name, [*fields.properties(column), *_threshold(panel, column)])
    return made


def _over_time(panel: Panel) -> Any:
    x, series = _one(panel, "x"), _only(panel, "series")
    if x.unit != "time":
        raise ValueError(f"panel {panel.id}: the axis of a {panel.kind} is time")
    made: Any = (
        timeseries.Panel()
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(look.LegendDisplayMode.LIST)
            .placement(look.LegendPlacement.BOTTOM)
        )
        .tooltip(common.VizTooltipOptions().mode(look.TooltipDisplayMode.MULTI).sort(look.SortOrder.NONE))
    )
    if panel.kind == "stack":
        made = (
            made.draw_style(look.GraphDrawStyle.BARS)
            .stacking(common.StackingConfig().mode(look.StackingMode.NORMAL).group("A"))
            .bar_alignment(look.BarAlignment.AFTER)
            .fill_opacity(80)
            .line_width(0)
        )
    else:
        made = made.line_width(2).fill_opacity(5).show_points(look.VisibilityMode.AUTO).span_nulls(False)
    if panel.threshold is not None:
        made = made.thresholds_style(common.GraphThresholdsStyleConfig().mode(look.GraphThresholdsStyleMode.DASHED))
    label = f"${{__field.labels.{series.name}}}" if series else ""
    for column in panel.columns:
        if column.role == "value":
            made = made.override_by_name(column.name, [*fields.properties(column, label), *_threshold(panel, column)])
        elif column.role in _BESIDE:
            title = f"{label} · {column.title}" if label else column.title
            made = made.override_by_name(column.name, [*fields.properties(column, title), _TOOLTIP_ONLY])
    return made


_TOOLTIP_ONLY: Final = fields.prop("custom.hideFrom", {"viz": True, "legend": True, "tooltip": False})


def _transformation(name: str, options: Mapping[str, object]) -> models.DataTransformerConfig:
    return models.DataTransformerConfig(id_val=name, options=dict(options))


def _matrix(rows: Column, columns: Column, value: Column) -> tuple[str, list[models.DataTransformerConfig]]:
    """Transforms to a row per value of `rows` and a column per value of `columns`; and the name of the first column."""
    head = f"{rows.name}\\{columns.name}"
    grouping = {
        "rowField": rows.name, "columnField": columns.name, "valueField": value.name, "emptyValue": "null",
    }  # fmt: skip
    return head, [_transformation("groupingToMatrix", grouping)]


def _sorted_by(field: str) -> models.DataTransformerConfig:
    return _transformation("sortBy", {"fields": {}, "sort": [{"field": field, "desc": False}]})


def _bars(panel: Panel) -> Any:
    x, series, value = _one(panel, "x"), _only(panel, "series"), _one(panel, "value")
    made: Any = (
        barchart.Panel()
        .orientation(look.VizOrientation.HORIZONTAL)
        .show_value(look.VisibilityMode.AUTO)
        .legend(
            common.VizLegendOptions()
            .show_legend(series is not None)
            .display_mode(look.LegendDisplayMode.LIST)
            .placement(look.LegendPlacement.BOTTOM)
        )
        .tooltip(common.VizTooltipOptions().mode(look.TooltipDisplayMode.MULTI).sort(look.SortOrder.NONE))
        .fill_opacity(80)
        .unit(fields.UNITS[value.unit])
    )
    if series is not None:
        head, transformations = _matrix(x, series, value)
        return made.stacking(look.StackingMode.NORMAL).x_field(head).transformations(transformations)
    made = made.x_field(x.title)
    for column in panel.columns:
        beside = [_TOOLTIP_ONLY] if column.role in _BESIDE else _threshold(panel, column)
        made = made.override_by_name(column.name, [*fields.properties(column), *beside])
    return made


def _heatmap(panel: Panel) -> Any:
    x, y, value = _one(panel, "x"), _one(panel, "y"), _one(panel, "value")
    head, transformations = _matrix(y, x, value)
    coloured = fields.prop("custom.cellOptions", {"type": "color-background", "mode": "basic"})
    made: Any = (
        table.Panel()
        # Columns and rows keep the order in which their values first appear.
        .transformations([_sorted_by(x.name), *transformations, _sorted_by(head)])
        .align(look.FieldTextAlignment.CENTER)
        .unit(fields.UNITS[value.unit])
        .decimals(fields.DECIMALS.get(value.unit, 0))
        .override_by_field_type("number", [coloured, fields.prop("color", {"mode": "continuous-blues"})])
    )
    plain = [fields.prop("custom.cellOptions", {"type": "auto"}), fields.prop("custom.width", 110)]
    return made.override_by_name(head, [*fields.properties(y), *plain])


def _table(panel: Panel) -> Any:
    made: Any = table.Panel().cell_height(look.TableCellHeight.SM).filterable(True)
    for column in panel.columns:
        own = _threshold(panel, column)
        if own:
            own.append(fields.prop("custom.cellOptions", {"type": "color-text"}))
        made = made.override_by_name(column.name, [*fields.properties(column), *own])
    return made


_KINDS: Final[Mapping[Kind, Callable[[Panel], Any]]] = {
    "stat": _stat,
    "line": _over_time,
    "stack": _over_time,
    "bar": _bars,
    "funnel": _bars,
    "heatmap": _heatmap,
    "table": _table,
}
