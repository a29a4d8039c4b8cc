"""JSON Web Tokens signed with HS256, RS256 or ES256: which key signed a token, and whether the token is valid now.

A token proves that its sender knows the key. It does not cover the body, and only its expiry limits how long a captured
token can be used: a token without an expiry is refused.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Literal

from schemas.authentication.secrets import to_bytes
from schemas.parsing.json_text import InvalidJSON, loads
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_list, as_object

if TYPE_CHECKING:
    import jwt
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

Algorithm = Literal["HS256", "RS256", "ES256"]

_CLOCK_SKEW_SECONDS = 300
_MIN_RSA_BITS = 2048  # RFC 7518, section 3.3
_MAX_TOKEN = 16_384  # servers accept no longer headers


def token_signer(
    token: str,
    algorithm: Algorithm,
    secrets: Sequence[str],
    now_ms: int,
    leeway_seconds: int = 0,
    *,
    issuer: str = "",
    audience: str = "",
) -> str | None:
    """The secret that signed `token`, if the token is valid at `now_ms`; None for anything else. Never raises.

    `leeway_seconds`: how long after its expiry a token is still accepted. For RS256 and ES256 the secrets are public
    keys in PEM form that `public_key` accepts. The algorithm is fixed: a token that names another one is refused. The
    token must name the `issuer` and the `audience` if they are given.
    """
    found = None
    for secret in secrets if token.isascii() and len(token) <= _MAX_TOKEN else ():
        claims = _verified_claims(token, algorithm, secret) if secret else None
        # PyJWT compares times with the clock of the machine; here `now_ms` counts, the time of the request.
        if (
            claims is not None
            and _is_current(claims, now_ms / 1000, leeway_seconds)
            and issuer in ("", claims.get("iss"))
            and (not audience or audience in as_list(claims.get("aud")))
        ):
            found = secret
    return found


@lru_cache(maxsize=64)
def public_key(pem: str, algorithm: Algorithm) -> "RSAPublicKey | EllipticCurvePublicKey":
    """The public key in PEM form that RS256 or ES256 verifies with. Raises ValueError that names the kind of key."""
    # Imported with the first such key: it takes 20 ms, which every command would spend.
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem.encode())
    except ValueError:
        key = None
    if algorithm == "RS256" and isinstance(key, rsa.RSAPublicKey) and key.key_size >= _MIN_RSA_BITS:
        return key
    if algorithm == "ES256" and isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    kind = f"RSA key of at least {_MIN_RSA_BITS} bits" if algorithm == "RS256" else "key on the curve P-256"
    raise ValueError(f"{algorithm} needs the issuer's public {kind}, in PEM form (-----BEGIN PUBLIC KEY-----)")


@cache
def _verifier() -> "jwt.PyJWS":
    """PyJWT's check of form, header and signature."""
    # Imported with the first token: it takes 100 ms, which every command would spend.
    import jwt
    from jwt.algorithms import HMACAlgorithm

    class SharedSecret(HMACAlgorithm):
        """HS256 without PyJWT's inspection of the secret on every call, which takes four times as long as the rest.

        The inspection is against public keys that are used as shared secrets; here the settings fix the algorithm.
        """

        def prepare_key(self, key: str | bytes) -> bytes:
            return key if isinstance(key, bytes) else to_bytes(key)

        def check_key_length(self, key: bytes) -> str | None:  # noqa: ARG002  (the provider chooses the length)
            return None

    verifier = jwt.PyJWS(algorithms=["RS256", "ES256"])
    verifier.register_algorithm("HS256", SharedSecret(HMACAlgorithm.SHA256))
    return verifier


def _verified_claims(token: str, algorithm: Algorithm, secret: str) -> JsonObject | None:
    """The claims of a token that `secret` signed; {} for a payload that is no JSON object."""
    if token.count(".") != 2:  # spares the import for bearer tokens that are no JSON Web Tokens
        return None
    from jwt import InvalidTokenError

    try:
        key = to_bytes(secret) if algorithm == "HS256" else public_key(secret, algorithm)
        decoded = _verifier().decode_complete(token, key, algorithms=[algorithm])
        claims = as_object(loads(decoded["payload"]))
    except (InvalidTokenError, InvalidJSON, ValueError):
        return None
    return None if "crit" in decoded["header"] else claims


def _is_current(claims: JsonObject, now: float, leeway: int) -> bool:
    expiry = _number(claims.get("exp"))
    begins = [_number(claims[name]) for name in ("iat", "nbf") if name in claims]
    return (
        expiry is not None
        and now <= expiry + leeway
        and all(begin is not None and begin <= now + _CLOCK_SKEW_SECONDS for begin in begins)
    )


def _number(value: Json) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, int) or isfinite(value) else None
