"""Signatures of Standard Webhooks 1.0: HMAC-SHA256 (`v1`) and Ed25519 (`v1a`) over id, time and body.

This is the only scheme here that covers the time as well, so that a captured request cannot be sent again later. The
library `standardwebhooks` cannot be used: it takes no time of the request, only bodies in UTF-8, and no `v1a`.
"""

import hmac
from base64 import b64decode
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

from schemas.authentication.request import REJECT, UNSIGNED, Request, Verdict
from schemas.authentication.secrets import verdict_for

HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
SVIX_HEADERS = ("svix-id", "svix-timestamp", "svix-signature")

_TOLERANCE_MS = 300_000  # what the reference libraries allow between the attempt and now, on both sides
_MAX_SIGNATURES = 32  # one for each live key of the sender; more would only cost time
_SYMMETRIC, _PUBLIC, _PRIVATE = "whsec_", "whpk_", "whsk_"


class _Signed(NamedTuple):
    text: bytes
    signatures: list[tuple[str, bytes]]  # version and bytes of each


def verify(request: Request, secrets: Sequence[str]) -> Verdict:
    """Any of the request's signatures by any of the secrets: `whsec_...` (or plain base64) or `whpk_...`."""
    if not secrets:
        return UNSIGNED
    signed = _signed(request)
    if signed is None:
        return REJECT
    found = None
    for secret in secrets:
        scheme = _proves(secret, signed) if secret else None
        if scheme is not None:
            found = verdict_for(scheme, secret)
    return found or REJECT


def _signed(request: Request) -> _Signed | None:
    """What was signed and how, or None when a header is missing or the attempt is not of now."""
    for names in (HEADERS, SVIX_HEADERS):
        identity, moment, signatures = (request.headers.get(name, "") for name in names)
        if identity and moment and signatures:
            break
    else:
        return None
    if not (moment.isascii() and moment.isdigit() and len(moment) <= 12):
        return None
    if abs(int(moment) * 1000 - request.now_ms) > _TOLERANCE_MS:
        return None
    text = f"{identity}.{moment}.".encode("utf-8", "surrogatepass") + request.body
    return _Signed(text, list(_listed(signatures)))


def _listed(header: str) -> Iterator[tuple[str, bytes]]:
    for entry in header.split(" ", _MAX_SIGNATURES)[:_MAX_SIGNATURES]:
        version, _, encoded = entry.partition(",")
        signature = _decoded(encoded)
        if signature:
            yield version, signature


def _proves(secret: str, signed: _Signed) -> str | None:
    """The scheme by which the secret proves the request, or None."""
    if secret.startswith(_PUBLIC):
        key = _public_key(secret)
        wanted = [signature for version, signature in signed.signatures if version == "v1a"]
        return "ed25519" if key is not None and any(_is_by(key, one, signed.text) for one in wanted) else None
    expected = [hmac.digest(key, signed.text, sha256) for key in _symmetric_keys(secret)]
    matches = [
        hmac.compare_digest(digest, signature)
        for version, signature in signed.signatures
        if version == "v1"
        for digest in expected
    ]
    return "hmac-sha256" if any(matches) else None


@lru_cache(maxsize=256)
def _symmetric_keys(secret: str) -> tuple[bytes, ...]:
    """The bytes behind `whsec_<base64>`; a secret without the prefix may be base64 or be meant as it stands."""
    if secret.startswith(_PRIVATE):
        return ()
    decoded = _decoded(secret.removeprefix(_SYMMETRIC))
    plain = b"" if secret.startswith(_SYMMETRIC) else secret.encode("utf-8", "surrogatepass")
    return tuple(key for key in (decoded, plain) if key)


@lru_cache(maxsize=256)
def _public_key(secret: str) -> Any:
    """The Ed25519 key behind `whpk_<base64>`, or None when it is none."""
    # Imported on the first such key: it takes 20 ms, which every command would spend.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        return Ed25519PublicKey.from_public_bytes(_decoded(secret.removeprefix(_PUBLIC)))
    except ValueError:
        return None


def _is_by(key: Any, signature: bytes, text: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, text)
    except InvalidSignature:
        return False
    return True


def _decoded(encoded: str) -> bytes:
    """The bytes of a base64 text, padded or not; none for what is no base64."""
    try:
        return b64decode(encoded.encode("ascii") + b"=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        return b""
