"""Senders: are our numbers connected and in good standing, and do all webhooks arrive."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Dashboard, Panel, Threshold
from dashboards.panels import webhook_gaps
from dashboards.panels.id_mismatch import ID_MISMATCH, older_than

# --- states of our numbers, as providers report them ---

_TROUBLE: Final = "('disconnected', 'qr', 'banned', 'limited')"
# Meta reports connection, quality and account review in separate events, and a good quality rating does not lift a ban.
# Events about templates name no sender number, so they are no state of one.
_TOPIC: Final = """multiIf(startsWith(event, 'phone_number_quality'), 'Quality',
        startsWith(event, 'account_review'), 'Review', 'Connection')"""
_STATES: Final = f"""SELECT source, account, topic,
        reports[-1].4 AS state,
        reports[-1].5 AS raw_state,
        reports[arrayLastIndex(x -> x.4 != reports[-1].4, reports) + 1].1 AS since
    FROM
    (
        SELECT source, account, {_TOPIC} AS topic,
            arraySort(groupArray((occurred_at, received_at, event_id, state, raw_state))) AS reports
        FROM system_events
        WHERE state NOT IN ('', 'unknown') AND NOT startsWith(event, 'message_template') AND {sql.SOURCES}
        GROUP BY source, account, topic
    )"""
_ACCOUNT_EVENTS: Final = "match(event, '^(account_|message_template_|phone_number_|security)')"

_IN_TROUBLE: Final = Panel(
    id="senders-in-trouble",
    title="Senders with problems",
    kind="stat",
    sql=f"""SELECT uniqExactIf((source, account), state IN {_TROUBLE}) AS senders
FROM ({_STATES})""",
    columns=(Column("senders", "Senders with problems"),),
    meaning="Sender numbers whose last reported state is disconnected, waiting for a QR code scan, banned or limited. "
    "The present moment, whatever range is chosen.",
    remediation="Above 0: the table of states shows which number and since when. Its messages are not delivered until "
    "the problem is solved.",
    layer="live",
    width=3,
    threshold=Threshold("senders", "above", 0),
)

_STATE_TABLE: Final = Panel(
    id="senders-states",
    title="State of each sender number",
    kind="table",
    sql=f"""SELECT source, account, topic, state, {sql.masked_text("raw_state")} AS provider_state, since,
    toUInt8(state IN {_TROUBLE}) AS trouble
FROM ({_STATES})
ORDER BY trouble DESC, since DESC, source, account, topic
LIMIT 500""",
    columns=(
        columns.SOURCE,
        columns.SENDER,
        columns.text("topic", "Topic"),
        columns.text("state", "State"),
        columns.text("provider_state", "Provider's term"),
        columns.time("since", "Since"),
        columns.count("trouble", "Problem"),
    ),
    meaning="The last state that the provider reported for each number, and since when it has applied. Problem is 1 "
    "for disconnected, qr (waiting for a QR code scan), banned and limited. Numbers without a reported state are not "
    "listed. The present moment, whatever range is chosen.",
    remediation="Disconnected or qr: reconnect the number at the provider. Banned: stop sending and appeal there. "
    "Limited: send fewer messages, and only to people who opted in.",
    layer="live",
    width=12,
    threshold=Threshold("trouble", "above", 0),
)

_WARNINGS: Final = Panel(
    id="senders-warnings",
    title="Account, template and connection events",
    kind="table",
    sql=f"""SELECT occurred_at, source, account, event, state, {sql.masked_text("raw_state")} AS provider_state,
    {sql.masked_text("reason_code")} AS reason, error_code, {sql.masked_text("error_title")} AS error
FROM system_events
WHERE {sql.in_range("occurred_at")} AND {sql.SOURCES}
    AND (state IN {_TROUBLE} OR error_code != '' OR {_ACCOUNT_EVENTS})
ORDER BY occurred_at DESC, source, account, event_id
LIMIT 200""",
    columns=(
        columns.time("occurred_at", "Time"),
        columns.SOURCE,
        columns.SENDER,
        columns.text("event", "Event"),
        columns.text("state", "State"),
        columns.text("provider_state", "Provider's term"),
        columns.text("reason", "Reason"),
        columns.text("error_code", "Error code"),
        columns.text("error", "Error"),
    ),
    meaning="What providers reported in this range about bans, quality ratings, templates, limits and lost "
    "connections, improvements included; the latest 200 events.",
    remediation="A template was paused or a quality rating fell: stop that campaign, recipients block or report it. "
    "Bans follow such warnings.",
    layer="live",
    width=12,
)

# --- do webhooks arrive ---

_WEBHOOKS: Final = Panel(
    id="senders-webhooks",
    title="Last webhook of each source",
    kind="table",
    sql=f"""SELECT source, last_received_at, silent_seconds, median_gap, usual_seconds,
    silent_seconds - usual_seconds AS overdue
