"""JWTs against a public library, and secrets at all the places where users put them."""

import hmac
import json
import warnings
from base64 import b64encode, urlsafe_b64encode
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.authentication.request import Request
from schemas.authentication.static_secret import verify_static_secret
from schemas.authentication.tokens import token_signer

NOW = 1_795_176_100
KEY = "k" * 32


def token(key: str = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    return jwt.encode({"iat": NOW, "exp": NOW + 600} | claims, key, algorithm)


def accepted(given: str, *secrets: str, now: float = NOW, leeway: int = 0) -> bool:
    return token_signer(given, "HS256", secrets or (KEY,), int(now * 1000), leeway) is not None


@pytest.mark.parametrize("moment", [NOW, NOW + 599, NOW + 600])
def test_what_the_library_signs_is_taken(moment: int) -> None:
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
def test_a_token_that_does_not_hold_now(claims: dict[str, Any]) -> None:
    given = jwt.PyJWS().encode(json.dumps({"iat": NOW, "exp": NOW + 600} | claims).encode(), KEY, "HS256")
    assert not accepted(given)


def test_the_leeway_is_for_the_expiry_alone() -> None:
    assert accepted(token(), now=NOW + 660, leeway=60)
    assert not accepted(token(), now=NOW + 661, leeway=60)
    assert not accepted(token(iat=NOW + 900, exp=NOW + 1_500), leeway=1_000)


def test_without_an_expiry_it_would_hold_for_ever() -> None:
    assert not accepted(jwt.encode({"iat": NOW}, KEY, "HS256"))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_no_other_algorithm(algorithm: str) -> None:
    key = "k" * 64
    assert not accepted(token(key, algorithm), key)


@pytest.mark.parametrize("header", [{"crit": ["exp"]}, {"crit": ["b64"], "b64": True}, {"crit": "x"}, {"crit": None}])
def test_a_critical_extension_is_refused(header: dict[str, Any]) -> None:
    """RFC 7515, 4.1.11: whoever does not understand a critical extension has to refuse the token."""
    claims, names = json.dumps({"iat": NOW, "exp": NOW + 600}), json.dumps({"alg": "HS256"} | header)
    signed = ".".join(urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in (names, claims))
    signature = urlsafe_b64encode(hmac.digest(KEY.encode(), signed.encode(), "sha256")).decode().rstrip("=")
    assert not accepted(f"{signed}.{signature}")


def test_claims_that_are_no_object() -> None:
    for payload in (b"[]", b"1", b"", b"{", b"\xff", b"[" * 5_000):
        assert not accepted(jwt.PyJWS().encode(payload, KEY, "HS256"))


def test_a_short_secret_is_the_users_choice() -> None:
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        short = token("short")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert accepted(short, "short")


def test_no_algorithm_at_all() -> None:
    unsigned = jwt.encode({"exp": NOW + 600}, None, "none")
    assert not accepted(unsigned)
    assert not accepted(unsigned, "")


def test_another_key_or_another_text() -> None:
    good = token()
    head, claims, signature = good.split(".")
    assert not accepted(token("x" * 32))
    assert not accepted(f"{head}.{claims}x.{signature}")
    assert not accepted(f"{head}.{claims}.{signature[:-1]}")
    assert not accepted(f"{good}.")
    assert not accepted(good, "")


@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_nothing_makes_it_raise(text: str) -> None:
    for given_token in (text, f"{text}.{text}.{text}", f"{token()}{text}"):
        token_signer(given_token, "HS256", [text, KEY], NOW * 1000)


def basic(pair: str) -> str:
    return "Basic " + b64encode(pair.encode()).decode()


@pytest.mark.parametrize(
    ("headers", "query", "scheme"),
    [
        ({"authorization": "Bearer one"}, {}, "bearer"),
        ({"authorization": "bearer  one "}, {}, "bearer"),
        ({"authorization": "one"}, {}, "static"),
        ({"authorization": basic("hook:one")}, {}, "basic"),
        ({"x-api-key": "one"}, {}, "static"),
        ({"x-a-name-of-their-own": "one"}, {}, "static"),
        ({}, {"token": "one"}, "token"),
        ({}, {"secret": "one"}, "token"),
    ],
)
def test_the_secret_at_every_place(headers: dict[str, str], query: dict[str, str], scheme: str) -> None:
    answer = verify_static_secret(Request(headers, query=query), ["zero", "one"])
    assert (answer.auth, answer.scheme) == ("ok", scheme)
    assert verify_static_secret(Request(headers, query=query), ["two"]).auth == "reject"


def test_the_pair_of_basic_may_be_the_secret() -> None:
    assert verify_static_secret(Request({"authorization": basic("hook:one")}), ["hook:one"]).scheme == "basic"


@pytest.mark.parametrize("value", ["Basic", "Basic é", "Basic ====", "Bearer", "", "Basic " + "/" * 7])
def test_malformed_credentials_are_refused(value: str) -> None:
    assert verify_static_secret(Request({"authorization": value}), ["one"]).auth == "reject"


def test_no_secret_is_not_a_secret() -> None:
    assert verify_static_secret(Request({}), []).auth == "unsigned"
    assert (
        verify_static_secret(Request({"x": "", "authorization": basic("hook:")}, query={"t": ""}), [""]).auth
        == "reject"
    )
