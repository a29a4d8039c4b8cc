"""Cost: what is billed, what is free, and money where the rate card has prices. Pure."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Dashboard, Panel, Threshold
from dashboards.panels.charges import CURRENCY, MONTH, MONTHS, UNPRICED, charged, priced
from dashboards.panels.free import ALLOWANCE, FREE, FREE_BY_TYPE
from schemas.settings.costs import FREE_SERVICE_MESSAGES

_NOW: Final = sql.is_now("slot")
_STEP: Final = f"{sql.bucket('slot')} AS step"
_BILLABLE: Final = (
    "Billable: delivered, the provider names a pricing type that is not free, and for service messages beyond the "
    f"first {FREE_SERVICE_MESSAGES:,} of the number and month. Groups count by member, as they are billed."
)
_MONEY: Final = "Volume × the price of the rate card (settings, [costs]) that was valid on the UTC day of sending."
_CHANGE: Final = "The change is against the period of the same length just before."

_BILLED: Final = Panel(
    id="billable",
    title="Billable messages",
    kind="stat",
    sql=f"""SELECT
    sumIf(messages, {_NOW}) AS billable,
    sumIf(messages, NOT {_NOW}) AS billable_before
FROM ({charged(sql.BEFORE)})""",
    columns=(Column("billable", "Billable"), Column("billable_before", "Period before", role="before")),
    meaning=f"{_BILLABLE} {_CHANGE}",
    remediation="Rises faster than what you send: a template has changed its category, or replies are past the free "
    "ones.",
    layer="rollup",
    width=3,
)

_COST: Final = Panel(
    id="cost",
    title="Cost",
    kind="stat",
    sql=f"""SELECT
    sumIf(cost, is_now) AS amount,
    sumIf(cost, NOT is_now) AS amount_before,
    {CURRENCY} AS currency
FROM ({priced(f"{_NOW} AS is_now", sql.BEFORE)})""",
    columns=(
        Column("amount", "Cost", "money"),
        Column("amount_before", "Period before", "money", "before"),
        columns.text("currency", "Currency"),
    ),
    meaning=f"{_MONEY} Messages without a price are left out and counted beside this. {_CHANGE}",
    remediation="Above your budget: see which campaign and country it comes from, below. Empty: the rate card has no "
    "price.",
    layer="rollup",
    width=3,
)

_UNPRICED: Final = Panel(
    id="unpriced",
    title="Without a price",
    kind="stat",
    sql=f"""SELECT
    if((SELECT count() FROM rate_card) = 0, NULL, {sql.share("unpriced", "billable")}) AS rate,
    {UNPRICED} AS unpriced,
    sum(messages) AS billable
FROM ({priced("1 AS one")})""",
    columns=(
        Column("rate", "Without a price", "share"),
        Column("unpriced", "Without a price", role="numerator"),
        Column("billable", "Billable", role="denominator"),
    ),
    meaning="Billable messages for which the rate card has no price on their day / billable. No share while the card "
    "is empty.",
    remediation="Above 0: the cost is too low by these. Add the missing category or country, or one with country = "
    '"*", to '
    "[[costs.rates]] in the settings and run `make up`; the table of months names them.",
    layer="rollup",
    width=3,
    threshold=Threshold("rate", "above", 0),
)


def _over_time(identifier: str, title: str, value: Column, rows: str, *, meaning: str, remediation: str) -> Panel:
    """A stack by category of the sum of the column `value` of `rows`, which have the start of their step as well."""
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


_BILLED_OVER_TIME: Final = _over_time(
    "billable-over-time",
    "Billable messages over time",
    Column("messages", "Billable"),
    f"SELECT {_STEP}, category, messages FROM ({charged()})",
    meaning=f"By the time of sending and the category of the bill. {_BILLABLE}",
    remediation="A category that you did not plan: the provider has re-categorised a template; see Senders for its "
    "notice.",
)

_COST_OVER_TIME: Final = _over_time(
    "cost-over-time",
    "Cost over time",
    Column("cost", "Cost", "money"),
    priced(_STEP),
    meaning=f"{_MONEY} Messages without a price are left out.",
    remediation="A step up without more messages: a new price version, or a dearer category.",
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
        columns.text("category", "Category"),
        columns.text("country", "Country"),
        columns.count("billable", "Billable"),
        Column("lowest_price", "Lowest price", "money", "cell"),
        Column("highest_price", "Highest price", "money", "cell"),
        Column("amount", "Cost", "money", "cell"),
        columns.text("currency", "Currency"),
        columns.count("unpriced", "Without a price"),
    ),
    meaning=f"The volumes that a bill is made of. {_BILLABLE} {MONTHS} The country is that of the customer's calling "
    "code. Two prices: the card changed within the month. At most 1,000 rows.",
    remediation="Differs from the provider's bill: it counts days in the account's time zone, and messages whose "
    "status never came here are on it; compare the silent share in Senders.",
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
        columns.text("campaign", "Campaign"),
        columns.text("template", "Template"),
        columns.text("category", "Category"),
        columns.count("billable", "Billable"),
        Column("amount", "Cost", "money", "cell"),
        columns.text("currency", "Currency"),
        columns.count("unpriced", "Without a price"),
    ),
    meaning=f"The 100 dearest pairs of campaign and template. {_MONEY} Campaign and template come from the sent "
    "record; messages without one stand together.",
    remediation="Dear and hardly read (compare with Delivery): stop it or aim it better.",
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
        columns.text("category", "Category"),
        columns.text("country", "Country"),
        columns.text("begins", "From"),
        Column("price", "Price", "money", "cell"),
        columns.text("currency", "Currency"),
        columns.count("in_force", "In force today"),
    ),
    meaning="The prices of the settings ([[costs.rates]]), every version; country * stands for those that no rate "
    "names. Range and filters do not apply.",
    remediation="Empty: no money is shown anywhere, volumes alone. Your contract or the provider's price list has "
    "them.",
    layer="live",
)

DASHBOARD: Final = Dashboard(
    id="cost",
    title="Cost",
    purpose="What will the bill say, what drives it, and how many free messages are left?",
    panels=(
        _COST,
        _BILLED,
        _UNPRICED,
        FREE,
        _COST_OVER_TIME,
        _BILLED_OVER_TIME,
        _BILL,
        _CAMPAIGNS,
        ALLOWANCE,
        FREE_BY_TYPE,
        _RATES,
    ),
)
