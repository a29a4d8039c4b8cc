"""Overview: did it arrive, was it read, is anything odd. Pure."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Dashboard, Panel, Threshold
from dashboards.panels.shapes import ONE_TO_ONE, count_stat, rates_table, share_stat
from schemas.error_codes import own_fault_sql, policy_sql

_COUNTS: Final = (
    count_stat(
        "sent",
        "Sent",
        "outbound.sent",
        meaning="Every message that was handed to a provider in this range, those still waiting and those that failed "
        f"included; backfilled history is not. {ONE_TO_ONE}",
        remediation="None although you sent: look at Pipeline for lag and at Senders for the last webhook of the "
        "source.",
    ),
    count_stat(
        "delivered",
        "Delivered",
        "outbound.delivered",
        meaning="Messages sent in this range that have reached a phone since, whenever that was. Read implies "
        "delivered.",
        remediation="Falls while sent does not: open Failures for the codes, then Senders for a disconnected number.",
    ),
    count_stat(
        "read",
        "Read",
        "outbound.read",
        meaning="Messages sent in this range that were read or played since. A lower bound: people can switch "
        "receipts off.",
        remediation="Falls while delivered does not: compare templates and sending hours in Delivery.",
    ),
    count_stat(
        "failed",
        "Failed",
        "outbound.failed",
        meaning="Messages sent in this range that failed and never reached any phone. A failure followed by a "
        "delivery to another device of the person counts as delivered.",
        remediation="Rises: Failures lists the codes and what to do about each.",
    ),
    count_stat(
        "pending",
        "Pending",
        "outbound.sent - outbound.delivered - outbound.failed",
        meaning="Sent minus delivered minus failed: the phone is off, or the provider's word is still to come.",
        remediation="Stays high for days: Senders shows whether webhooks are missing; otherwise those numbers may be "
        "dead.",
    ),
)

_SHARES: Final = (
    share_stat(
        "delivery-rate",
        "Delivery rate",
        ("delivered", "Delivered", "outbound.delivered"),
        ("sent", "Sent", "outbound.sent"),
        meaning="Delivered / sent, by the time of sending. Provisional while any message is younger than its time to "
        f"live (authentication 10 minutes, others 30 days): it can still change then. {ONE_TO_ONE}",
        remediation="Compare with list health: when that is fine, policy limits or our own faults hold the messages "
        "back; when it is low too, clean the list (Numbers).",
    ),
    share_stat(
        "read-rate",
        "Read rate",
        ("read", "Read", "outbound.read"),
        ("delivered", "Delivered", "outbound.delivered"),
        meaning="Read or played / delivered, by the time of sending. A lower bound: who switches receipts off reads "
        f"unseen. Meta stops counting after 7 days, this does not. {ONE_TO_ONE}",
        remediation="Low against the period before: send fewer and better aimed messages; try another hour (heatmap in "
        "Delivery) or template.",
    ),
    share_stat(
        "list-health",
        "List health",
        ("delivered", "Delivered", "outbound.delivered"),
        (
            "deliverable",
            "Sent, without policy and own faults",
            f"outbound.sent - if({policy_sql('error_code')} OR {own_fault_sql('error_code')}, outbound.failed, 0)",
        ),
        meaning="Delivered / sent without failures that say nothing about the number: Meta's holdout, its cap on "
        "marketing and opt-outs, and our own faults (payment, a closed 24 h window, templates). "
        "How good the addresses are.",
        remediation="Below 85 %: stop sending to numbers without a sign of life; Numbers lists them with the evidence.",
        threshold=Threshold("rate", "below", 0.85),
    ),
    share_stat(
        "orphan-share",
        "Without a sent record",
        ("orphan", "Without a sent record", "outbound.orphan"),
        ("sent", "Sent", "outbound.sent"),
        meaning="Messages known from statuses alone / sent. They count in every rate, but have no campaign and no "
        "template. 100 % is normal for a source whose sends are reported nowhere.",
        remediation="Rises: the sender has stopped reporting what it sends (POST /sent) or reports other ids than the "
        "statuses carry; Senders tells these two apart.",
    ),
)

_RATES_OVER_TIME: Final = Panel(
    id="rates-over-time",
    title="Rates over time",
    kind="line",
    sql=f"""SELECT at, series, {sql.share("numerator", "denominator")} AS rate, numerator, denominator, provisional
FROM
(
    SELECT {sql.bucket("slot")} AS at, {sql.RATES}
    FROM outbound
    WHERE {sql.in_range("slot")} AND {sql.ONE_TO_ONE} AND {sql.FILTERS}
    GROUP BY at
)
ARRAY JOIN
    ['Delivered / sent', 'Read / delivered'] AS series,
    [delivered, read] AS numerator,
    [sent, delivered] AS denominator
ORDER BY at, series""",
    columns=(
        Column("at", "Sent at", "time", "x"),
        Column("series", "Rate", "text", "series"),
        Column("rate", "Share", "share"),
        Column("numerator", "Numerator", role="numerator"),
        Column("denominator", "Denominator", role="denominator"),
        columns.PROVISIONAL,
    ),
    meaning="Both rates by the time of sending, so a late read raises the day on which the message went out. Points "
    f"marked as provisional can still change. {ONE_TO_ONE}",
    remediation="A step down that begins at one moment: look in Failures and Senders for what changed then.",
    layer="rollup",
)

_VOLUMES_OVER_TIME: Final = Panel(
    id="volumes-over-time",
    title="Messages over time",
    kind="stack",
    sql=f"""SELECT at, series, messages
