"""The policy of a source: its checks and its provider's proof together, addresses, handshakes, weaknesses."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.authentication import policy
from schemas.authentication.policy import Policy
from schemas.authentication.request import Request, Verdict
from schemas.authentication.secrets import key_id
from schemas.providers.registry import built_in
from schemas.settings.authentication import Auth

PATH_SECRET = "fictional-segment-1"

Load = Callable[..., Policy]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """The policy of some settings, whose `secret` is written into a file."""

    def make(**auth: Any) -> Policy:
        for name, part in auth.items():
            if isinstance(part, dict):
                (tmp_path / name).write_text(part.pop("secret"))
                part["secrets"] = [{"file": str(tmp_path / name)}]
        return policy.load(Auth.model_validate(auth))

    return make


def verdict(required: Policy, request: Request, secrets: tuple[str, ...] = ()) -> Verdict:
    return required.verify(request, built_in()["zapini"].verify, secrets)


def test_a_source_without_checks_relies_on_its_provider(load: Load) -> None:
    assert verdict(load(), Request({})).auth == "unsigned"
    assert verdict(load(), Request({}), ("one",)).auth == "reject"
    assert verdict(load(), Request({}, query={"token": "one"}), ("one",)) == Verdict("ok", "token", key_id("one"))


def test_every_check_and_the_providers_proof_have_to_hold(load: Load) -> None:
    required = load(
        header={"name": "X-A", "secret": "a"}, path={"secret": PATH_SECRET}, addresses=["203.0.113.0/24"],
        basic={"user": "u", "secret": "p"},
    )  # fmt: skip
    basic = "Basic " + b64encode(b"u:p").decode()

    def request(
        headers: dict[str, str] | None = None, path_secret: str = PATH_SECRET, address: str = "203.0.113.1", **more: Any
    ) -> Request:
        given = {"x-a": "a", "authorization": basic} if headers is None else headers
        return Request(given, path_secret=path_secret, address=address, **more)

    keys = "+".join(key_id(each) for each in ("a", "p", PATH_SECRET))
    assert verdict(required, request()) == Verdict("ok", "static+basic+path+address", keys)
    assert verdict(required, request(), ("s",)).auth == "reject"
    assert verdict(required, request(query={"token": "s"}), ("s",)).scheme == "token+static+basic+path+address"
    for incomplete in (
        request({"x-a": "a"}), request({"authorization": basic}), request(path_secret="x"), request(address="8.8.8.8"),
    ):  # fmt: skip
        assert verdict(required, incomplete).auth == "reject"


def test_a_provider_that_accepts_everything_does_not_open_a_source(load: Load) -> None:
    def accepts_everything(_request: Request, _secrets: object) -> Verdict:
        return Verdict("unsigned")

    required = load(header={"name": "X-A", "secret": "a"})
    assert required.verify(Request({}), accepts_everything, ("s",)).auth == "reject"
    assert required.verify(Request({"x-a": "a"}), accepts_everything, ("s",)) == Verdict("ok", "static", key_id("a"))


def test_a_handshake_has_to_meet_the_checks_of_address_and_network(load: Load) -> None:
    required = load(
        header={"name": "X-A", "secret": "a"}, path={"secret": PATH_SECRET}, addresses=["203.0.113.0/24"]
    )  # fmt: skip
    assert required.admits_handshake(Request({}, path_secret=PATH_SECRET, address="203.0.113.1"))
    assert not required.admits_handshake(Request({}, path_secret=PATH_SECRET, address="8.8.8.8"))
    assert not required.admits_handshake(Request({}, path_secret="", address="203.0.113.1"))
    assert load().admits_handshake(Request({}))


def test_the_secret_of_an_address_stands_before_what_the_provider_appends(load: Load) -> None:
    required, plain = load(path={"secret": PATH_SECRET}), load()
    appends, appends_nothing = built_in()["evolution"].subpath, built_in()["zapini"].subpath
    tails = {"": "", PATH_SECRET: PATH_SECRET, f"{PATH_SECRET}/x": None, "a/b": None}
    assert {tail: required.path_secret(tail, appends_nothing) for tail in tails} == tails
    assert required.path_secret(f"{PATH_SECRET}/messages-upsert", appends) == PATH_SECRET
    for tail in ("", "messages-upsert", "send-message-update", "MESSAGES_UPSERT"):
        assert plain.path_secret(tail, appends) == ""
    for tail in ("1", "a/b", "x--y"):
        assert plain.path_secret(tail, appends) is None
    assert plain.path_secret("messages-upsert", appends_nothing) is None


@pytest.mark.parametrize(
    ("provider", "secrets", "auth", "words"),
    [
        ("meta", True, {}, None),
        ("zapini", False, {}, "anybody who knows its address"),
        ("zapini", False, {"addresses": ["10.0.0.0/8"]}, "anybody in the networks of auth.addresses"),
        ("zapini", True, {}, "proves the sender but not the body"),
        ("wasender", True, {"addresses": ["10.0.0.0/8"]}, "proves the sender but not the body"),
        ("meta", False, {"path": {"secret": PATH_SECRET}}, "the sender is proven but not the body"),
        ("zapini", False, {"hmac": {"header": "X-Sig", "secret": "k"}}, None),
    ],
)
def test_a_weakness_names_what_is_not_proven(
    load: Load, provider: str, secrets: bool, auth: dict[str, Any], words: str | None
) -> None:
    weakness = load(**auth).weakness(secrets=secrets, signed=built_in()[provider].signed)
    assert weakness is None if words is None else weakness is not None and words in weakness
