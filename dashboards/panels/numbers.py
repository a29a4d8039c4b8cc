"""Numbers: which numbers seem to be dead, on what evidence, and how sure that is. Pure."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Dashboard, Panel, Threshold

# Evidence is a failure that blames the number (131026 and its like) or a silent message: pending beyond its time to
# live. A reading, or a message from the number, clears what came before it, and one piece alone never counts. Silence
# may be our own loss of webhooks, and a phone may be off for a holiday: so "high" asks for three failures that span
# at least a week, and silence alone stays "low" until it is five messages. A delivery since says that the number
# exists, whatever failed before: never more than "low".
_WEEK: Final = "last_evidence_at - toIntervalDay(7)"
CONFIDENCE: Final = f"""multiIf(
    last_delivered_at > last_evidence_at, 'low',
    undeliverable >= 3 AND first_evidence_at <= {_WEEK}, 'high',
    undeliverable >= 2 OR (undeliverable >= 1 AND silent >= 2) OR silent >= 5, 'medium',
    'low')"""
_RULE: Final = (
    "Evidence: a failure that blames the number (131026 and its like), or a message without any word beyond its time "
    "to live. A reading, or a message from the number, clears all evidence before it; one piece alone never counts. "
    "High: three such failures over at least 7 days. Medium: two of them, or one and two silent messages, or five "
    "silent ones. Low: less, or something was delivered since."
)
_RANGE: Final = "The range is that of the newest evidence. Template and campaign are not asked."

_EVIDENCE: Final = f"""SELECT source, customer, country, undeliverable, silent, undeliverable + silent AS evidence,
    {CONFIDENCE} AS confidence
FROM number_evidence
WHERE {sql.in_range("last_evidence_at")} AND {sql.SOURCES}"""
_NEVER: Final = "toDateTime64(0, 3, 'UTC')"
_SIGNS: Final = [f"ifNull({name}, {_NEVER})" for name in ("last_delivered_at", "last_read_at", "last_inbound_at")]
# Whoever was sent anything on a UTC day that the range touches. Counted source by source, which takes a third of the
# time that counting pairs of source and number does.
_RECIPIENTS: Final = f"""SELECT source, uniqExact(customer_key) AS recipients
FROM recipients
WHERE day >= toDate({sql.START}, 'UTC') AND day <= toDate({sql.END} - 1, 'UTC') AND {sql.SOURCES}
GROUP BY source"""


def _count(identifier: str, title: str, value: str, *, meaning: str, remediation: str) -> Panel:
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
        "Dead, high confidence",
        "countIf(confidence = 'high')",
        meaning=f"Numbers to stop sending to. {_RULE} {_RANGE}",
        remediation="Take the list below as CSV and suppress them; whoever writes to you again clears himself.",
    ),
    _count(
        "numbers-medium",
        "Dead, medium confidence",
        "countIf(confidence = 'medium')",
        meaning="Numbers that are probably dead: repeated evidence, but over a short time or partly silence alone. "
        f"{_RANGE}",
        remediation="Leave them out of marketing; one careful utility message settles the matter.",
    ),
    _count(
        "numbers-wasted",
        "Messages wasted",
        "sumIf(evidence, confidence IN ('high', 'medium'))",
        meaning="Messages that failed on, or vanished at, numbers of high or medium confidence: the evidence itself. "
        f"{_RANGE}",
        remediation="What suppressing those numbers would have saved; repeated tries also hurt the quality of your "
        "own number.",
    ),
)

_SHARE: Final = Panel(
    id="numbers-share",
    title="Dead / recipients",
    kind="stat",
    sql=f"""SELECT
    {sql.share("dead", "recipients")} AS rate,
    (SELECT countIf(confidence IN ('high', 'medium')) FROM ({_EVIDENCE})) AS dead,
    sum(of_source.recipients) AS recipients
