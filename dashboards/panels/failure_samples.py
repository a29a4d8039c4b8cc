"""Single messages that failed, for the dashboard Failures. Pure."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Panel
from schemas.error_codes import class_sql

_LIMIT: Final = 100
# Rows are many: read are those sent since the quarter of an hour that holds the hundredth failure from the end.
_SINCE: Final = f"""(
    SELECT if(count() = 0, {sql.END}, min(slot))
    FROM
    (
        SELECT slot, sum(outbound.failed) AS here, sum(here) OVER (ORDER BY slot DESC) AS since
        FROM outbound
        WHERE {sql.in_range("slot")} AND {sql.FILTERS} AND outbound.failed > 0
        GROUP BY slot
    )
    WHERE since - here < {_LIMIT}
)"""

SAMPLES: Final = Panel(
    id="failure-samples",
    title="Failing messages that were sent last",
    kind="table",
    sql=f"""SELECT cohort_at AS sent, failed_at, source, {sql.masked_in("message_id", "customer")} AS message,
    {sql.masked("customer")} AS recipient, error_code AS code, {sql.masked_digits("error_title")} AS title,
    {class_sql("provider", "error_code")} AS class, template, campaign
FROM cohorts
WHERE counted AND {sql.in_range("cohort_at")} AND cohort_at >= {_SINCE} AND {sql.FILTERS} AND status = 'failed'
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
    red="The same words again and again: pass three message ids to the provider's support, they find the cause.",
    layer="copy",
    width=12,
)
