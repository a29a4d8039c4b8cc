"""The canonical event's final form, and raw records that cannot become one."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import FIELDS, Arrival, finish
from schemas.normalisation import raw_topic as module
from schemas.normalisation.dead_letters import MAX_EXCERPT, excerpt
from schemas.normalisation.raw_topic import normalise
from schemas.parsing.results import Parsed
from schemas.providers.base import Provider
from schemas.providers.registry import Formats, built_in

ARRIVAL = Arrival("shop", "meta", "r1", 1_795_176_100_000, {"topic": "wa.raw", "partition": 0, "offset": 5})
HEADERS = {"source": "shop", "provider": "meta", "received_at": "2026-11-20T12:01:40.000Z", "request_id": "r1"}
POSITION = {"topic": "wa.raw", "partition": 0, "offset": 5}
STATUS = {"message_id": "wamid.A", "status": "read", "occurred_at": 1_795_176_000_000}


def meta_body(message: dict[str, Any]) -> bytes:
    return json.dumps(
        {"entry": [{"id": "1", "changes": [{"field": "messages", "value": {"messages": [message]}}]}]}
    ).encode()


def test_final_form() -> None:
    event = finish(Parsed("status", STATUS | {"to": None, "from": ""}), ARRIVAL, 3)
    assert {name: event[name] for name in event if name not in ("event_id", "fullness")} == {
        "kind": "status", "source": "shop", "provider": "meta", "request_id": "r1",
        "received_at": "2026-11-20T12:01:40.000Z", "occurred_at": "2026-11-20T12:00:00.000Z",
        "raw": {"topic": "wa.raw", "partition": 0, "offset": 5, "index": 3},
        "message_id": "wamid.A", "status": "read",
    }  # fmt: skip
    assert [len(part) for part in event["event_id"].split("-")] == [8, 4, 4, 4, 12]


@pytest.mark.parametrize(
    ("field", "given_value", "expected"),
    [
        ("message_id", 12, "12"),
        ("text", {"a": 1}, None),
        ("text", True, "true"),
        ("latitude", "1.5", 1.5),
        ("latitude", 3, 3.0),
        ("latitude", "north", None),
        ("latitude", True, None),
        ("billable", "true", True),
        ("billable", 0, False),
        ("billable", 7, None),
        ("billable", [], None),
        ("media_count", "2", 2),
        ("media_count", -1, None),
        ("occurred_at", 17, None),
        ("occurred_at", "1795176000000", "2026-11-20T12:00:00.000Z"),
    ],
)
def test_odd_values_become_right_or_absent(field: str, given_value: Any, expected: Any) -> None:
    assert finish(Parsed("inbound", {field: given_value}, {}), ARRIVAL, 0).get(field) == expected


def status_id(**changes: Any) -> Any:
    return finish(Parsed("status", STATUS | changes), ARRIVAL, 0)["event_id"]


def test_identity_of_a_status() -> None:
    same: list[dict[str, Any]] = [
        {"account": "9"},
        {"to": "+5511955554444"},
        {"chat_id": "x@lid"},
        {"error_code": "1"},
        {"from_me": True},
    ]
    assert {status_id(**change) for change in same} == {status_id()}
    other: list[dict[str, Any]] = [
        {"status": "delivered"}, {"participant": "+5511955554444"}, {"occurred_at": 1_795_176_000_001},
        {"occurred_at": None}, {"from_me": False}, {"message_id": "wamid.B"},
        {"status": "unknown", "raw_status": "x"}, {"status": "unknown", "raw_status": "y"},
    ]  # fmt: skip
    assert len({status_id(**change) for change in other} | {status_id()}) == len(other) + 1


def test_the_fuller_arrival_has_the_larger_number() -> None:
    def fullness(**fields: Any) -> int:
        value = finish(Parsed("inbound", {"message_id": "A", **fields}), ARRIVAL, 0)["fullness"]
        assert 0 <= value < 2**64
        return int(value)

    placeholder = fullness(type="unsupported", text="you may have to open the phone", sender_name="Ana")
    bare, named = fullness(type="text", text="oi"), fullness(type="text", text="oi", sender_name="Ana")
    assert placeholder < fullness(type="text") < bare < named
    assert fullness(type="text", text="oi") == bare != fullness(type="text", text="io")


@pytest.mark.parametrize("missing", ["source", "provider", "request_id", "received_at"])
def test_a_record_without_its_envelope(missing: str) -> None:
    events, [letter] = normalise({name: value for name, value in HEADERS.items() if name != missing}, b"{}", POSITION)
    assert events == []
    assert letter["reason"] == "bad_envelope"
    assert missing in letter["detail"]
    assert letter["raw"] == {**POSITION, "index": 0}


def test_an_unknown_provider() -> None:
    [letter] = normalise(HEADERS | {"provider": "pigeon"}, b"{}", POSITION)[1]
    assert letter["reason"] == "unknown_provider"
    assert (letter["source"], letter["provider"], letter["request_id"]) == ("shop", "pigeon", "r1")
    assert letter["received_at"] == "2026-11-20T12:01:40.000Z"


@pytest.mark.parametrize(
    ("body", "reason"), [(b"", "invalid_json"), (b"{}", "unknown_shape"), (b'{"entry":[]}', "unknown_shape")]
)
def test_no_body_vanishes(body: bytes, reason: str) -> None:
    events, [letter] = normalise(HEADERS, body, POSITION)
    assert (events, letter["reason"]) == ([], reason)


def test_key_and_value() -> None:
    [event] = normalise(HEADERS, meta_body({"id": "wamid.A", "type": "text", "text": {"body": "é"}}), POSITION)[0]
    assert json.loads(event.key) == ["shop", "wamid.A"]
    assert json.loads(event.value) == event.fields
    [event] = normalise(HEADERS, meta_body({"type": "text", "text": {"body": "no id"}}), POSITION)[0]
    assert json.loads(event.key) == ["shop", event.fields["event_id"]]


def test_an_event_that_fits_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_EVENT_BYTES", 1_000)
    message = {"id": "wamid.A", "type": "text", "text": {"body": "x" * 2_000}}
    events, [letter] = normalise(HEADERS, meta_body(message), POSITION)
    assert (events, letter["reason"]) == ([], "too_large")
    assert "xxx" not in json.dumps(letter)


def test_a_body_of_four_megabytes_fits() -> None:
    message = {"id": "wamid.A", "type": "text", "text": {"body": "\x01" * 650_000}}  # six bytes each in JSON
    events, dead = normalise(HEADERS, meta_body(message), POSITION)
    assert (len(events), dead) == (1, [])


def test_an_excerpt_shows_structure_alone() -> None:
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


@settings(max_examples=100)
@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_an_excerpt_has_no_digits_and_an_end(value: Any) -> None:
    shown = excerpt(value)
    assert len(shown) <= MAX_EXCERPT
    assert not any(character.isdigit() for character in shown)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from([*HEADERS, "kind", "auth"]), st.text() | st.sampled_from(["meta", "sent"])),
    st.binary(max_size=40),
)
def test_normalise_never_raises(headers: dict[str, str], body: bytes) -> None:
    events, dead = normalise(headers, body, {})
    assert events or dead
    json.dumps(dead)


def test_a_parser_that_breaks_halfway_keeps_what_it_gave() -> None:
    def breaking(_: bytes) -> Iterator[Parsed]:
        yield Parsed("status", STATUS)
        raise RecursionError("5511955554444")

    broken = Provider("meta", built_in()["meta"].verify, breaking)
    [event], [letter] = normalise(HEADERS, b"{}", POSITION, Formats({"meta": broken}))
    assert event.fields["status"] == "read"
    assert (letter["reason"], letter["detail"], letter["raw"]["index"]) == ("parser_error", "RecursionError", 1)


def test_fullness_is_a_number_that_every_reader_of_json_takes_exactly() -> None:
    fields: dict[str, Any] = {name: "x" for name, kind in FIELDS.items() if kind is str}
    event = finish(Parsed("inbound", {**fields, "type": "text", "text": "x" * 5_000_000}), ARRIVAL, 0)
    assert 0 < event["fullness"] < 2**53
