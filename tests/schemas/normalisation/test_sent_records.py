"""Sent records: which bodies and values are accepted, and the sentences of refusals."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.normalisation.raw_topic import normalise
from schemas.normalisation.sent_records import parse_record, split

ONE = {"message_id": "wamid.A", "to": "+5511955554444"}
TWO = {"message_id": "wamid.B"}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps([ONE, TWO]).encode(),
        json.dumps([ONE, TWO], indent=2).encode(),
        b"\xef\xbb\xbf" + json.dumps([ONE, TWO]).encode(),
        json.dumps(ONE).encode() + b"\n" + json.dumps(TWO).encode(),
        b"\n\r\n" + json.dumps(ONE).encode() + b"\r\n\r\n   \r\n" + json.dumps(TWO).encode() + b"\r\n",
        b"\xef\xbb\xbf" + json.dumps(ONE).encode() + b"\n" + json.dumps(TWO).encode() + b"\n",
    ],
)
def test_a_body_is_an_object_an_array_or_one_object_a_line(body: bytes) -> None:
    assert split(body) == [(ONE, None), (TWO, None)]


def test_one_object_may_span_many_lines() -> None:
    assert split(json.dumps(ONE, indent=4).encode()) == [(ONE, None)]


@pytest.mark.parametrize("body", [b"", b"  \r\n ", b"\xef\xbb\xbf", b"[]"])
def test_an_empty_body_has_no_records(body: bytes) -> None:
    assert split(body) == []


@pytest.mark.parametrize(
    ("body", "refusals"),
    [
        (b"nonsense", 1),
        (b'[{"message_id": "a"},\n{"message_id": }]', 1),
        (b'{"message_id": "a"}\n{broken}\n{"message_id": "b"}', 1),
        (b"7", 1),
        (b'"text"', 1),
        (b"null", 1),
        (b"[1, [], null]", 3),
        (b'\xff\xfe{"message_id": "a"}', 1),
    ],
)
def test_a_value_that_is_not_a_record_is_refused_with_a_remedy(body: bytes, refusals: int) -> None:
    reasons = [reason for _, reason in split(body) if reason is not None]
    assert len(reasons) == refusals
    assert all(reason.endswith(".") and ";" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"message_id": None}, "message_id"),
        ({"message_id": ""}, "message_id"),
        ({"message_id": "  "}, "message_id"),
        ({"message_id": {}}, "message_id"),
        ({"message_id": True}, "message_id"),
        ({"message_id": "x" * 513}, "message_id"),
        ({"to": ["+5511955554444"]}, "to"),
        ({"template": 7}, "template"),
        ({"campaign": {}}, "campaign"),
        ({"category": False}, "category"),
        ({"callback_data": []}, "callback_data"),
        ({"sent_at": "yesterday"}, "sent_at"),
        ({"sent_at": ""}, "sent_at"),
        ({"sent_at": 17}, "sent_at"),
        ({"sent_at": True}, "sent_at"),
        ({"sent_at": "2101-01-01T00:00:00Z"}, "sent_at"),
    ],
)
def test_a_refusal_names_the_field_and_quotes_nothing(change: dict[str, Any], field: str) -> None:
    [(record, reason)] = split(json.dumps(ONE | change).encode())
    assert record is None
    assert reason is not None
    assert f"Field {field} " in reason
    assert "5511955554444" not in reason


def test_fields_may_be_absent_or_null_and_unknown_ones_are_kept() -> None:
    record = dict.fromkeys(("to", "sent_at", "template", "campaign", "category", "callback_data")) | {"message_id": 12}
    record["note"] = {"any": [1]}
    assert split(json.dumps(record).encode()) == [(record, None)]
    assert parse_record(record).fields["message_id"] == "12"


def event_of(record: dict[str, Any]) -> dict[str, Any]:
    headers = {
        "source": "shop",
        "provider": "meta",
        "received_at": "2026-11-20T12:01:40Z",
        "request_id": "r1",
        "kind": "sent",
    }
    events, dead = normalise(headers, json.dumps(record).encode(), {"topic": "wa.raw", "partition": 0, "offset": 1})
    assert dead == []
    return events[0].fields


@pytest.mark.parametrize(
    "sent_at", [1795176000, 1795176000000, "1795176000", "2026-11-20T12:00:00Z", "2026-11-20T09:00:00-03:00"]
)
def test_a_record_becomes_a_sent_event(sent_at: Any) -> None:
    texts = {"template": "oferta", "campaign": "black-friday", "category": "MARKETING", "callback_data": "c=7"}
    event = event_of({"message_id": "wamid.A", "to": "5511955554444@s.whatsapp.net", "sent_at": sent_at, **texts})
    assert event | {**texts, "category": "marketing", "kind": "sent", "origin": "api", "message_id": "wamid.A"} == event
    assert event["to"] == "+5511955554444"
    assert event["occurred_at"] == "2026-11-20T12:00:00.000Z"
    assert not {"type", "participant", "is_group", "chat_id"} & set(event)


def test_a_group_may_be_the_recipient() -> None:
    event = event_of({"message_id": "3EB0", "to": "120363041234567890@g.us"})
    assert (event["to"], event["chat_id"], event["is_group"]) == (*["120363041234567890@g.us"] * 2, True)


@given(st.binary(max_size=80) | st.text(max_size=40).map(lambda text: json.dumps([ONE, {"message_id": text}]).encode()))
def test_random_bodies_never_raise(body: bytes) -> None:
    for record, reason in split(body):
        assert (record is None) != (reason is None)
        if record is not None:
            parse_record(record)


def test_a_number_may_be_a_phone_number() -> None:
    [(record, reason)] = split(json.dumps(ONE | {"to": 5511955554444}).encode())
    assert reason is None
    assert record is not None
    assert parse_record(record).fields["to"] == "+5511955554444"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("+55 11 95555-4444", "+5511955554444"),
        ("5511955554444", "+5511955554444"),
        ("5511955554444@s.whatsapp.net", "+5511955554444"),
        ("11 95555-4444", "11 95555-4444"),
        ("BR.1502576394655843", "BR.1502576394655843"),
    ],
)
def test_a_recipient_is_a_phone_number_only_with_its_country_code(given: str, stored: str) -> None:
    assert parse_record(ONE | {"to": given}).fields["to"] == stored


def test_blanks_around_a_message_id_are_removed() -> None:
    assert parse_record(ONE | {"message_id": " wamid.A "}).fields["message_id"] == "wamid.A"
