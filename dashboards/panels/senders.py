"""Senders: are our numbers connected and in good standing, and do all webhooks come. Pure."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Dashboard, Panel, Threshold
from dashboards.panels import silence

# --- what providers tell about our numbers ---

_TROUBLE: Final = "('disconnected', 'qr', 'banned', 'limited')"
# Meta tells of connection, quality and review in notices of their own, and a good quality does not lift a ban. A
# notice about a template names none of them here, so it is news and no state.
_TOPIC: Final = """multiIf(startsWith(event, 'phone_number_quality'), 'Quality',
        startsWith(event, 'account_review'), 'Review', 'Connection')"""
_STATES: Final = f"""SELECT source, account, topic,
        told[-1].4 AS state,
        told[-1].5 AS raw_state,
        told[arrayLastIndex(x -> x.4 != told[-1].4, told) + 1].1 AS since
    FROM
    (
        SELECT source, account, {_TOPIC} AS topic,
            arraySort(groupArray((occurred_at, received_at, event_id, state, raw_state))) AS told
        FROM system_events
        WHERE state NOT IN ('', 'unknown') AND NOT startsWith(event, 'message_template') AND {sql.SOURCES}
        GROUP BY source, account, topic
    )"""
_NEWS: Final = "match(event, '^(account_|message_template_|phone_number_|security)')"

_IN_TROUBLE: Final = Panel(
    id="senders-in-trouble",
    title="Senders in trouble",
    kind="stat",
    sql=f"""SELECT uniqExactIf((source, account), state IN {_TROUBLE}) AS senders
FROM ({_STATES})""",
    columns=(Column("senders", "In trouble"),),
    meaning="Numbers whose newest word from the provider is disconnected, scan the QR code, banned or limited. The "
    "present moment, whatever range is chosen.",
    remediation="Any: the table of states says which number and since when. Nothing it sends arrives until that is "
    "mended.",
    layer="live",
    width=3,
    threshold=Threshold("senders", "above", 0),
)

_STATE_TABLE: Final = Panel(
    id="senders-states",
    title="State of each number",
    kind="table",
    sql=f"""SELECT source, account, topic, state, {sql.masked_digits("raw_state")} AS said, since,
    toUInt8(state IN {_TROUBLE}) AS trouble
FROM ({_STATES})
ORDER BY trouble DESC, since DESC, source, account, topic
LIMIT 500""",
    columns=(
        columns.text("source", "Source"),
        columns.text("account", "Number"),
        columns.text("topic", "About"),
        columns.text("state", "State"),
        columns.text("said", "In the provider's words"),
        Column("since", "Since", "time", "cell"),
        columns.count("trouble", "Trouble"),
    ),
    meaning="The newest state that the provider told, by number, and since when it has been so; 1 under trouble: "
    "disconnected, scan the QR code, banned or limited. A number whose provider never told one is not listed. The "
    "present moment.",
    remediation="Disconnected or qr: connect it again at the provider. Banned: stop sending, appeal there. Limited: "
    "send less, and only to people who asked for it.",
    layer="live",
    width=12,
    threshold=Threshold("trouble", "above", 0),
)

_WARNINGS: Final = Panel(
    id="senders-warnings",
    title="Warnings",
    kind="table",
    sql=f"""SELECT occurred_at, source, account, event, state, {sql.masked_digits("raw_state")} AS said,
    {sql.masked_digits("reason_code")} AS reason, error_code, {sql.masked_digits("error_title")} AS error
FROM system_events
WHERE {sql.in_range("occurred_at")} AND {sql.SOURCES}
    AND (state IN {_TROUBLE} OR error_code != '' OR {_NEWS})
ORDER BY occurred_at DESC, source, account, event_id
LIMIT 200""",
    columns=(
        Column("occurred_at", "At", "time", "cell"),
        columns.text("source", "Source"),
        columns.text("account", "Number"),
        columns.text("event", "Event"),
        columns.text("state", "State"),
        columns.text("said", "In the provider's words"),
        columns.text("reason", "Reason"),
        columns.text("error_code", "Code"),
        columns.text("error", "Error"),
    ),
    meaning="What providers told in this range about bans, quality, templates, limits and lost connections, good news "
    "of these kinds too; the newest 200.",
    remediation="A template paused, a quality that fell: stop that campaign, people block or report it. Bans come "
    "after such warnings.",
    layer="live",
    width=12,
)

# --- whether webhooks come ---

_WEBHOOKS: Final = Panel(
    id="senders-webhooks",
    title="Last webhook of each source",
    kind="table",
    sql=f"""SELECT source, last_received_at, silent_seconds, median_gap, usual_seconds,
    silent_seconds - usual_seconds AS overdue
FROM ({silence.SILENCES})
ORDER BY overdue IS NULL, overdue DESC, source
LIMIT 500""",
    columns=(
        columns.text("source", "Source"),
        Column("last_received_at", "Last webhook", "time", "cell"),
        Column("silent_seconds", "Silent for", "seconds", "cell"),
        Column("median_gap", "Gap, median", "seconds", "cell"),
        Column("usual_seconds", "Gap, 99th percentile", "seconds", "cell"),
        Column("overdue", "Longer than usual by", "seconds", "cell"),
    ),
    meaning="The present silence of each source against its own gaps of the 14 days up to its last webhook: the 99th "
    "percentile, at least 30 minutes, exact to 15. With fewer than 10 gaps there is no comparison. A source that never "
    "sent one, or none for 60 days, is not listed.",
    remediation="Longer than usual: send yourself a message. If no webhook comes, see the provider's console: webhook "
    "address, connection, subscription to events.",
    layer="rollup",
    width=12,
    threshold=Threshold("overdue", "above", 0),
)


def _share_by_source(
    identifier: str, title: str, part: tuple[str, str], settled: str, *, meaning: str, remediation: str
) -> Panel:
    """A line a source: a share of the messages that are `settled`, a condition; `part` = its title and expression."""
    return Panel(
        id=identifier,
        title=title,
        kind="line",
        sql=f"""SELECT {sql.bucket("slot")} AS at, source AS series, {sql.share("part", "messages")} AS rate,
    sum({part[1]}) AS part,
    sum(outbound.sent) AS messages
