"""Failures: what failed, why, and what to do about it. Pure."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Dashboard, Panel, Threshold
from dashboards.panels.failure_samples import SAMPLES
from dashboards.panels.shapes import ONE_TO_ONE, share_stat
from schemas.error_codes import action_sql, class_sql, title_sql

_CODE: Final = ("provider", "error_code")
_CLASS: Final = class_sql(*_CODE)
_RANGE: Final = f"{sql.in_range('slot')} AND {sql.ONE_TO_ONE} AND {sql.FILTERS}"

_FAILURE_SHARE: Final = share_stat(
    "failure-share",
    "Failed / sent",
    ("failed", "Failed", "outbound.failed"),
    ("sent", "Sent", "outbound.sent"),
    meaning="Messages that failed and reached no phone of the person / sent, by the time of sending. Late failures "
    f"come in for up to 30 days. {ONE_TO_ONE}",
    remediation="Above 10 %: the first rows of the codes beside it say what to do.",
    threshold=Threshold("rate", "above", 0.1),
)


def _danger(identifier: str, title: str, wanted: str, *, meaning: str, remediation: str) -> Panel:
    """A number of failures that should be nought."""
    return Panel(
        id=identifier,
        title=title,
        kind="stat",
        sql=f"""SELECT sum(outbound.failed) AS failures
FROM outbound
WHERE {sql.in_range("slot")} AND {sql.FILTERS} AND outbound.failed > 0 AND {_CLASS} = '{wanted}'""",
        columns=(Column("failures", title),),
        meaning=meaning,
        remediation=remediation,
        layer="rollup",
        width=3,
        threshold=Threshold("failures", "above", 0),
    )


_DANGERS: Final = (
    _danger(
        "account-danger",
        "Account in danger",
        "account",
        meaning="Failures whose code speaks of the account: locked, payment, registration, access, a country that is "
        "closed to it. Groups included.",
        remediation="Any: the codes below name it. Act today, such an account soon sends nothing.",
    ),
    _danger(
        "unknown-code-count",
        "Unknown codes",
        "unknown",
        meaning="Failures with a code that is in none of the lists known here. Groups included. Nothing is dropped: "
        "the table of unknown codes shows them as they came.",
        remediation="Any: look the codes up at the provider; a new one often announces a new rule.",
    ),
    _danger(
        "no-code-count",
        "Without a code",
        "none",
        meaning="Failures for which the provider gave no code at all. Groups included.",
        remediation="Any: open the newest failing messages, and see whether the sender is connected.",
    ),
)


def _codes(identifier: str, title: str, units: str, *, meaning: str, remediation: str, width: int) -> Panel:
    return Panel(
        id=identifier,
        title=title,
        kind="table",
        sql=f"""SELECT
    error_code AS code, provider, {title_sql(*_CODE)} AS says, class, {action_sql(*_CODE)} AS action,
    failures, {sql.share("failures", "all_failures")} AS part, all_failures
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
            columns.text("code", "Code"),
            columns.text("provider", "Provider"),
            columns.text("says", "Says"),
            columns.text("class", "Class"),
            columns.text("action", "What to do"),
            columns.count("failures", "Failures"),
            Column("part", "Of all failures", "share", "cell"),
            columns.count("all_failures", "All failures"),
        ),
        meaning=meaning,
        remediation=remediation,
        layer="rollup",
        width=width,
    )


_CODES: Final = _codes(
    "failure-codes",
    "Codes and what to do",
    sql.ONE_TO_ONE,
    meaning="Failures by the code of the first failure of each message, with its class and what to do about it. A "
    f"code means what the provider that sent it says; the same number of two providers has two rows. {ONE_TO_ONE}",
    remediation="Start with the first row: its class says who must act, its last words what to do.",
    width=12,
)

_GROUP_CODES: Final = _codes(
    "group-failure-codes",
    "Groups: codes",
    sql.GROUPS,
    meaning="The same for messages to groups, one count for each member to whom it failed.",
    remediation="One code for all members: the group, or our place in it; else the numbers of those members.",
    width=12,
)

