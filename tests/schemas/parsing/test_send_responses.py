"""Providers' answers to a send: hand-written ones against the events that they are, and mutations of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.http.sent_bodies import Taken, answer, take
from schemas.normalisation.raw_topic import normalise
from schemas.normalisation.sent_records import parse_record
from schemas.providers.base import Provider
from schemas.providers.registry import built_in
from tests.schemas.providers.test_providers_fuzz import hostile
from tests.support.examples import differences, faults, mutated

FOLDER = Path(__file__).parents[2] / "send_responses"
CASES = [
    (path.stem, case) for path in sorted(FOLDER.glob("*.json")) for case in json.loads(path.read_text(encoding="utf-8"))
]
POSITION = {"topic": "wa.raw", "partition": 3, "offset": 77}
GOOD = json.dumps({"messages": [{"id": "wamid.A"}], "contacts": [{"wa_id": "5511955554444"}]}).encode()


def read(provider: str, body: bytes, **facts: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Events and dead letters of an answer that was stored."""
    headers = {
        "source": "shop", "provider": provider, "received_at": "2026-11-20T12:01:40.000Z", "request_id": "r1",
        "kind": "send_response", "facts": json.dumps(facts),
    }  # fmt: skip
    events, dead = normalise(headers, body, POSITION)
    return [event.fields for event in events], dead


def taken(provider: str, body: bytes, **query: str) -> Taken:
    found = take(body, {"raw": "1", **query}, built_in()[provider])
    assert isinstance(found, Taken)
    return found


@pytest.mark.parametrize(("provider", "case"), CASES, ids=[f"{name}: {case['description']}" for name, case in CASES])
def test_example(provider: str, case: dict[str, Any]) -> None:
    body = json.dumps(case["body"]).encode()
    events, _ = read(provider, body)
    assert differences(case["events"], events) == []
    assert [fault for event in events for fault in faults(event)] == []
    told = taken(provider, body)
    assert told.accepted == len([event for event in case["events"] if event["kind"] == "sent"])
    assert len(told.refused) == case.get("refused", 0)
    assert told.value == body


def test_every_provider_whose_answers_are_documented_has_examples() -> None:
    without = {name for name, provider in built_in().items() if provider.send_response is None}
    assert {name for name, _ in CASES} == set(built_in()) - without
    assert {"meta", "twilio", "wasender", "standard-webhooks"} & without == {"standard-webhooks"}


def test_what_the_sender_knows_beside_it_fills_in_what_the_answer_does_not_tell() -> None:
    facts = {
        "template": "oferta",
        "campaign": "bf",
        "category": "MARKETING",
        "callback_data": "c7",
        "to": " 551100000000",
    }
    [event], _ = read("meta", GOOD, **facts, sent_at="1795176000")
    assert (event["template"], event["campaign"], event["category"]) == ("oferta", "bf", "marketing")
    assert (event["to"], event["occurred_at"]) == ("+5511955554444", "2026-11-20T12:00:00.000Z")
    [event], _ = read("green-api", b'{"idMessage": "3EB0"}', to="120363041234567890@g.us")
    assert (event["to"], event["chat_id"], event["is_group"]) == (*["120363041234567890@g.us"] * 2, True)
    [event], _ = read("wasender", b'{"data":{"msgId":1,"jid":"+5511955554444"}}', to="120363041234567890@g.us")
    assert (event["to"], "chat_id" in event, "is_group" in event) == ("+5511955554444", False, False)


def test_an_answer_and_a_record_of_the_same_message_are_one_event() -> None:
    [event], _ = read("meta", GOOD)
    headers = {
        "source": "shop", "provider": "meta", "received_at": "2026-11-20T13:00:00.000Z", "request_id": "r2",
        "kind": "sent",
    }  # fmt: skip
    [record], _ = normalise(headers, b'{"message_id": "wamid.A", "to": "+5511955554444"}', POSITION)
    assert record.fields["event_id"] == event["event_id"]
    assert parse_record({"message_id": "wamid.A"}).fields["origin"] == event["origin"] == "api"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"raw": "yes"}, "bad_parameter"),
        ({"raw": "1", "templat": "x"}, "bad_parameter"),
        ({"raw": "1", "sent_at": "5511955554444"}, "bad_parameter"),
    ],
)
def test_a_query_that_cannot_be_meant_so(query: dict[str, str], code: str) -> None:
    found = take(GOOD, query, built_in()["meta"])
    assert not isinstance(found, Taken)
    assert (found.status, found.code) == (400, code)
    assert "5511955554444" not in found.detail


def test_a_provider_without_documented_answers_says_what_to_do_instead() -> None:
    found = take(GOOD, {"raw": "1"}, built_in()["standard-webhooks"])
    assert not isinstance(found, Taken)
    assert (found.status, found.code) == (400, "no_raw_answers")
    assert "without raw" in found.detail


@pytest.mark.parametrize("body", [b"", b"nonsense", b"null", b"7", b"<TwilioResponse/>", b"\xff"])
def test_what_is_no_answer_is_refused_with_what_to_do(body: bytes) -> None:
    for name, provider in built_in().items():
        if provider.send_response is not None:
            told = taken(name, body)
            assert told.accepted == 0
            assert all(one["reason"].startswith("This is no answer to a send") for one in told.refused.shown)


def test_a_bug_in_the_reader_is_told_and_costs_no_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: bytes) -> Any:
        raise KeyError("5511955554444")

    meta = built_in()["meta"]
    provider = Provider(meta.name, meta.verify, meta.parse, send_response=broken)
    found = answer(GOOD, {}, provider)
    assert isinstance(found, Taken)
    assert (found.accepted, len(found.refused)) == (0, 1)
    assert "5511955554444" not in str(found.report())
    monkeypatch.setitem(built_in(), "meta", provider)
    assert [letter["reason"] for letter in read("meta", GOOD)[1]] == ["parser_error"]
    monkeypatch.setitem(built_in(), "meta", Provider(meta.name, meta.verify, meta.parse))
    assert [letter["reason"] for letter in read("meta", GOOD)[1]] == ["unknown_provider"]


@pytest.mark.parametrize("facts", ["", "[]", "{", '{"to": 7}', '{"to": {}, "sent_at": "never"}', "null"])
def test_facts_that_nobody_of_us_wrote_do_no_harm(facts: str) -> None:
    headers = {
        "source": "shop", "provider": "meta", "received_at": "2026-11-20T12:01:40.000Z", "request_id": "r1",
        "kind": "send_response", "facts": facts,
    }  # fmt: skip
    events, dead = normalise(headers, GOOD, POSITION)
    assert ([event.fields["to"] for event in events], dead) == (["+5511955554444"], [])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(CASES), st.integers(min_value=0), st.integers(1, 4))
def test_nothing_makes_a_reader_raise(named: tuple[str, dict[str, Any]], seed: int, changes: int) -> None:
    provider, case = named
    body = hostile(mutated([case["body"]], seed, changes), seed)
    events, dead = read(provider, body)
    assert [fault for event in events for fault in faults(event)] == []
    assert [letter for letter in dead if letter["reason"] == "parser_error"] == []
    told = taken(provider, body)
    assert told.accepted == len([event for event in events if event["kind"] == "sent"])