FROM outbound
WHERE {sql.in_range("slot")} AND {sql.ONE_TO_ONE} AND {sql.FILTERS} AND {settled}
GROUP BY at, series
ORDER BY at, series""",
        columns=(
            Column("at", "Sent at", "time", "x"),
            Column("series", "Source", "text", "series"),
            Column("rate", title, "share"),
            Column("part", part[0], role="numerator"),
            Column("messages", "Sent", role="denominator"),
        ),
        meaning=meaning,
        remediation=remediation,
        layer="rollup",
    )


_PENDING: Final = "outbound.sent - outbound.delivered - outbound.failed"
_OLDER: Final = f"slot + toIntervalSecond({sql.SLOT_SECONDS} + {{}}) <= now('UTC')"

_SILENT: Final = _share_by_source(
    "silent-share",
    "Silent / sent",
    ("Silent", _PENDING),
    f"{sql.SETTLED_AT} <= now('UTC')",
    meaning="Neither delivered nor failed beyond their time to live (authentication 10 minutes, others 30 days) / "
    "sent, of messages of that age alone: webhooks are missing, or numbers are dead. One-to-one only.",
    remediation="Rises for one source: its webhooks are lost; see its last webhook and Pipeline. Rises everywhere: "
    "dead numbers, see Numbers.",
)

_WAITING: Final = _share_by_source(
    "no-word-share",
    "No word after a day / sent",
    ("No word", _PENDING),
    _OLDER.format(86_400),
    meaning="Neither delivered nor failed after 24 hours / sent, of messages of that age: the early sign of what is "
    "silent later. Phones that are off belong to it. One-to-one only.",
    remediation="Rises suddenly for one source: look whether its orphans rise too, in the table below.",
)

_ORPHANS: Final = _share_by_source(
    "orphans-by-source",
    "Without a sent record / all",
    ("Without a sent record", "outbound.orphan"),
    "1",
    meaning="Messages known from statuses alone / all outbound ones. 100 % is normal for a source whose sends are "
    "reported nowhere. One-to-one only.",
    remediation="Rises where sends are reported: POST /sent fails or has stopped, or it reports other ids.",
)

# Both shares by ten points: a day of many phones that are off moves the one, a send job without reports the other.
_RISE: Final = 0.1
_MIN_MESSAGES: Final = 20
_HOUR: Final = _OLDER.format(3600)
_NOW: Final = sql.is_now("slot")

_IDS: Final = Panel(
    id="ids-do-not-match",
    title="Do the ids match?",
    kind="table",
    sql=f"""SELECT source, {sql.share("orphans", "messages")} AS orphan_rate, orphans,
    {sql.share("orphans_before", "messages_before")} AS orphan_rate_before,
    {sql.share("waiting", "messages")} AS waiting_rate, waiting,
    {sql.share("waiting_before", "messages_before")} AS waiting_rate_before,
    messages,
    toUInt8(messages >= {_MIN_MESSAGES} AND orphan_rate >= ifNull(orphan_rate_before, 0) + {_RISE}
        AND waiting_rate >= ifNull(waiting_rate_before, 0) + {_RISE}) AS suspect
FROM
(
    SELECT source,
        sumIf(outbound.sent, {_NOW}) AS messages,
        sumIf(outbound.orphan, {_NOW}) AS orphans,
        sumIf({_PENDING}, {_NOW}) AS waiting,
        sumIf(outbound.sent, NOT {_NOW}) AS messages_before,
        sumIf(outbound.orphan, NOT {_NOW}) AS orphans_before,
        sumIf({_PENDING}, NOT {_NOW}) AS waiting_before
    FROM outbound
    WHERE {sql.in_both_periods("slot")} AND {sql.ONE_TO_ONE} AND {sql.FILTERS} AND {_HOUR}
    GROUP BY source
)
WHERE messages > 0
ORDER BY suspect DESC, messages DESC, source
LIMIT 300""",
    columns=(
        columns.text("source", "Source"),
        Column("orphan_rate", "Without a sent record / all", "share", "cell"),
        columns.count("orphans", "Without a sent record"),
        Column("orphan_rate_before", "Before", "share", "cell"),
        Column("waiting_rate", "No word after 1 h / all", "share", "cell"),
        columns.count("waiting", "No word after 1 h"),
        Column("waiting_rate_before", "Before", "share", "cell"),
        columns.count("messages", "Messages"),
        columns.count("suspect", "Both rose"),
    ),
    meaning="Messages older than an hour: how many have no sent record and how many have no word, against the period "
    "of the same length before. When both rise by 10 points or more (of at least 20 messages), records and statuses do "
    "not find each other.",
    remediation="Both rose: the message_id in POST /sent is not the id that the statuses carry. Report the id that the "
    "provider repeats in its webhooks; `ackstream message ID` shows which half of a message is there. What is reported "
    "rightly matches at once, old messages too when they are reported again.",
    layer="rollup",
    width=12,
    threshold=Threshold("suspect", "above", 0),
)

DASHBOARD: Final = Dashboard(
    id="senders",
    title="Senders",
    purpose="Are our numbers connected and in good standing, and do all webhooks reach us?",
    panels=(_IN_TROUBLE, _STATE_TABLE, _WEBHOOKS, _IDS, _WAITING, _ORPHANS, _SILENT, _WARNINGS),
)