FROM ({_RECIPIENTS}) AS of_source""",
    columns=(
        Column("rate", "Dead / recipients", "share"),
        Column("dead", "High and medium", role="numerator"),
        Column("recipients", "Recipients", role="denominator"),
    ),
    meaning="Numbers of high and medium confidence / distinct recipients of the range's UTC days. A number that writes "
    f"with two of your sources is two recipients. {_RANGE}",
    remediation="Above 5 %: the list is old or bought. Clean it before the next campaign, and ask where the numbers "
    "come from.",
    layer="rollup",
    width=3,
    threshold=Threshold("rate", "above", 0.05),
)

_LIST: Final = Panel(
    id="dead-numbers",
    title="Numbers that seem to be dead",
    kind="table",
    sql=f"""SELECT
    {sql.masked("customer")} AS number,
    confidence, undeliverable, silent, sends, first_evidence_at, last_evidence_at,
    nullIf(greatest({", ".join(_SIGNS)}), {_NEVER}) AS last_sign_at,
    source, country
FROM (SELECT *, {CONFIDENCE} AS confidence FROM number_evidence)
WHERE {sql.in_range("last_evidence_at")} AND {sql.SOURCES}
ORDER BY confidence = 'high' DESC, confidence = 'medium' DESC, undeliverable + silent DESC, last_evidence_at DESC,
    source, customer
LIMIT 10000""",
    columns=(
        Column("number", "Number", "phone", "cell"),
        columns.text("confidence", "Confidence"),
        columns.count("undeliverable", "Undeliverable"),
        columns.count("silent", "Silent"),
        columns.count("sends", "Ever sent"),
        Column("first_evidence_at", "First evidence", "time", "cell"),
        Column("last_evidence_at", "Last evidence", "time", "cell"),
        Column("last_sign_at", "Last sign of life", "time", "cell"),
        columns.text("source", "Source"),
        columns.text("country", "Country"),
    ),
    meaning=f"{_RULE} A failure counts at its own time, silence at that of the sending. Last sign of life: a delivery, "
    "a reading or a message from the number, whichever came last; empty when there never was one. "
    f"{_RANGE} At most 10,000, the surest first.",
    remediation="Suppress high, pause medium, watch low. Many silent ones of one source at once: webhooks are "
    "missing, not people; see Senders before you suppress anybody.",
    layer="rollup",
    width=12,
)


_TALLY: Final = """countIf(confidence = 'high') AS high,
    countIf(confidence = 'medium') AS medium,
    countIf(confidence = 'low') AS low,
    sumIf(evidence, confidence IN ('high', 'medium')) AS wasted"""
_TALLY_COLUMNS: Final = (
    columns.count("high", "High"),
    columns.count("medium", "Medium"),
    columns.count("low", "Low"),
    columns.count("wasted", "Messages wasted"),
)

_BY_SOURCE: Final = Panel(
    id="dead-numbers-by-source",
    title="By source",
    kind="table",
    sql=f"""SELECT source, high, medium, low, wasted, recipients, {sql.share("(high + medium)", "recipients")} AS rate
FROM (SELECT source, {_TALLY} FROM ({_EVIDENCE}) GROUP BY source) AS dead
LEFT JOIN ({_RECIPIENTS}) AS sent USING (source)
ORDER BY high + medium DESC, low DESC, source
LIMIT 300""",
    columns=(
        columns.text("source", "Source"),
        *_TALLY_COLUMNS,
        columns.count("recipients", "Recipients"),
        Column("rate", "High and medium / recipients", "share", "cell"),
    ),
    meaning=f"Numbers by confidence, the messages lost on them, and their share of those who were sent to. {_RANGE}",
    remediation="One source far above the others: its list has another origin, or its webhooks are missing (Senders).",
    layer="rollup",
)

_BY_COUNTRY: Final = Panel(
    id="dead-numbers-by-country",
    title="By country",
    kind="table",
    sql=f"""SELECT country, {_TALLY}
FROM ({_EVIDENCE})
GROUP BY country
ORDER BY high + medium DESC, low DESC, country
LIMIT 300""",
    columns=(columns.text("country", "Country"), *_TALLY_COLUMNS),
    meaning="Numbers by confidence and the country of their calling code; empty: the provider gives no phone number. "
    f"{_RANGE}",
    remediation="One country alone: look at how its numbers are written in your list (a lacking or doubled trunk "
    "digit) before you suppress them.",
    layer="rollup",
)

DASHBOARD: Final = Dashboard(
    id="numbers",
    title="Numbers",
    purpose="Which numbers should we stop sending to, and how sure is that?",
    panels=(*_COUNTS, _SHARE, _LIST, _BY_SOURCE, _BY_COUNTRY),
)
