"""Decoding and encoding of JSON as providers really send it."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.parsing.json_text import InvalidJSON, dumps, dumps_indented, dumps_sorted, loads

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=())), inner),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'["\\ud800"]', ["\ud800"]),
        (b"[NaN, Infinity, -Infinity]", [None, None, None]),
        (b'["\\u0000"]', ["\x00"]),
    ],
)
def test_json_that_strict_parsers_refuse_is_decoded(data: bytes, expected: Any) -> None:
    assert loads(data) == expected


@pytest.mark.parametrize(
    "data", [b"", b"{", b"{'a': 1}", b"a=b", b'"\xff"', b"\xff\xfe", b"[" * 100_000, b"9" * 10_000 + b"x"]
)
def test_bytes_that_are_not_json_raise_a_short_error(data: bytes) -> None:
    with pytest.raises(InvalidJSON) as caught:
        loads(data)
    assert len(str(caught.value)) < 120


@given(st.binary(max_size=60))
def test_random_bytes_raise_nothing_but_invalid_json(data: bytes) -> None:
    try:
        value = loads(data)
    except InvalidJSON:
        return
    dumps(value)


@given(VALUES)
def test_every_value_can_be_encoded(value: Any) -> None:
    written = dumps(value)
    assert loads(written) == loads(dumps(loads(written)))
    assert isinstance(loads(dumps_sorted(value)), type(loads(written)))


def test_the_sorted_form_does_not_depend_on_the_order_of_keys() -> None:
    assert dumps_sorted({"b": 1, "a": {"d": 2, "c": 3}}) == dumps_sorted({"a": {"c": 3, "d": 2}, "b": 1})


def test_lone_surrogates_are_replaced() -> None:
    assert loads(dumps({"\ud800": ["a\udfffb"]})) == {"�": ["a�b"]}


def test_values_that_are_nested_too_deeply_are_cut() -> None:
    value = loads(b"[" * 900 + b"]" * 900)
    assert dumps(value) == dumps_sorted(value)
    assert b"nested too deeply" in dumps(value)
    assert json.loads(dumps([{"a": 10**30}])) == [{"a": str(10**30)}]


class Odd(NamedTuple):
    """A row of a table."""

    name: str
    at: datetime


@dataclass(slots=True)
class Line:
    """A line of a report."""

    name: str
    counts: dict[int, Decimal]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (("\ud800", 1), ["�", 1]),
        ({1: "\ud800", None: 2}, {"1": "�", "None": 2}),
        (Odd("\ud800", datetime(2026, 11, 20, tzinfo=UTC)), ["�", "2026-11-20T00:00:00+00:00"]),
        (Line("a\udfff", {2**70: Decimal("1.50")}), {"name": "a�", "counts": {str(2**70): "1.50"}}),
        ({"at": date(2026, 11, 20), "raw": b"a", "kinds": {"x"}}, {"at": "2026-11-20", "raw": "b'a'", "kinds": ["x"]}),
        ([float("nan"), "\ud800"], [None, "�"]),
        (ValueError("\ud800"), "�"),
    ],
)
def test_values_of_any_kind_are_written_in_every_form(value: Any, expected: Any) -> None:
    for write in (dumps, dumps_indented, dumps_sorted):
        assert json.loads(write(value)) == expected


def test_the_form_for_people_is_indented() -> None:
    assert dumps_indented({"a": ["\ud800"]}) == '{\n  "a": [\n    "�"\n  ]\n}'.encode()
