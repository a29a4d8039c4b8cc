"""Values as JSON, as CSV without formulas for spreadsheets, and in statements that can be pasted."""

import csv
import io
import shlex
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.page import statement
from dashboards.page.values import cell, csv_text, plain

MOMENT = datetime(2026, 11, 20, 12, 0, 0, 5000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (2**63, 2**63),
        (0.5, 0.5),
        (float("nan"), None),
        (float("inf"), None),
        (Decimal("1.25"), 1.25),
        (MOMENT, "2026-11-20T12:00:00.005Z"),
        (MOMENT.replace(tzinfo=None), "2026-11-20T12:00:00.005Z"),
        (MOMENT.astimezone(timezone(timedelta(hours=5, minutes=45))), "2026-11-20T12:00:00.005Z"),
        (date(2026, 11, 20), "2026-11-20"),
        ([1, (2.0, None)], [1, [2.0, None]]),
    ],
)
def test_json_values(value: Any, expected: Any) -> None:
    assert plain(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (float("nan"), ""),
        (-5, "-5"),
        (0.1, "0.1"),
        (Decimal("0.00000100"), "0.00000100"),
        (Decimal("1E+3"), "1000"),
        (MOMENT, "2026-11-20T12:00:00.005Z"),
        ("plain", "plain"),
        ("=1+1", "'=1+1"),
        ("+1|cmd", "'+1|cmd"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("＝1", "'＝1"),
        ("|cmd", "'|cmd"),
        ("  =1", "'  =1"),
        (";=1", "';=1"),
        (",\u00a0+1", "',\u00a0+1"),
        ("\ufeff=1", "'\ufeff=1"),
        ('"=1', "'\"=1"),
        (" a", " a"),
        (";a", ";a"),
        ("+5511955550001", "+5511955550001"),
        ("+55…001", "+55…001"),
        ("+55…001+1", "'+55…001+1"),
        ("+55…", "+55…"),
        ("a=b", "a=b"),
    ],
)
def test_cells_are_exact_and_harmless(value: Any, expected: str) -> None:
    assert cell(value) == expected


@given(st.lists(st.tuples(st.text(), st.integers() | st.none()), max_size=5))
def test_csv_is_read_back_unchanged_except_for_the_guard(rows: list[tuple[str, int | None]]) -> None:
    text = csv_text(["a", "b"], rows)
    assert text.endswith("\r\n")
    # The csv module of Python 3.11 does not quote a lone CR of a field on reading lines; newline="" keeps it.
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read[0] == ["a", "b"]
    assert text.startswith('"a","b"\r\n')
    assert read[1:] == [[cell(value) for value in row] for row in rows]
    assert not any(value[:1] in ("=", "@", "\t", "\r") for row in read[1:] for value in row)


SQL = "SELECT {zone:String}, {sources:Array(String)}, {mask:UInt8}, {from:DateTime64(3, 'UTC')};\n"
VALUES = {
    "zone": "a'b\\c\nd\0e",
    "sources": ["x", "y'z"],
    "mask": 1,
    "from": "2026-11-20 00:00:00.000",
    "to": "2026-11-21 00:00:00.000",
}


def test_every_inlined_value_is_a_literal_of_its_type() -> None:
    assert statement.inlined(SQL, VALUES) == (
        r"SELECT CAST('a\'b\\c\nd\0e' AS String), CAST(['x', 'y\'z'] AS Array(String)), CAST(1 AS UInt8), "
        "CAST('2026-11-20 00:00:00.000' AS DateTime64(3, 'UTC'))"
    )


def test_a_placeholder_in_a_value_stays_text() -> None:
    written = statement.inlined("SELECT {zone:String}", {"zone": "{mask:UInt8}"})
    assert written == "SELECT CAST('{mask:UInt8}' AS String)"


def test_only_the_parameters_of_a_statement_are_sent() -> None:
    assert statement.used(SQL, VALUES).keys() == {"zone", "sources", "mask", "from"}


def test_commands_are_quoted_for_the_shell() -> None:
    text = statement.inlined(SQL, VALUES)
    assert shlex.split(statement.command(text)) == ["ackstream", "query", "--", text]
    call = shlex.split(statement.curl(SQL, VALUES, url="http://h:1/", user="o'reader", database="d"))
    assert call[:3] == ["curl", "--user", "o'reader"]
    assert call[-1] == SQL.strip()
    sent = parse_qs(urlsplit(call[3]).query)
    assert sent["param_sources"] == [r"['x', 'y\'z']"]
    assert sent["param_zone"] == ["a'b\\\\c\\nd\\0e"]
    assert "param_to" not in sent
