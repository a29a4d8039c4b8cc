"""Cost: billable and free messages, and amounts of money where the rate card has prices."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Dashboard, Panel, Threshold
from dashboards.panels.charges import CURRENCY, MONTH, MONTHS, UNPRICED, charged, priced
from dashboards.panels.factories import CHANGE, previous
from dashboards.panels.free_messages import ALLOWANCE, FREE, FREE_BY_TYPE
from schemas.settings.costs import FREE_SERVICE_MESSAGES

_CURRENT: Final = sql.in_current_period("slot")
_STEP: Final = f"{sql.bucket('slot')} AS step"
_BILLABLE: Final = (
    "Billable: delivered with a pricing type that is not free; service messages only beyond the first "
    f"{FREE_SERVICE_MESSAGES:,} of the number and month. Group messages count once for each member, as they are billed."
)
_MONEY: Final = (
    "Billable messages × the price on the rate card (settings, [costs]) that was valid on the UTC day of sending."
)

_BILLABLE_COUNT: Final = Panel(
    id="billable",
    title="Billable messages",
    kind="stat",
    sql=f"""SELECT
    sumIf(messages, {_CURRENT}) AS billable,
    sumIf(messages, NOT {_CURRENT}) AS billable_before
FROM ({charged(sql.PREVIOUS_START)})""",
    columns=(Column("billable", "Billable"), previous("billable_before")),
    meaning=f"{_BILLABLE} {CHANGE}",
    remediation="Rises faster than your sends: a template was moved to another category, or replies exceed the free "
    "service messages.",
    layer="rollup",
    width=3,
)

_COST: Final = Panel(
    id="cost",
    title="Cost",
    kind="stat",
    sql=f"""SELECT
    sumIf(cost, is_current) AS amount,
    sumIf(cost, NOT is_current) AS amount_before,
    {CURRENCY} AS currency
FROM ({priced(f"{_CURRENT} AS is_current", sql.PREVIOUS_START)})""",
    columns=(
        Column("amount", "Cost", "money"),
        previous("amount_before", "money"),
        columns.text("currency", "Currency"),
    ),
    meaning=f"{_MONEY} Messages without a price are not included; the panel beside this one counts them. {CHANGE}",
    remediation="Above your budget: the tables below show which campaign and country cause it. Empty: the rate card "
    "has no price.",
    layer="rollup",
    width=3,
)

_UNPRICED: Final = Panel(
    id="unpriced",
    title="Billable without a price",
    kind="stat",
    sql=f"""SELECT
    if((SELECT count() FROM rate_card) = 0, NULL, {sql.share("unpriced", "billable")}) AS rate,
    {UNPRICED} AS unpriced,
    sum(messages) AS billable
FROM ({priced("1 AS one")})""",
    columns=(
        Column("rate", "Without a price / billable", "share"),
        Column("unpriced", "Without a price", role="numerator"),
        Column("billable", "Billable", role="denominator"),
    ),
    meaning="Billable messages for which the rate card has no price on the day of sending / all billable messages. "
    "Empty while the rate card is empty.",
    remediation="Above 0: the cost shown is too low by these messages. Add the missing category or country, or a rate "
    'with country = "*", to [[costs.rates]] in the settings and run `make up`; the table by month names them.',
    layer="rollup",
    width=3,
    threshold=Threshold("rate", "above", 0),
)


def _over_time(identifier: str, title: str, value: Column, rows: str, *, meaning: str, remediation: str) -> Panel:
    """The sum of the column `value` of `rows` by their column `step` and by category."""
    return Panel(
        id=identifier,
        title=title,
        kind="stack",
        sql=f"""SELECT step AS at, category AS series, sum({value.name}) AS {value.name}_sum
