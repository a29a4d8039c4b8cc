"""The providers that sign nothing: the secret that proves their sender, and facts that no example contains."""

import pytest

from schemas.authentication.request import Request
from schemas.providers.registry import built_in
from tests.schemas.providers.test_meta import signed
from tests.support.examples import events_of, example_body

UNSIGNED = ("gupshup", "infobip", "z-api", "green-api")


@pytest.mark.parametrize("name", UNSIGNED)
def test_a_secret_in_a_header_or_in_the_address(name: str) -> None:
    provider = built_in()[name]
    assert provider.signed is False
    assert provider.proof_headers == ()
    assert provider.verify(Request({"x-any-name": "one"}), ["one"]).auth == "ok"
    assert provider.verify(Request({}, query={"token": "one"}), ["one"]).auth == "ok"
    assert provider.verify(Request({"authorization": "Bearer two"}), ["one"]).auth == "reject"
    assert provider.verify(Request({}), []).auth == "unsigned"


def test_360dialog_signs_or_sends_the_header_that_its_user_chose() -> None:
    provider = built_in()["360dialog"]
    assert provider.signed is True
    assert provider.proof_headers == ("x-360dialog-signature",)
    by_hmac = provider.verify(Request({"x-360dialog-signature": signed("one", b"{}")}, b"{}"), ["two", "one"])
    assert by_hmac.scheme == "hmac-sha256"
    assert provider.verify(Request({"x-360dialog-signature": signed("one", b"{}")}, b"{} "), ["one"]).auth == "reject"
    assert provider.verify(Request({"x-360dialog-signature": ""}), [""]).auth == "reject"
    assert provider.verify(Request({"x-any-name": "one"}), ["one"]).scheme == "static"
    assert provider.verify(Request({}), []).auth == "unsigned"


@pytest.mark.parametrize("name", ["wasender", "zapini"])
def test_an_empty_secret_accepts_nothing(name: str) -> None:
    assert built_in()[name].verify(Request({}), [""]).auth == "reject"


def test_the_header_of_wasender_is_the_secret_or_a_signature() -> None:
    verify = built_in()["wasender"].verify
    assert verify(Request({"x-webhook-signature": "two"}), ["one", "two"]).scheme == "static"
    assert verify(Request({"x-webhook-signature": "three"}), ["one", "two"]).auth == "reject"
    assert verify(Request({}), ["one"]).auth == "reject"
    assert verify(Request({"x-webhook-signature": "one"}), []).auth == "unsigned"
    by_hmac = verify(Request({"x-webhook-signature": signed("one", b"{}")}, b"{}"), ["one"])
    assert by_hmac.scheme == "hmac-sha256"
    assert built_in()["wasender"].proof_headers == ()


def test_zapini_accepts_a_secret_in_three_places() -> None:
    verify = built_in()["zapini"].verify
    assert verify(Request({"authorization": "bearer one"}), ["one"]).scheme == "bearer"
    assert verify(Request({"x-webhook-secret": "one"}), ["one"]).scheme == "static"
    assert verify(Request({}, query={"token": "one"}), ["one"]).scheme == "token"
    assert verify(Request({"authorization": "Basic one"}), ["one"]).auth == "reject"
    assert built_in()["zapini"].signed is False


def test_a_placeholder_and_its_content_are_one_event() -> None:
    """Green-API sends an error first and the real body under the same id later: the fuller one wins."""
    full = example_body("green-api/text")
    early = {**full, "timestamp": 1795175000, "messageData": {"typeMessage": "errorMessage"}}
    (placeholder,), (content,) = events_of("green-api", early), events_of("green-api", full, "r2")
    assert placeholder["event_id"] == content["event_id"]
    assert placeholder["fullness"] < content["fullness"]


def test_every_step_of_a_gupshup_message_has_the_same_id() -> None:
    """It is the id in the response to the send call, in both versions of the webhook."""
    names = ("enqueued", "sent_with_price", "delivered_and_read", "failed_at_once", "failed_later", "v3_enqueued")
    ids = {event["message_id"] for name in names for event in events_of("gupshup", example_body(f"gupshup/{name}"))}
    assert len(ids) == 1


def test_gupshup_keeps_the_other_fields_of_meta() -> None:
    """Only the ids of a version 3 entry are rewritten: a single change, odd entries and siblings stay as they are."""
    value = {"messages": [None, {"id": "wamid.A", "type": "text", "text": {"body": "oi"}}], "statuses": {"id": 1}}
    body = {"entry": [None, {"changes": 7}, {"changes": {"field": "messages", "value": value}}]}
    (event,) = events_of("gupshup", body)
    assert (event["message_id"], event["text"]) == ("wamid.A", "oi")


def test_infobip_writes_offsets_without_a_colon() -> None:
    body = example_body("infobip/seen")
    body["results"][0]["seenAt"] = "2026-11-20T09:00:09.000-0300"
    assert events_of("infobip", body)[0]["occurred_at"] == "2026-11-20T12:00:09.000Z"


def test_a_status_for_many_messages_becomes_one_event_for_each() -> None:
    body = {**example_body("z-api/read_by_me"), "ids": [f"ZA{index}" for index in range(1_000)]}
    found = events_of("z-api", body)
    assert len({event["event_id"] for event in found}) == 1_000
    assert {event["from_me"] for event in found} == {False}


def test_on_premises_and_cloud_bodies_of_360dialog_give_the_same_event() -> None:
    """The account is not part of the event id."""
    status = {"id": "wamid.S", "status": "read", "timestamp": "1795176006", "recipient_id": "5511955554444"}
    value = {"metadata": {"phone_number_id": "7"}, "statuses": [status]}
    cloud = {"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages", "value": value}]}]}
    on_premises = {"statuses": [status]}
    assert events_of("360dialog", cloud)[0]["event_id"] == events_of("360dialog", on_premises)[0]["event_id"]
