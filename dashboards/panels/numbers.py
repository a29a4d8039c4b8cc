"""Numbers: recipients that are probably unreachable, with the failed attempts behind that, a confidence; opt-outs."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Dashboard, Panel, Threshold

# A failed attempt ("evidence" in the tables) is a failure that blames the number (131026 and similar codes), or a
# message that is still pending after its time to live. A read, or a message from the number, discards the attempts
# before it, and a single attempt never counts. Missing statuses can be caused by our own loss of webhooks, and a phone
# can be off for a holiday: so "high" requires three failures and attempts that span at least a week, and missing
# statuses alone stay "low" up to four messages. A delivery after the last attempt proves that the number exists, so it
# is "low".
_WEEK: Final = "last_evidence_at - toIntervalDay(7)"
CONFIDENCE: Final = f"""multiIf(
    last_delivered_at > last_evidence_at, 'low',
    undeliverable >= 3 AND first_evidence_at <= {_WEEK}, 'high',
    undeliverable >= 2 OR (undeliverable >= 1 AND silent >= 2) OR silent >= 5, 'medium',
    'low')"""
_RULE: Final = (
    "A failed attempt is a failure that blames the number (131026 and similar codes) or a message without a final "
    "status after its time to live. A read, or a message from the number, resets the count; a single attempt never "
    "counts. High: 3 failures, first and last attempt 7 days apart or more. Medium: 2 failures, or 1 failure and 2 "
    "messages without a final status, or 5 of those. Low: less, or a delivery since."
)
_RANGE: Final = "The range applies to the last failed attempt. Only the source filter applies."

_EVIDENCE: Final = f"""SELECT source, customer, country, undeliverable, silent, undeliverable + silent AS evidence,
    {CONFIDENCE} AS confidence
FROM number_evidence
WHERE {sql.in_range("last_evidence_at")} AND {sql.SOURCES}"""
_NEVER: Final = "toDateTime64(0, 3, 'UTC')"
_ACTIVITIES: Final = [f"ifNull({name}, {_NEVER})" for name in ("last_delivered_at", "last_read_at", "last_inbound_at")]
# Recipients of the UTC days that the range touches. Counting by source takes a third of the time that counting pairs of
# source and number takes.
_RECIPIENTS: Final = f"""SELECT source, uniqExact(customer_key) AS recipients
FROM recipients
WHERE day >= toDate({sql.START}, 'UTC') AND day <= toDate({sql.END} - 1, 'UTC') AND {sql.SOURCES}
GROUP BY source"""


def _count(identifier: str, title: str, value: str, *, meaning: str, remediation: str) -> Panel:
    """An aggregate over the numbers with failed attempts."""
    return Panel(
        id=identifier,
        title=title,
        kind="stat",
        sql=f"SELECT {value} AS numbers FROM ({_EVIDENCE})",
        columns=(Column("numbers", title),),
        meaning=meaning,
        remediation=remediation,
        layer="rollup",
        width=3,
    )


_COUNTS: Final = (
    _count(
        "numbers-high",
        "Unreachable, high confidence",
        "countIf(confidence = 'high')",
        meaning=f"Numbers to stop sending to. {_RULE} {_RANGE}",
        remediation="Download the list below as CSV and suppress these numbers. A number that writes to you again "
        "leaves the list by itself.",
    ),
    _count(
        "numbers-medium",
        "Unreachable, medium confidence",
        "countIf(confidence = 'medium')",
        meaning="Numbers that are probably unreachable: several failed attempts, but within a short time or partly "
        f"without an error code. {_RANGE}",
        remediation="Exclude them from marketing. One useful utility message shows whether the number is reachable.",
    ),
    _count(
        "numbers-wasted",
        "Wasted messages",
        "sumIf(evidence, confidence IN ('high', 'medium'))",
        meaning="Failed attempts on the numbers of high and medium confidence: messages that failed because of the "
        f"number, or never got a final status. {_RANGE}",
        remediation="Suppressing those numbers would have saved these messages; repeated attempts also lower the "
        "quality rating of your own number.",
    ),
)

_SHARE: Final = Panel(
    id="numbers-share",
    title="Unreachable / recipients",
    kind="stat",
    sql=f"""SELECT
    {sql.share("dead", "recipients")} AS rate,
    (SELECT countIf(confidence IN ('high', 'medium')) FROM ({_EVIDENCE})) AS dead,
    sum(by_source.recipients) AS recipients
FROM ({_RECIPIENTS}) AS by_source""",
    columns=(
        Column("rate", "Unreachable / recipients", "share"),
        Column("dead", "Unreachable, high and medium", role="numerator"),
        Column("recipients", "Recipients", role="denominator"),
    ),
    meaning="Numbers of high and medium confidence / distinct recipients on the UTC days of the range. A number that "
    f"two of your sources write to is two recipients. {_RANGE}",
    remediation="Above 5 %: the list is out of date or bought. Clean it before the next campaign, and find out where "
    "the numbers come from.",
    layer="rollup",
    width=3,
    threshold=Threshold("rate", "above", 0.05),
)

_LIST: Final = Panel(
    id="dead-numbers",
    title="Unreachable numbers",
    kind="table",
    sql=f"""SELECT
    {sql.masked("customer")} AS number,
    confidence, undeliverable, silent, sends, first_evidence_at, last_evidence_at,
    nullIf(greatest({", ".join(_ACTIVITIES)}), {_NEVER}) AS last_activity_at,
    source, country
