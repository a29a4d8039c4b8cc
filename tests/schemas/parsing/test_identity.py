"""Phone numbers and ids in every spelling that providers use."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.parsing import identity


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        ("5511999999999", "+5511999999999"),
        ("+5511999999999", "+5511999999999"),
        (5511999999999, "+5511999999999"),
        ("+55 (11) 99999-9999", "+5511999999999"),
        ("whatsapp:+5511999999999", "+5511999999999"),
        ("5511999999999@s.whatsapp.net", "+5511999999999"),
        ("5511999999999:16@s.whatsapp.net", "+5511999999999"),
        ("5511999999999_1:16@s.whatsapp.net", "+5511999999999"),
        ("5511999999999@c.us", "+5511999999999"),
        ("5511999999999@hosted", "+5511999999999"),
        ("123456789012345@lid", None),
        ("123456789012345:3@hosted.lid", None),
        ("120363041234567890@g.us", None),
        ("5511999999999-1631000000@g.us", None),
        ("120363041234567890-group", None),
        ("120363999999999999@newsletter", None),
        ("status@broadcast", None),
        ("BR.1502576394655843", None),
        ("0123456789", None),
        ("123456", None),
        ("1234567890123456", None),
        ("٥٥١١٩٩٩٩٩٩٩٩٩", None),
        ("+", None),
        ("", None),
        (None, None),
        (True, None),
        ([], None),
        ({}, None),
    ],
)
def test_a_phone_number_in_any_spelling_is_plus_and_digits(spelled: Any, expected: str | None) -> None:
    assert identity.phone(spelled) == expected


def test_an_id_that_is_not_a_phone_number_is_kept() -> None:
    assert identity.phone_or_id("5511999999999@c.us") == "+5511999999999"
    assert identity.phone_or_id("99887766554433@lid") == "99887766554433@lid"
    assert identity.phone_or_id("BR.1502576394655843") == "BR.1502576394655843"
    assert identity.phone_or_id("x" * 10_000) is None


def test_the_kind_of_an_id_is_recognised() -> None:
    assert identity.is_group("120363041234567890@g.us")
    assert identity.is_group("120363041234567890-group")
    assert not identity.is_group("120363999999999999@newsletter")
    assert identity.is_broadcast("status@broadcast")
    assert identity.is_lid("99887766554433@lid")
    assert identity.is_lid("99887766554433@hosted.lid")
    assert identity.is_bsuid("US.ENT.118aBc")
    assert not identity.is_bsuid("BR.")
    assert identity.chat_id("5511999999999@s.whatsapp.net") is None
    assert identity.chat_id("status@broadcast") == "status@broadcast"


def test_a_group_member_has_one_spelling() -> None:
    phone, lid = "5521966665555:16@s.whatsapp.net", "11223344556677:2@lid"
    assert identity.group_member(lid, None, phone) == identity.group_member(phone, lid) == "+5521966665555"
    assert identity.group_member(None, lid) == "11223344556677@lid"
    assert identity.group_member(None, {}, "") is None


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()))
def test_random_values_never_raise(value: Any) -> None:
    found = identity.phone(value)
    assert found is None or (found[0] == "+" and found[1:].isascii() and found[1:].isdigit())
    assert identity.phone(found) == found
    identity.group_member(value)
    identity.chat_id(value)
    for predicate in (identity.is_group, identity.is_lid, identity.is_broadcast, identity.is_bsuid):
        assert predicate(value) in (True, False)
