"""Conversations: how fast customers are answered, who still waits, whose window is about to close. Pure."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Dashboard, Panel, Threshold
from dashboards.panels.waiting import EXPIRING, EXPIRING_COUNT, UNANSWERED, UNANSWERED_COUNT

# An answer within five minutes keeps a customer who is still looking at the chat; the share beside it says how many.
TARGET_MS: Final = 300_000
_TARGET: Final = "5 minutes"
_SLOW_MS: Final = 3_600_000
_DAY_SECONDS: Final = 86_400

_WHAT: Final = (
    "A conversation begins with a customer's message that no other of theirs precedes within 24 hours unanswered; its "
    "answer is your first message within 24 hours that did not fail, by API, app or bot. Direct chats only; of the "
    "filters only the source applies."
)
_CHANGE: Final = "The change is against the period of the same length just before."
_NOW: Final = sql.is_now("slot")
_IN_TARGET: Final = f"arrayCount(x -> x <= {TARGET_MS}, response_ms)"
_RANGE: Final = f"{sql.in_range('slot')} AND {sql.SOURCES}"
_BOTH: Final = f"{sql.in_both_periods('slot')} AND {sql.SOURCES}"


def _open(seconds: int, which: str = "1") -> str:
    """1 while a conversation of these may still get its answer within so many seconds."""
    return f"toUInt8(maxIf(slot, {which}) + toIntervalSecond({sql.SLOT_SECONDS + seconds}) > now('UTC'))"


def _percentile(level: str, which: str = "1") -> str:
    """Exact, in ms; NULL where nothing was answered."""
    return f"if(sumIf(turns.answered, {which}) = 0, NULL, quantileExactLowArrayIf({level})(response_ms, {which}))"


def _response(identifier: str, title: str, level: str, *, meaning: str, remediation: str, limit: int) -> Panel:
    return Panel(
        id=identifier,
        title=title,
        kind="stat",
        sql=f"""SELECT
    {_percentile(level, _NOW)} AS response,
    {_percentile(level, f"NOT {_NOW}")} AS response_before
FROM turns
WHERE {_BOTH}""",
        columns=(Column("response", title, "ms"), Column("response_before", "Period before", "ms", "before")),
        meaning=f"{meaning} {_WHAT} {_CHANGE}",
        remediation=remediation,
        layer="rollup",
        width=3,
        threshold=Threshold("response", "above", limit),
    )


def _share(
    identifier: str, title: str, part: tuple[str, str], seconds: int, *, meaning: str, remediation: str
) -> Panel:
    """A share of conversations; `part` = its title and an expression over a row of `turns`."""
    return Panel(
        id=identifier,
        title=title,
        kind="stat",
        sql=f"""WITH
    sumIf({part[1]}, NOT {_NOW}) AS part_before,
    sumIf(turns.turns, NOT {_NOW}) AS whole_before
SELECT
    {sql.share("part", "conversations")} AS rate,
    sumIf({part[1]}, {_NOW}) AS part,
    sumIf(turns.turns, {_NOW}) AS conversations,
    {sql.share("part_before", "whole_before")} AS rate_before,
    {_open(seconds, _NOW)} AS provisional
FROM turns
WHERE {_BOTH}""",
        columns=(
            Column("rate", title, "share"),
            Column("part", part[0], role="numerator"),
            Column("conversations", "Conversations", role="denominator"),
            Column("rate_before", "Period before", "share", "before"),
            columns.PROVISIONAL,
        ),
        meaning=f"{meaning} {_WHAT} {_CHANGE}",
        remediation=remediation,
        layer="rollup",
        width=3,
    )


_STATS: Final = (
    _response(
        "first-response",
        "First response, median",
        "0.5",
        meaning="Half of the answered conversations were answered at least this fast.",
        remediation="Above 1 hour: look at the hours below; most often nobody answers at night or at the weekend.",
        limit=_SLOW_MS,
    ),
    _response(
        "first-response-p90",
        "First response, 90th percentile",
        "0.9",
        meaning="Nine of ten answered conversations were answered at least this fast.",
        remediation="Above 12 hours: the slowest tenth nearly misses the 24 h window. Hand over at shift ends, or let "
        "a bot acknowledge.",
        limit=12 * _SLOW_MS,
    ),
    _share(
        "within-target",
        f"Answered within {_TARGET}",
        (f"Within {_TARGET}", _IN_TARGET),
        TARGET_MS // 1000,
        meaning=f"Conversations answered within {_TARGET} / all that began, unanswered ones included.",
        remediation="Falls: more people write than can be answered; the heatmap shows the hours that need somebody.",
    ),
    _share(
        "answered",
        "Answered at all",
        ("Answered", "turns.answered"),
        _DAY_SECONDS,
        meaning="Conversations answered within 24 hours / all that began. Provisional while the youngest can still be "
        "answered in time.",
        remediation="Below 90 %: every tenth customer gets nothing. The list of those who wait now is below.",
    ),
)

_RESPONSE_OVER_TIME: Final = Panel(
    id="response-over-time",
    title="First response over time",
    kind="line",
    sql=f"""SELECT at, ['Median', '90th percentile'][place] AS series, percentiles[place] AS response
