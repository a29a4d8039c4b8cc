"""Decoding and encoding of JSON as providers really send it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.parsing.json_text import InvalidJSON, dumps, dumps_sorted, loads

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
