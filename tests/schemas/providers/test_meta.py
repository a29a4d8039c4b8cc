"""Meta: its signature, its handshake, and full batches."""

import hmac
import json
from hashlib import sha256

import pytest

from schemas.authentication.request import Request, Verdict
from schemas.providers.registry import built_in
from tests.support.examples import normalised

BODY = b'{"entry":[{"id":"1","changes":[]}],"note":"Ol\\u00e1 \\ud83d\\ude0a \\/"}'


def verdict(header: str | None, *secrets: str, body: bytes = BODY) -> Verdict:
    headers = {} if header is None else {"x-hub-signature-256": header}
    return built_in()["meta"].verify(Request(headers, body), secrets)


def signed(secret: str, body: bytes = BODY) -> str:
    return hmac.new(secret.encode(), body, sha256).hexdigest()


def key_id(secret: str) -> str:
    return verdict("sha256=" + signed(secret), secret).key_id


def test_signature_of_a_published_vector() -> None:
    """RFC 4231, test case 2: a digest that this code did not compute itself."""
    digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert verdict(f"sha256={digest}", "Jefe", body=b"what do ya want for nothing?").auth == "ok"


def test_the_signature_covers_the_raw_bytes() -> None:
    assert verdict("sha256=" + signed("one"), "one") == Verdict("ok", "hmac-sha256", key_id("one"))
    again = json.dumps(json.loads(BODY)).encode()
    assert verdict("sha256=" + signed("one", again), "one").auth == "reject"
    assert verdict("sha256=" + signed("one").upper(), "one").auth == "ok"
    assert verdict("sha256=" + signed("one", b""), "one", body=b"").auth == "ok"


def test_either_of_two_secrets_is_accepted() -> None:
    for secret in ("old", "new"):
        assert verdict("sha256=" + signed(secret), "old", "new").key_id == key_id(secret)
    assert key_id("old") != key_id("new")
    assert verdict("sha256=" + signed("third"), "old", "new").auth == "reject"


@pytest.mark.parametrize(
    "header", [None, "", "sha256=", "sha1=" + "0" * 40, "sha256=" + "0" * 63, "sha256=é", "=", "\ud800"]
)
def test_a_missing_or_malformed_signature_is_rejected(header: str | None) -> None:
    assert verdict(header, "one").auth == "reject"
    assert verdict(header).auth == "unsigned"


def test_an_empty_secret_accepts_nothing() -> None:
    assert verdict("sha256=" + signed(""), "").auth == "reject"


def test_handshake() -> None:
    challenge = built_in()["meta"].challenge
    assert challenge is not None
    query = {"hub.mode": "subscribe", "hub.verify_token": "tok-2", "hub.challenge": "1158201444"}
    assert challenge(query, ["tok-1", "tok-2"]) == "1158201444"
    assert challenge(query, ["tok-1"]) is None
    assert challenge(query, []) is None
    assert challenge({**query, "hub.mode": "unsubscribe"}, ["tok-2"]) is None
    assert challenge({**query, "hub.verify_token": ""}, [""]) is None
    assert challenge({}, ["tok-2"]) is None


def test_a_full_batch() -> None:
    """1,000 statuses in 3 MB; in a second body one of them has a lone surrogate, which strict parsers refuse."""
    statuses = [
        {"id": f"wamid.N{index}", "status": "read", "timestamp": "1795176006", "biz_opaque_callback_data": "é" * 1_000}
        for index in range(1_000)
    ]
    value = {"metadata": {"phone_number_id": "7"}, "statuses": statuses}
    body = json.dumps({"entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}]}).encode()
    assert len(body) > 3_000_000
    for given in (body, body.replace(b"\\u00e9", b"\\ud800", 1)):
        events, _ = normalised("meta", given)
        assert [event["message_id"] for event in events] == [f"wamid.N{index}" for index in range(1_000)]
        assert [event["raw"]["index"] for event in events] == list(range(1_000))


def test_a_name_of_a_megabyte_is_not_copied_into_every_event() -> None:
    messages = [{"id": f"wamid.{index}", "from": "5511955554444", "type": "text"} for index in range(1_000)]
    contacts = [{"wa_id": "5511955554444", "profile": {"name": "x" * 1_000_000}}]
    value = {"contacts": contacts, "messages": messages}
    body = json.dumps({"entry": [{"changes": [{"field": "messages", "value": value}]}]}).encode()
    assert sum(len(json.dumps(event)) for event in normalised("meta", body)[0]) < 1_000_000


def test_dead_letters_of_one_body_are_limited() -> None:
    body = json.dumps({"entry": [{"changes": [{"field": "messages", "value": {"statuses": [1] * 50_000}}]}]}).encode()
    events, dead = normalised("meta", body)
    assert (len(events), len(dead)) == (0, 2_000)
