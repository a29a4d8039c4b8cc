"""SQL of billable messages and of their prices on the rate card.

`charged` selects the billable messages, `priced` adds the price of the rate card. Both read `outbound`: the time of a
message is its slot (quarter of an hour), its day the UTC day of sending.
"""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import sql
from schemas.settings.costs import FREE_SERVICE_MESSAGES, FREE_SERVICE_SINCE

SERVICE: Final = "pricing_category = 'service'"
ALLOWANCE_STARTS: Final = f"toDateTime('{FREE_SERVICE_SINCE} 00:00:00', 'UTC')"
MONTH: Final = "toStartOfMonth(slot, 'UTC')"
MONTHS: Final = "Months are UTC months; only their days within the range count."

# Money has the eight decimals of the rate card, in 128 bits: no sum is rounded or overflows.
_MONEY: Final = "Decimal(38, 8)"

# Service messages are subject to the monthly allowance; of all others, those that the provider calls billable cost.
_IN_ALLOWANCE: Final = f"({SERVICE} AND slot >= {ALLOWANCE_STARTS})"


def charged(start: str = sql.START) -> str:
    """Rows (source, slot, account, template, campaign, country, category, messages) from `start` to the end.

    The first 1,000 service messages of a number and month are free even where the provider calls them regular. A row
    counts the messages beyond them, but never more than the provider calls billable. Messages are counted in the order
    of slots; within a slot in the order of country, template and campaign.
    """
    return f"""SELECT source, slot, account, template, campaign, country, pricing_category AS category,
        outbound.billable AS messages
    FROM outbound
    WHERE slot >= {start} AND slot < {sql.END} AND {sql.FILTERS} AND outbound.billable > 0 AND NOT {_IN_ALLOWANCE}
    UNION ALL
    SELECT source, slot, account, template, campaign, country, 'service' AS category, messages
    FROM ({service_messages(start)})
    WHERE messages > 0"""


def service_messages(start: str = sql.START) -> str:
    """Rows (source, slot, account, template, campaign, country, billable, messages) of delivered service messages.

    `billable` is what the provider calls billable, `messages` the part of it that is not free.
    """
    # Arrays, because a window function over the same rows takes four times as long.
    beyond = f"greatest(used, {FREE_SERVICE_MESSAGES}) - greatest(used - row.5, {FREE_SERVICE_MESSAGES})"
    return f"""SELECT source, row.1 AS slot, account, row.3 AS template, row.4 AS campaign, row.2 AS country,
        row.6 AS billable, least(billable, toUInt64({beyond})) AS messages
    FROM
    (
        SELECT source, account,
            arraySort(groupArray((slot, country, template, campaign, delivered, billable))) AS all_rows,
            arrayCumSum(x -> x.5, all_rows) AS all_used
        FROM
        (
            SELECT source, account, slot, country, template, campaign,
                toInt64(sum(outbound_service.delivered)) AS delivered, sum(outbound_service.billable) AS billable
            FROM outbound_service
            WHERE {service_range(start)} AND {sql.SOURCES}
            GROUP BY source, account, slot, country, template, campaign
        )
        GROUP BY source, account, {MONTH}
    )
    ARRAY JOIN all_rows AS row, all_used AS used
    WHERE slot >= {start} AND {sql.FILTERS}"""


def service_range(start: str = sql.START) -> str:
    """Condition: service messages from the first day of the month in which the range begins to its end."""
    month = f"toDateTime(toStartOfMonth({start}, 'UTC'), 'UTC')"
    return f"slot >= greatest({month}, {ALLOWANCE_STARTS}) AND slot < {sql.END}"


def priced(keys: str, start: str = sql.START) -> str:
    """Rows (`keys`, day, category, country, messages, price, cost, currency); price NULL when the card has none.

    `keys` are named expressions over the columns of `charged`. A rate for the country has priority over one for all
    countries; of several versions the newest that was valid on the day applies.
    """
    return f"""SELECT charged.*, amount AS price, price * messages AS cost, currency
    FROM
    (
        SELECT {keys}, toDate(slot, 'UTC') AS day, category, country, sum(messages) AS messages
        FROM ({charged(start)})
        GROUP BY ALL
    ) AS charged
    ASOF LEFT JOIN
    (
        SELECT category AS rate_category, country AS rate_country, valid_from,
            CAST(price, 'Nullable({_MONEY})') AS amount, currency
        FROM rate_steps
    ) AS rates
        ON charged.category = rate_category AND charged.country = rate_country AND charged.day >= valid_from"""


# Aggregates over rows of `priced`. The currency is '' when no row has a price; a query of the rate card of its own
# would add a fifth to the time of a small panel.
CURRENCY: Final = "max(currency)"
UNPRICED: Final = "sumIf(messages, price IS NULL)"
