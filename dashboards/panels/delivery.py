"""Delivery: how many messages are delivered and read, how fast, and by which campaign, template, country and hour."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Dashboard, Panel
from dashboards.panels.durations import DURATIONS, DURATIONS_OVER_TIME, MATURITY, durations_table
from dashboards.panels.factories import ONE_TO_ONE, rates_table

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
    meaning="How many of the messages sent in this range were delivered and read until now. Each step includes the "
    f"next one; read is a lower bound. {ONE_TO_ONE}",
    remediation="Loss before delivered: open Failures. Loss before read: review content, sending hour and audience; "
    "see the heatmap.",
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
    columns=(columns.time("sent_on", "Day begins"), *columns.RATES),
    meaning="Counts and rates by the day of sending in the chosen time zone, the latest 400 days. A row changes for up "
    f"to 30 days, while statuses of its messages arrive. {ONE_TO_ONE}",
    remediation="One day far below the days around it and no longer provisional: select that day and open Failures.",
    layer="rollup",
    width=8,
)


def _heatmap(identifier: str, title: str, values: str, value_columns: tuple[Column, ...], meaning: str) -> Panel:
    """Aggregates over one-to-one messages by weekday and hour of sending."""
    return Panel(
        id=identifier,
        title=title,
        kind="heatmap",
        sql=f"""SELECT {sql.hour("slot")} AS hour, {sql.weekday("slot")} AS weekday, {values}
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
        remediation="Move sends from the pale hours to the dark ones. Ignore cells with few messages.",
        layer="rollup",
    )


_HEATMAPS: Final = (
    _heatmap(
        "delivery-heatmap",
        "Delivery rate by hour of sending",
        f"{sql.share('delivered', 'sent')} AS delivery_rate, sum(outbound.delivered) AS delivered, "
        "sum(outbound.sent) AS sent",
        (
            Column("delivery_rate", "Delivered / sent", "share"),
            Column("delivered", "Delivered", role="numerator"),
            Column("sent", "Sent", role="denominator"),
        ),
        "Delivered / sent by weekday and hour of sending in the chosen time zone. On the day on which clocks go back, "
        f"one cell covers two hours. {ONE_TO_ONE}",
    ),
    _heatmap(
        "volume-heatmap",
        "Messages by hour of sending",
        "sum(outbound.sent) AS sent",
        (Column("sent", "Sent"),),
        "Number of messages behind each cell of the delivery rate heatmap, by weekday and hour of sending in the "
        f"chosen time zone. {ONE_TO_ONE}",
    ),
)

_UNNAMED: Final = "An empty name stands for messages that carry none."

# By column of `outbound`: what one row is, and what to do when one row is worse than the others.
_BREAKDOWNS: Final = (
    (
        columns.SOURCE,
        (
            "The 100 sources with the most messages in this range. Provisional while a message of the source is "
            "younger than its time to live."
        ),
        "One source below the others: check its connection and its last webhook in Senders.",
    ),
    (
        columns.TEMPLATE,
        f"The 100 templates with the most messages in this range. {_UNNAMED}",
        "One template below the others: it may be paused or limited. Open Failures and select this template.",
    ),
    (
        columns.CAMPAIGN,
        f"The 100 campaigns with the most messages in this range. {_UNNAMED}",
        "One campaign below the others: check its recipient list in Numbers and its error codes in Failures.",
    ),
    (
        columns.COUNTRY,
        (
            "Country of the recipient's calling code (ISO 3166), which may differ from where the phone is. Empty: the "
            "provider gives no phone number."
        ),
        "One country below the others: the account is restricted there (code 130497), or the numbers were bought.",
    ),
    (
        columns.CATEGORY,
        (
            "Category of the message: marketing, utility, authentication, service. The numbers of authentication are "
            f"final after 10 minutes, those of all others after 30 days. {_UNNAMED}"
        ),
        (
            "Marketing below the others: Meta limits marketing messages per person. Authentication below 95 %: act at "
            "once, people cannot log in."
        ),
    ),
)

_TABLES: Final = tuple(
    panel
    for key, meaning, remediation in _BREAKDOWNS
    for panel in (
        rates_table(
            f"by-{key.name}",
            f"Rates by {key.name}",
            key,
            meaning=f"{meaning} {ONE_TO_ONE}",
            remediation=remediation,
        ),
        durations_table(f"times-by-{key.name}", f"Delivery and read times by {key.name}", key),
    )
)

_GROUP_CAMPAIGNS: Final = rates_table(
    "group-campaigns",
    "Group messages by campaign",
    columns.CAMPAIGN,
    units=sql.GROUPS,
    meaning="Messages to groups. A message counts once for each member whose status is known, and once in total while "
    f"no member's status is known. {_UNNAMED}",
    remediation="Nothing delivered: ask the provider whether it reports the statuses of group members.",
)

DASHBOARD: Final = Dashboard(
    id="delivery",
    title="Delivery",
    purpose="How many messages are delivered and read, how fast, and what makes the difference?",
    panels=(
        _FUNNEL,
        _COHORT_DAYS,
        MATURITY,
        DURATIONS,
        DURATIONS_OVER_TIME,
        *_HEATMAPS,
        *_TABLES,
        _GROUP_CAMPAIGNS,
    ),
)
