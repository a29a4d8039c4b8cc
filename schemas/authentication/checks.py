"""The kinds of checks that a source may require, one function each: from its settings to a check of requests."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from re import fullmatch
from typing import Literal

from schemas.authentication.request import REJECT, Request, Verdict
from schemas.authentication.secrets import matching_secret, matching_signature, read_secrets, verdict_for
from schemas.authentication.static_secret import basic_credentials, bearer_token
from schemas.authentication.tokens import public_key, token_signer
from schemas.errors import ConfigError
from schemas.settings import authentication as settings

# What a check proves: every byte of the body, the sender, or only the network that the request came from.
Proves = Literal["body", "sender", "network"]

# 16 random characters have at least 80 bits.
_PATH_SECRET = r"[A-Za-z0-9._~-]{16,200}"  # noqa: S105  (a pattern)


@dataclass(slots=True, frozen=True)
class Check:
    """One condition on a request. `in_address`: a handshake can meet it as well."""

    verify: Callable[[Request], Verdict]
    proves: Proves
    in_address: bool = False
    proof_header: str | None = None


def hmac_check(wanted: settings.Hmac) -> Check:
    """A signature over the raw body. Raises ConfigError."""
    keys = read_secrets("auth.hmac.secrets", wanted.secrets)
    name, is_hex = wanted.header.lower(), wanted.encoding == "hex"

    def verify(request: Request) -> Verdict:
        given = request.headers.get(name, "").strip().removeprefix(wanted.prefix).strip()
        try:
            signature = given.lower() if is_hex else b64encode(b64decode(given, validate=True)).decode()
        except ValueError:
            return REJECT

        def sign(key: bytes) -> tuple[str]:
            digest = hmac.digest(key, request.body, wanted.algorithm)
            return (digest.hex() if is_hex else b64encode(digest).decode(),)

        return verdict_for(f"hmac-{wanted.algorithm}", matching_signature(signature, keys, sign))

    return Check(verify, "body", proof_header=name)


def header_check(wanted: settings.Header) -> Check:
    """A secret as the whole value of a header; in Authorization also as a bearer token. Raises ConfigError."""
    name, secrets = wanted.name.lower(), read_secrets("auth.header.secrets", wanted.secrets)

    def verify(request: Request) -> Verdict:
        verdict = _equals("static", request.headers.get(name, ""), secrets)
        if verdict is REJECT and name == "authorization":
            return _equals("bearer", bearer_token(request), secrets)
        return verdict

    return Check(verify, "sender")


def basic_check(wanted: settings.Basic) -> Check:
    """User name and password. Raises ConfigError."""
    passwords = read_secrets("auth.basic.secrets", wanted.secrets)

    def verify(request: Request) -> Verdict:
        user, _, password = basic_credentials(request).partition(":")
        verdict = _equals("basic", password, passwords)
        return verdict if matching_secret(user, [wanted.user]) is not None else REJECT

    return Check(verify, "sender")


def jwt_check(wanted: settings.Jwt) -> Check:
    """A JSON Web Token as a bearer token. Raises ConfigError, also for a public key that cannot be used."""
    algorithm, keys = wanted.algorithm, read_secrets("auth.jwt.secrets", wanted.secrets)
    for key in keys if algorithm != "HS256" else ():
        try:
            public_key(key, algorithm)
        except ValueError as error:
            raise ConfigError(f"auth.jwt.secrets: {error}") from None

    def verify(request: Request) -> Verdict:
        signer = token_signer(
            bearer_token(request), algorithm, keys, request.now_ms, issuer=wanted.issuer, audience=wanted.audience
        )
        return verdict_for(f"jwt-{algorithm.lower()}", signer)

    return Check(verify, "sender")


def path_check(wanted: settings.Path) -> Check:
    """A secret in the address. Raises ConfigError, also for a secret that is too short or cannot be in an address."""
    secrets = read_secrets("auth.path.secrets", wanted.secrets)
    if not all(fullmatch(_PATH_SECRET, secret) for secret in secrets):
        raise ConfigError(
            "auth.path.secrets: a secret in an address must have 16 to 200 characters: letters, digits, . _ ~ -"
        )
    return Check(lambda request: _equals("path", request.path_secret, secrets), "sender", in_address=True)


def network_check(networks: tuple[IPv4Network | IPv6Network, ...]) -> Check:
    """An IP address in one of the networks."""

    def verify(request: Request) -> Verdict:
        try:
            address = ip_address(request.address)
        except ValueError:  # a Unix socket, or an invalid X-Forwarded-For
            return REJECT
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return Verdict("ok", "address") if any(address in network for network in networks) else REJECT

    return Check(verify, "network", in_address=True)


def _equals(scheme: str, given: str, secrets: Sequence[str]) -> Verdict:
    return verdict_for(scheme, matching_secret(given, secrets))