FROM ({rows})
GROUP BY at, series
HAVING {value.name}_sum > 0
ORDER BY at, series""",
        columns=(
            Column("at", "Sent at", "time", "x"),
            Column("series", "Category", "text", "series"),
            Column(f"{value.name}_sum", value.title, value.unit),
        ),
        meaning=meaning,
        remediation=remediation,
        layer="rollup",
    )


_BILLABLE_OVER_TIME: Final = _over_time(
    "billable-over-time",
    "Billable messages over time",
    Column("messages", "Billable"),
    f"SELECT {_STEP}, category, messages FROM ({charged()})",
    meaning=f"By time of sending and billed category. {_BILLABLE}",
    remediation="A category that you did not plan for: the provider has changed the category of a template; Senders "
    "shows its notice.",
)

_COST_OVER_TIME: Final = _over_time(
    "cost-over-time",
    "Cost over time",
    Column("cost", "Cost", "money"),
    priced(_STEP),
    meaning=f"{_MONEY} Messages without a price are not included.",
    remediation="A step up without more messages: a new price is valid, or messages moved to a more expensive "
    "category.",
)

_PRICES: Final = (
    columns.money("amount", "Cost"),
    columns.text("currency", "Currency"),
    columns.count("unpriced", "Without a price"),
)

_BILL: Final = Panel(
    id="bill",
    title="Billable by month, category and country",
    kind="table",
    sql=f"""SELECT formatDateTime(first_day, '%Y-%m') AS month, category, country,
    sum(messages) AS billable,
    min(price) AS lowest_price,
    max(price) AS highest_price,
    sum(cost) AS amount,
    {CURRENCY} AS currency,
    {UNPRICED} AS unpriced
FROM ({priced(f"{MONTH} AS first_day")})
GROUP BY first_day, category, country
ORDER BY month DESC, billable DESC, category, country
LIMIT 1000""",
    columns=(
        columns.text("month", "Month"),
        columns.CATEGORY,
        columns.COUNTRY,
        columns.count("billable", "Billable"),
        columns.money("lowest_price", "Lowest price"),
        columns.money("highest_price", "Highest price"),
        *_PRICES,
    ),
    meaning=f"The volumes behind a bill. {_BILLABLE} {MONTHS} The country is that of the customer's calling code. The "
    "lowest and the highest price differ when a new price became valid within the month. At most 1,000 rows.",
    remediation="Differs from the provider's bill: the bill counts days in the account's time zone, and includes "
    "messages whose status never arrived here; see messages without a final status in Senders.",
    layer="rollup",
    width=12,
)

_CAMPAIGNS: Final = Panel(
    id="cost-by-campaign",
    title="Cost by campaign and template",
    kind="table",
    sql=f"""SELECT campaign, template, category,
    sum(messages) AS billable,
    sum(cost) AS amount,
    {CURRENCY} AS currency,
    {UNPRICED} AS unpriced
FROM ({priced("campaign, template")})
GROUP BY campaign, template, category
ORDER BY amount IS NULL, amount DESC, billable DESC, campaign, template, category
LIMIT 100""",
    columns=(
        columns.CAMPAIGN,
        columns.TEMPLATE,
        columns.CATEGORY,
        columns.count("billable", "Billable"),
        *_PRICES,
    ),
    meaning=f"The 100 most expensive combinations of campaign, template and category. {_MONEY} Campaign and template "
    "come from the sent record; messages without one have empty names.",
    remediation="Expensive and rarely read (compare with Delivery): stop the campaign or select its audience better.",
    layer="rollup",
)

_RATES: Final = Panel(
    id="rate-card",
    title="Rate card",
    kind="table",
    sql="""SELECT category, country, toString(valid_from) AS begins, price, currency,
    toUInt8(valid_from <= toDate(now('UTC'))
        AND valid_from = max(if(valid_from <= toDate(now('UTC')), valid_from, toDate(0)))
            OVER (PARTITION BY category, country)) AS in_force
FROM rate_card
ORDER BY category, country, rate_card.valid_from DESC
LIMIT 5000""",
    columns=(
        columns.CATEGORY,
        columns.COUNTRY,
        columns.text("begins", "Valid from"),
        columns.money("price", "Price"),
        columns.text("currency", "Currency"),
        columns.count("in_force", "Valid today"),
    ),
    meaning="All versions of the prices in the settings ([[costs.rates]]). Country * applies to all countries without "
    "a rate of their own. The range and the filters do not apply.",
    remediation="Empty: no amounts of money are shown, only volumes. Take the prices from your contract or the "
    "provider's price list.",
    layer="live",
)

DASHBOARD: Final = Dashboard(
    id="cost",
    title="Cost",
    purpose="What will the bill be, what causes it, and how many free messages are left?",
    panels=(
        _COST,
        _BILLABLE_COUNT,
        _UNPRICED,
        FREE,
        _COST_OVER_TIME,
        _BILLABLE_OVER_TIME,
        _BILL,
        _CAMPAIGNS,
        ALLOWANCE,
        FREE_BY_TYPE,
        _RATES,
    ),
)
