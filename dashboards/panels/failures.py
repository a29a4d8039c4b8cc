"""Failures: which messages failed, why, and what to do about it."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Dashboard, Panel, Threshold
from dashboards.panels.factories import ONE_TO_ONE, Term, share_stat
from dashboards.panels.failure_samples import SAMPLES
from schemas.error_codes import action_sql, class_sql, title_sql

_CODE: Final = ("provider", "error_code")
_CLASS: Final = class_sql(*_CODE)
_RANGE: Final = f"{sql.in_range('slot')} AND {sql.ONE_TO_ONE} AND {sql.FILTERS}"

_FAILURE_RATE: Final = share_stat(
    "failure-share",
    "Failure rate",
    Term("failed", "Failed", "outbound.failed"),
    Term("sent", "Sent", "outbound.sent"),
    meaning="Messages that failed and reached no phone / sent, by time of sending. Failures can arrive up to 30 days "
    f"after sending. {ONE_TO_ONE}",
    remediation="Above 10 %: start with the first rows of the table of error codes.",
    threshold=Threshold("rate", "above", 0.1),
)


def _class_count(identifier: str, title: str, error_class: str, *, meaning: str, remediation: str) -> Panel:
    """The number of failures of one class of error codes; red when there is any."""
    return Panel(
        id=identifier,
        title=title,
        kind="stat",
        sql=f"""SELECT sum(outbound.failed) AS failures
FROM outbound
WHERE {sql.in_range("slot")} AND {sql.FILTERS} AND outbound.failed > 0 AND {_CLASS} = '{error_class}'""",
        columns=(Column("failures", title),),
        meaning=meaning,
        remediation=remediation,
        layer="rollup",
        width=3,
        threshold=Threshold("failures", "above", 0),
    )


_CLASS_COUNTS: Final = (
    _class_count(
        "account-danger",
        "Account problems",
        "account",
        meaning="Failures whose error code is about the account: locked, payment, registration, access, or a country "
        "to which it may not send. Group messages included.",
        remediation="Above 0: the table of error codes names the problem. Act today: such an account is soon unable to "
        "send.",
    ),
    _class_count(
        "unknown-code-count",
        "Failures with an unknown code",
        "unknown",
        meaning="Failures whose error code is not in Ackstream's list. Group messages included. The table of unknown "
        "error codes shows every code as the provider reported it.",
        remediation="Above 0: look the codes up in the provider's documentation; a new code often means a new rule.",
    ),
    _class_count(
        "no-code-count",
        "Failures without a code",
        "none",
        meaning="Failures for which the provider gave no error code. Group messages included.",
        remediation="Above 0: open the latest failed messages, and check in Senders whether the sender is connected.",
    ),
)


def _codes(identifier: str, title: str, units: str, *, meaning: str, remediation: str) -> Panel:
    """Failures by error code, with class, meaning and action."""
    return Panel(
        id=identifier,
        title=title,
        kind="table",
        sql=f"""SELECT
    error_code AS code, provider, {title_sql(*_CODE)} AS description, class, {action_sql(*_CODE)} AS action,
    failures, {sql.share("failures", "all_failures")} AS failure_share, all_failures
FROM
(
    SELECT provider, error_code, {_CLASS} AS class, sum(outbound.failed) AS failures,
        sum(failures) OVER () AS all_failures
    FROM outbound
    WHERE {sql.in_range("slot")} AND {units} AND {sql.FILTERS} AND outbound.failed > 0
    GROUP BY provider, error_code
)
ORDER BY failures DESC, code, provider
LIMIT 200""",
        columns=(
            columns.text("code", "Error code"),
            columns.text("provider", "Provider"),
            columns.text("description", "Description"),
            columns.text("class", "Error class"),
            columns.text("action", "What to do"),
            columns.count("failures", "Failures"),
            columns.share("failure_share", "Share of all failures"),
            columns.count("all_failures", "All failures"),
        ),
        meaning=meaning,
        remediation=remediation,
        layer="rollup",
        width=12,
    )


_CODES: Final = _codes(
    "failure-codes",
    "Error codes and what to do",
    sql.ONE_TO_ONE,
    meaning="Failed messages by the error code of their first failure, with the class of the code and what to do. The "
    f"same code from two providers has two rows, because each provider defines its own codes. {ONE_TO_ONE}",
    remediation="Start with the first row: the class says who must act, the last sentence says what to do.",
)

_GROUP_CODES: Final = _codes(
    "group-failure-codes",
    "Error codes of group messages",
    sql.GROUPS,
    meaning="Failed group messages by error code, one count for each member that the message failed to reach.",
    remediation="One code for all members: check the group and our membership in it. Otherwise check the numbers of "
    "those members.",
)

_TREND: Final = Panel(
    id="failure-trend",
    title="Failures by error class over time",
    kind="stack",
    sql=f"""SELECT {sql.bucket("slot")} AS at, {_CLASS} AS class, sum(outbound.failed) AS failures
