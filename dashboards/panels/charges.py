"""SQL of what is paid for: which messages, and at which price of the rate card. Pure.

`charged` yields the messages that cost; `priced` puts the card's price beside them. Both speak of `outbound`, so the
time of a message is its quarter of an hour and its day the UTC day of its sending.
"""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import sql
from schemas.settings.costs import FREE_SERVICE_MESSAGES, FREE_SERVICE_SINCE

SERVICE: Final = "pricing_category = 'service'"
ALLOWANCE_STARTS: Final = f"toDateTime('{FREE_SERVICE_SINCE} 00:00:00', 'UTC')"
MONTH: Final = "toStartOfMonth(slot, 'UTC')"
MONTHS: Final = "Months are UTC months, as far as they lie in the range."

# Money is added up with the eight decimals of the card, in 128 bits: no sum of messages can round it or overflow it.
_MONEY: Final = "Decimal(38, 8)"


# Messages of the allowance are counted by themselves, all others cost what the provider calls billable.
_IN_ALLOWANCE: Final = f"({SERVICE} AND slot >= {ALLOWANCE_STARTS})"


def charged(start: str = sql.START) -> str:
    """Rows (source, slot, account, template, campaign, country, category, messages) from `start` to the end.

    Of the service messages of a number and month the first 1,000 are left out even where the provider calls them
    regular: one row costs what lies beyond them, but never more than what the provider calls billable. The order is
    that of the quarters; within one, where the thousandth lies, that of country, template and campaign.
    """
    return f"""SELECT source, slot, account, template, campaign, country, pricing_category AS category,
        outbound.billable AS messages
    FROM outbound
    WHERE slot >= {start} AND slot < {sql.END} AND {sql.FILTERS} AND outbound.billable > 0 AND NOT {_IN_ALLOWANCE}
    UNION ALL
    SELECT source, slot, account, template, campaign, country, 'service' AS category, messages
    FROM ({allowance(start)})
    WHERE messages > 0"""


def allowance(start: str = sql.START) -> str:
    """Rows (source, slot, account, template, campaign, country, billable, messages) of the allowance's messages.

    `billable` as the provider says, `messages` as many of them as are not free.
    """
    # In arrays, for a window over the same rows takes four times as long.
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
    """Condition: service messages of the months that the range touches, their beginnings included."""
    month = f"toDateTime(toStartOfMonth({start}, 'UTC'), 'UTC')"
    return f"slot >= greatest({month}, {ALLOWANCE_STARTS}) AND slot < {sql.END}"


def priced(keys: str, start: str = sql.START) -> str:
    """Rows (`keys`, day, category, country, messages, price, cost, currency): without a price where the card has none.

    `keys` are expressions over the columns of `charged`, each with its name. A rate of the country wins over one of
    all countries; of each kind the newest that was valid on the day.
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
        SELECT category AS of_category, country AS of_country, valid_from, CAST(price, 'Nullable({_MONEY})') AS amount,
            currency
        FROM rate_steps
    ) AS rates
        ON charged.category = of_category AND charged.country = of_country AND charged.day >= valid_from"""


# Of rows of `priced`; '' where none has a price. Asking the card by itself takes a fifth of a small query.
CURRENCY: Final = "max(currency)"
UNPRICED: Final = "sumIf(messages, price IS NULL)"
