"""Conversations: how fast customers get a response, who is waiting for one, and whose 24 h window closes soon."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Dashboard, Panel, Threshold
from dashboards.panels.factories import CHANGE, Term, previous, share_stat
from dashboards.panels.open_chats import EXPIRING, EXPIRING_COUNT, UNANSWERED, UNANSWERED_COUNT

# Within five minutes the customer is usually still in the chat.
TARGET_MS: Final = 300_000
_TARGET: Final = "5 minutes"
_HOUR_MS: Final = 3_600_000
_DAY_SECONDS: Final = 86_400

_DEFINITION: Final = (
    "A conversation begins with a customer's message, unless the same customer wrote an unanswered message in the 24 "
    "hours before. The response is your first message within the next 24 hours that did not fail, from API, app or "
    "bot. Direct chats only; only the source filter applies."
)
_CURRENT: Final = sql.in_current_period("slot")
_IN_TARGET: Final = f"arrayCount(x -> x <= {TARGET_MS}, response_ms)"
_RANGE: Final = f"{sql.in_range('slot')} AND {sql.SOURCES}"
_CONVERSATIONS: Final = Term("conversations", "Conversations", "turns.turns")


def _open_until(seconds: int) -> str:
    """When the response time of the conversations of a slot is over."""
    return f"slot + toIntervalSecond({sql.SLOT_SECONDS + seconds})"


def _percentile(level: str, condition: str = "1") -> str:
    """Aggregate over `turns`: exact percentile in ms; NULL when no conversation was answered."""
    return (
        f"if(sumIf(turns.answered, {condition}) = 0, NULL, quantileExactLowArrayIf({level})(response_ms, {condition}))"
    )


def _response_stat(identifier: str, title: str, level: str, *, meaning: str, remediation: str, limit: int) -> Panel:
    return Panel(
        id=identifier,
        title=title,
        kind="stat",
        sql=f"""SELECT
    {_percentile(level, _CURRENT)} AS response,
    {_percentile(level, f"NOT {_CURRENT}")} AS response_before
FROM turns
WHERE {sql.in_both_periods("slot")} AND {sql.SOURCES}""",
        columns=(Column("response", title, "ms"), previous("response_before", "ms")),
        meaning=f"{meaning} {_DEFINITION} {CHANGE}",
        remediation=remediation,
        layer="rollup",
        width=3,
        threshold=Threshold("response", "above", limit),
    )


def _answered_stat(identifier: str, title: str, part: Term, seconds: int, *, meaning: str, remediation: str) -> Panel:
    """A share of all conversations; those of the last `seconds` can still be answered in time."""
    return share_stat(
        identifier,
        title,
        part,
        _CONVERSATIONS,
        meaning=f"{meaning} {_DEFINITION}",
        remediation=remediation,
        table="turns",
        condition=sql.SOURCES,
        settled_at=_open_until(seconds),
    )


_STATS: Final = (
    _response_stat(
        "first-response",
        "First response time, median",
        "0.5",
        meaning="Half of the answered conversations were answered at least this fast.",
        remediation="Above 1 hour: check the heatmap of hours below; usually nobody answers at night or at the "
        "weekend.",
        limit=_HOUR_MS,
    ),
    _response_stat(
        "first-response-p90",
        "First response time, 90th percentile",
        "0.9",
        meaning="Nine of ten answered conversations were answered at least this fast.",
        remediation="Above 12 hours: the slowest tenth is close to the end of the 24 h window. Hand open chats over at "
        "the end of a shift, or let a bot confirm receipt.",
        limit=12 * _HOUR_MS,
    ),
    _answered_stat(
        "within-target",
        f"Answered within {_TARGET}",
        Term("in_target", f"Answered within {_TARGET}", _IN_TARGET),
        TARGET_MS // 1000,
        meaning=f"Conversations answered within {_TARGET} / all conversations, unanswered ones included.",
        remediation="Falls: more people write than your team can answer. The heatmap shows the hours that need more "
        "agents.",
    ),
    _answered_stat(
        "answered",
        "Answered within 24 hours",
        Term("answered", "Answered within 24 hours", "turns.answered"),
        _DAY_SECONDS,
        meaning="Conversations answered within 24 hours / all conversations. Provisional while the latest can still be "
        "answered in time.",
        remediation="Below 90 %: more than one customer in ten gets no answer. Unanswered chats lists who is waiting.",
    ),
)

_RESPONSE_OVER_TIME: Final = Panel(
    id="response-over-time",
    title="First response time over time",
    kind="line",
    sql=f"""SELECT at, ['Median', '90th percentile'][position] AS series, percentiles[position] AS response
