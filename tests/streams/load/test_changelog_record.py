"""What counts as a state of the changelog, whatever a program may have written there."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.load.changelog_record import is_unit_key, parse_state
from streams.load.lifecycle import EMPTY, dumps, event_to_state, join
from tests.support.events import event

FOUND = event_to_state(event("sent", message_id="m", to="+5511955554444"))
assert FOUND is not None
KEY, STATE = FOUND


def test_states_of_this_version_and_of_earlier_ones_are_read() -> None:
    assert parse_state(dumps(STATE)) == STATE
    assert parse_state(dumps(EMPTY)) == EMPTY
    assert parse_state(orjson.dumps(STATE[:5])) == STATE[:5] + EMPTY[5:]
    assert is_unit_key(KEY)


@pytest.mark.parametrize(
    "value", [b"", b"\x00rubbish", b"{}", b'{"a":1}', b"null", b"7", b'"text"', b"[[]]", b'["a"]', b"[1.5]", b"[true]"]
)
def test_anything_else_is_none(value: bytes) -> None:
    assert parse_state(value) is None


@pytest.mark.parametrize(
    "key", [None, b"", b"no key", b"{}", b"[]", b'["a","b"]', b'["a","b",1]', b'["a","b","c","d"]']
)
def test_a_key_is_a_list_of_three_texts(key: bytes | None) -> None:
    assert not is_unit_key(key)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)


@given(st.lists(json_values, max_size=len(EMPTY) + 2), st.integers(0, len(EMPTY) - 1), json_values)
def test_what_is_read_can_be_joined(values: list[object], place: int, changed: object) -> None:
    for candidate in (values, [*STATE[:place], changed, *STATE[place + 1 :]]):
        state = parse_state(orjson.dumps(candidate))
        if state is not None:
            assert len(join(STATE, state)) == len(EMPTY)
