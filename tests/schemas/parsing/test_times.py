"""Times of providers in every unit and spelling."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.parsing.times import EARLIEST_MS, LATEST_MS, parse_epoch, parse_iso, parse_time, to_iso

MS = 1_795_176_000_123


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1795176000, 1795176000000),
        ("1795176000", 1795176000000),
        (1795176000123, MS),
        ("1795176000123", MS),
        (1795176000123456, MS),
        (1795176000.123, MS),
        ("1795176000.123", MS),
        ({"low": 1795176000, "high": 0, "unsigned": True}, 1795176000000),
        ({"low": -111979909, "high": 417, "unsigned": False}, (417 << 32) + 2**32 - 111979909),
        ({"low": "1"}, None),
        ({}, None),
        (0, None),
        (-1795176000, None),
        (17, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        (float("inf"), None),
        (10**400, None),
        (True, None),
        (None, None),
        ([], None),
        (4102444800, None),
    ],
)
def test_an_epoch_number_in_any_unit_is_milliseconds(value: Any, expected: int | None) -> None:
    assert parse_epoch(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-20T12:00:00.123Z", MS),
        ("2026-11-20T12:00:00.123", MS),
        ("2026-11-20T09:00:00.123-03:00", MS),
        ("2026-11-20T12:00:00.123+0000", MS),
        (" 2026-11-20 12:00:00 ", 1795176000000),
        ("2008-12-31T23:59:59Z", None),
        ("2100-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (1795176000, None),
    ],
)
def test_an_iso_text_is_milliseconds(value: Any, expected: int | None) -> None:
    assert parse_iso(value) == expected
    assert parse_time(value) == (expected if isinstance(value, str) else parse_epoch(value))


@given(st.integers(EARLIEST_MS, LATEST_MS - 1))
def test_milliseconds_survive_the_way_to_text_and_back(ms: int) -> None:
    assert parse_iso(to_iso(ms)) == parse_epoch(ms) == parse_time(str(ms)) == ms