FROM (SELECT *, {CONFIDENCE} AS confidence FROM number_evidence)
WHERE {sql.in_range("last_evidence_at")} AND {sql.SOURCES}
ORDER BY confidence = 'high' DESC, confidence = 'medium' DESC, undeliverable + silent DESC, last_evidence_at DESC,
    source, customer
LIMIT 10000""",
    columns=(
        columns.phone("number", "Number"),
        columns.text("confidence", "Confidence"),
        columns.count("undeliverable", "Undeliverable"),
        columns.count("silent", "No final status"),
        columns.count("sends", "Sent in total"),
        columns.time("first_evidence_at", "First failed attempt"),
        columns.time("last_evidence_at", "Last failed attempt"),
        columns.time("last_activity_at", "Last activity"),
        columns.SOURCE,
        columns.COUNTRY,
    ),
    meaning=f"{_RULE} A failure counts at its own time, a missing status at the time of sending. Last activity: latest "
    f"delivery, read or message from the number; may be empty. {_RANGE} At most 10,000 numbers.",
    remediation="Suppress high, pause medium, watch low. Many messages of one source without a final status: webhooks "
    "are missing, see Senders before you suppress anybody.",
    layer="rollup",
    width=12,
)


_TALLY: Final = """countIf(confidence = 'high') AS high,
    countIf(confidence = 'medium') AS medium,
    countIf(confidence = 'low') AS low,
    sumIf(evidence, confidence IN ('high', 'medium')) AS wasted"""
_TALLY_COLUMNS: Final = (
    columns.count("high", "High confidence"),
    columns.count("medium", "Medium confidence"),
    columns.count("low", "Low confidence"),
    columns.count("wasted", "Wasted messages"),
)

_BY_SOURCE: Final = Panel(
    id="dead-numbers-by-source",
    title="Unreachable numbers by source",
    kind="table",
    sql=f"""SELECT source, high, medium, low, wasted, recipients, {sql.share("(high + medium)", "recipients")} AS rate
FROM (SELECT source, {_TALLY} FROM ({_EVIDENCE}) GROUP BY source) AS dead
LEFT JOIN ({_RECIPIENTS}) AS sent USING (source)
ORDER BY high + medium DESC, low DESC, source
LIMIT 300""",
    columns=(
        columns.SOURCE,
        *_TALLY_COLUMNS,
        columns.count("recipients", "Recipients"),
        columns.share("rate", "High and medium / recipients"),
    ),
    meaning="Numbers by confidence, the messages wasted on them, and their share of the source's recipients on the UTC "
    f"days of the range. {_RANGE}",
    remediation="One source far above the others: its recipient list has another origin, or its webhooks are missing "
    "(see Senders).",
    layer="rollup",
)

_BY_COUNTRY: Final = Panel(
    id="dead-numbers-by-country",
    title="Unreachable numbers by country",
    kind="table",
    sql=f"""SELECT country, {_TALLY}
FROM ({_EVIDENCE})
GROUP BY country
ORDER BY high + medium DESC, low DESC, country
LIMIT 300""",
    columns=(columns.COUNTRY, *_TALLY_COLUMNS),
    meaning="Numbers by confidence and by the country of their calling code. Empty: the provider gives no phone "
    f"number. {_RANGE}",
    remediation="One country only: check how its numbers are written in your list (trunk digit missing or doubled) "
    "before you suppress them.",
    layer="rollup",
)

_OPT_OUTS: Final = Panel(
    id="opt-outs",
    title="Opt-outs",
    kind="table",
    sql=f"""SELECT {sql.masked("person")} AS number, category, since, last_change, source
FROM opt_outs
WHERE {sql.in_range("since")} AND {sql.SOURCES}
ORDER BY since DESC, source, person, category
LIMIT 10000""",
    columns=(
        columns.phone("number", "Number"),
        columns.text("category", "Category"),
        columns.time("since", "Opted out since"),
        columns.time("last_change", "Last change"),
        columns.SOURCE,
    ),
    meaning="People who are opted out now, by their own word to the provider (stop, opted-out) or because a message to "
    "them failed for it (131050). An opt-in after that removes them. Category: the kind of messages, empty = all. The "
    "range applies to the opt-out. Only the source filter applies. At most 10,000 numbers.",
    remediation="Download the list as CSV for the whole time and remove these people from your recipients of that "
    "category: what is sent to them fails and lowers the quality rating of your number.",
    layer="live",
    width=12,
)

DASHBOARD: Final = Dashboard(
    id="numbers",
    title="Numbers",
    purpose="Which numbers should we stop sending to, and how certain is that?",
    panels=(*_COUNTS, _SHARE, _LIST, _BY_SOURCE, _BY_COUNTRY, _OPT_OUTS),
)
