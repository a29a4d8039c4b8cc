"""Overview: were messages delivered and read, and do all numbers agree with each other."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Dashboard, Panel, Threshold
from dashboards.panels.factories import ONE_TO_ONE, Term, count_stat, previous, rates_table, share_stat
from schemas.error_codes import own_fault_sql, policy_sql

_COUNTS: Final = (
    count_stat(
        "sent",
        "Sent",
        "outbound.sent",
        meaning="Messages handed to a provider in this range, queued and failed messages included, imported history "
        f"excluded. {ONE_TO_ONE}",
        remediation="0 although you sent messages: check the lag in Pipeline and the last webhook of the source in "
        "Senders.",
    ),
    count_stat(
        "delivered",
        "Delivered",
        "outbound.delivered",
        meaning="Messages sent in this range that have reached a phone of the recipient until now. A message that was "
        "read counts as delivered.",
        remediation="Falls while sent stays the same: check the error codes in Failures, then the connection of the "
        "sender number in Senders.",
    ),
    count_stat(
        "read",
        "Read",
        "outbound.read",
        meaning="Messages sent in this range that were read or played until now. This is a lower bound: people can "
        "switch read receipts off.",
        remediation="Falls while delivered stays the same: compare templates and sending hours in Delivery.",
    ),
    count_stat(
        "failed",
        "Failed",
        "outbound.failed",
        meaning="Messages sent in this range that failed and reached no phone. A failure on one device followed by a "
        "delivery to another device of the recipient counts as delivered.",
        remediation="Rises: Failures lists the error codes and what to do about each.",
    ),
    count_stat(
        "pending",
        "Pending",
        sql.PENDING,
        meaning="Sent minus delivered minus failed: the phone is off, or the provider has not reported a status yet.",
        remediation="Stays high for days: check in Senders whether webhooks are missing. If they are not, the numbers "
        "may be unreachable.",
    ),
)

_DELIVERED: Final = Term("delivered", "Delivered", "outbound.delivered")
_SENT: Final = Term("sent", "Sent", "outbound.sent")
_EXCLUDED: Final = f"{policy_sql('error_code')} OR {own_fault_sql('error_code')}"

_SHARES: Final = (
    share_stat(
        "delivery-rate",
        "Delivery rate",
        _DELIVERED,
        _SENT,
        meaning="Delivered / sent, by time of sending. Provisional while a message is younger than its time to live "
        f"(authentication 10 minutes, all others 30 days), because its status can still change. {ONE_TO_ONE}",
        remediation="Compare with deliverability. Deliverability is good: policy limits or mistakes on our side stop "
        "the messages, see Failures. Deliverability is low too: clean the recipient list, see Numbers.",
    ),
    share_stat(
        "read-rate",
        "Read rate",
        Term("read", "Read", "outbound.read"),
        _DELIVERED,
        meaning="Read or played / delivered, by time of sending. This is a lower bound: people can switch read "
        f"receipts off. Meta stops counting reads after 7 days, this rate does not. {ONE_TO_ONE}",
        remediation="Lower than in the previous period: send fewer messages to a better selected audience; try another "
        "template or sending hour (heatmap in Delivery).",
    ),
    share_stat(
        "deliverability",
        "Deliverability",
        _DELIVERED,
        Term("deliverable", "Sent, exclusions removed", f"outbound.sent - if({_EXCLUDED}, outbound.failed, 0)"),
        meaning="Delivered / sent without the failures that are not caused by the recipient's number: Meta's "
        "experiment holdout, its marketing limit per person, opt-outs, and mistakes on our side (payment, closed 24 h "
        "window, templates). It measures the quality of the recipient list.",
        remediation="Below 85 %: stop sending to unreachable numbers; Numbers lists them.",
        threshold=Threshold("rate", "below", 0.85),
    ),
    share_stat(
        "orphan-share",
        "Without a sent record",
        Term("orphan", "Without a sent record", "outbound.orphan"),
        _SENT,
        meaning="Messages that are known from statuses only / sent. They count in every rate, but have no campaign and "
        "no template. 100 % is normal for a source whose sends are not reported.",
        remediation="Rises: the sending application has stopped reporting (POST /sent), or it reports message ids that "
        "the statuses do not carry. Senders shows which of the two it is.",
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
    meaning="Delivery rate and read rate by time of sending: a late read raises the point of the hour, day or month in "
    f"which the message was sent. Provisional points can still change. {ONE_TO_ONE}",
    remediation="A sudden step down: check in Failures and Senders what changed at that time.",
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
    meaning="Present status of the messages sent in each hour, day or month of the chosen time zone. Delivered, failed "
    f"and pending add up to sent. {ONE_TO_ONE}",
    remediation="A gap: nothing was sent, or nothing was reported. Senders shows the last webhook of each source.",
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
    columns=(columns.CAMPAIGN, columns.time("began", "First sent"), *columns.RATES),
    meaning="The 200 most recently started campaigns, with their messages in this range. First sent is rounded down to "
    f"15 minutes. For messages without a campaign see Delivery, by template. {ONE_TO_ONE}",
    remediation="One campaign far below the others: open Failures and select this campaign. Compare campaigns only "
    "once they are no longer provisional.",
    layer="rollup",
    width=12,
)

_RECEIVED: Final = Panel(
    id="received",
    title="Received",
    kind="stat",
    sql=f"""SELECT
    sumIf(inbound.messages, {sql.in_current_period("slot")}) AS received,
    sumIf(inbound.messages, NOT {sql.in_current_period("slot")}) AS received_before
FROM inbound
WHERE {sql.in_both_periods("slot")} AND {sql.ONE_TO_ONE} AND {sql.SOURCES}""",
    columns=(Column("received", "Received"), previous("received_before")),
    meaning="Messages from customers in direct chats. The filters for template and campaign do not apply: inbound "
    "messages carry neither.",
    remediation="0 while customers are writing: check in Senders whether the source is connected and sends webhooks.",
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
    meaning="Messages from customers by the time at which they were written. Only the source filter applies.",
    remediation="A gap at an hour that is usually busy: check the last webhook of each source in Senders.",
    layer="rollup",
)

_GROUPS: Final = rates_table(
    "groups",
    "Group messages",
    columns.SOURCE,
    units=sql.GROUPS,
    meaning="Messages to groups, by source. A message counts once for each member whose status is known, and once in "
    "total while no member's status is known.",
    remediation="Delivered stays 0: ask the provider whether it reports the statuses of group members; not every "
    "provider does.",
)

_RECONCILIATION: Final = Panel(
    id="status-reconciliation",
    title="Status reconciliation",
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
        columns.count("residual", "Difference"),
        columns.SENT,
        columns.count("delivered", "Delivered"),
        columns.count("failed", "Failed"),
        columns.count("pending", "Pending"),
    ),
    meaning="Sent minus delivered, failed and pending, group messages included. Each of the four is counted on its "
    "own from single messages. The difference must be 0, because every message has exactly one of the three statuses.",
    remediation="Not 0: the tables are wrong, your messages are not affected. Make no decisions with these numbers; "
    "check the log of the analytics worker and report the problem.",
    layer="rollup",
    threshold=Threshold("residual", "above", 0),
)

DASHBOARD: Final = Dashboard(
    id="overview",
    title="Overview",
    purpose="Were our messages delivered and read, and is anything broken?",
    panels=(
        *_COUNTS,
        _RECEIVED,
        *_SHARES,
        _RATES_OVER_TIME,
        _VOLUMES_OVER_TIME,
        _CAMPAIGNS,
        _INBOUND_OVER_TIME,
        _GROUPS,
        _RECONCILIATION,
    ),
)
