"""The country of a phone number, compared with the phonenumbers library, and ClickHouse's result with Python's."""

import random
from collections.abc import Iterator
from pathlib import Path

import phonenumbers
import pytest
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE as REGIONS
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from schemas.countries import PREFIXES, country, country_sql
from tests.schemas import calling_codes
from tests.support.clickhouse import Server

TYPES = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
NO_COUNTRY = "001"
# Prefixes within a calling code that decide about the country: random numbers seldom have them.
RARE = (
    "3906698", "441481", "447624", "4474576", "447509", "447700", "447911", "61851", "6189162", "6189164", "618917",
    "618919", "59059", "590690", "2622", "2626", "2627", "2629", "5993", "5994", "5997", "35818", "4779", "2908",
)  # fmt: skip
NO_PHONES = (
    "", "+", "+1", "+123456", "+0123456789", "12025550100", " +12025550100", "+12025550100\n", "+1 202 555 0100",
    "+1202555010012345", "+1202555x100", "99887766554433@lid", "BR.1502576394655843", "+12025550100@s.whatsapp.net",
    "+١٢٣٤٥٦٧٨٩٠", "'", "\\", "+12025550100\x00",
)  # fmt: skip


def examples() -> list[str]:
    """A number of each type that each region has."""
    found = []
    for regions in REGIONS.values():
        for region in regions:
            for kind in TYPES:
                number = phonenumbers.example_number_for_type(region, kind)
                if number is not None:
                    found.append(phonenumbers.format_number(number, PhoneNumberFormat.E164))
    return found


def random_numbers() -> Iterator[str]:
    """Numbers of every calling code, and of prefixes that one country of several has for itself."""
    generator = random.Random(4)  # noqa: S311  (test data)
    for prefix in (*map(str, REGIONS), *(f"1{area}" for area in range(200, 1000)), *RARE):
        for _ in range(60):
            size = (11 if prefix[0] == "1" else generator.randint(8, 13)) - len(prefix)
            yield f"+{prefix}" + "".join(generator.choices("0123456789", k=size))


def reference(number: str) -> str | None:
    """The country by phonenumbers; None for a number that it does not know."""
    code = next(int(number[1:end]) for end in (2, 3, 4) if int(number[1:end]) in REGIONS)
    national = number[1 + len(str(code)) :]
    rest = national.lstrip("0")
    parsed = PhoneNumber(code, int(rest or 0), italian_leading_zero=len(rest) < len(national))
    parsed.number_of_leading_zeros = len(national) - len(rest)
    found = phonenumbers.region_code_for_number(parsed)
    return "" if found == NO_COUNTRY else found


def test_the_table_is_up_to_date_with_the_numbering_plans() -> None:
    assert PREFIXES.strip() == calling_codes.text(calling_codes.table()), "run python -m tests.schemas.calling_codes"


def test_example_numbers_of_every_region_have_its_country() -> None:
    numbers = examples()
    assert len(numbers) > 400
    assert {number: country(number) for number in numbers} == {number: reference(number) for number in numbers}


def test_random_numbers_have_the_country_of_the_library() -> None:
    known = {number: region for number in random_numbers() if (region := reference(number)) is not None}
    assert len(known) > 10_000
    assert {number: country(number) for number in known} == known


def test_an_area_code_that_is_not_assigned_counts_for_the_main_country() -> None:
    assert [country("+19995550100"), country("+44000000000")] == ["US", "GB"]


@pytest.mark.parametrize("text", NO_PHONES)
def test_a_text_that_is_not_a_phone_number_has_no_country(text: str) -> None:
    assert country(text) == ""


@pytest.mark.parametrize("number", ["+21012345678", "+88312345678", "+99912345678"])
def test_some_calling_codes_have_no_country(number: str) -> None:
    assert country(number) == ""


def test_clickhouse_computes_the_same_countries(tmp_path: Path) -> None:
    texts = sorted({*examples(), *random_numbers(), *NO_PHONES})
    server = Server(tmp_path / "data")
    try:
        client = server.client()
        client.command("CREATE TABLE numbers_to_place (c String) ENGINE = Memory")
        client.insert("numbers_to_place", [[text] for text in texts], column_names=["c"])
        answer = client.query(f"SELECT c, {country_sql('c')} FROM numbers_to_place")  # noqa: S608
        assert {row[0]: row[1] for row in answer.result_rows} == {text: country(text) for text in texts}
        client.close()
    finally:
        server.stop()
