"""JSON Web Tokens signed with HS256, RS256 or ES256: whose key signed one, and whether it holds now. Pure.

A token proves that its sender knows the key. It covers no body, so its expiry is all that keeps a captured one from
being used for ever: one without an expiry is refused.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

from schemas.authentication.secrets import matching_signature
from schemas.parsing.json_text import InvalidJSON, loads
from schemas.parsing.json_values import as_list, as_object

_CLOCK_SKEW_SECONDS = 300
_MIN_RSA_BITS = 2048  # RFC 7518, section 3.3
_MAX_TOKEN = 16_384  # servers take no longer headers


def hs256_secret(token: str, secrets: Sequence[str], now_ms: int, leeway_seconds: int = 0) -> str | None:
    """The secret that signed `token` by HS256, as `signer` tells it."""
    return signer(token, "HS256", secrets, now_ms, leeway_seconds)


def signer(
    token: str,
    algorithm: str,
    secrets: Sequence[str],
    now_ms: int,
    leeway_seconds: int = 0,
    *,
    issuer: str = "",
    audience: str = "",
) -> str | None:
    """The secret that signed `token`, if it is valid at `now_ms`; `leeway_seconds` = how long after `exp` it still is.

    Of RS256 and ES256 the secrets are public keys in PEM form. The algorithm is fixed: what the token's own header
    names is compared with it, never followed. An issuer or audience that is given has to be the token's.
    """
    parts = token.split(".") if len(token) <= _MAX_TOKEN else []
    if len(parts) != 3:
        return None
    header, claims = _object(parts[0]), _object(parts[1])
    if header.get("alg") != algorithm or "crit" in header or not _holds(claims, now_ms / 1000, leeway_seconds):
        return None
    if (issuer and claims.get("iss") != issuer) or (audience and audience not in as_list(claims.get("aud"))):
        return None
    signed = f"{parts[0]}.{parts[1]}".encode()  # _object has made sure of ASCII
    if algorithm == "HS256":
        return matching_signature(parts[2], secrets, lambda key: (_encoded(hmac.digest(key, signed, sha256)),))
    signature = _decoded(parts[2])
    return next((each for each in secrets if _is_by(public_key(each, algorithm), signature, signed)), None)


@lru_cache(maxsize=64)
def public_key(pem: str, algorithm: str) -> Any:
    """The key in PEM form that RS256 or ES256 verifies with. Raises ValueError whose text says what is wanted."""
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


def _is_by(key: Any, signature: bytes, signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            if len(signature) != 64:  # two numbers of the curve's 32 bytes each
                return False
            numbers = (int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
            key.verify(encode_dss_signature(*numbers), signed, ec.ECDSA(hashes.SHA256()))
        else:
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _holds(claims: dict[str, Any], now: float, leeway: int) -> bool:
    expiry = _number(claims.get("exp"))
    begins = [_number(claims[name]) for name in ("iat", "nbf") if name in claims]
    return (
        expiry is not None
        and now <= expiry + leeway
        and all(begin is not None and begin <= now + _CLOCK_SKEW_SECONDS for begin in begins)
    )


def _number(value: Any) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _object(part: str) -> dict[str, Any]:
    """The JSON object in a part of the token, or an empty one."""
    try:
        return as_object(loads(_decoded(part)))
    except InvalidJSON:
        return {}


def _decoded(part: str) -> bytes:
    """The bytes of a part; none for what is no base64."""
    try:
        data = part.encode("ascii")
        return urlsafe_b64decode(data + b"=" * (-len(data) % 4))
    except ValueError:
        return b""


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
