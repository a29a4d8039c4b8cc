"""Twilio: its signatures compared with its own library, and bodies that its examples do not contain."""

from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from schemas.authentication.request import Request
from schemas.normalisation.explain import explain
from schemas.parsing.results import Parsed, Rejected
from schemas.providers.registry import built_in
from schemas.providers.twilio.provider import parse, verify
from tests.support.examples import NOW, events_of

URL = "https://edge.example/webhooks/shop"
TEXTS = st.text(max_size=20)
FIELDS = st.lists(st.tuples(st.text(min_size=1, max_size=12), TEXTS), max_size=8)
ADDRESSES = st.sampled_from([
    URL,
    "https://edge.example:8443/webhooks/shop?a=b&c=%20d",
    "http://edge.example",
    "http://edge.example:80/w?x",
    "https://[2001:db8::7]/w",
])  # fmt: skip


def signature(url: str, fields: list[tuple[str, str]], by: str = "one", algorithm: str | None = None) -> str:
    return str(RequestValidator(by).compute_signature(url, MultiDict(fields), algorithm))


def verdict(given: str, body: bytes, *tokens: str, url: str = URL, **headers: str) -> str:
    return verify(Request({"x-twilio-signature": given, **headers}, body, url=url), tokens or ("one",)).auth


@given(FIELDS, ADDRESSES, st.sampled_from(["HMAC_SHA1", "HMAC_SHA256"]))
def test_signatures_of_the_library_are_accepted(fields: list[tuple[str, str]], url: str, algorithm: str) -> None:
    """Repeated names, empty values, every character; the settings header names the algorithm."""
    header = {"x-twilio-webhooks-signature-settings": f"key=webhooks_sharedkey_1, algorithm={algorithm}"}
    body, good = urlencode(fields).encode(), signature(url, fields, algorithm=algorithm)
    assert verdict(good, body, url=url, **header) == "ok"
    assert verdict(good, body, "other", url=url, **header) == "reject"
    assert verdict(good, body + b"&More=1", url=url, **header) == "reject"
    assert verdict(good, body, url=url + "x", **header) == "reject"


@pytest.mark.parametrize(
    ("signed", "called"),
    [
        ("https://edge.example/w?a=1", "https://edge.example:443/w?a=1"),
        ("https://edge.example:443/w?a=1", "https://edge.example/w?a=1"),
        ("http://edge.example:80/w", "http://edge.example/w"),
        ("https://edge.example/w", "https://edge.example:8443/w"),
        ("https://edge.example:443", "https://edge.example"),
        ("https://edge.example/w", "https://edge.example/w#rc=5"),
        ("https://edge.example/w#rc=5", "https://edge.example:443/w#rc=5"),
    ],
)
def test_the_address_in_several_spellings(signed: str, called: str) -> None:
    fields = [("MessageSid", "SM1")]
    assert verdict(signature(signed, fields), urlencode(fields).encode(), url=called) == "ok"


def test_another_port_is_another_address() -> None:
    assert verdict(signature("https://edge.example:9999/w", []), b"", url="https://edge.example/w") == "reject"


def test_either_of_two_tokens_is_accepted() -> None:
    answers = [
        verify(Request({"x-twilio-signature": signature(URL, [], token)}, url=URL), ("old", "new"))
        for token in ("old", "new", "third")
    ]
    assert [answer.auth for answer in answers] == ["ok", "ok", "reject"]
    assert answers[0].key_id != answers[1].key_id
    assert {answer.scheme for answer in answers[:2]} == {"hmac-sha1"}


def test_without_a_token_a_request_is_unsigned() -> None:
    assert verify(Request({}, b"", url=URL), ()).auth == "unsigned"
    assert verify(Request({"x-twilio-signature": signature(URL, [], "")}, b"", url=URL), ("",)).auth == "reject"


@pytest.mark.parametrize("given", ["", "=", "é", "\ud800", "A" * 28])
def test_a_malformed_signature_is_rejected(given: str) -> None:
    assert verdict(given, b"") == "reject"


def test_an_unknown_algorithm_is_rejected() -> None:
    good = signature(URL, [])
    assert verdict(good, b"", **{"x-twilio-webhooks-signature-settings": "algorithm=none"}) == "reject"
    assert verdict(good, b"", **{"x-twilio-webhooks-signature-settings": "key=k"}) == "ok"


def test_a_json_body_needs_its_digest_in_the_address() -> None:
    body = b'{"MessageSid":"SM1","MessageStatus":"sent"}'
    url = f"{URL}?bodySHA256={sha256(body).hexdigest()}"
    assert RequestValidator("one").validate(url, body.decode(), signature(url, []))
    assert verdict(signature(url, []), body, url=url) == "ok"
    assert verdict(signature(url, []), body + b" ", url=url) == "reject"
    assert verdict(signature(URL, []), body) == "reject"
    assert verdict(signature(f"{URL}?bodySHA256=", []), body, url=f"{URL}?bodySHA256=") == "reject"


