"""The canonical event's final form, its identity and its fullness."""

from typing import Any

import pytest

from schemas.events import FIELDS, Arrival, finish
from schemas.parsing.results import Parsed

ARRIVAL = Arrival("shop", "meta", "r1", 1_795_176_100_000, {"topic": "wa.raw", "partition": 0, "offset": 5})
STATUS = {"message_id": "wamid.A", "status": "read", "occurred_at": 1_795_176_000_000}


def test_the_final_form_has_known_fields_and_the_facts_of_the_arrival() -> None:
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
def test_values_of_a_wrong_type_are_converted_or_left_out(field: str, given_value: Any, expected: Any) -> None:
    assert finish(Parsed("inbound", {field: given_value}, {}), ARRIVAL, 0).get(field) == expected


def status_id(**changes: Any) -> Any:
    return finish(Parsed("status", STATUS | changes), ARRIVAL, 0)["event_id"]


def test_the_id_of_a_status_depends_on_its_facts_alone() -> None:
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


def test_an_arrival_with_more_content_has_a_larger_fullness() -> None:
    def fullness(**fields: Any) -> int:
        value = finish(Parsed("inbound", {"message_id": "A", **fields}), ARRIVAL, 0)["fullness"]
        assert 0 <= value < 2**64
        return int(value)

    placeholder = fullness(type="unsupported", text="you may have to open the phone", sender_name="Ana")
    bare, named = fullness(type="text", text="oi"), fullness(type="text", text="oi", sender_name="Ana")
    assert placeholder < fullness(type="text") < bare < named
    assert fullness(type="text", text="oi") == bare != fullness(type="text", text="io")


def test_fullness_has_at_most_53_bits() -> None:
    fields: dict[str, Any] = {name: "x" for name, kind in FIELDS.items() if kind is str}
    event = finish(Parsed("inbound", {**fields, "type": "text", "text": "x" * 5_000_000}), ARRIVAL, 0)
    assert 0 < event["fullness"] < 2**53
