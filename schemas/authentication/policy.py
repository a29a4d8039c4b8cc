"""Whether a request may come into a source: the provider's own proof and what the source asks for besides. Pure, but
for reading secrets in `load`.

All of it has to hold. Every check is made, also after one has failed, so that the time tells nothing.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from re import Pattern, fullmatch
from typing import Literal

from schemas.authentication import tokens
from schemas.authentication.request import REJECT, Request, Verdict
from schemas.authentication.secrets import matching_secret, matching_signature, verdict_for
from schemas.authentication.static_secret import basic_credentials, bearer_token
from schemas.errors import ConfigError
from schemas.settings import authentication
from schemas.settings.base import Secret

# What a check makes sure of: every byte of the body, who sent it, or no more than where it came from.
Proves = Literal["body", "sender", "network"]

# 16 characters of an address that a random generator made have at least 80 bits.
_SEGMENT = r"[A-Za-z0-9._~-]{16,200}"


# A provider's own proof: the request and the source's secrets in, the verdict out.
ProviderVerify = Callable[[Request, Sequence[str]], Verdict]


@dataclass(slots=True, frozen=True)
class Check:
    """One condition on a request. `in_address`: a handshake can meet it as well."""

    verify: Callable[[Request], Verdict]
    proves: Proves
    in_address: bool = False
    proof_header: str | None = None


@dataclass(slots=True, frozen=True)
class Auth:
    """The conditions of one source besides its provider's own proof. `in_path`: its address ends in a secret."""

    checks: tuple[Check, ...] = ()
    in_path: bool = False

    @property
    def proof_headers(self) -> tuple[str, ...]:
        """Headers that prove a body to anybody who has the secret."""
        return tuple(check.proof_header for check in self.checks if check.proof_header is not None)

    def path_secret(self, tail: str, subpath: Pattern[str] | None) -> str | None:
        """The secret in an address, by what follows /webhooks/<source>/ in it; "" when this source has none there.

        subpath: what the provider appends to the address itself. None: the source has no such address.
        """
        secret, _, rest = tail.partition("/") if self.in_path else ("", "", tail)
        return secret if not rest or (subpath is not None and subpath.fullmatch(rest)) else None

    def verify(self, request: Request, provider_verify: ProviderVerify, secrets: Sequence[str]) -> Verdict:
        """The verdict on a POST. With checks, the provider's own proof is required only if there are `secrets`.

        Never raises.
        """
        if not self.checks:
            return provider_verify(request, secrets)
        verdicts = [provider_verify(request, secrets)] if secrets else []
        return _all_of([*verdicts, *(check.verify(request) for check in self.checks)])

    def admits_handshake(self, request: Request) -> bool:
        """Whether a handshake comes to the right address from the right network."""
        return _all_of([check.verify(request) for check in self.checks if check.in_address]).auth != "reject"

    def weakness(self, *, secrets: bool, signed: bool) -> str | None:
        """What the strongest proof of a request leaves unproven, as half a sentence; None if the body is signed.

        secrets: the source has secrets for its provider's own proof. signed: that proof covers the body.
        """
        proofs = {check.proves for check in self.checks}
        if secrets:
            proofs.add("body" if signed else "sender")
        if not proofs:
            return "it has no secrets, so anybody who knows its address can post to it"
        if proofs == {"network"}:
            return "it has a list of addresses alone, so anybody in these networks can post to it"
        if "body" in proofs:
            return None
        if secrets and not signed:
            return "the provider signs nothing, so its token proves the sender but not the body"
        return "nothing that it asks for is a signature, so the sender is proven but not the body"


NO_CHECKS = Auth()