FROM ({webhook_gaps.GAPS})
ORDER BY overdue IS NULL, overdue DESC, source
LIMIT 500""",
    columns=(
        columns.SOURCE,
        columns.time("last_received_at", "Last webhook"),
        columns.seconds("silent_seconds", "Time since"),
        columns.seconds("median_gap", "Gap, median"),
        columns.seconds("usual_seconds", "Gap, 99th percentile"),
        columns.seconds("overdue", "Overdue by"),
    ),
    meaning="Time since the last webhook, compared with the gaps of the same source in the 14 days up to that webhook: "
    "their 99th percentile, but at least 30 minutes, measured to 15 minutes. There is no comparison with fewer than 10 "
    "gaps. A source without a webhook in the last 60 days is not listed.",
    remediation="Overdue: send a test message to yourself. If no webhook arrives, check in the provider's console the "
    "webhook address, the connection and the subscription to events.",
    layer="rollup",
    width=12,
    threshold=Threshold("overdue", "above", 0),
)


def _share_over_time(
    identifier: str, title: str, part: Column, expression: str, condition: str, *, meaning: str, remediation: str
) -> Panel:
    """One line per source: the share that `expression` has of the sent messages of the rows that meet `condition`."""
    return Panel(
        id=identifier,
        title=title,
        kind="line",
        sql=f"""SELECT {sql.bucket("slot")} AS at, source AS series, {sql.share(part.name, "messages")} AS rate,
    sum({expression}) AS {part.name},
    sum(outbound.sent) AS messages
FROM outbound
WHERE {sql.in_range("slot")} AND {sql.ONE_TO_ONE} AND {sql.FILTERS} AND {condition}
GROUP BY at, series
ORDER BY at, series""",
        columns=(
            Column("at", "Sent at", "time", "x"),
            Column("series", "Source", "text", "series"),
            Column("rate", title, "share"),
            part,
            Column("messages", "Sent", role="denominator"),
        ),
        meaning=meaning,
        remediation=remediation,
        layer="rollup",
    )


_NO_FINAL_STATUS: Final = _share_over_time(
    "silent-share",
    "Without a final status / sent",
    Column("pending_messages", "Without a final status", role="numerator"),
    sql.PENDING,
    f"{sql.SETTLED_AT} <= now('UTC')",
    meaning="Messages neither delivered nor failed after their time to live (authentication 10 minutes, all others 30 "
    "days) / sent, counting only messages of that age. Webhooks are missing, or numbers are unreachable. One-to-one "
    "messages only.",
    remediation="Rises for one source: its webhooks are lost; check its last webhook and Pipeline. Rises for all "
    "sources: unreachable numbers, see Numbers.",
)

_PENDING_AFTER_A_DAY: Final = _share_over_time(
    "pending-after-24-hours",
    "Pending after 24 hours / sent",
    Column("pending_messages", "Pending after 24 hours", role="numerator"),
    sql.PENDING,
    older_than(86_400),
    meaning="Messages neither delivered nor failed 24 hours after sending / sent, counting only messages of that age. "
    "An early sign of messages that never get a final status. Phones that are off are included. One-to-one messages "
    "only.",
    remediation="Rises suddenly for one source: check in the table of message id mismatches whether its messages "
    "without a sent record rise too.",
)

_ORPHANS: Final = _share_over_time(
    "orphans-by-source",
    "Without a sent record / all",
    Column("orphans", "Without a sent record", role="numerator"),
    "outbound.orphan",
    "1",
    meaning="Messages that are known from statuses only / all outbound messages. 100 % is normal for a source whose "
    "sends are not reported. One-to-one messages only.",
    remediation="Rises for a source whose sends are reported: POST /sent fails or has stopped, or it reports other "
    "message ids.",
)

DASHBOARD: Final = Dashboard(
    id="senders",
    title="Senders",
    purpose="Are our numbers connected and in good standing, and do all webhooks arrive?",
    panels=(
        _IN_TROUBLE,
        _STATE_TABLE,
        _WEBHOOKS,
        ID_MISMATCH,
        _PENDING_AFTER_A_DAY,
        _ORPHANS,
        _NO_FINAL_STATUS,
        _WARNINGS,
    ),
)
