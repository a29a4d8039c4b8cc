"""Delivery: how far messages come, how fast, and where they do better or worse. Pure."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Dashboard, Panel
from dashboards.panels.durations import DURATIONS, DURATIONS_OVER_TIME, MATURITY, durations_table
from dashboards.panels.shapes import ONE_TO_ONE, rates_table

_FUNNEL: Final = Panel(
    id="funnel",
    title="Funnel",
    kind="funnel",
    sql=f"""SELECT step, messages, sent
FROM
(
    SELECT {sql.RATES}
    FROM outbound
    WHERE {sql.in_range("slot")} AND {sql.ONE_TO_ONE} AND {sql.FILTERS}
    HAVING sent > 0
)
ARRAY JOIN ['Sent', 'Delivered', 'Read'] AS step, [sent, delivered, read] AS messages""",
    columns=(
        Column("step", "Step", "text", "x"),
        Column("messages", "Messages"),
        Column("sent", "Sent", role="denominator"),
    ),
    meaning="How many of the messages sent in this range came how far, whenever that was. Each step holds the next; "
    f"read is a lower bound. {ONE_TO_ONE}",
    remediation="Loss before delivered: open Failures. Loss before read: content, hour and audience, see the heatmap.",
    layer="rollup",
    width=4,
)

_COHORT_DAYS: Final = Panel(
    id="cohort-days",
    title="By day of sending",
    kind="table",
    sql=f"""SELECT {sql.day("slot")} AS sent_on, {sql.RATES}
FROM outbound
WHERE {sql.in_range("slot")} AND {sql.ONE_TO_ONE} AND {sql.FILTERS}
GROUP BY sent_on
ORDER BY sent_on DESC
LIMIT 400""",
    columns=(Column("sent_on", "Day begins", "time", "cell"), *columns.RATES),
    meaning="The funnel of each day of the chosen zone, the newest 400. A row belongs to the day on which the messages "
    f"went out and grows as statuses come in, for up to 30 days. {ONE_TO_ONE}",
    remediation="One day far below its neighbours, no longer provisional: narrow the range to it and open Failures.",
    layer="rollup",
    width=8,
)


def _heatmap(identifier: str, title: str, value: str, value_columns: tuple[Column, ...], meaning: str) -> Panel:
    return Panel(
        id=identifier,
        title=title,
        kind="heatmap",
        sql=f"""SELECT {sql.hour("slot")} AS hour, {sql.weekday("slot")} AS weekday, {value}
FROM outbound
WHERE {sql.in_range("slot")} AND {sql.ONE_TO_ONE} AND {sql.FILTERS}
GROUP BY hour, weekday
ORDER BY weekday, hour""",
        columns=(
            Column("hour", "Hour of sending", role="x"),
            Column("weekday", "Weekday, 1 = Monday", role="y"),
            *value_columns,
        ),
        meaning=meaning,
        remediation="Move sendings from the pale hours to the dark ones; trust no cell with few messages.",
        layer="rollup",
    )


_TERMS: Final = (
    Column("delivered", "Delivered", role="numerator"),
    Column("sent", "Sent", role="denominator"),
)

_DELIVERY_HEATMAP: Final = _heatmap(
    "delivery-heatmap",
    "Delivery rate by hour of sending",
    f"{sql.share('delivered', 'sent')} AS delivery_rate, sum(outbound.delivered) AS delivered, "
    "sum(outbound.sent) AS sent",
    (Column("delivery_rate", "Delivered / sent", "share"), *_TERMS),
    "Delivered / sent by weekday and hour of sending in the chosen zone. On the day on which clocks go back one hour "
    f"holds two. {ONE_TO_ONE}",
)

_VOLUME_HEATMAP: Final = _heatmap(
    "volume-heatmap",
    "Messages by hour of sending",
    "sum(outbound.sent) AS sent",
    (Column("sent", "Sent"),),
    "How many messages each cell of the heatmap beside it stands on, by weekday and hour of sending in the chosen "
    f"zone. {ONE_TO_ONE}",
)

_NONE: Final = "An empty name: the messages carry none."

_TABLES: Final = (
    rates_table(
        "by-source",
        "By source",
        columns.text("source", "Source"),
        meaning="Each configured source by what it sent in this range, the 100 largest. "
        f"Provisional while any of its messages is younger than its time to live. {ONE_TO_ONE}",
        remediation="One source below the others: see its connection and its last webhook in Senders.",
    ),
    durations_table("times-by-source", "Times by source", columns.text("source", "Source")),
    rates_table(
        "by-template",
        "By template",
        columns.text("template", "Template"),
        meaning=f"The 100 templates with most messages in this range. {_NONE} {ONE_TO_ONE}",
        remediation="One template below the others: it may be paused or capped, see Failures with this template "
        "chosen.",
    ),
    durations_table("times-by-template", "Times by template", columns.text("template", "Template")),
    rates_table(
        "by-campaign",
        "By campaign",
        columns.text("campaign", "Campaign"),
        meaning=f"The 100 campaigns with most messages in this range. {_NONE} {ONE_TO_ONE}",
        remediation="One campaign below the others: see its list in Numbers and its codes in Failures.",
    ),
    durations_table("times-by-campaign", "Times by campaign", columns.text("campaign", "Campaign")),
    rates_table(
        "by-country",
        "By country",
        columns.text("country", "Country"),
        meaning="The country of the recipient's calling code (ISO 3166), not where the phone is. Empty: the provider "
        f"tells no phone number. {ONE_TO_ONE}",
        remediation="One country below the others: a limit of the account there (code 130497), or bought numbers.",
    ),
    durations_table("times-by-country", "Times by country", columns.text("country", "Country")),
    rates_table(
        "by-category",
        "By category",
        columns.text("category", "Category"),
        meaning="The category under which we sent: marketing, utility, authentication, service. Authentication is "
        f"final after 10 minutes, the others after 30 days. {_NONE} {ONE_TO_ONE}",
        remediation="Marketing below the others: Meta caps it for each person. Authentication below 95 %: act at once, "
        "people cannot log in.",
    ),
    durations_table("times-by-category", "Times by category", columns.text("category", "Category")),
    rates_table(
        "group-campaigns",
        "Groups by campaign",
        columns.text("campaign", "Campaign"),
        units=sql.GROUPS,
        meaning="Messages to groups, one count for each member whose status is known, and one for the whole message "
        f"while none is. {_NONE}",
        remediation="Nothing delivered at all: ask the provider whether it tells the statuses of members.",
    ),
)

DASHBOARD: Final = Dashboard(
    id="delivery",
    title="Delivery",
    purpose="How far do messages come, how fast, and what makes the difference?",
    panels=(
        _FUNNEL,
        _COHORT_DAYS,
        MATURITY,
        DURATIONS,
        DURATIONS_OVER_TIME,
        _DELIVERY_HEATMAP,
        _VOLUME_HEATMAP,
        *_TABLES,
    ),
)
