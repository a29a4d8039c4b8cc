"""The rate card in the settings: exact prices, refused values, and the price of each day and country."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import ConfigError
from schemas.settings.config import parse
from schemas.settings.costs import Rate, expand
from schemas.settings.sections import Costs

PATH = Path("/nowhere/ackstream.toml")
RATE = 'from = 2026-10-01\ncategory = "marketing"\ncountry = "BR"\nprice = 0.0625\n'


def costs(text: str) -> Costs:
    return parse(f"[costs]\n{text}", PATH, {}).costs


def test_no_price_is_built_in() -> None:
    assert costs("") == Costs()
    assert costs("").rates == ()


def test_prices_are_exact_to_the_last_digit() -> None:
    block = "[[costs.rates]]\n" + RATE
    typed = ["0.0625", "0.1", "0.00000001", "1234567.12345678", "3", '"0.3"']
    text = "".join(
        block.replace("0.0625", price).replace("2026-10-01", f"2026-10-{n:02}") for n, price in enumerate(typed, 1)
    )
    found = costs('currency = "EUR"\n' + text)
    assert found.currency == "EUR"
    assert [rate.price for rate in found.rates] == [Decimal(price.strip('"')) for price in typed]
    assert found.rates[1].valid_from == date(2026, 10, 2)


def test_a_rate_without_a_country_is_for_every_country() -> None:
    assert costs("[[costs.rates]]\n" + RATE.replace('country = "BR"\n', "")).rates[0].country == "*"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("0.0625", "-1"), "costs.rates.0.price"),
        (("0.0625", "0.123456789"), "costs.rates.0.price"),
        (("0.0625", "nan"), "costs.rates.0.price"),
        (("0.0625", '"cheap"'), "costs.rates.0.price"),
        (('"BR"', '"Brazil"'), "costs.rates.0.country"),
        (('"BR"', '"br"'), "costs.rates.0.country"),
        (('"marketing"', '""'), "costs.rates.0.category"),
        (("2026-10-01", "2026-10-01T10:00:00Z"), "costs.rates.0.from"),
        (("2026-10-01", '"soon"'), "costs.rates.0.from"),
        (("2026-10-01", "1969-12-31"), "costs.rates.0.from"),
        (("price", "prize"), "costs.rates.0.prize"),
        (("[[costs.rates]]", 'currency = "dollars"\n[[costs.rates]]'), "costs.currency"),
    ],
)
def test_a_wrong_value_is_named_by_its_key(change: tuple[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        costs(("[[costs.rates]]\n" + RATE).replace(*change))


def test_two_prices_for_the_same_day_are_refused() -> None:
    block = "[[costs.rates]]\n" + RATE
    with pytest.raises(ConfigError, match="two prices for marketing, BR from 2026-10-01: keep one"):
        costs(block + block.replace("0.0625", "0.07"))
    assert len(costs(block + block.replace('"BR"', '"*"') + block.replace("2026-10", "2026-11")).rates) == 3


RATES = st.builds(
    lambda day, category, country, price: Rate.model_validate(
        {"from": date(2026, 1, day), "category": category, "country": country, "price": price}
    ),
    st.integers(1, 9),
    st.sampled_from(["marketing", "utility"]),
    st.sampled_from(["*", "BR", "DE"]),
    st.integers(0, 99),
)


@given(st.lists(RATES, unique_by=lambda rate: (rate.valid_from, rate.category, rate.country), max_size=12))
def test_each_day_has_the_price_of_the_country_or_else_the_common_one(rates: list[Rate]) -> None:
    countries = ("", "BR", "DE", "FR")
    found = expand(rates, countries)
    assert len({row[:3] for row in found}) == len(found)
    for category in ("marketing", "utility"):
        for country in countries:
            for day in (date(2026, 1, number) for number in range(1, 11)):
                begun = [rate for rate in rates if rate.category == category and rate.valid_from <= day]
                own = [rate for rate in begun if rate.country == country]
                common = [rate for rate in begun if rate.country == "*"]
                wanted = max(own or common, key=lambda rate: rate.valid_from, default=None)
                shown = [row for row in found if row[1:3] == (category, country) and row[0] <= day]
                assert max(shown, default=(None,) * 4)[3] == (wanted and wanted.price)
