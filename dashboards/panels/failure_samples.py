"""Single messages that failed, for the dashboard Failures. Pure."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Panel
from schemas.error_codes import class_sql

_LIMIT: Final = 100
_WHICH: Final = f"counted AND {sql.in_range('cohort_at')} AND {sql.FILTERS}"
# Failures are many and their words long: of those since the hundredth from the end the words are read.
_SINCE: Final = f"""(
    SELECT min(cohort_at)
    FROM (SELECT cohort_at FROM failures WHERE {_WHICH} ORDER BY cohort_at DESC LIMIT {_LIMIT})
)"""

SAMPLES: Final = Panel(
    id="failure-samples",
    title="Failing messages that were sent last",
    kind="table",
    sql=f"""SELECT cohort_at AS sent, failed_at, source, {sql.masked_in("message_id", "customer")} AS message,
    {sql.masked("customer")} AS recipient, error_code AS code, {sql.masked_digits("error_title")} AS title,
    {class_sql("provider", "error_code")} AS class, template, campaign
FROM failures
WHERE {_WHICH} AND cohort_at >= {_SINCE}
ORDER BY cohort_at DESC, message_id, participant
LIMIT {_LIMIT}""",
    columns=(
        Column("sent", "Sent at", "time", "cell"),
        Column("failed_at", "Failed at", "time", "cell"),
        columns.text("source", "Source"),
        columns.text("message", "Message"),
        Column("recipient", "Recipient", "phone", "cell"),
        columns.text("code", "Code"),
        columns.text("title", "In the provider's words"),
        columns.text("class", "Class"),
        columns.text("template", "Template"),
        columns.text("campaign", "Campaign"),
    ),
    meaning="Of the messages sent in this range that failed, the 100 sent last, groups included. "
    "`ackstream message ID` shows everything known of one.",
    remediation="The same words again and again: pass three message ids to the provider's support, they find the "
    "cause.",
    layer="copy",
    width=12,
)
