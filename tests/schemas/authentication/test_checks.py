"""Each kind of check that a source may require: what it accepts, what it refuses, and that nothing makes it raise."""

import hmac
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.authentication import checks
from schemas.authentication.checks import Check
from schemas.authentication.request import Request, Verdict
from schemas.authentication.secrets import key_id
from schemas.errors import ConfigError
from schemas.settings.authentication import Auth, Basic, Header, Hmac, Jwt
from schemas.settings.authentication import Path as PathSetting
from schemas.settings.base import Secret

NOW = 1_795_176_100_000
PATH_SECRET = "fictional-segment-1"
BODY = b'{"a":"\xc3\xa9"}'
HS_KEY = "a fictional key of thirty-two or more bytes"
CLAIMS = {"exp": NOW // 1000 + 60, "iat": NOW // 1000, "iss": "https://issuer.example", "aud": ["a", "ackstream"]}

Places = Callable[..., tuple[Secret, ...]]


@pytest.fixture
def files(tmp_path: Path) -> Places:
    """Writes secrets into files and returns the settings that name them."""

    def write(*secrets: str) -> tuple[Secret, ...]:
        for index, secret in enumerate(secrets):
            (tmp_path / str(index)).write_text(secret + "\n")
        return tuple(Secret(file=tmp_path / str(index)) for index in range(len(secrets)))

    return write


def verdict(
    check: Check, headers: dict[str, str] | None = None, body: bytes = BODY, *, path_secret: str = "", address: str = ""
) -> Verdict:
    return check.verify(Request(headers or {}, body, now_ms=NOW, path_secret=path_secret, address=address))


@pytest.mark.parametrize("secret", ["old", "new"])
def test_a_header_holds_one_of_two_live_secrets(files: Places, secret: str) -> None:
    check = checks.header_check(Header(name="X-Shop-Token", secrets=files("old", "new")))
    assert verdict(check, {"x-shop-token": secret}) == Verdict("ok", "static", key_id(secret))
    refused: list[dict[str, str]] = [
        {}, {"x-shop-token": ""}, {"x-shop-token": secret + "x"}, {"x-other": secret},
    ]  # fmt: skip
    for headers in refused:
        assert verdict(check, headers).auth == "reject"


def test_the_header_authorization_holds_the_secret_alone_or_as_a_bearer_token(files: Places) -> None:
    check = checks.header_check(Header(name="Authorization", secrets=files("token-1")))
    assert verdict(check, {"authorization": "bearer token-1"}).scheme == "bearer"
    assert verdict(check, {"authorization": "token-1"}).scheme == "static"
    assert verdict(check, {"authorization": "Basic token-1"}).auth == "reject"


@pytest.mark.parametrize(
    ("pair", "wanted"), [("hooks:pw-1", "ok"), ("hooks:pw-2", "ok"), ("Hooks:pw-1", "reject"), ("pw-1", "reject")]
)
def test_basic_needs_the_user_and_one_of_the_passwords(files: Places, pair: str, wanted: str) -> None:
    check = checks.basic_check(Basic(user="hooks", secrets=files("pw-1", "pw-2")))
    assert verdict(check, {"authorization": "Basic " + b64encode(pair.encode()).decode()}).auth == wanted


@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
def test_a_signature_covers_the_whole_body(files: Places, encoding: str, algorithm: str) -> None:
    names = {"header": "X-Sig", "algorithm": algorithm, "encoding": encoding, "prefix": "v="}
    check = checks.hmac_check(Hmac.model_validate({**names, "secrets": files("k1", "k2")}))

    def signature(body: bytes) -> str:
        digest = hmac.digest(b"k2", body, algorithm)
        return digest.hex() if encoding == "hex" else b64encode(digest).decode()

    good = "v=" + signature(BODY)
    assert verdict(check, {"x-sig": good}) == Verdict("ok", f"hmac-{algorithm}", key_id("k2"))
    assert check.proof_header == "x-sig"
    for header in (signature(BODY + b" "), "", "v=", "v=\ud800", "v=é", good[:-2]):
        assert verdict(check, {"x-sig": header}).auth == "reject"


@pytest.fixture(scope="module")
def keys() -> dict[str, tuple[str, str]]:
    """Private and public key of each asymmetric algorithm, in PEM form."""
    private: dict[str, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey] = {
        "RS256": rsa.generate_private_key(65537, 2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
    }
    return {
        name: (
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        )
        for name, key in private.items()
    }


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256"])
def test_a_token_must_be_signed_current_and_for_us(
    files: Places, keys: dict[str, tuple[str, str]], algorithm: str
) -> None:
    private, public = keys.get(algorithm, (HS_KEY, HS_KEY))
    wanted = {"algorithm": algorithm, "issuer": "https://issuer.example", "audience": "ackstream"}
    check = checks.jwt_check(Jwt.model_validate({**wanted, "secrets": files(public)}))

    def outcome(claims: dict[str, Any], key: str = private, signed_by: str = algorithm) -> str:
        return verdict(check, {"authorization": f"Bearer {jwt.encode(claims, key, signed_by)}"}).auth

    assert outcome(CLAIMS) == "ok"
    assert outcome({**CLAIMS, "aud": "ackstream"}) == "ok"
    changes: list[dict[str, Any]] = [
        {"exp": NOW // 1000 - 1}, {"nbf": NOW // 1000 + 3600}, {"iss": "x"}, {"aud": ["a"]}, {"aud": "b"},
    ]  # fmt: skip
    for change in changes:
        assert outcome({**CLAIMS, **change}) == "reject", change
    for missing in ("exp", "iss", "aud"):
        assert outcome({name: value for name, value in CLAIMS.items() if name != missing}) == "reject"
    assert outcome(CLAIMS, HS_KEY + "x", "HS256") == "reject"
    token = jwt.encode(CLAIMS, private, algorithm)
    head, claims, signature = token.split(".")
    malformed = (
        "", "a.b", token + ".x", f"{head}.{claims}.", f"{head}.{claims[:-2]}.{signature}", f"{head}.{claims}.é",
        jwt.encode(CLAIMS, "", "none"),
    )  # fmt: skip
    for bad in malformed:
        assert verdict(check, {"authorization": f"Bearer {bad}"}).auth == "reject"


def test_a_public_key_is_not_accepted_as_a_shared_secret(files: Places, keys: dict[str, tuple[str, str]]) -> None:
    """Algorithm confusion: a token signed by HS256 with the public key, which everybody knows."""
    public = keys["RS256"][1]
    head = b64encode(b'{"alg":"HS256"}').decode().rstrip("=")
    claims = b64encode(b'{"exp":9999999999}').decode().rstrip("=")
    signature = hmac.digest(public.encode(), f"{head}.{claims}".encode(), "sha256")
    token = f"{head}.{claims}.{b64encode(signature).decode().rstrip('=')}"
    check = checks.jwt_check(Jwt(algorithm="RS256", secrets=files(public)))
    assert verdict(check, {"authorization": f"Bearer {token}"}).auth == "reject"


def test_a_secret_in_the_address(files: Places) -> None:
    check = checks.path_check(PathSetting(secrets=files(PATH_SECRET, "fictional-segment-2")))
    assert verdict(check, path_secret="fictional-segment-2") == Verdict("ok", "path", key_id("fictional-segment-2"))
    assert verdict(check).auth == "reject"
    assert verdict(check, path_secret=PATH_SECRET[:-1]).auth == "reject"


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("203.0.113.9", "ok"), ("::ffff:203.0.113.9", "ok"), ("2001:db8:1::5", "ok"), ("203.0.114.1", "reject"),
        ("2001:db9::1", "reject"), ("", "reject"), ("unix", "reject"), ("203.0.113.9, 1.1.1.1", "reject"),
    ],
)  # fmt: skip
def test_an_address_must_lie_in_one_of_the_networks(address: str, wanted: str) -> None:
    networks = Auth.model_validate({"addresses": ["203.0.113.0/24", "2001:db8::/32"]}).addresses
    assert verdict(checks.network_check(networks), address=address).auth == wanted


@pytest.mark.parametrize("secret", ["short", "has/a/slash/in/its/middle"])
def test_a_path_secret_that_can_be_guessed_or_cannot_be_in_an_address_is_refused(files: Places, secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checks.path_check(PathSetting(secrets=files(secret)))
    assert str(caught.value).startswith("auth.path.secrets: a secret in an address must have 16 to 200 characters")
    assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("algorithm", "sentence"),
    [("RS256", "RS256 needs the issuer's public RSA key"), ("ES256", "ES256 needs the issuer's public key on")],
)
def test_a_text_that_is_not_a_public_key_or_one_of_the_other_kind_is_refused(
    files: Places, keys: dict[str, tuple[str, str]], algorithm: str, sentence: str
) -> None:
    other = keys["ES256" if algorithm == "RS256" else "RS256"][1]
    for secret in ("x", other):
        with pytest.raises(ConfigError) as caught:
            checks.jwt_check(Jwt.model_validate({"algorithm": algorithm, "secrets": files(secret)}))
        assert str(caught.value).startswith(f"auth.jwt.secrets: {sentence}")


@pytest.mark.parametrize(
    ("auth", "words"),
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
def test_settings_that_cannot_work_are_refused(auth: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Auth.model_validate(auth)


@pytest.fixture(scope="module")
def every_check(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, tuple[str, str]]) -> list[Check]:
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "secret").write_text("fictional-secret-of-the-tests")
    (folder / "public").write_text(keys["ES256"][1])
    secret, public = (Secret(file=folder / "secret"),), (Secret(file=folder / "public"),)
    return [
        checks.hmac_check(Hmac(header="X-Sig", encoding="base64", secrets=secret)),
        checks.hmac_check(Hmac(header="X-Sig", secrets=secret)),
        checks.header_check(Header(name="X-A", secrets=secret)),
        checks.basic_check(Basic(user="u", secrets=secret)),
        checks.jwt_check(Jwt(issuer="i", secrets=secret)),
        checks.jwt_check(Jwt(algorithm="ES256", secrets=public)),
        checks.path_check(PathSetting(secrets=secret)),
        checks.network_check(Auth.model_validate({"addresses": ["203.0.113.0/24"]}).addresses),
    ]


@settings(max_examples=150)
@given(
    text=st.text(st.characters(exclude_categories=()), max_size=80),
    start=st.sampled_from(["", "Basic ", "Bearer ", "Bearer a.b."]),
)
def test_random_requests_are_refused_and_make_no_check_raise(every_check: list[Check], text: str, start: str) -> None:
    headers = {"authorization": start + text, "x-sig": text, "x-a": text}
    for check in every_check:
        assert verdict(check, headers, path_secret=text, address=text).auth == "reject"
