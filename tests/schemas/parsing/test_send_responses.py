"""Providers' responses to a send call: hand-written examples with their events, and random changes to them."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.http.sent_bodies import SentBody, read_send_response, read_sent_body
from schemas.normalisation.dead_letters import DeadLetter
from schemas.normalisation.raw_topic import normalise
from schemas.normalisation.sent_records import parse_record
from schemas.parsing.results import Parsed, Rejected
from schemas.providers.base import Provider
from schemas.providers.registry import Formats, built_in
from tests.support.examples import POSITION, Case, Event, differences, faults, raw_headers
from tests.support.mutations import hostile, mutated

FOLDER = Path(__file__).parents[2] / "send_responses"
CASES = [
    (path.stem, case) for path in sorted(FOLDER.glob("*.json")) for case in json.loads(path.read_text(encoding="utf-8"))
]
GOOD = json.dumps({"messages": [{"id": "wamid.A"}], "contacts": [{"wa_id": "5511955554444"}]}).encode()


def read(
    provider: str, body: bytes, formats: Formats | None = None, /, **facts: str
) -> tuple[list[Event], list[DeadLetter]]:
    """Events and dead letters of a stored response; `facts` is what the sender added."""
    headers = raw_headers(provider, kind="send_response", facts=json.dumps(facts))
    events, dead = normalise(headers, body, POSITION, formats or Formats())
    return [event.fields for event in events], dead


def taken(provider: str, body: bytes, **query: str) -> SentBody:
    found = read_sent_body(body, {"raw": "1", **query}, built_in()[provider])
    assert isinstance(found, SentBody)
    return found


@pytest.mark.parametrize(("provider", "case"), CASES, ids=[f"{name}: {case['description']}" for name, case in CASES])
def test_example(provider: str, case: Case) -> None:
    body = json.dumps(case["body"]).encode()
    events, _ = read(provider, body)
    assert differences(case["events"], events) == []
    assert [fault for event in events for fault in faults(event)] == []
    response = taken(provider, body)
    assert response.accepted == len([event for event in case["events"] if event["kind"] == "sent"])
    assert len(response.refused) == case.get("refused", 0)
    assert response.value == body


def test_every_provider_with_documented_responses_has_examples() -> None:
    without = {name for name, provider in built_in().items() if provider.send_response is None}
    assert {name for name, _ in CASES} == set(built_in()) - without
    assert {"meta", "twilio", "wasender", "standard-webhooks"} & without == {"standard-webhooks"}


def test_facts_of_the_sender_complete_the_response() -> None:
    facts = {
        "template": "oferta",
        "campaign": "bf",
        "category": "MARKETING",
        "callback_data": "c7",
        "to": " 551100000000",
    }
    [event], _ = read("meta", GOOD, None, **facts, sent_at="1795176000")
    assert (event["template"], event["campaign"], event["category"]) == ("oferta", "bf", "marketing")
    assert (event["to"], event["occurred_at"]) == ("+5511955554444", "2026-11-20T12:00:00.000Z")
    [event], _ = read("green-api", b'{"idMessage": "3EB0"}', to="120363041234567890@g.us")
    assert (event["to"], event["chat_id"], event["is_group"]) == (*["120363041234567890@g.us"] * 2, True)
    [event], _ = read("wasender", b'{"data":{"msgId":1,"jid":"+5511955554444"}}', to="120363041234567890@g.us")
    assert (event["to"], "chat_id" in event, "is_group" in event) == ("+5511955554444", False, False)


def test_a_response_and_a_record_of_the_same_message_are_one_event() -> None:
    [event], _ = read("meta", GOOD)
    headers = raw_headers("meta", "r2", received_at="2026-11-20T13:00:00.000Z", kind="sent")
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
def test_a_wrong_query_is_refused(query: dict[str, str], code: str) -> None:
    found = read_sent_body(GOOD, query, built_in()["meta"])
    assert not isinstance(found, SentBody)
    assert (found.status, found.code) == (400, code)
    assert "5511955554444" not in found.detail


def test_raw_is_refused_for_a_provider_without_documented_responses() -> None:
    found = read_sent_body(GOOD, {"raw": "1"}, built_in()["standard-webhooks"])
    assert not isinstance(found, SentBody)
    assert (found.status, found.code) == (400, "no_raw_answers")
    assert "without raw" in found.detail


@pytest.mark.parametrize("body", [b"", b"nonsense", b"null", b"7", b"<TwilioResponse/>", b"\xff"])
def test_a_body_that_is_not_a_response_is_refused(body: bytes) -> None:
    for name, provider in built_in().items():
        if provider.send_response is not None:
            response = taken(name, body)
            assert response.accepted == 0
            assert all(one["reason"].startswith("This is no answer to a send") for one in response.refused.shown)


def test_an_exception_of_a_provider_is_reported_and_refuses_nothing() -> None:
    def broken(_: bytes) -> Iterable[Parsed | Rejected]:
        raise KeyError("5511955554444")

    meta = built_in()["meta"]
    provider = Provider(meta.name, meta.verify, meta.parse, send_response=broken)
    found = read_send_response(GOOD, {}, provider)
    assert isinstance(found, SentBody)
    assert (found.accepted, len(found.refused)) == (0, 1)
    assert "5511955554444" not in str(found.report())
    for known, reason in (
        (provider, "parser_error"),
        (Provider(meta.name, meta.verify, meta.parse), "unknown_provider"),
    ):
        assert [letter["reason"] for letter in read("meta", GOOD, Formats({"meta": known}))[1]] == [reason]


@pytest.mark.parametrize("facts", ["", "[]", "{", '{"to": 7}', '{"to": {}, "sent_at": "never"}', "null"])
def test_malformed_facts_are_ignored(facts: str) -> None:
    headers = raw_headers("meta", kind="send_response", facts=facts)
    events, dead = normalise(headers, GOOD, POSITION)
    assert ([event.fields["to"] for event in events], dead) == (["+5511955554444"], [])


@given(st.sampled_from(CASES), st.integers(min_value=0), st.integers(1, 4))
def test_changed_responses_give_valid_events_or_dead_letters(named: tuple[str, Case], seed: int, changes: int) -> None:
    provider, case = named
    body = hostile(mutated([case["body"]], seed, changes), seed)
    events, dead = read(provider, body)
    assert [fault for event in events for fault in faults(event)] == []
    assert [letter for letter in dead if letter["reason"] == "parser_error"] == []
    response = taken(provider, body)
    assert response.accepted == len([event for event in events if event["kind"] == "sent"])
