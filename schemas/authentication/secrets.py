"""Which of a source's live secrets proves a request: comparisons in constant time."""

import hmac
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import sha256

from schemas.authentication.request import REJECT, Verdict


@lru_cache(maxsize=1024)  # asked on every request; an HMAC costs 5 us
def key_id(secret: str) -> str:
    """Tells two live secrets apart: 16 bits, too few to confirm a guess of the secret."""
    return hmac.digest(_bytes(secret), b"ackstream key id", sha256).hex()[:4]


def verdict_for(scheme: str, secret: str | None) -> Verdict:
    """`ok` by the secret that proves a request; REJECT when none does."""
    return REJECT if secret is None else Verdict("ok", scheme, key_id(secret))


def matching_secret(given: str, secrets: Sequence[str]) -> str | None:
    """The secret that equals `given`, compared in constant time with each of them."""
    found = None
    for secret in secrets:
        if secret and hmac.compare_digest(_bytes(secret), _bytes(given)):
            found = secret
    return found


def matching_hmac(body: bytes, given: str, secrets: Sequence[str]) -> str | None:
    """The secret whose hex HMAC-SHA256 over the raw body equals `given` (`sha256=` before it, either case of hex)."""
    claimed = given.strip().lower().removeprefix("sha256=")
    return matching_signature(claimed, secrets, lambda key: (hmac.digest(key, body, sha256).hex(),))


def matching_signature(given: str, secrets: Sequence[str], sign: Callable[[bytes], Iterable[str]]) -> str | None:
    """The secret from whose bytes `sign` makes `given`, as one of its signatures; compared in constant time."""
    claimed = _bytes(given)
    found = None
    for secret in secrets:
        for signature in sign(_bytes(secret)) if secret else ():
            if hmac.compare_digest(_bytes(signature), claimed):
                found = secret
    return found


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # settings and headers may hold bytes that are no UTF-8
