"""Records of wa.sent: their source, their dead letters, and that their events equal those of /sent."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.normalisation.dead_letters import DeadLetter
from schemas.normalisation.raw_topic import normalise
from schemas.normalisation.sent_topic import SentRecord, named_sources, normalise_record, resolved_letters
from schemas.settings.config import parse
from tests.support.examples import faults

CONFIG = parse(
    '[sources.shop]\nprovider = "meta"\n\n[sources.desk]\nprovider = "twilio"\n', Path("/nowhere/ackstream.toml"), {}
)
NOON = 1_795_176_000_000
POSITION = {"topic": "wa.sent", "partition": 3, "offset": 77}
ONE = {"message_id": "wamid.A", "to": "+5511955554444", "template": "oferta", "sent_at": "2026-11-20T11:59:00Z"}


def record(value: Any, headers: dict[str, str] | None = None, timestamp_ms: int | None = NOON) -> SentRecord:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return SentRecord(headers or {}, data, POSITION, timestamp_ms)


def read(
    value: Any, headers: dict[str, str] | None = None, timestamp_ms: int | None = NOON
) -> tuple[list[dict[str, Any]], list[DeadLetter]]:
    """The fields of the events, and the dead letters, of one record."""
    events, dead = normalise_record(record(value, headers, timestamp_ms), CONFIG)
    return [event.fields for event in events], dead


def test_a_record_gives_the_same_event_as_by_http() -> None:
    [event], dead = read({**ONE, "source": "shop"})
    headers = {"source": "shop", "provider": "meta", "received_at": "2026-11-20T12:00:00.000Z", "request_id": "r1"}
    [by_http], _ = normalise({**headers, "kind": "sent"}, json.dumps(ONE).encode(), POSITION)
    same = by_http.fields | {"request_id": event["request_id"], "raw": event["raw"]}
    assert (event, dead) == (same, [])
    assert event["raw"] == {**POSITION, "index": 0}
    assert faults(event) == []


def test_the_source_is_a_field_of_the_record_or_else_a_header() -> None:
    [event], _ = read(ONE, {"source": "desk"})
    assert (event["source"], event["provider"]) == ("desk", "twilio")
    [event], _ = read({**ONE, "source": "shop"}, {"source": "desk"})
    assert (event["source"], event["provider"]) == ("shop", "meta")
    [event], _ = read({**ONE, "source": None}, {"source": "desk"})
    assert event["source"] == "desk"


def test_sent_records_in_one_kafka_record_have_their_own_source_and_index() -> None:
    lines = [{**ONE, "source": "shop"}, {"source": "desk"}, {**ONE, "source": "desk"}, {**ONE, "source": "shut"}]
    value = b"\n".join(json.dumps(line).encode() for line in lines)
    events, dead = read(value)
    assert [(event["source"], event["raw"]["index"]) for event in events] == [("shop", 0), ("desk", 2)]
    assert [(letter["reason"], letter["source"], letter["raw"]["index"]) for letter in dead] == [
        ("bad_element", "desk", 1),
        ("unknown_source", "", 3),
    ]
    assert len({one["request_id"] for one in (*events, *dead)}) == 1
    assert named_sources(record(value)) == {"shop", "desk", "shut"}


def test_the_request_id_is_fixed_by_the_position_of_the_record() -> None:
    first, again = (read({**ONE, "source": "shop"})[0][0]["request_id"] for _ in range(2))
    other = normalise_record(record({**ONE, "source": "shop"})._replace(position={**POSITION, "offset": 78}), CONFIG)
    assert first == again != other[0][0].fields["request_id"]


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (b"", {"source": "shop"}, "bad_element"),
        (b"not json", {"source": "shop"}, "bad_element"),
        ({"to": "+5511955554444"}, {"source": "shop"}, "bad_element"),
        (ONE, {}, "bad_envelope"),
        ({**ONE, "source": 7}, {}, "bad_envelope"),
        (ONE, {"source": "nobody"}, "unknown_source"),
    ],
)
def test_a_bad_record_is_a_dead_letter_with_its_position(value: Any, headers: dict[str, str], reason: str) -> None:
    events, [letter] = read(value, headers)
    assert events == []
    assert (letter["reason"], letter["raw"]) == (reason, {**POSITION, "index": 0})
    assert letter["detail"]
    assert "5511955554444" not in json.dumps(letter)


@pytest.mark.parametrize("timestamp_ms", [None, -1, 0, 12, 10**15])
def test_a_record_without_a_valid_time_in_kafka_is_a_dead_letter(timestamp_ms: int | None) -> None:
    events, [letter] = read({**ONE, "source": "shop"}, timestamp_ms=timestamp_ms)
    assert (events, letter["reason"]) == ([], "bad_envelope")
    assert "LogAppendTime" in letter["detail"]


def test_a_resolved_letter_keeps_its_source_and_position() -> None:
    value = [{**ONE, "source": "shop"}, {**ONE, "source": "desk"}]
    [letter] = resolved_letters(record(value), CONFIG, [1])
    assert (letter["reason"], letter["source"], letter["raw"]) == ("resolved", "desk", {**POSITION, "index": 1})
    assert [letter["raw"] for letter in resolved_letters(record(b""), CONFIG, [9])] == [{**POSITION, "index": 9}]


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["shop", "desk"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["message_id", "to", "source", "sent_at", "x"]), inner, max_size=4)
    ),
    max_leaves=6,
)


@settings(max_examples=150)
@given(st.binary(max_size=60) | _values.map(lambda value: json.dumps(value).encode()), st.text(max_size=5))
def test_random_records_never_raise(value: bytes, source: str) -> None:
    events, dead = read(value, {"source": source})
    assert events or dead or value.strip() in (b"", b"[]") or not json.loads(value)
    assert [fault for event in events for fault in faults(event)] == []