def load(settings: authentication.Auth) -> Auth:
    """The checks with their secrets read. Raises ConfigError whose text begins with the key that is wrong."""
    checks: list[Check] = []
    if settings.hmac is not None:
        signature, keys = settings.hmac, read("auth.hmac.secrets", settings.hmac.secrets)
        checks.append(Check(lambda request: _hmac(request, signature, keys), "body", proof_header=_name(signature)))
    if settings.header is not None:
        name, values = settings.header.name.lower(), read("auth.header.secrets", settings.header.secrets)
        checks.append(Check(lambda request: _header(request, name, values), "sender"))
    if settings.basic is not None:
        user, passwords = settings.basic.user, read("auth.basic.secrets", settings.basic.secrets)
        checks.append(Check(lambda request: _basic(request, user, passwords), "sender"))
    if settings.jwt is not None:
        checks.append(_jwt(settings.jwt))
    if settings.path is not None:
        segments = read("auth.path.secrets", settings.path.secrets)
        if not all(fullmatch(_SEGMENT, each) for each in segments):
            raise ConfigError("auth.path.secrets: a secret in an address has 16 to 200 letters, digits or . _ ~ -")
        checks.append(Check(lambda request: _matches("path", request.path_secret, segments), "sender", in_address=True))
    if settings.addresses:
        networks = settings.addresses
        checks.append(Check(lambda request: _address(request, networks), "network", in_address=True))
    return Auth(tuple(checks), settings.path is not None)


def read(key: str, places: tuple[Secret, ...]) -> tuple[str, ...]:
    """The secrets at these places. Raises ConfigError that begins with the key."""
    try:
        return tuple(place.read() for place in places)
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from None


def _all_of(verdicts: Sequence[Verdict]) -> Verdict:
    if any(verdict.auth == "reject" for verdict in verdicts):
        return REJECT
    accepted = [verdict for verdict in verdicts if verdict.auth == "ok"]
    schemes, keys = [verdict.scheme for verdict in accepted], [verdict.key_id for verdict in accepted if verdict.key_id]
    return Verdict("ok", "+".join(schemes), "+".join(keys))


def _matches(scheme: str, given: str, secrets: Sequence[str]) -> Verdict:
    return verdict_for(scheme, matching_secret(given, secrets))


def _header(request: Request, name: str, secrets: Sequence[str]) -> Verdict:
    whole = _matches("static", request.headers.get(name, ""), secrets)
    return _matches("bearer", bearer_token(request), secrets) if whole is REJECT and name == "authorization" else whole


def _basic(request: Request, user: str, passwords: Sequence[str]) -> Verdict:
    given_user, _, password = basic_credentials(request).partition(":")
    verdict = _matches("basic", password, passwords)
    return verdict if matching_secret(given_user, [user]) is not None else REJECT


def _jwt(settings: authentication.Jwt) -> Check:
    algorithm, keys = settings.algorithm, read("auth.jwt.secrets", settings.secrets)
    for key in keys if algorithm != "HS256" else ():
        try:
            tokens.public_key(key, algorithm)
        except ValueError as error:
            raise ConfigError(f"auth.jwt.secrets: {error}") from None

    def verify(request: Request) -> Verdict:
        found = tokens.token_signer(
            bearer_token(request), algorithm, keys, request.now_ms, issuer=settings.issuer, audience=settings.audience
        )
        return verdict_for(f"jwt-{algorithm.lower()}", found)

    return Check(verify, "sender")


def _hmac(request: Request, settings: authentication.Hmac, secrets: Sequence[str]) -> Verdict:
    given = request.headers.get(_name(settings), "").strip().removeprefix(settings.prefix).strip()
    try:
        digest = given.lower() if settings.encoding == "hex" else b64encode(b64decode(given, validate=True)).decode()
    except ValueError:
        return REJECT

    def sign(key: bytes) -> tuple[str]:
        made = hmac.digest(key, request.body, settings.algorithm)
        return (made.hex() if settings.encoding == "hex" else b64encode(made).decode(),)

    return verdict_for(f"hmac-{settings.algorithm}", matching_signature(digest, secrets, sign))


def _name(settings: authentication.Hmac) -> str:
    return settings.header.lower()


def _address(request: Request, networks: tuple[IPv4Network | IPv6Network, ...]) -> Verdict:
    try:
        address = ip_address(request.address)
    except ValueError:  # a Unix socket, or nonsense in X-Forwarded-For
        return REJECT
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return Verdict("ok", "address") if any(address in network for network in networks) else REJECT
