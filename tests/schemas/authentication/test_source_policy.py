"""What a source asks of its sender besides its provider's proof: each kind alone, together, rotated, refused."""

import hmac
from base64 import b64encode
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.authentication import policy
from schemas.authentication.policy import Policy
from schemas.authentication.request import Request, Verdict
from schemas.authentication.secrets import key_id
from schemas.errors import ConfigError
from schemas.providers.base import Provider
from schemas.providers.registry import built_in
from schemas.settings.authentication import Auth

NOW = 1_795_176_100_000
SEGMENT = "fictional-segment-1"
BODY = b'{"a":"\xc3\xa9"}'


@pytest.fixture
def ask(tmp_path: Path) -> Any:
    """The checks of some settings; `secrets` are written into files."""

    def make(**asked: Any) -> Policy:
        for name, part in asked.items():
            if isinstance(part, dict) and "secrets" in part:
                part["secrets"] = [kept(tmp_path, f"{name}-{index}", one) for index, one in enumerate(part["secrets"])]
        return policy.load(Auth.model_validate(asked))

    return make


def kept(folder: Path, name: str, secret: str) -> dict[str, str]:
    (folder / name).write_text(secret + "\n")
    return {"file": str(folder / name)}


def verdict(asked: Auth, provider: str = "zapini", secrets: tuple[str, ...] = (), **request: Any) -> Verdict:
    request.setdefault("headers", {})
    return asked.verify(Request(body=BODY, now_ms=NOW, **request), built_in()[provider].verify, secrets)


def test_nothing_asked_leaves_it_to_the_provider(ask: Any) -> None:
    assert verdict(ask()).auth == "unsigned"
    assert verdict(ask(), secrets=("one",)).auth == "reject"
    assert verdict(ask(), secrets=("one",), query={"token": "one"}) == Verdict("ok", "token", key_id("one"))


@pytest.mark.parametrize("secret", ["old", "new"])
def test_a_header_with_two_live_secrets(ask: Any, secret: str) -> None:
    asked = ask(header={"name": "X-Shop-Token", "secrets": ["old", "new"]})
    assert verdict(asked, headers={"x-shop-token": secret}) == Verdict("ok", "static", key_id(secret))
    for headers in ({}, {"x-shop-token": ""}, {"x-shop-token": secret + "x"}, {"x-other": secret}):
        assert verdict(asked, headers=headers).auth == "reject"


def test_a_bearer_token_that_is_no_jwt(ask: Any) -> None:
    asked = ask(header={"name": "Authorization", "secrets": ["token-1"]})
    assert verdict(asked, headers={"authorization": "bearer token-1"}).scheme == "bearer"
    assert verdict(asked, headers={"authorization": "token-1"}).scheme == "static"
    assert verdict(asked, headers={"authorization": "Basic token-1"}).auth == "reject"


@pytest.mark.parametrize(
    ("pair", "wanted"), [("hooks:pw-1", "ok"), ("hooks:pw-2", "ok"), ("Hooks:pw-1", "reject"), ("pw-1", "reject")]
)
def test_basic(ask: Any, pair: str, wanted: str) -> None:
    asked = ask(basic={"user": "hooks", "secrets": ["pw-1", "pw-2"]})
    header = "Basic " + b64encode(pair.encode()).decode()
    assert verdict(asked, headers={"authorization": header}).auth == wanted


@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
def test_a_signature_over_the_body(ask: Any, encoding: str, algorithm: str) -> None:
    asked = ask(
        hmac={"header": "X-Sig", "algorithm": algorithm, "encoding": encoding, "prefix": "v=", "secrets": ["k1", "k2"]}
    )
    made = hmac.digest(b"k2", BODY, algorithm)
    given = "v=" + (made.hex() if encoding == "hex" else b64encode(made).decode())
    assert verdict(asked, headers={"x-sig": given}) == Verdict("ok", f"hmac-{algorithm}", key_id("k2"))
    assert asked.proof_headers == ("x-sig",)
    other = hmac.digest(b"k2", BODY + b" ", algorithm)
    wrong = other.hex() if encoding == "hex" else b64encode(other).decode()
    for header in (wrong, "", "v=", "v=\ud800", "v=é", given[:-2]):
        assert verdict(asked, headers={"x-sig": header}).auth == "reject"


