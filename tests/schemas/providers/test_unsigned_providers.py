"""The providers that sign nothing, and what their examples do not hold."""

import json
from typing import Any

import pytest

from schemas.authentication.request import Request
from schemas.normalisation.raw_topic import normalise
from schemas.providers.registry import built_in
from tests.support.examples import load_cases

UNSIGNED = ("360dialog", "gupshup", "infobip", "z-api", "green-api")


def events(provider: str, body: Any, request_id: str = "r1") -> list[dict[str, Any]]:
    headers = {"source": "shop", "provider": provider, "received_at": "2026-11-20T12:01:40.000Z"}
    found, _ = normalise({**headers, "request_id": request_id}, json.dumps(body).encode(), {})
    return [event.fields for event in found]


def example(name: str) -> Any:
    return dict(load_cases())[name]["body"]


@pytest.mark.parametrize("name", UNSIGNED)
def test_a_secret_in_a_header_or_in_the_address(name: str) -> None:
    provider = built_in()[name]
    assert provider.signed is False
    assert provider.proof_headers == ()
    assert provider.verify(Request({"x-any-name": "one"}), ["one"]).auth == "ok"
    assert provider.verify(Request({}, query={"token": "one"}), ["one"]).auth == "ok"
    assert provider.verify(Request({"authorization": "Bearer two"}), ["one"]).auth == "reject"
    assert provider.verify(Request({}), []).auth == "unsigned"


def test_a_placeholder_and_its_content_are_one_event() -> None:
    """Green-API sends an error first and the real body under the same id later: the fuller one wins."""
    full = example("green-api/text")
    first = {**full, "timestamp": 1795175000, "messageData": {"typeMessage": "errorMessage"}}
    (placeholder,), (content,) = events("green-api", first), events("green-api", full, "r2")
    assert placeholder["event_id"] == content["event_id"]
    assert placeholder["fullness"] < content["fullness"]


def test_gupshup_keeps_a_message_together() -> None:
    """Every step of a message has the id that the send call answered with, in both versions."""
    names = ("enqueued", "sent_with_price", "delivered_and_read", "failed_at_once", "failed_later", "v3_enqueued")
    ids = {event["message_id"] for name in names for event in events("gupshup", example(f"gupshup/{name}"))}
    assert len(ids) == 1


def test_gupshup_keeps_the_other_fields_of_meta() -> None:
    """An entry of version 3 is rewritten in its ids alone: a bare change, odd entries and siblings stay."""
    value = {"messages": [None, {"id": "wamid.A", "type": "text", "text": {"body": "oi"}}], "statuses": {"id": 1}}
    body = {"entry": [None, {"changes": 7}, {"changes": {"field": "messages", "value": value}}]}
    (event,) = events("gupshup", body)
    assert (event["message_id"], event["text"]) == ("wamid.A", "oi")


def test_infobip_writes_offsets_without_a_colon() -> None:
    body = example("infobip/seen")
    body["results"][0]["seenAt"] = "2026-11-20T09:00:09.000-0300"
    assert events("infobip", body)[0]["occurred_at"] == "2026-11-20T12:00:09.000Z"


def test_one_status_of_many_messages_is_as_many_events() -> None:
    body = {**example("z-api/read_by_me"), "ids": [f"ZA{index}" for index in range(1_000)]}
    found = events("z-api", body)
    assert len({event["event_id"] for event in found}) == 1_000
    assert {event["from_me"] for event in found} == {False}


def test_on_premises_and_cloud_bodies_of_360dialog_agree() -> None:
    """The same status in both forms is one event: the account is no part of what identifies it."""
    status = {"id": "wamid.S", "status": "read", "timestamp": "1795176006", "recipient_id": "5511955554444"}
    value = {"metadata": {"phone_number_id": "7"}, "statuses": [status]}
    cloud = {"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages", "value": value}]}]}
    assert events("360dialog", cloud)[0]["event_id"] == events("360dialog", {"statuses": [status]})[0]["event_id"]