FROM
(
    SELECT {sql.bucket("slot")} AS at, quantilesExactLowArray(0.5, 0.9)(response_ms) AS percentiles
    FROM turns
    WHERE {_RANGE} AND turns.answered > 0
    GROUP BY at
)
ARRAY JOIN [1, 2] AS place
ORDER BY at, series""",
    columns=(
        Column("at", "Began at", "time", "x"),
        Column("series", "Percentile", "text", "series"),
        Column("response", "First response", "ms"),
    ),
    meaning=f"By the time at which the customer began. Answered conversations only. {_WHAT}",
    remediation="A step up: compare with the number of conversations; either more came in or fewer people answered.",
    layer="rollup",
)

_TARGET_OVER_TIME: Final = Panel(
    id="target-over-time",
    title=f"Answered within {_TARGET}, over time",
    kind="line",
    sql=f"""SELECT {sql.bucket("slot")} AS at, {sql.share("part", "conversations")} AS rate,
    sum({_IN_TARGET}) AS part,
    sum(turns.turns) AS conversations,
    {_open(TARGET_MS // 1000)} AS provisional
FROM turns
WHERE {_RANGE}
GROUP BY at
ORDER BY at""",
    columns=(
        Column("at", "Began at", "time", "x"),
        Column("rate", f"Within {_TARGET}", "share"),
        Column("part", f"Within {_TARGET}", role="numerator"),
        Column("conversations", "Conversations", role="denominator"),
        columns.PROVISIONAL,
    ),
    meaning=f"Conversations answered within {_TARGET} / all that began, by the time at which they began.",
    remediation="Falls on certain days only: those need another shift plan; falls from one day on: find out what "
    "changed.",
    layer="rollup",
)

_VOLUME: Final = Panel(
    id="conversations-over-time",
    title="Conversations over time",
    kind="stack",
    sql=f"""SELECT at, series, conversations
FROM
(
    SELECT {sql.bucket("slot")} AS at, sum(turns.answered) AS answered, sum(turns.turns) AS begun
    FROM turns
    WHERE {_RANGE}
    GROUP BY at
)
ARRAY JOIN
    ['Answered', 'Not answered'] AS series,
    [toInt64(answered), begun - answered] AS conversations
ORDER BY at, series""",
    columns=(
        Column("at", "Began at", "time", "x"),
        Column("series", "Answer", "text", "series"),
        Column("conversations", "Conversations"),
    ),
    meaning=f"Conversations by the time at which the customer began. {_WHAT}",
    remediation="“Not answered” grows: customers are lost; the newest of them may still be waiting, see below.",
    layer="rollup",
)

_HEATMAP: Final = Panel(
    id="target-heatmap",
    title=f"Answered within {_TARGET}, by hour",
    kind="heatmap",
    sql=f"""SELECT {sql.hour("slot")} AS hour, {sql.weekday("slot")} AS weekday,
    {sql.share("part", "conversations")} AS rate,
    sum({_IN_TARGET}) AS part,
    sum(turns.turns) AS conversations
FROM turns
WHERE {_RANGE}
GROUP BY hour, weekday
ORDER BY weekday, hour""",
    columns=(
        Column("hour", "Hour of the first message", role="x"),
        Column("weekday", "Weekday, 1 = Monday", role="y"),
        Column("rate", f"Within {_TARGET}", "share"),
        Column("part", f"Within {_TARGET}", role="numerator"),
        Column("conversations", "Conversations", role="denominator"),
    ),
    meaning=f"Conversations answered within {_TARGET} / all that began in the weekday and hour of the chosen zone.",
    remediation="Pale cells with many conversations: put somebody, or a bot, there first.",
    layer="rollup",
)

_BY_SOURCE: Final = Panel(
    id="conversations-by-source",
    title="By source and number",
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
        columns.text("source", "Source"),
        columns.text("account", "Number"),
        columns.count("conversations", "Conversations"),
        columns.count("answered", "Answered"),
        Column("answered_rate", "Answered / all", "share", "cell"),
        columns.count("in_target", f"Within {_TARGET}"),
        Column("target_rate", f"Within {_TARGET} / all", "share", "cell"),
        Column("median", "Median", "ms", "cell"),
        Column("p90", "90th percentile", "ms", "cell"),
    ),
    meaning=f"The 300 numbers of yours with the most conversations. {_WHAT}",
    remediation="One with none answered: its answers go out over a source that is not connected here, or nobody reads "
    "it.",
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