@pytest.fixture(scope="module")
def keys() -> dict[str, tuple[str, str]]:
    """Private and public key of each algorithm, in PEM form."""
    made = {"RS256": rsa.generate_private_key(65537, 2048), "ES256": ec.generate_private_key(ec.SECP256R1())}
    return {
        name: (
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        )
        for name, key in made.items()
    }


CLAIMS = {"exp": NOW // 1000 + 60, "iat": NOW // 1000, "iss": "https://issuer.example", "aud": ["a", "ackstream"]}
HS_KEY = "a fictional key of thirty-two or more bytes"


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256"])
def test_tokens_that_a_public_library_makes(ask: Any, keys: Any, algorithm: str) -> None:
    private, public = keys.get(algorithm, (HS_KEY, HS_KEY))
    more = {"issuer": "https://issuer.example", "audience": "ackstream"}
    asked = ask(jwt={"algorithm": algorithm, "secrets": [public], **more})

    def tried(claims: dict[str, Any], key: str = private, how: str = algorithm) -> str:
        token = jwt.encode(claims, key, how)
        return verdict(asked, headers={"authorization": f"Bearer {token}"}).auth

    assert tried(CLAIMS) == "ok"
    assert tried({**CLAIMS, "aud": "ackstream"}) == "ok"
    for change in ({"exp": NOW // 1000 - 1}, {"nbf": NOW // 1000 + 3600}, {"iss": "x"}, {"aud": ["a"]}, {"aud": "b"}):
        assert tried({**CLAIMS, **change}) == "reject", change
    for missing in ("exp", "iss", "aud"):
        assert tried({name: value for name, value in CLAIMS.items() if name != missing}) == "reject"
    assert tried(CLAIMS, HS_KEY + "x", "HS256") == "reject"
    token = jwt.encode(CLAIMS, private, algorithm)
    head, claims, signature = token.split(".")
    for bad in (
        "",
        "a.b",
        token + ".x",
        f"{head}.{claims}.",
        f"{head}.{claims[:-2]}.{signature}",
        f"{head}.{claims}.é",
    ):
        assert verdict(asked, headers={"authorization": f"Bearer {bad}"}).auth == "reject"
    unsigned = jwt.encode(CLAIMS, None, "none")
    assert verdict(asked, headers={"authorization": f"Bearer {unsigned}"}).auth == "reject"


def test_the_public_key_is_no_secret_of_a_token_by_hs256(ask: Any, keys: Any) -> None:
    """The classic forgery: a token signed with the public key as if it were a shared one."""
    public = keys["RS256"][1]
    head = b64encode(b'{"alg":"HS256"}').decode().rstrip("=")
    claims = b64encode(b'{"exp":9999999999}').decode().rstrip("=")
    made = hmac.digest(public.encode(), f"{head}.{claims}".encode(), "sha256")
    token = f"{head}.{claims}.{b64encode(made).decode().rstrip('=')}"
    asked = ask(jwt={"algorithm": "RS256", "secrets": [public]})
    assert verdict(asked, headers={"authorization": f"Bearer {token}"}).auth == "reject"


def test_a_segment_of_the_address(ask: Any) -> None:
    asked = ask(path={"secrets": [SEGMENT, "fictional-segment-2"]})
    zapini, evolution = built_in()["zapini"], built_in()["evolution"]
    assert verdict(asked, path_secret="fictional-segment-2") == Verdict("ok", "path", key_id("fictional-segment-2"))
    assert verdict(asked, path_secret="").auth == "reject"
    assert verdict(asked, path_secret=SEGMENT[:-1]).auth == "reject"
    assert [asked.path_secret(tail, zapini.subpath) for tail in ("", SEGMENT, f"{SEGMENT}/x", "a/b")] == [
        "",
        SEGMENT,
        None,
        None,
    ]
    assert asked.path_secret(f"{SEGMENT}/messages-upsert", evolution.subpath) == SEGMENT
    for tail in ("", "messages-upsert", "send-message-update"):
        assert ask().path_secret(tail, evolution.subpath) == ""
    for tail in ("A", "a/b", "x--y"):
        assert ask().path_secret(tail, evolution.subpath) is None
    assert ask().path_secret("messages-upsert", zapini.subpath) is None


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("203.0.113.9", "ok"), ("::ffff:203.0.113.9", "ok"), ("2001:db8:1::5", "ok"), ("203.0.114.1", "reject"),
        ("2001:db9::1", "reject"), ("", "reject"), ("unix", "reject"), ("203.0.113.9, 1.1.1.1", "reject"),
    ],
)  # fmt: skip
def test_addresses(ask: Any, address: str, wanted: str) -> None:
    asked = ask(addresses=["203.0.113.0/24", "2001:db8::/32"])
    assert verdict(asked, address=address).auth == wanted


def test_all_that_is_asked_has_to_hold(ask: Any) -> None:
    asked = ask(
        header={"name": "X-A", "secrets": ["a"]}, path={"secrets": [SEGMENT]}, addresses=["203.0.113.0/24"],
        basic={"user": "u", "secrets": ["p"]},
    )  # fmt: skip
    basic = "Basic " + b64encode(b"u:p").decode()
    good = {"headers": {"x-a": "a", "authorization": basic}, "path_secret": SEGMENT, "address": "203.0.113.1"}
    keys = "+".join(key_id(one) for one in ("a", "p", SEGMENT))
    assert verdict(asked, **good) == Verdict("ok", "static+basic+path+address", keys)
    assert verdict(asked, secrets=("s",), **good).auth == "reject"
    assert verdict(asked, secrets=("s",), query={"token": "s"}, **good).scheme == "token+static+basic+path+address"
    for change in (
        {"headers": {"x-a": "a"}}, {"headers": {"authorization": basic}}, {"path_secret": "x"}, {"address": "8.8.8.8"},
    ):  # fmt: skip
        assert verdict(asked, **{**good, **change}).auth == "reject"


def test_a_handshake_is_asked_for_what_its_address_can_prove(ask: Any) -> None:
    asked = ask(header={"name": "X-A", "secrets": ["a"]}, path={"secrets": [SEGMENT]}, addresses=["203.0.113.0/24"])
    assert asked.admits_handshake(Request({}, path_secret=SEGMENT, address="203.0.113.1"))
    assert not asked.admits_handshake(Request({}, path_secret=SEGMENT, address="8.8.8.8"))
    assert not asked.admits_handshake(Request({}, path_secret="", address="203.0.113.1"))
    assert ask().admits_handshake(Request({}))


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"path": {"secrets": ["short"]}}, "auth.path.secrets: a secret in an address must have 16 to 200 characters"),
        ({"path": {"secrets": ["has/a/slash/in/its/middle"]}}, "auth.path.secrets: a secret in an address"),
        (
            {"jwt": {"algorithm": "RS256", "secrets": ["x"]}},
            "auth.jwt.secrets: RS256 needs the issuer's public RSA key",
        ),
        ({"jwt": {"algorithm": "ES256", "secrets": ["x"]}}, "auth.jwt.secrets: ES256 needs the issuer's public key on"),
    ],
)
def test_secrets_that_cannot_work_are_refused(ask: Any, asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ask(**asked)
    assert str(caught.value).startswith(sentence)
    assert "short" not in str(caught.value)


def test_a_key_of_the_other_kind_is_refused(ask: Any, keys: Any) -> None:
    for algorithm, other in (("RS256", "ES256"), ("ES256", "RS256")):
        with pytest.raises(ConfigError, match=f"{algorithm} needs"):
            ask(jwt={"algorithm": algorithm, "secrets": [keys[other][1]]})


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"basic": {"user": "u", "secrets": []}}, "at least 1"),
        ({"basic": {"user": "u:v", "secrets": [{"env": "A"}]}}, "must be a user name without a colon"),
        ({"header": {"name": "X A", "secrets": [{"env": "A"}]}}, "must be the name of an HTTP header"),
        ({"header": {"name": "X-A", "secrets": ["literal"]}}, "a secret is not written here"),
        ({"addresses": ["example.com"]}, "'example.com' is not an IP address or a network"),
        ({"jwt": {"algorithm": "none", "secrets": [{"env": "A"}]}}, "HS256"),
        (
            {"jwt": {"secrets": [{"env": "A"}]}, "basic": {"user": "u", "secrets": [{"env": "A"}]}},
            "basic and jwt all use the header Authorization: keep one of them",
        ),
        ({"cookie": {}}, "Extra"),
    ],
)
def test_settings_that_cannot_work_are_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Auth.model_validate(asked)


