"""Free messages, and how many free service messages are left, for the dashboard Cost."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Panel, Threshold
from dashboards.panels.charges import MONTH, MONTHS, service_messages, service_range
from schemas.settings.costs import FREE_SERVICE_MESSAGES

FREE: Final = Panel(
    id="free-share",
    title="Free / delivered",
    kind="stat",
    sql=f"""SELECT
    {sql.share("free", "delivered")} AS rate,
    delivered - sum(outbound.billable) + (SELECT sum(billable) - sum(messages) FROM ({service_messages()})) AS free,
    sum(outbound.delivered) AS delivered
FROM outbound
WHERE {sql.in_range("slot")} AND (pricing_type != '' OR outbound.billable > 0) AND {sql.FILTERS}""",
    columns=(
        Column("rate", "Free / delivered", "share"),
        Column("free", "Free", role="numerator"),
        Column("delivered", "Delivered, pricing known", role="denominator"),
    ),
    meaning="Delivered messages that cost nothing / delivered messages whose pricing the provider reported. The table "
    "of free messages shows why they are free.",
    remediation="Falls: more messages are sent outside the 24 h window, or the free service messages of the month are "
    "used up.",
    layer="rollup",
    width=3,
)

FREE_BY_TYPE: Final = Panel(
    id="free-by-type",
    title="Free messages by pricing type",
    kind="table",
    sql=f"""SELECT formatDateTime(first_day, '%Y-%m') AS month, category, reason, messages
FROM
(
    SELECT {MONTH} AS first_day, pricing_category AS category,
        if(pricing_type = '', 'not reported', pricing_type) AS reason,
        toInt64(sum(outbound.delivered - outbound.billable)) AS messages
    FROM outbound
    WHERE {sql.in_range("slot")} AND {sql.FILTERS}
    GROUP BY first_day, category, reason
    UNION ALL
    SELECT {MONTH} AS first_day, 'service' AS category, 'first {FREE_SERVICE_MESSAGES:,} of the month' AS reason,
        toInt64(sum(rows.billable) - sum(rows.messages)) AS messages
    FROM ({service_messages()}) AS rows
    GROUP BY first_day
)
WHERE messages > 0
ORDER BY month DESC, messages DESC, category, reason
LIMIT 1000""",
    columns=(
        columns.text("month", "Month"),
        columns.CATEGORY,
        columns.text("reason", "Pricing type"),
        columns.count("messages", "Delivered"),
    ),
    meaning="Delivered messages that are not billed, by the provider's pricing type. “not reported”: the provider gave "
    f"no pricing, as gateways that bill by subscription do. {MONTHS}",
    remediation="“not reported” for a Cloud API source: its statuses arrive without pricing; ask your provider to pass "
    "it on.",
    layer="rollup",
)

ALLOWANCE: Final = Panel(
    id="service-allowance",
    title=f"The {FREE_SERVICE_MESSAGES:,} free service messages",
    kind="table",
    sql=f"""SELECT formatDateTime(first_day, '%Y-%m') AS month, source, account,
    sum(outbound_service.delivered) AS used,
    greatest({FREE_SERVICE_MESSAGES} - toInt64(used), 0) AS remaining,
    greatest(toInt64(used) - {FREE_SERVICE_MESSAGES}, 0) AS beyond
FROM outbound_service
WHERE {service_range()} AND {sql.SOURCES}
GROUP BY {MONTH} AS first_day, source, account
HAVING used > 0
ORDER BY month DESC, remaining, used DESC, source, account
LIMIT 1000""",
    columns=(
        columns.text("month", "Month"),
        columns.SOURCE,
        columns.SENDER,
        columns.count("used", "Delivered"),
        columns.count("remaining", "Free messages left"),
        columns.count("beyond", "Above the allowance"),
    ),
    meaning="Service messages (replies without a template) delivered by each number in each UTC month since October "
    "2026, counted from the first day of the month even when the range begins later. Only the source filter applies.",
    remediation="Fewer than 100 left: replies will soon cost money. Make sure that the account has a payment method: "
    "without one, Meta does not deliver messages above the allowance.",
    layer="rollup",
    threshold=Threshold("remaining", "below", 100),
)
