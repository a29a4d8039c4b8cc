"""JSON Web Tokens: signature and claims at the time of the request."""

import hmac
import json
import warnings
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.authentication.tokens import token_signer

NOW = 1_795_176_100
KEY = "k" * 32


def token(key: str = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    return jwt.encode({"iat": NOW, "exp": NOW + 600} | claims, key, algorithm)


def accepted(given: str, *secrets: str, now: float = NOW, leeway: int = 0) -> bool:
    return token_signer(given, "HS256", secrets or (KEY,), int(now * 1000), leeway) is not None


@pytest.mark.parametrize("moment", [NOW, NOW + 599, NOW + 600])
def test_a_token_is_accepted_until_its_expiry(moment: int) -> None:
    assert accepted(token(), now=moment)
    assert accepted(token(), "old" * 11, KEY, now=moment)
    assert token_signer(token(), "HS256", ["old" * 11, KEY], moment * 1000) == KEY


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW - 1},
        {"exp": None},
        {"exp": "2030-01-01"},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"iat": NOW + 301},
        {"iat": None},
        {"nbf": NOW + 301},
    ],
)
def test_a_token_that_is_not_valid_now_is_refused(claims: dict[str, Any]) -> None:
    given = jwt.PyJWS().encode(json.dumps({"iat": NOW, "exp": NOW + 600} | claims).encode(), KEY, "HS256")
    assert not accepted(given)


def test_the_leeway_applies_to_the_expiry_alone() -> None:
    assert accepted(token(), now=NOW + 660, leeway=60)
    assert not accepted(token(), now=NOW + 661, leeway=60)
    assert not accepted(token(iat=NOW + 900, exp=NOW + 1_500), leeway=1_000)


def test_a_token_without_an_expiry_is_refused() -> None:
    assert not accepted(jwt.encode({"iat": NOW}, KEY, "HS256"))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_is_refused(algorithm: str) -> None:
    key = "k" * 64
    assert not accepted(token(key, algorithm), key)


@pytest.mark.parametrize("header", [{"crit": ["exp"]}, {"crit": ["b64"], "b64": True}, {"crit": "x"}, {"crit": None}])
def test_a_critical_extension_is_refused(header: dict[str, Any]) -> None:
    """RFC 7515, 4.1.11: whoever does not understand a critical extension has to refuse the token."""
    claims, names = json.dumps({"iat": NOW, "exp": NOW + 600}), json.dumps({"alg": "HS256"} | header)
    signed = ".".join(urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in (names, claims))
    signature = urlsafe_b64encode(hmac.digest(KEY.encode(), signed.encode(), "sha256")).decode().rstrip("=")
    assert not accepted(f"{signed}.{signature}")


def test_claims_that_are_not_an_object_are_refused() -> None:
    for payload in (b"[]", b"1", b"", b"{", b"\xff", b"[" * 5_000):
        assert not accepted(jwt.PyJWS().encode(payload, KEY, "HS256"))


def test_a_short_secret_is_accepted_without_a_warning() -> None:
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        short = token("short")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert accepted(short, "short")


def test_an_unsigned_token_is_refused() -> None:
    unsigned = jwt.encode({"exp": NOW + 600}, "", "none")
    assert not accepted(unsigned)
    assert not accepted(unsigned, "")


def test_another_key_or_a_changed_token_is_refused() -> None:
    good = token()
    head, claims, signature = good.split(".")
    assert not accepted(token("x" * 32))
    assert not accepted(f"{head}.{claims}x.{signature}")
    assert not accepted(f"{head}.{claims}.{signature[:-1]}")
    assert not accepted(f"{good}.")
    assert not accepted(good, "")


@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_random_tokens_never_raise(text: str) -> None:
    for given_token in (text, f"{text}.{text}.{text}", f"{token()}{text}"):
        token_signer(given_token, "HS256", [text, KEY], NOW * 1000)
