"""Single messages that failed, for the dashboard Failures."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Panel
from schemas.error_codes import class_sql

_LIMIT: Final = 100
_CONDITION: Final = f"counted AND {sql.in_range('cohort_at')} AND {sql.FILTERS}"
# Failures can be many and their texts long: the texts are read only from the hundredth latest on.
_SINCE: Final = f"""(
    SELECT min(cohort_at)
    FROM (SELECT cohort_at FROM failures WHERE {_CONDITION} ORDER BY cohort_at DESC LIMIT {_LIMIT})
)"""

SAMPLES: Final = Panel(
    id="failure-samples",
    title="Latest failed messages",
    kind="table",
    sql=f"""SELECT cohort_at AS sent, failed_at, source, {sql.masked_message_id("message_id", "customer")} AS message,
    {sql.masked("customer")} AS recipient, error_code AS code, {sql.masked_text("error_title")} AS title,
    {class_sql("provider", "error_code")} AS class, template, campaign
FROM failures
WHERE {_CONDITION} AND cohort_at >= {_SINCE}
ORDER BY cohort_at DESC, message_id, participant
LIMIT {_LIMIT}""",
    columns=(
        columns.time("sent", "Sent at"),
        columns.time("failed_at", "Failed at"),
        columns.SOURCE,
        columns.text("message", "Message id"),
        columns.phone("recipient", "Recipient"),
        columns.text("code", "Error code"),
        columns.text("title", "Provider's error text"),
        columns.text("class", "Error class"),
        columns.TEMPLATE,
        columns.CAMPAIGN,
    ),
    meaning="The 100 most recently sent messages of this range that failed, group messages included. "
    "`ackstream message ID` shows everything known about a message.",
    remediation="The same error text again and again: give three of the message ids to the provider's support.",
    layer="copy",
    width=12,
)
