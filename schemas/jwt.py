"""JSON Web Tokens signed with HS256: whose key signed one, and whether it holds now. Pure.

A token proves that its sender knows the key. It covers no body, so its expiry is all that keeps a captured one from
being used for ever: one without an expiry is refused.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from schemas.jsontext import InvalidJSON, loads
from schemas.lenient import mapping
from schemas.providers import proving_secret

_CLOCK_SKEW_SECONDS = 300


def hs256_secret(token: str, secrets: Sequence[str], now_ms: int, leeway_seconds: int = 0) -> str | None:
    """The secret that signed `token`, if it is valid at `now_ms`; `leeway_seconds` = how long after `exp` it still is.

    The algorithm is fixed: what the token's own header names is compared with it, never followed.
    """
    parts = token.split(".")
    if len(parts) != 3:
        return None
    header, claims = _object(parts[0]), _object(parts[1])
    if header.get("alg") != "HS256" or "crit" in header or not _holds(claims, now_ms / 1000, leeway_seconds):
        return None
    signed = f"{parts[0]}.{parts[1]}".encode()  # _object has made sure of ASCII
    return proving_secret(parts[2], secrets, lambda key: (_encoded(hmac.digest(key, signed, sha256)),))


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
        data = part.encode("ascii")
        return mapping(loads(urlsafe_b64decode(data + b"=" * (-len(data) % 4))))
    except (ValueError, InvalidJSON):
        return {}


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
