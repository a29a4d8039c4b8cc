"""WAHA: its signature, its composite ids, and subscriptions that send an event twice."""

import hmac
from hashlib import sha512

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.authentication.request import Request
from schemas.providers.registry import built_in
from schemas.providers.waha.elements import bare_id
from schemas.providers.waha.provider import verify
from tests.support.examples import events_of, example_body


def test_signature_of_a_published_vector() -> None:
    """The vector in WAHA's documentation."""
    body = b'{"event":"message","session":"default","engine":"WEBJS"}'
    digest = (
        "208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8"
        "097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89"
    )
    headers = {"x-webhook-hmac": digest, "x-webhook-hmac-algorithm": "sha512"}
    assert verify(Request(headers, body), ["my-secret-key"]).auth == "ok"
    assert verify(Request({"x-webhook-hmac": digest.upper()}, body), ["my-secret-key"]).scheme == "hmac-sha512"
    assert verify(Request(headers, body + b" "), ["my-secret-key"]).auth == "reject"
    assert verify(Request(headers, body), ["another"]).auth == "reject"
    assert verify(Request(headers, body), []).auth == "unsigned"


def test_either_of_two_keys_is_accepted_and_an_empty_one_is_not() -> None:
    for key in ("old", "new"):
        headers = {"x-webhook-hmac": hmac.new(key.encode(), b"{}", sha512).hexdigest()}
        assert verify(Request(headers, b"{}"), ["old", "", "new"]).auth == "ok"
    empty = {"x-webhook-hmac": hmac.new(b"", b"{}", sha512).hexdigest()}
    assert verify(Request(empty, b"{}"), [""]).auth == "reject"


@pytest.mark.parametrize("given_digest", ["", "é", "\ud800", "0" * 128, "sha512="])
def test_a_malformed_signature_is_not_replaced_by_a_header(given_digest: str) -> None:
    assert verify(Request({"x-webhook-hmac": given_digest, "x-token": "one"}, b"{}"), ["one"]).auth == "reject"


def test_its_signature_headers_are_stored() -> None:
    assert built_in()["waha"].proof_headers == ("x-webhook-hmac", "x-webhook-hmac-algorithm")


@pytest.mark.parametrize(
    ("spelled", "bare"),
    [
        ("true_5511955556666@c.us_3EB0AA", "3EB0AA"),
        ("false_120363041234567890@g.us_3EB0AA_5511933334444@c.us", "3EB0AA"),
        ("true_5511900001111@c.us_3EB0AA_out", "3EB0AA"),
        ("false_status@broadcast_3EB0AA_99887766554433@lid", "3EB0AA"),
        ("false_a_b@c.us_3EB0AA", "3EB0AA"),
        ("true_120363@newsletter_175", "175"),
        ("false_1@hosted.lid_3EB0AA", "3EB0AA"),
        ("3EB0AA", "3EB0AA"),
        ("true_", "true_"),
        ("maybe_1@c.us_3EB0AA", "maybe_1@c.us_3EB0AA"),
        (175, "175"),
        (None, None),
        ("", None),
        ({"id": 1}, None),
    ],
)
def test_the_third_part_of_a_composite_id_is_the_message_id(spelled: object, bare: str | None) -> None:
    assert bare_id(spelled) == bare


@given(st.text(max_size=400) | st.sampled_from(["true_" + "a@" * 250, "true_" + "a@b" * 150 + "_" * 40]))
def test_no_text_makes_reading_an_id_raise(spelled: str) -> None:
    bare_id(spelled)
    bare_id(f"true_{spelled}@c.us_{spelled}")


def test_overlapping_subscriptions_give_one_event() -> None:
    """`message` and `message.any`; the webhook of a session and the global one, which differ in the envelope's id."""
    body = example_body("waha/text_signed")
    bodies = [body, {**body, "event": "message.any"}, {**body, "id": "evt_other", "timestamp": 1795176009000}]
    assert len({events_of("waha", one)[0]["event_id"] for one in bodies}) == 1


def test_the_content_is_fuller_than_the_placeholder() -> None:
    waiting = example_body("waha/waiting")
    (placeholder,), (content,) = events_of("waha", waiting), events_of("waha", {**waiting, "event": "message"})
    assert placeholder["event_id"] == content["event_id"]
    assert placeholder["fullness"] < content["fullness"]