def test_a_form_of_a_million_fields_is_rejected() -> None:
    body = b"a=1&" * 1_000_000
    assert verdict(signature(URL, [("a", "1")]), body) == "reject"
    (only,) = parse(body)
    assert isinstance(only, Rejected)


def test_a_status_has_no_time_of_the_provider() -> None:
    body = b"MessageSid=SM1&MessageStatus=read&From=whatsapp%3A%2B14155238886"
    (only,) = parse(body)
    assert isinstance(only, Parsed)
    assert "occurred_at" not in only.fields


def test_media_are_counted_by_the_number_in_the_form() -> None:
    (only,) = parse(b"SmsStatus=received&MessageSid=MM1&NumMedia=2&MediaContentType0=image%2Fwebp")
    assert isinstance(only, Parsed)
    assert (only.fields["type"], only.fields["media_count"]) == ("image", 2)


def test_its_signature_headers_are_stored() -> None:
    assert built_in()["twilio"].proof_headers == ("x-twilio-signature", "x-twilio-webhooks-signature-settings")


SID, CUSTOMER, OURS = "SM00000000000000000000000000000001", "+5511922221111", "+14155238886"
FORM = [("MessageSid", SID), ("MessageStatus", "read"), ("To", f"whatsapp:{CUSTOMER}"), ("From", f"whatsapp:{OURS}")]


@pytest.mark.parametrize("in_url", [True, False])
def test_a_form_may_come_in_the_query_of_a_get(in_url: bool) -> None:
    full = f"{URL}?{urlencode(FORM)}"
    headers = {"X-Twilio-Signature": signature(full, [])}
    query = None if in_url else dict(FORM)
    answer = explain("twilio", headers, b"", ["one"], full if in_url else URL, NOW, "GET", query)
    assert (answer["auth"], answer["outcome"]) == ("ok", "accepted")
    [event] = answer["events"]
    assert (event["message_id"], event["status"], event["to"]) == (SID, "read", CUSTOMER)
    forged = explain("twilio", headers, b"", ["one"], full + "&x=1", NOW, "GET")
    assert (forged["auth"], forged["outcome"]) == ("reject", "reject")
    assert explain("twilio", {}, b"", [], URL, NOW, "GET")["outcome"] == "reject"


def streamed(word: str, **data: Any) -> dict[str, Any]:
    kind = f"com.twilio.messaging.{word}"
    return {"specversion": "1.0", "type": kind, "time": "2026-11-20T12:00:09.000Z", "id": "EZ1", "data": data}


@pytest.mark.parametrize(
    ("word", "status"),
    [("delivered", "delivered"), ("read", "read"), ("sent", "sent"), ("undelivered", "failed"), ("failed", "failed")],
)
@pytest.mark.parametrize("sid", ["messageSid", "message_sid", "MessageSid"])
def test_event_streams_tell_statuses(word: str, status: str, sid: str) -> None:
    data = {sid: SID, "from": f"whatsapp:{OURS}", "to": f"whatsapp:{CUSTOMER}", "errorCode": 63024}
    [event] = events_of("twilio", [streamed(f"message.{word}", timestamp="2026-11-20T12:00:00Z", **data)])
    assert (event["kind"], event["message_id"], event["status"]) == ("status", SID, status)
    assert (event["from"], event["to"], event["error_code"]) == (OURS, CUSTOMER, "63024")
    assert event["occurred_at"] == "2026-11-20T12:00:00.000Z"


def test_event_streams_tell_messages_and_what_is_about_none_is_a_notice() -> None:
    facts = {"messageSid": SID, "from": f"whatsapp:{CUSTOMER}", "to": f"whatsapp:{OURS}", "body": "oi", "numMedia": 0}
    inbound, stated, unknown, notice = events_of(
        "twilio",
        [
            streamed("inbound-message.received", **facts),
            streamed("message.updated", messageSid=SID, messageStatus="READ"),
            streamed("message.rerouted", messageSid=SID),
            streamed("message.delivered", accountSid="AC1"),
        ],
    )
    assert (inbound["kind"], inbound["message_id"], inbound["type"], inbound["text"]) == ("inbound", SID, "text", "oi")
    assert (inbound["from"], inbound["occurred_at"]) == (CUSTOMER, "2026-11-20T12:00:09.000Z")
    assert (stated["kind"], stated["status"]) == ("status", "read")
    assert (unknown["kind"], unknown["status"], unknown["raw_status"]) == ("status", "unknown", "rerouted")
    assert (notice["kind"], notice["account"]) == ("system", "AC1")