FROM
(
    SELECT {sql.bucket("slot")} AS at, quantilesExactLowArray(0.5, 0.9)(response_ms) AS percentiles
    FROM turns
    WHERE {_RANGE} AND turns.answered > 0
    GROUP BY at
)
ARRAY JOIN [1, 2] AS position
ORDER BY at, series""",
    columns=(
        Column("at", "Started at", "time", "x"),
        Column("series", "Percentile", "text", "series"),
        Column("response", "First response time", "ms"),
    ),
    meaning=f"Median and 90th percentile by the start of the conversation. Answered conversations only. {_DEFINITION}",
    remediation="A step up: compare with the number of conversations; either more customers wrote or fewer agents "
    "answered.",
    layer="rollup",
)

_TARGET_OVER_TIME: Final = Panel(
    id="target-over-time",
    title=f"Answered within {_TARGET}, over time",
    kind="line",
    sql=f"""SELECT {sql.bucket("slot")} AS at, {sql.share("in_target", "conversations")} AS rate,
    sum({_IN_TARGET}) AS in_target,
    sum(turns.turns) AS conversations,
    toUInt8(max({_open_until(TARGET_MS // 1000)}) > now('UTC')) AS provisional
FROM turns
WHERE {_RANGE}
GROUP BY at
ORDER BY at""",
    columns=(
        Column("at", "Started at", "time", "x"),
        Column("rate", f"Within {_TARGET} / all", "share"),
        Column("in_target", f"Answered within {_TARGET}", role="numerator"),
        Column("conversations", "Conversations", role="denominator"),
        columns.PROVISIONAL,
    ),
    meaning=f"Conversations answered within {_TARGET} / all conversations, by the start of the conversation.",
    remediation="Falls on certain days only: change the shift plan of those days. Falls from one day on: find out what "
    "changed then.",
    layer="rollup",
)

_VOLUME: Final = Panel(
    id="conversations-over-time",
    title="Conversations over time",
    kind="stack",
    sql=f"""SELECT at, series, conversations
FROM
(
    SELECT {sql.bucket("slot")} AS at, sum(turns.answered) AS answered, sum(turns.turns) AS started
    FROM turns
    WHERE {_RANGE}
    GROUP BY at
)
ARRAY JOIN
    ['Answered', 'Not answered'] AS series,
    [toInt64(answered), started - answered] AS conversations
ORDER BY at, series""",
    columns=(
        Column("at", "Started at", "time", "x"),
        Column("series", "Answered or not", "text", "series"),
        Column("conversations", "Conversations"),
    ),
    meaning=f"Conversations by their start. {_DEFINITION}",
    remediation="“Not answered” grows: you lose customers. The most recent ones may still be waiting, see Unanswered "
    "chats.",
    layer="rollup",
)

_HEATMAP: Final = Panel(
    id="target-heatmap",
    title=f"Answered within {_TARGET}, by hour",
    kind="heatmap",
    sql=f"""SELECT {sql.hour("slot")} AS hour, {sql.weekday("slot")} AS weekday,
    {sql.share("in_target", "conversations")} AS rate,
    sum({_IN_TARGET}) AS in_target,
    sum(turns.turns) AS conversations
FROM turns
WHERE {_RANGE}
GROUP BY hour, weekday
ORDER BY weekday, hour""",
    columns=(
        Column("hour", "Hour of the first message", role="x"),
        Column("weekday", "Weekday, 1 = Monday", role="y"),
        Column("rate", f"Within {_TARGET} / all", "share"),
        Column("in_target", f"Answered within {_TARGET}", role="numerator"),
        Column("conversations", "Conversations", role="denominator"),
    ),
    meaning=f"Conversations answered within {_TARGET} / all conversations that started in the weekday and hour of the "
    "chosen time zone.",
    remediation="Pale cells with many conversations: add agents, or a bot, in those hours first.",
    layer="rollup",
)

_BY_SOURCE: Final = Panel(
    id="conversations-by-source",
    title="Conversations by source and sender number",
    kind="table",
    sql=f"""SELECT source, account,
    sum(turns.turns) AS conversations,
    sum(turns.answered) AS answered,
    {sql.share("answered", "conversations")} AS answered_rate,
    sum({_IN_TARGET}) AS in_target,
    {sql.share("in_target", "conversations")} AS target_rate,
    {_percentile("0.5")} AS median,
    {_percentile("0.9")} AS p90
FROM turns
WHERE {_RANGE}
GROUP BY source, account
ORDER BY conversations DESC, source, account
LIMIT 300""",
    columns=(
        columns.SOURCE,
        columns.SENDER,
        columns.count("conversations", "Conversations"),
        columns.count("answered", "Answered"),
        columns.share("answered_rate", "Answered / all"),
        columns.count("in_target", f"Answered within {_TARGET}"),
        columns.share("target_rate", f"Within {_TARGET} / all"),
        columns.milliseconds("median", "Response time, median"),
        columns.milliseconds("p90", "Response time, 90th percentile"),
    ),
    meaning=f"Your 300 numbers with the most conversations. {_DEFINITION}",
    remediation="A number without any answer: its answers go out through a source that is not connected to Ackstream, "
    "or nobody reads its messages.",
    layer="rollup",
)

DASHBOARD: Final = Dashboard(
    id="conversations",
    title="Conversations",
    purpose="How fast do customers get an answer, and who is waiting right now?",
    panels=(
        UNANSWERED_COUNT,
        EXPIRING_COUNT,
        *_STATS,
        EXPIRING,
        UNANSWERED,
        _RESPONSE_OVER_TIME,
        _TARGET_OVER_TIME,
        _VOLUME,
        _HEATMAP,
        _BY_SOURCE,
    ),
)