FROM outbound
WHERE {_RANGE} AND outbound.failed > 0
GROUP BY at, class
ORDER BY at, class""",
    columns=(
        Column("at", "Sent at", "time", "x"),
        Column("class", "Error class", "text", "series"),
        Column("failures", "Failures"),
    ),
    meaning="Failed messages by time of sending and class of the error code: number, policy, retry, window, account, "
    f"template, content, identity, unknown, or none when the provider gave no code. {ONE_TO_ONE}",
    remediation="A class appears suddenly. Account or template: act now. Retry: send more slowly. Window: send a "
    "template instead.",
    layer="rollup",
    width=12,
)

_UNKNOWN: Final = Panel(
    id="unknown-codes",
    title="Unknown error codes",
    kind="table",
    sql=f"""SELECT error_code AS code, provider, sum(outbound.failed) AS failures, min(slot) AS first_sent,
    arrayStringConcat(arraySort(groupUniqArray(10)(toString(source))), ', ') AS sources
FROM outbound
WHERE {sql.in_range("slot")} AND {sql.FILTERS} AND outbound.failed > 0 AND {_CLASS} = 'unknown'
GROUP BY code, provider
ORDER BY failures DESC, code, provider
LIMIT 200""",
    columns=(
        columns.text("code", "Error code"),
        columns.text("provider", "Provider"),
        columns.count("failures", "Failures"),
        columns.time("first_sent", "First sent"),
        columns.text("sources", "Sources"),
    ),
    meaning="Error codes that are not in Ackstream's list, as the provider reported them, group messages included. "
    "First sent is rounded down to 15 minutes; up to ten sources are named.",
    remediation="Any row: look the code up in the provider's documentation, and report it so that it is added to the "
    "list.",
    layer="rollup",
    threshold=Threshold("failures", "above", 0),
)


def _breakdown(key: Column, *, meaning: str, remediation: str) -> Panel:
    """Failures by a column of `outbound`, with the most frequent error code."""
    return Panel(
        id=f"failures-by-{key.name}",
        title=f"Failures by {key.name}",
        kind="table",
        sql=f"""SELECT
    {key.name},
    sum(code_failed) AS failed,
    sum(code_sent) AS sent,
    {sql.share("failed", "sent")} AS failure_rate,
    argMax(error_code, (code_failed, error_code)) AS main_code,
    max(code_failed) AS main_failed,
    toUInt8(max(settled_at) > now('UTC')) AS provisional
FROM
(
    SELECT {key.name}, error_code, sum(outbound.failed) AS code_failed, sum(outbound.sent) AS code_sent,
        max({sql.SETTLED_AT}) AS settled_at
    FROM outbound
    WHERE {_RANGE}
    GROUP BY {key.name}, error_code
)
GROUP BY {key.name}
HAVING failed > 0
ORDER BY failed DESC, {key.name}
LIMIT 100""",
        columns=(
            key,
            columns.count("failed", "Failed"),
            columns.SENT,
            columns.share("failure_rate", "Failed / sent"),
            columns.text("main_code", "Most frequent code"),
            columns.count("main_failed", "Failed with that code"),
            columns.PROVISIONAL,
        ),
        meaning=f"{meaning}, with the most frequent error code of each. {ONE_TO_ONE}",
        remediation=remediation,
        layer="rollup",
    )


_BREAKDOWNS: Final = (
    _breakdown(
        columns.TEMPLATE,
        meaning="The 100 templates with the most failures",
        remediation="A code of six digits that begins with 132: correct the template. 131049: Meta limits marketing "
        "messages per person, send fewer.",
    ),
    _breakdown(
        columns.CAMPAIGN,
        meaning="The 100 campaigns with the most failures",
        remediation="Mostly 131026: the recipient list of this campaign is out of date. Clean it with Numbers before "
        "the next send.",
    ),
    _breakdown(
        columns.SOURCE,
        meaning="The 100 sources with the most failures",
        remediation="One source only: check its account, payment and connection; see Senders.",
    ),
    _breakdown(
        columns.COUNTRY,
        meaning="The 100 countries (of the recipient's calling code) with the most failures",
        remediation="130497: this account may not send to people in that country.",
    ),
)

DASHBOARD: Final = Dashboard(
    id="failures",
    title="Failures",
    purpose="Which messages failed, why, and who has to do what about it?",
    panels=(
        _FAILURE_RATE,
        *_CLASS_COUNTS,
        _CODES,
        _TREND,
        _UNKNOWN,
        *_BREAKDOWNS,
        _GROUP_CODES,
        SAMPLES,
    ),
)
