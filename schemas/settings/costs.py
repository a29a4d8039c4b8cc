"""The rate card: the price of one delivered message by category and country, in dated versions.

No price is built in: prices are those of the user's own contract, and a message that no rate covers has no price.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from schemas.settings.base import matching

ANY_COUNTRY = "*"
# From this UTC day on replies in the customer's window cost, after so many free ones of a number and calendar month.
FREE_SERVICE_SINCE = date(2026, 10, 1)
FREE_SERVICE_MESSAGES = 1000
# Digits of a price after the point, and in all: what the table of the rate card stores.
PRICE_DECIMALS = 8
PRICE_DIGITS = 18

_CATEGORY = "must be a category of the bill in lower case, such as 'marketing'"
_COUNTRY = "must be a country code of two capital letters, such as 'BR', or '*' for every other country"


class Rate(BaseModel):
    """One price. It is valid from the UTC day `from` until a newer rate of its category and country begins.

    `category` is the provider's word on the bill (pricing_category). `country` is the customer's, ISO 3166 alpha-2, or
    `*` for every country that has no rate of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # The table stores a day as a ClickHouse Date.
    valid_from: Annotated[date, Field(alias="from", ge=date(2009, 1, 1), lt=date(2100, 1, 1))]
    category: Annotated[str, matching(r"[a-z][a-z_]{0,62}", _CATEGORY)]
    country: Annotated[str, matching(r"[A-Z]{2}|\*", _COUNTRY)] = ANY_COUNTRY
    price: Annotated[Decimal, Field(ge=0, max_digits=PRICE_DIGITS, decimal_places=PRICE_DECIMALS)]


def duplicate(rates: Iterable[Rate]) -> Rate | None:
    """A rate whose category, country and day another rate has too; None if there is none."""
    seen = set()
    for rate in rates:
        key = (rate.valid_from, rate.category, rate.country)
        if key in seen:
            return rate
        seen.add(key)
    return None


def expand(rates: Iterable[Rate], countries: Iterable[str]) -> list[tuple[date, str, str, Decimal]]:
    """The rate card for each country: (first day, category, country, price), a row wherever a price begins.

    `countries`: those that messages may have. From the first rate of its own on, a country has only its own rates.
    """
    common: dict[str, list[Rate]] = {}
    own: dict[tuple[str, str], list[Rate]] = {}
    for rate in rates:
        if rate.country == ANY_COUNTRY:
            common.setdefault(rate.category, []).append(rate)
        else:
            own.setdefault((rate.category, rate.country), []).append(rate)
    pairs = own.keys() | {(category, country) for category in common for country in countries}
    rows = []
    for category, country in sorted(pairs):
        of_country = own.get((category, country), [])
        first = min((rate.valid_from for rate in of_country), default=date.max)
        valid = [*of_country, *(rate for rate in common.get(category, ()) if rate.valid_from < first)]
        rows += [(rate.valid_from, category, country, rate.price) for rate in valid]
    return rows