_TREND: Final = Panel(
    id="failure-trend",
    title="Failures by class over time",
    kind="stack",
    sql=f"""SELECT {sql.bucket("slot")} AS at, {_CLASS} AS class, sum(outbound.failed) AS failures
FROM outbound
WHERE {_RANGE} AND outbound.failed > 0
GROUP BY at, class
ORDER BY at, class""",
    columns=(
        Column("at", "Sent at", "time", "x"),
        Column("class", "Class", "text", "series"),
        Column("failures", "Failures"),
    ),
    meaning="When the messages went out that failed, by class: number, policy, retry, window, account, template, "
    f"content, identity, unknown, or none where the provider gave no code. {ONE_TO_ONE}",
    remediation="One class appears at once: account or template, act now; retry, slow down; window, send a template "
    "instead.",
    layer="rollup",
    width=12,
)

_UNKNOWN: Final = Panel(
    id="unknown-codes",
    title="Unknown codes",
    kind="table",
    sql=f"""SELECT error_code AS code, provider, sum(outbound.failed) AS failures, min(slot) AS first_sent,
    arrayStringConcat(arraySort(groupUniqArray(10)(toString(source))), ', ') AS sources
FROM outbound
WHERE {sql.in_range("slot")} AND {sql.FILTERS} AND outbound.failed > 0 AND {_CLASS} = 'unknown'
GROUP BY code, provider
ORDER BY failures DESC, code, provider
LIMIT 200""",
    columns=(
        columns.text("code", "Code"),
        columns.text("provider", "Provider"),
        columns.count("failures", "Failures"),
        Column("first_sent", "First sent", "time", "cell"),
        columns.text("sources", "Sources"),
    ),
    meaning="Codes that are in none of the lists known here, as they came, groups included. First sent is exact to a "
    "quarter of an hour; up to ten sources are named.",
    remediation="Any row: look the code up at the provider, and pass it on so that the list here grows.",
    layer="rollup",
    threshold=Threshold("failures", "above", 0),
)


def _split(identifier: str, title: str, key: Column, *, meaning: str, remediation: str) -> Panel:
    """Failures by a column of `outbound`, the most frequent code beside them."""
    return Panel(
        id=identifier,
        title=title,
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
            columns.count("sent", "Sent"),
            Column("failure_rate", "Failed / sent", "share", "cell"),
            columns.text("main_code", "Main code"),
            columns.count("main_failed", "Of it"),
            columns.PROVISIONAL,
        ),
        meaning=meaning,
        remediation=remediation,
        layer="rollup",
    )


_MAIN: Final = "with the code that stands behind most of them"

_SPLITS: Final = (
    _split(
        "failures-by-template",
        "By template",
        columns.text("template", "Template"),
        meaning=f"The 100 templates with most failures, {_MAIN}. {ONE_TO_ONE}",
        remediation="132 and three more figures: mend the template. 131049: Meta caps marketing for each person, send "
        "less.",
    ),
    _split(
        "failures-by-campaign",
        "By campaign",
        columns.text("campaign", "Campaign"),
        meaning=f"The 100 campaigns with most failures, {_MAIN}. {ONE_TO_ONE}",
        remediation="131026 in front: the list of this campaign is old; clean it with Numbers before it is used again.",
    ),
    _split(
        "failures-by-source",
        "By source",
        columns.text("source", "Source"),
        meaning=f"The 100 sources with most failures, {_MAIN}. {ONE_TO_ONE}",
        remediation="One source alone: its account, payment or connection; see Senders.",
    ),
    _split(
        "failures-by-country",
        "By country",
        columns.text("country", "Country"),
        meaning=f"The country of the recipient's calling code, {_MAIN}. {ONE_TO_ONE}",
        remediation="130497: this account may not write to people in that country.",
    ),
)

DASHBOARD: Final = Dashboard(
    id="failures",
    title="Failures",
    purpose="What failed, why, and who has to do what about it?",
    panels=(
        _FAILURE_SHARE,
        *_DANGERS,
        _CODES,
        _TREND,
        _UNKNOWN,
        *_SPLITS,
        _GROUP_CODES,
        SAMPLES,
    ),
)
