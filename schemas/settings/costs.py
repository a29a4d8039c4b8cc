"""The rate card: what one delivered message costs, by category and country, in dated versions. Pure.

No price is built in: the user's own contract says them, and where the card is silent there is no price, never a guess.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

ANY_COUNTRY = "*"
# From this UTC day on replies in the customer's window cost, after so many free ones of a number and calendar month.
FREE_SERVICE_SINCE = date(2026, 10, 1)
FREE_SERVICE_MESSAGES = 1000
# Digits of a price behind the point, and in all: what the table of the card keeps.
PRICE_DECIMALS = 8
PRICE_DIGITS = 18


class Rate(BaseModel):
    """One price. It holds from the start of the UTC day `from` until a newer one of its category and country does.

    `category` is the provider's word of the bill (pricing_category); `country` is the customer's, ISO 3166 alpha-2, or
    `*` for all that no rate names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # The table keeps a day as a ClickHouse Date.
    valid_from: Annotated[date, Field(alias="from", ge=date(2009, 1, 1), lt=date(2100, 1, 1))]
    category: Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,62}$")]
    country: Annotated[str, Field(pattern=r"^([A-Z]{2}|\*)$")] = ANY_COUNTRY
    price: Annotated[Decimal, Field(ge=0, max_digits=PRICE_DIGITS, decimal_places=PRICE_DECIMALS)]


def double(rates: Iterable[Rate]) -> Rate | None:
    """A rate for which the card gives two prices on the same day; None when there is none."""
    seen = set()
    for rate in rates:
        key = (rate.valid_from, rate.category, rate.country)
        if key in seen:
            return rate
        seen.add(key)
    return None


def steps(rates: Iterable[Rate], countries: Iterable[str]) -> list[tuple[date, str, str, Decimal]]:
    """The card written out: (first day, category, country, price), a row wherever a price begins.

    `countries` are those that messages may have. From its first own rate on a country has its own rates alone.
    """
    common: dict[str, list[Rate]] = {}
    own: dict[tuple[str, str], list[Rate]] = {}
    for rate in rates:
        if rate.country == ANY_COUNTRY:
            common.setdefault(rate.category, []).append(rate)
        else:
            own.setdefault((rate.category, rate.country), []).append(rate)
    pairs = own.keys() | {(category, country) for category in common for country in countries}
    found = []
    for category, country in sorted(pairs):
        mine = own.get((category, country), [])
        first = min((rate.valid_from for rate in mine), default=date.max)
        valid = [*mine, *(rate for rate in common.get(category, ()) if rate.valid_from < first)]
        found += [(rate.valid_from, category, country, rate.price) for rate in valid]
    return found
