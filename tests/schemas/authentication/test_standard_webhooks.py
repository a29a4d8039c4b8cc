"""Standard Webhooks against the reference library, and Ed25519 against a known answer."""

from base64 import b64encode
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from schemas.authentication.request import Request
from schemas.authentication.standard_webhooks import verify
from schemas.providers.registry import built_in

NOW = 1_795_176_100
KEY = b"fictional-secret-of-32-bytes-abc"
SECRET = "whsec_" + b64encode(KEY).decode()
OTHER = "whsec_" + b64encode(b"another-secret").decode()
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = "whpk_" + b64encode(PRIVATE.public_key().public_bytes_raw()).decode()


def signature(body: str, by: str = SECRET, at: int = NOW, name: str = "msg_1") -> str:
    return Webhook(by).sign(name, datetime.fromtimestamp(at, UTC), body)


def ed25519(body: bytes, at: int = NOW) -> str:
    return "v1a," + b64encode(PRIVATE.sign(b"msg_1.%d." % at + body)).decode()


def verdict(given_signature: str, body: bytes = b"{}", *secrets: str, at: object = NOW, family: str = "webhook") -> str:
    headers = {f"{family}-id": "msg_1", f"{family}-timestamp": str(at), f"{family}-signature": given_signature}
    return verify(Request(headers, body, now_ms=NOW * 1000), secrets or (SECRET,)).auth


@given(st.text(max_size=80), st.binary(min_size=1, max_size=64), st.sampled_from(["webhook", "svix"]))
def test_signatures_of_the_reference_library_are_accepted(body: str, key: bytes, family: str) -> None:
    secret = "whsec_" + b64encode(key).decode()
    good = signature(body, secret)
    assert verdict(good, body.encode(), secret, family=family) == "ok"
    assert verdict(good, body.encode(), secret.removeprefix("whsec_"), family=family) == "ok"
    assert verdict(good, body.encode(), secret.rstrip("="), family=family) == "ok"
    assert verdict(good, body.encode() + b" ", secret, family=family) == "reject"
    assert verdict(good, body.encode(), "whsec_" + b64encode(key + b"x").decode(), family=family) == "reject"


def test_a_secret_that_is_not_base64_is_used_as_it_is() -> None:
    plain = "not base64!"
    assert verdict(signature("{}", "whsec_" + b64encode(plain.encode()).decode()), b"{}", plain) == "ok"
    assert verdict(signature("{}"), b"{}", "whsec_not base64!") == "reject"


def test_ed25519_known_answer() -> None:
    """RFC 8032, 7.1, test 2: one byte. Proves the library in use, through our own decoding of the key."""
    public = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    private = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    assert Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw() == public
    made = b64encode(Ed25519PrivateKey.from_private_bytes(private).sign(b"msg_1.%d.{}" % NOW)).decode()
    assert verdict("v1a," + made, b"{}", "whpk_" + b64encode(public).decode()) == "ok"


def test_each_kind_of_key_proves_its_own_kind_of_signature() -> None:
    assert verdict(ed25519(b"{}"), b"{}", PUBLIC) == "ok"
    assert verdict(ed25519(b"{}"), b"{} ", PUBLIC) == "reject"
    assert verdict(ed25519(b"{}"), b"{}", SECRET) == "reject"
    assert verdict(signature("{}"), b"{}", PUBLIC) == "reject"
    assert verdict(signature("{}").replace("v1,", "v1a,"), b"{}", SECRET, PUBLIC) == "reject"
    assert verdict(ed25519(b"{}").replace("v1a,", "v1,"), b"{}", SECRET, PUBLIC) == "reject"


def test_a_private_key_is_never_used_as_a_secret() -> None:
    private = "whsk_" + b64encode(KEY).decode()
    assert verdict(signature("{}"), b"{}", private) == "reject"


@pytest.mark.parametrize("key", ["whpk_", "whpk_AAAA", "whpk_é", "whpk_" + b64encode(bytes(31)).decode()])
def test_a_malformed_public_key_opens_nothing(key: str) -> None:
    assert verdict(ed25519(b"{}"), b"{}", key) == "reject"


def test_one_of_several_signatures_is_enough() -> None:
    good = signature("{}")
    assert verdict(f"v9,abc {signature('{}', OTHER)} {good}") == "ok"
    assert verdict(f"{good} {ed25519(b'{}')}", b"{}", PUBLIC) == "ok"
    assert verdict("  " + good) == "ok"


def test_each_of_two_live_secrets_is_accepted() -> None:
    for secret in (OTHER, SECRET):
        assert verdict(signature("{}", secret), b"{}", OTHER, "", SECRET) == "ok"
    assert verdict(signature("{}"), b"{}", "") == "reject"


@pytest.mark.parametrize(("moment", "answer"), [(NOW - 300, "ok"), (NOW + 300, "ok"), (NOW - 301, "reject")])
def test_a_time_within_the_tolerance_is_accepted(moment: int, answer: str) -> None:
    assert verdict(signature("{}", at=moment), at=moment) == answer


@pytest.mark.parametrize("moment", ["", "x", "1e9", "-1", "NaN", "١٢٣", "9" * 400, f"{NOW}.0", f" {NOW}"])
def test_a_malformed_time_is_refused(moment: str) -> None:
    assert verdict(signature("{}"), at=moment) == "reject"


@pytest.mark.parametrize("given_signature", ["", "v1", "v1,", "v1,é", "v1,\ud800", ",", "v1a,AAAA", " ", "v1 ,x"])
def test_a_malformed_signature_is_refused(given_signature: str) -> None:
    assert verdict(given_signature, b"{}", SECRET, PUBLIC) == "reject"


def test_headers_of_two_families_are_not_combined() -> None:
    headers = {"webhook-id": "msg_1", "svix-timestamp": str(NOW), "webhook-signature": signature("{}")}
    assert verify(Request(headers, b"{}", now_ms=NOW * 1000), [SECRET]).auth == "reject"
    assert verify(Request(headers, b"{}"), []).auth == "unsigned"


def test_only_the_first_signatures_are_checked() -> None:
    assert verdict("v1a,AAAA " * 5_000 + ed25519(b"{}"), b"{}", PUBLIC) == "reject"


def test_its_signature_headers_are_stored() -> None:
    names = {f"{family}-{what}" for family in ("webhook", "svix") for what in ("id", "timestamp", "signature")}
    assert set(built_in()["standard-webhooks"].proof_headers) == names
