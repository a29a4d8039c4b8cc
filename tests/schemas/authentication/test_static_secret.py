"""Static secrets at every place of a request."""

from base64 import b64encode

import pytest

from schemas.authentication.request import Request
from schemas.authentication.static_secret import verify_static_secret


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
def test_a_static_secret_is_found_at_every_place(headers: dict[str, str], query: dict[str, str], scheme: str) -> None:
    answer = verify_static_secret(Request(headers, query=query), ["zero", "one"])
    assert (answer.auth, answer.scheme) == ("ok", scheme)
    assert verify_static_secret(Request(headers, query=query), ["two"]).auth == "reject"


def test_user_and_password_together_may_be_the_secret() -> None:
    assert verify_static_secret(Request({"authorization": basic("hook:one")}), ["hook:one"]).scheme == "basic"


@pytest.mark.parametrize("value", ["Basic", "Basic é", "Basic ====", "Bearer", "", "Basic " + "/" * 7])
def test_malformed_credentials_are_refused(value: str) -> None:
    assert verify_static_secret(Request({"authorization": value}), ["one"]).auth == "reject"


def test_an_empty_secret_proves_nothing() -> None:
    assert verify_static_secret(Request({}), []).auth == "unsigned"
    assert (
        verify_static_secret(Request({"x": "", "authorization": basic("hook:")}, query={"t": ""}), [""]).auth
        == "reject"
    )
