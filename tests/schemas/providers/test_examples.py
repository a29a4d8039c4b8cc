"""Every provider's hand-written examples, and properties of random changes to them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.providers.registry import built_in
from tests.support.examples import (
    Case,
    Event,
    body_of,
    differences,
    events_of,
    faults,
    load_cases,
    normalised,
    parse,
    run,
)
from tests.support.mutations import JUNK, copied, mutated, reordered

CASES = load_cases()
JSON_CASES = [(name, case) for name, case in CASES if "body" in case]
# The list of elements in the body of an example: the keys and indexes that lead to it.
LISTS: dict[str, tuple[str | int, ...]] = {
    "meta/status_ladder": ("entry", 0, "changes", 0, "value", "statuses"),
    "meta/media_kinds": ("entry", 0, "changes", 0, "value", "messages"),
    "meta/echoes": ("entry", 0, "changes", 0, "value", "message_echoes"),
    "meta/history": ("entry", 0, "changes", 0, "value", "history", 0, "threads", 0, "messages"),
    "meta/account_notices": ("entry", 0, "changes"),
    "wasender/content_kinds": ("data", "messages"),
    "wasender/status_words": ("data",),
    "wasender/receipt_group": ("data",),
    "zapini/statuses": (),
    "360dialog/statuses": ("entry", 0, "changes", 0, "value", "statuses"),
    "evolution/history": ("data",),
    "generic/statuses": ("batch",),
    "generic/media_and_location": ("batch",),
    "evolution/other_events": (),
    "green-api/statuses": (),
    "gupshup/delivered_and_read": (),
    "gupshup/v3_statuses": ("entry", 0, "changes", 0, "value", "statuses"),
    "infobip/report_groups": ("results",),
    "standard-webhooks/statuses": (),
    "waha/other_events": (),
    "z-api/statuses": (),
    "z-api/status_several_ids": ("ids",),
}


@pytest.mark.parametrize(("name", "case"), CASES, ids=[name for name, _ in CASES])
def test_example(name: str, case: Case) -> None:
    answer = run(name, case)
    assert (answer["auth"], answer["outcome"]) == (case["auth"], case["outcome"])
    assert differences(case["events"], answer["events"]) == []
    assert [fault for event in answer["events"] for fault in faults(event)] == []
    assert len(answer["dead"]) == case.get("dead", 0)


def test_there_are_enough_examples() -> None:
    counts = {provider: len(load_cases(provider)) for provider in built_in()}
    assert counts["meta"] >= 30
    assert counts["wasender"] >= 20
    assert min(counts.values()) >= 8


def test_every_example_has_a_body() -> None:
    assert all(body_of(case) for _, case in CASES)


@given(st.sampled_from(JSON_CASES), st.integers(min_value=0), st.integers(1, 12))
def test_changed_examples_give_valid_events_or_dead_letters(named: tuple[str, Case], seed: int, changes: int) -> None:
    (name, case), provider = named, named[0].split("/")[0]
    body = json.dumps(mutated(case["body"], seed, changes)).encode()
    parse(provider, body)
    events, dead = normalised(provider, body)
    assert events or dead
    assert [fault for event in events for fault in faults(event)] == []
    assert [letter for letter in dead if letter["reason"] == "parser_error"] == []
    assert [letter["excerpt"] for letter in dead if len(letter["excerpt"]) > 300] == []
    written = json.dumps([events, dead])
    for secret in ("whsec-fictional", "sk-session-fictional", "2@fictional-login-text", "zp-fictional-secret"):
        assert secret not in written, name


@given(st.sampled_from(JSON_CASES), st.integers(min_value=0), st.integers(0, 3))
def test_an_event_has_the_same_id_in_every_delivery_and_order_of_keys(
    named: tuple[str, Case], seed: int, changes: int
) -> None:
    """Only events without a message id and a time differ: for these the request id is part of the event id."""
    provider = named[0].split("/")[0]
    value = mutated(named[1]["body"], seed, changes)
    one, _ = normalised(provider, json.dumps(value).encode())
    two, _ = normalised(
        provider, json.dumps(reordered(value), ensure_ascii=False).encode("utf-8", "surrogatepass"), "r2"
    )
    assert len(one) == len(two)
    for first, second in zip(one, two, strict=True):
        assert first["fullness"] == second["fullness"]
        if "message_id" in first or "occurred_at" in first:
            assert first["event_id"] == second["event_id"]
        else:
            assert first["event_id"] != second["event_id"]


@given(st.sampled_from(sorted(LISTS)), st.sampled_from(JUNK), st.integers(0, 20))
def test_a_bad_element_does_not_change_its_siblings(name: str, junk: Any, place: int) -> None:
    provider, case = name.split("/")[0], dict(JSON_CASES)[name]

    def facts(body: Any) -> list[Event]:
        return [
            {key: event[key] for key in event if key not in ("raw", "event_id")} for event in events_of(provider, body)
        ]

    value = copied(case["body"])
    before = facts(value)
    elements = value
    for step in LISTS[name]:
        elements = elements[step]
    elements.insert(min(place, len(elements)), junk)
    after = facts(value)
    assert [event for event in before if event not in after] == []


def test_different_events_have_different_ids() -> None:
    """Equal contents with another event name, instance, time or request are other events."""

    def body(**changes: Any) -> dict[str, Any]:
        data = {"from": "+5511988887777", "type": "text", "message": "Bom dia", "received_at": "2026-11-20T12:00:00Z"}
        return {"event": "message.received", "instance_id": "i-1", "data": data} | changes

    ids = {events_of("zapini", one)[0]["event_id"] for one in (body(), body(instance_id="i-2"))}
    assert len(ids) == 2
    without_time = {"event": "session.status", "data": {"status": "connected"}}
    ids = {events_of("wasender", without_time, request)[0]["event_id"] for request in ("r1", "r2")}
    assert len(ids) == 2
    statuses = [
        {"id": "wamid.A", "status": "read", "timestamp": stamp} for stamp in ("1795176006", "1795176007", "1795176006")
    ]
    meta = {"entry": [{"changes": [{"field": "messages", "value": {"statuses": statuses}}]}]}
    one, two, three = (event["event_id"] for event in events_of("meta", meta))
    assert one == three != two