@pytest.mark.parametrize(
    ("provider", "secrets", "asked", "words"),
    [
        ("meta", True, {}, None),
        ("zapini", False, {}, "anybody who knows its address"),
        ("zapini", False, {"addresses": ["10.0.0.0/8"]}, "anybody in the networks of auth.addresses"),
        ("zapini", True, {}, "proves the sender but not the body"),
        ("wasender", True, {"addresses": ["10.0.0.0/8"]}, "proves the sender but not the body"),
        ("meta", False, {"path": {"secrets": [SEGMENT]}}, "the sender is proven but not the body"),
        ("zapini", False, {"hmac": {"header": "X-Sig", "secrets": ["k"]}}, None),
    ],
)
def test_what_is_not_proven_is_said(
    ask: Any, provider: str, secrets: bool, asked: dict[str, Any], words: str | None
) -> None:
    said = ask(**asked).weakness(secrets=secrets, signed=built_in()[provider].signed)
    assert said is None if words is None else said is not None and words in said


@settings(max_examples=150, deadline=None)
@given(
    st.text(st.characters(exclude_categories=()), max_size=80),
    st.sampled_from(["", "Basic ", "Bearer ", "Bearer a.b."]),
)
def test_no_request_makes_a_check_raise(junk: str, start: str) -> None:
    for asked in CHECKED:
        request = Request(
            {"authorization": start + junk, "x-sig": junk, "x-a": junk},
            BODY,
            path_secret=junk,
            address=junk,
            now_ms=NOW,
        )
        assert asked.verify(request, built_in()["zapini"].verify, ()).auth == "reject"
        assert asked.admits_handshake(request) in (True, False)
        asked.path_secret(junk, built_in()["evolution"].subpath)


def _checked() -> list[Policy]:
    checks: list[dict[str, Any]] = [
        {"hmac": {"header": "X-Sig", "encoding": "base64"}}, {"hmac": {"header": "X-Sig"}}, {"header": {"name": "X-A"}},
        {"basic": {"user": "u"}}, {"jwt": {"issuer": "i"}}, {"path": {}},
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_SOURCE_SECRET", "fictional-secret-of-the-tests")
        place = [{"env": "TEST_SOURCE_SECRET"}]
        each = [{name: {**part, "secrets": place} for name, part in one.items()} for one in checks]
        return [policy.load(Auth.model_validate(one)) for one in each]


CHECKED = _checked()


def test_a_provider_that_breaks_its_word_does_not_open_a_source(ask: Any) -> None:
    """Its own proof says that there is nothing to check: what the source asks for still has to hold."""
    lazy = Provider("lazy", lambda _request, _secrets: Verdict("unsigned"), lambda _body: ())
    asked = ask(header={"name": "X-A", "secrets": ["a"]})
    assert asked.verify(Request({}), lazy.verify, ("s",)).auth == "reject"
    assert asked.verify(Request({"x-a": "a"}), lazy.verify, ("s",)) == Verdict("ok", "static", key_id("a"))
