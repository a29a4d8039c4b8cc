"""Records of wa.events that are not canonical events are recognised; a state that a crash cut off is completed."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import FIELDS
from schemas.lengths import LENGTHS
from schemas.normalisation.raw_topic import normalise
from schemas.topics import DEAD
from streams.load.decode import decode
from streams.load.lifecycle import Key, apply_events, dumps, event_to_state
from streams.runtime.records import dead_letter_record, headers_of
from tests.support.events import NOON, event, events_of_few_messages

GOOD = event("status", message_id="m", status="failed", at=NOON, participant="p", error_code="1", media_count=2)
_leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=9), st.sampled_from(["2026-11-20T12:00:00.000Z", "2026-11-20", "0001-01-01T00:00:00.000Z"]),
)  # fmt: skip
_values = st.one_of(_leaves, st.lists(_leaves, max_size=2), st.dictionaries(st.sampled_from(["topic", "a"]), _leaves))


class Record:
    """A Kafka record, as far as it is decoded."""

    def __init__(self, value: Any, **headers: str) -> None:
        self.value = value
        self.headers = [(name, text.encode()) for name, text in headers.items()]


@given(events_of_few_messages())
def test_every_event_of_the_normalise_stage_is_valid(valid: dict[str, Any]) -> None:
    assert decode(Record(orjson.dumps(valid))) == (valid, "")


@given(st.sampled_from([*sorted(GOOD), "to", "account", "template", "from_me", "historical", "latitude"]), _values)
def test_every_valid_event_can_be_applied_to_the_states(name: str, value: Any) -> None:
    found, problem = decode(Record(orjson.dumps({**GOOD, name: value})))
    assert (found is None) == bool(problem)
    if found is not None:
        states, _ = apply_events([GOOD, found], lambda _: None, lambda _: [])
        assert set(states) >= {unit[0] for one in (GOOD, found) if (unit := event_to_state(one)) is not None}


@pytest.mark.parametrize("value", [None, b"", b" ", b"{", b"\xff", b"null", b"[]", b"5", b"{}", b"[" * 9999])
def test_a_record_that_is_not_a_json_object_is_not_an_event(value: bytes | None) -> None:
    found, problem = decode(Record(value))
    assert found is None
    assert problem


@pytest.mark.parametrize(
    ("name", "most"),
    [("source", 64), ("message_id", 1_024), ("template", 8_192), ("text", 1 << 20), ("unknown", 1 << 20)],
)
def test_texts_have_lengths(name: str, most: int) -> None:
    assert decode(Record(orjson.dumps({**GOOD, name: "é" * most})))[1] == ""
    found, problem = decode(Record(orjson.dumps({**GOOD, name: "é" * (most + 1)})))
    assert (found, problem) == (None, f"{name} has {most + 1} characters, the limit is {most}")


def test_every_text_of_an_event_has_a_length() -> None:
    assert {name for name, kind in FIELDS.items() if kind is str} <= set(LENGTHS)


def test_null_fields_are_dropped() -> None:
    assert decode(Record(orjson.dumps({**GOOD, "error_code": None})))[0] == {
        name: value for name, value in GOOD.items() if name != "error_code"
    }


@pytest.mark.parametrize("name", ["source", "provider", "request_id"])
def test_a_header_of_a_megabyte_makes_a_dead_letter_that_fits_its_topic(name: str) -> None:
    headers = {"source": "s", "provider": "meta", "received_at": "2026-11-20T12:00:00Z", "request_id": "r"}
    headers[name] = "h" * 2_000_000
    record: Any = Record(b"{}", **headers)
    events, (letter,) = normalise(headers_of(record), record.value, {"topic": "wa.raw", "partition": 0, "offset": 0})
    assert not events
    assert name in letter["detail"]
    assert sum(map(len, dead_letter_record(letter))) < DEAD.max_bytes // 2


def test_the_mark_of_a_group_message_that_a_crash_kept_from_the_changelog_is_set_again() -> None:
    """The changelog has the member but not the mark on its parent; the batch is read again, then the disk is lost."""
    read = event("status", message_id="g", status="read", participant="p", at=NOON + 1)
    cut = {key: dumps(state) for key, state in [event_to_state(read) or (b"", [])]}
    again, _ = apply_events([read], cut.get, lambda _: [])
    recovered: dict[Key, bytes] = cut | {key: dumps(state) for key, state in again.items()}
    _, rows = apply_events(
        [event("sent", message_id="g", template="news", at=NOON)],
        recovered.get,
        lambda prefix: [pair for pair in recovered.items() if pair[0].startswith(prefix)],
    )
    assert {row["participant"]: row["template"] for row in rows.values()} == {"": "news", "p": "news"}
