"""Excerpts of dead letters: structure without content."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.normalisation.dead_letters import MAX_EXCERPT, excerpt


def test_an_excerpt_shows_structure_without_content() -> None:
    body = {
        "event": "message.received",
        "instance-id": "i-1",
        "5511955554444": 1,
        "Ana Maria": "x",
        "data": {"from": "+55"},
    }
    assert excerpt(body) == "{event:text,instance-id:text,?:number,?:text,data:{from:text}}"
    assert excerpt([[1, 2], None]) == "[[number,...],...]"
    assert excerpt([]) == "[]"
    assert excerpt(None) == ""


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_a_random_value_gives_a_short_excerpt_without_digits(value: Any) -> None:
    shown = excerpt(value)
    assert len(shown) <= MAX_EXCERPT
    assert not any(character.isdigit() for character in shown)
