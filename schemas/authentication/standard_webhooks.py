"""Signatures of Standard Webhooks 1.0: HMAC-SHA256 (`v1`) and Ed25519 (`v1a`) over id, time and body.

This is the only scheme here that covers the time as well, so that a captured request cannot be sent again later. The
library `standardwebhooks` cannot be used: it takes no time of the request, only bodies in UTF-8, and no `v1a`.
"""

import hmac
from base64 import b64decode
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from schemas.authentication.request import REJECT, UNSIGNED, Request, Verdict
from schemas.authentication.secrets import to_bytes, verdict_for

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
SVIX_HEADERS = ("svix-id", "svix-timestamp", "svix-signature")

_TOLERANCE_MS = 300_000  # as the reference libraries, before and after the time of the request
_MAX_SIGNATURES = 32  # one for each live key of the sender; more are not checked
_SYMMETRIC, _PUBLIC, _PRIVATE = "whsec_", "whpk_", "whsk_"


class _Signed(NamedTuple):
    """The signed bytes, and the version and bytes of each signature of them."""

    content: bytes
    signatures: list[tuple[str, bytes]]


def verify(request: Request, secrets: Sequence[str]) -> Verdict:
    """The verdict by any of the request's signatures and any of the secrets.

    A secret is `whsec_<base64>`, base64 alone or a plain text for `v1`, the public key `whpk_<base64>` for `v1a`.
    """
    if not secrets:
        return UNSIGNED
    signed = _signed(request)
    if signed is None:
        return REJECT
    verdict = REJECT
    for secret in secrets:
        scheme = _matching_scheme(secret, signed) if secret else None
        if scheme is not None:
            verdict = verdict_for(scheme, secret)
    return verdict


def secret_fault(secret: str) -> str | None:
    """Why no signature can match a secret with one of the prefixes; None if one can."""
    if secret.startswith(_PRIVATE):
        return f"{_PRIVATE}... is the sender's private key: give the public one, {_PUBLIC}..."
    if secret.startswith(_PUBLIC) and _public_key(secret) is None:
        return f"{_PUBLIC} is not followed by an Ed25519 public key in base64: copy the whole key"
    if secret.startswith(_SYMMETRIC) and not _symmetric_keys(secret):
        return f"{_SYMMETRIC} is not followed by base64: copy the whole secret"
    return None


def _signed(request: Request) -> _Signed | None:
    """What was signed, or None when a header is missing or the time is outside the tolerance."""
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
    content = to_bytes(f"{identity}.{moment}.") + request.body
    return _Signed(content, list(_signatures(signatures)))


def _signatures(header: str) -> Iterator[tuple[str, bytes]]:
    for entry in header.split(" ", _MAX_SIGNATURES)[:_MAX_SIGNATURES]:
        version, _, encoded = entry.partition(",")
        signature = _decoded(encoded)
        if signature:
            yield version, signature


def _matching_scheme(secret: str, signed: _Signed) -> str | None:
    """The scheme of the signatures that the secret made, or None."""
    if secret.startswith(_PUBLIC):
        key = _public_key(secret)
        signatures = [signature for version, signature in signed.signatures if version == "v1a"]
        return "ed25519" if key is not None and any(_is_by(key, one, signed.content) for one in signatures) else None
    expected = [hmac.digest(key, signed.content, sha256) for key in _symmetric_keys(secret)]
    matches = [
        hmac.compare_digest(digest, signature)
        for version, signature in signed.signatures
        if version == "v1"
        for digest in expected
    ]
    return "hmac-sha256" if any(matches) else None


@lru_cache(maxsize=256)
def _symmetric_keys(secret: str) -> tuple[bytes, ...]:
    """The possible keys of a secret: the bytes of `whsec_<base64>`; without the prefix also the text itself."""
    if secret.startswith(_PRIVATE):
        return ()
    decoded = _decoded(secret.removeprefix(_SYMMETRIC))
    plain = b"" if secret.startswith(_SYMMETRIC) else to_bytes(secret)
    return tuple(key for key in (decoded, plain) if key)


@lru_cache(maxsize=256)
def _public_key(secret: str) -> "Ed25519PublicKey | None":
    """The Ed25519 key of `whpk_<base64>`, or None for malformed text."""
    # Imported with the first such key: it takes 20 ms, which every command would spend.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        return Ed25519PublicKey.from_public_bytes(_decoded(secret.removeprefix(_PUBLIC)))
    except ValueError:
        return None


def _is_by(key: "Ed25519PublicKey", signature: bytes, content: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def _decoded(encoded: str) -> bytes:
    """The bytes of a base64 text, padded or not; b"" for any other text."""
    try:
        return b64decode(encoded.encode("ascii") + b"=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        return b""