FROM
(
    SELECT {sql.bucket("slot")} AS at, {sql.RATES}
    FROM outbound
    WHERE {sql.in_range("slot")} AND {sql.ONE_TO_ONE} AND {sql.FILTERS}
    GROUP BY at
)
ARRAY JOIN
    ['Delivered', 'Failed', 'Pending'] AS series,
    [toInt64(delivered), toInt64(failed), pending] AS messages
ORDER BY at, series""",
    columns=(
        Column("at", "Sent at", "time", "x"),
        Column("series", "Status", "text", "series"),
        Column("messages", "Messages"),
    ),
    meaning="What has become of the messages sent in each hour, day or month of the chosen zone. The three parts add "
    f"up to sent. {ONE_TO_ONE}",
    remediation="A hole: nothing was sent, or nothing was reported; Senders shows the last webhook of each source.",
    layer="rollup",
)

_CAMPAIGNS: Final = Panel(
    id="campaigns",
    title="Campaigns",
    kind="table",
    sql=f"""SELECT campaign, min(slot) AS began, {sql.RATES}
FROM outbound
WHERE {sql.in_range("slot")} AND {sql.ONE_TO_ONE} AND campaign != '' AND {sql.FILTERS}
GROUP BY campaign
ORDER BY began DESC, campaign
LIMIT 200""",
    columns=(columns.text("campaign", "Campaign"), Column("began", "First sent", "time", "cell"), *columns.RATES),
    meaning="The 200 campaigns that began last, counted from their messages in this range. First sent is exact to a "
    f"quarter of an hour. Messages without a campaign are in Delivery, by template. {ONE_TO_ONE}",
    remediation="One far below its siblings: open Failures with this campaign chosen. Compare only what is not "
    "provisional.",
    layer="rollup",
    width=12,
)

_RECEIVED: Final = Panel(
    id="received",
    title="Received",
    kind="stat",
    sql=f"""SELECT
    sumIf(inbound.messages, {sql.is_now("slot")}) AS received,
    sumIf(inbound.messages, NOT {sql.is_now("slot")}) AS received_before
FROM inbound
WHERE {sql.in_both_periods("slot")} AND {sql.ONE_TO_ONE} AND {sql.SOURCES}""",
    columns=(Column("received", "Received"), Column("received_before", "Period before", role="before")),
    meaning="Messages from customers, direct chats only. Template and campaign are not asked: an answer carries "
    "neither.",
    remediation="None while customers are writing: Senders shows whether the source is connected and sends webhooks.",
    layer="rollup",
    width=2,
)

_INBOUND_OVER_TIME: Final = Panel(
    id="inbound-over-time",
    title="Received over time",
    kind="stack",
    sql=f"""SELECT {sql.bucket("slot")} AS at, if(is_group, 'In groups', 'Direct') AS series,
    sum(inbound.messages) AS received
FROM inbound
WHERE {sql.in_range("slot")} AND {sql.SOURCES}
GROUP BY at, series
ORDER BY at, series""",
    columns=(
        Column("at", "Received at", "time", "x"),
        Column("series", "Chat", "text", "series"),
        Column("received", "Messages"),
    ),
    meaning="Messages from customers by the time at which they were written. Of the filters only the source applies.",
    remediation="A hole at an hour that is usually busy: look at Senders.",
    layer="rollup",
)

_GROUPS: Final = rates_table(
    "groups",
    "Groups",
    columns.text("source", "Source"),
    units=sql.GROUPS,
    meaning="Messages to groups, apart from one-to-one: a message counts once for each member whose status is known, "
    "and once as a whole while none is.",
    remediation="Delivered stays at nothing: not every provider tells the statuses of members; ask it before anything "
    "else.",
)

_CONSERVATION: Final = Panel(
    id="conservation",
    title="Conservation",
    kind="table",
    sql=f"""SELECT
    toInt64(sent) - delivered - failed - pending AS residual,
    sum(outbound.sent) AS sent,
    sum(outbound.delivered) AS delivered,
    sum(outbound.failed) AS failed,
    sum(outbound.pending) AS pending
FROM outbound
WHERE {sql.in_range("slot")} AND {sql.FILTERS}""",
    columns=(
        columns.count("residual", "Residual"),
        columns.SENT,
        columns.count("delivered", "Delivered"),
        columns.count("failed", "Failed"),
        columns.count("pending", "Pending"),
    ),
    meaning="Sent minus delivered, failed and pending, each counted by itself from the rows of single messages, groups "
    "included. It must be 0: every message is in exactly one state.",
    remediation="Not 0: the tables are wrong, not your messages. Do not decide from these numbers; see the log of the "
    "analytics worker and report it.",
    layer="rollup",
    threshold=Threshold("residual", "above", 0),
)

DASHBOARD: Final = Dashboard(
    id="overview",
    title="Overview",
    purpose="Did what we sent arrive, was it read, and is anything broken?",
    panels=(
        *_COUNTS,
        _RECEIVED,
        *_SHARES,
        _RATES_OVER_TIME,
        _VOLUMES_OVER_TIME,
        _CAMPAIGNS,
        _INBOUND_OVER_TIME,
        _GROUPS,
        _CONSERVATION,
    ),
)
