"""Dashboards for the tests: one panel of each kind over `data`, and panels with special cases."""

# ruff: noqa: S608  (constants)

from typing import Any

from dashboards import columns, sql
from dashboards.panel import Column, Dashboard, Panel, Threshold
from dashboards.panels.factories import Term, count_stat, rates_table, share_stat

_WHERE = f"WHERE {sql.in_range('slot')} AND {sql.ONE_TO_ONE} AND {sql.FILTERS}"
_DEFINITION: dict[str, Any] = {
    "meaning": "What it means, in a sentence.",
    "remediation": "What to do about it, in a sentence.",
}
# Texts that a spreadsheet, a browser or a terminal might interpret.
HOSTILE = (
    "=HYPERLINK(\"http://example.invalid\")", "+cmd|' /C calc'!A0", "@SUM(1)", "-2+3", "\tx",
    "<img src=x onerror=alert(1)>", "quote \" comma , line\nbreak", "ünïcödé 🎉", "'; DROP TABLE outbound; --",
)  # fmt: skip


def _sql_list(values: tuple[str, ...]) -> str:
    return "[" + ", ".join("unhex('" + value.encode().hex() + "')" for value in values) + "]"


_SENT = count_stat("k-sent", "Messages sent", "outbound.sent", **_DEFINITION)
_RATE = share_stat(
    "k-rate",
    "Delivered share",
    Term("delivered", "Delivered", "outbound.delivered"),
    Term("sent", "Sent", "outbound.sent"),
    threshold=Threshold("rate", "below", 0.99),
    **_DEFINITION,
)
_LINE = Panel(
    id="k-line",
    title="Shares over time",
    kind="line",
    sql=f"""SELECT at, series, {sql.share("part", "whole")} AS rate, part, whole, provisional FROM (
    SELECT {sql.bucket("slot")} AS at, {sql.RATES} FROM outbound {_WHERE} GROUP BY at)
ARRAY JOIN ['Delivered / sent', 'Read / delivered'] AS series, [delivered, read] AS part, [sent, delivered] AS whole
ORDER BY at, series""",
    columns=(
        Column("at", "Sent at", "time", "x"),
        Column("series", "Rate", "text", "series"),
        Column("rate", "Share", "share"),
        Column("part", "Part", role="numerator"),
        Column("whole", "Whole", role="denominator"),
        columns.PROVISIONAL,
    ),
    layer="rollup",
    **_DEFINITION,
)
_STACK = Panel(
    id="k-stack",
    title="Volumes over time",
    kind="stack",
    sql=f"""SELECT at, series, messages FROM (
    SELECT {sql.bucket("slot")} AS at, {sql.RATES} FROM outbound {_WHERE} GROUP BY at)
ARRAY JOIN ['Delivered', 'Failed', 'Pending'] AS series, [toInt64(delivered), toInt64(failed), pending] AS messages
ORDER BY at, series""",
    columns=(
        Column("at", "Sent at", "time", "x"),
        Column("series", "Status", "text", "series"),
        Column("messages", "Messages"),
    ),
    layer="rollup",
    **_DEFINITION,
)
_BARS = Panel(
    id="k-bars",
    title="By campaign, bars",
    kind="bar",
    sql=f"""SELECT campaign, sum(outbound.sent) AS sent FROM outbound {_WHERE}
GROUP BY campaign ORDER BY sent DESC, campaign""",
    columns=(Column("campaign", "Campaign", "text", "x"), Column("sent", "Sent")),
    layer="rollup",
    **_DEFINITION,
)
_HEAT = Panel(
    id="k-heat",
    title="By hour",
    kind="heatmap",
    sql=f"""SELECT {sql.hour("slot")} AS hour, {sql.weekday("slot")} AS weekday, sum(outbound.sent) AS sent
FROM outbound {_WHERE} GROUP BY hour, weekday ORDER BY weekday, hour""",
    columns=(Column("hour", "Hour", role="x"), Column("weekday", "Weekday", role="y"), Column("sent", "Sent")),
    layer="rollup",
    **_DEFINITION,
)
_FUNNEL = Panel(
    id="k-funnel",
    title="Funnel",
    kind="funnel",
    sql=f"""SELECT step, messages, sent FROM (SELECT {sql.RATES} FROM outbound {_WHERE} HAVING sent > 0)
ARRAY JOIN ['Sent', 'Delivered', 'Read'] AS step, [sent, delivered, read] AS messages""",
    columns=(
        Column("step", "Step", "text", "x"),
        Column("messages", "Messages"),
        Column("sent", "Sent", role="denominator"),
    ),
    layer="rollup",
    **_DEFINITION,
)
_TABLE = rates_table("k-table", "By template", columns.text("template", "Template"), **_DEFINITION)

KINDS = Dashboard(
    "kinds", "Every kind", "One panel of each kind.", (_SENT, _RATE, _LINE, _STACK, _BARS, _HEAT, _FUNNEL, _TABLE)
)

_ERROR = Panel(
    id="o-error",
    title="Fails always",
    kind="table",
    sql="SELECT nothing_of_this_name FROM outbound",
    columns=(columns.text("nothing_of_this_name", "Nothing"),),
    layer="rollup",
    **_DEFINITION,
)
_EMPTY = Panel(
    id="o-empty",
    title="Has no rows",
    kind="table",
    sql="SELECT source FROM outbound WHERE 0",
    columns=(columns.text("source", "Source"),),
    layer="copy",
    **_DEFINITION,
)
_TEXTS = Panel(
    id="o-texts",
    title="Hostile texts",
    kind="table",
    sql=f"""SELECT text, {sql.masked("phone")} AS phone, negative, nothing
FROM (SELECT arrayJoin({_sql_list(HOSTILE)}) AS text, '+5511955550001' AS phone, -1.5 AS negative, NULL AS nothing)""",
    columns=(
        columns.text("text", "Text"),
        Column("phone", "Phone", "phone", "cell"),
        Column("negative", "Negative", "money", "cell"),
        columns.count("nothing", "Nothing"),
    ),
    layer="live",
    **_DEFINITION,
)
_MANY = Panel(
    id="o-many",
    title="Many rows",
    kind="table",
    sql="SELECT number FROM numbers(450) ORDER BY number",
    columns=(columns.count("number", "Number"),),
    layer="live",
    **_DEFINITION,
)
ODD = Dashboard("odd", "Odd ones", "Panels that fail, are empty or hold odd texts.", (_ERROR, _EMPTY, _TEXTS, _MANY))

SLOW = Panel(
    id="slow",
    title="Takes for ever",
    kind="table",
    sql="SELECT count() AS rows FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))",
    columns=(columns.count("rows", "Rows"),),
    layer="live",
    **_DEFINITION,
)
BOARDS = (KINDS, ODD)
