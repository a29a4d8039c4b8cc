"""What costs nothing, and how much of it is left, for the dashboard Cost. Pure."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Panel, Threshold
from dashboards.panels.charges import MONTH, MONTHS, allowance, service_range
from schemas.settings.costs import FREE_SERVICE_MESSAGES

FREE: Final = Panel(
    id="free-share",
    title="Free",
    kind="stat",
    sql=f"""SELECT
    {sql.share("free", "delivered")} AS rate,
    delivered - sum(outbound.billable) + (SELECT sum(billable) - sum(messages) FROM ({allowance()})) AS free,
    sum(outbound.delivered) AS delivered
FROM outbound
WHERE {sql.in_range("slot")} AND (pricing_type != '' OR outbound.billable > 0) AND {sql.FILTERS}""",
    columns=(
        Column("rate", "Free / delivered", "share"),
        Column("free", "Free", role="numerator"),
        Column("delivered", "Delivered, pricing known", role="denominator"),
    ),
    meaning="Delivered messages that cost nothing / delivered messages whose pricing the provider told. The table of "
    "free messages says why.",
    remediation="Falls: more replies go out after the 24 h window, or the free service messages of the month are used "
    "up.",
    layer="rollup",
    width=3,
)

FREE_BY_TYPE: Final = Panel(
    id="free-by-type",
    title="Free messages",
    kind="table",
    sql=f"""SELECT formatDateTime(first_day, '%Y-%m') AS month, category, reason, messages
FROM
(
    SELECT {MONTH} AS first_day, pricing_category AS category,
        if(pricing_type = '', 'not told', pricing_type) AS reason,
        toInt64(sum(outbound.delivered - outbound.billable)) AS messages
    FROM outbound
    WHERE {sql.in_range("slot")} AND {sql.FILTERS}
    GROUP BY first_day, category, reason
    UNION ALL
    SELECT {MONTH} AS first_day, 'service' AS category, 'first {FREE_SERVICE_MESSAGES:,} of the month' AS reason,
        toInt64(sum(rows.billable) - sum(rows.messages)) AS messages
    FROM ({allowance()}) AS rows
    GROUP BY first_day
)
WHERE messages > 0
ORDER BY month DESC, messages DESC, category, reason
LIMIT 1000""",
    columns=(
        columns.text("month", "Month"),
        columns.text("category", "Category"),
        columns.text("reason", "Pricing type"),
        columns.count("messages", "Delivered"),
    ),
    meaning="Delivered messages that are not billed, by the provider's pricing type. “not told”: the provider said "
    f"nothing about pricing, as gateways that bill by subscription do. {MONTHS}",
    remediation="“not told” for a source of the Cloud API: its statuses come without pricing; ask your provider to "
    "pass it on.",
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
        columns.text("source", "Source"),
        columns.text("account", "Number"),
        columns.count("used", "Delivered"),
        columns.count("remaining", "Free ones left"),
        columns.count("beyond", "Beyond"),
    ),
    meaning="Service messages (replies without a template) delivered by each number in each UTC month since October "
    "2026, from the month's first day even when the range begins later. Of the filters only the source applies.",
    remediation="Fewer than 100 left: replies are about to cost. Check that the account has a payment method: without "
    "one Meta does not deliver what lies beyond.",
    layer="rollup",
    threshold=Threshold("remaining", "below", 100),
)
