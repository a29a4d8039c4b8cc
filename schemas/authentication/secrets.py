"""A source's live secrets: reads them, and finds the one that proves a request in constant time."""

import hmac
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import sha256

from schemas.authentication.request import REJECT, Verdict
from schemas.errors import ConfigError
from schemas.settings.base import Secret


def read_secrets(key: str, places: Sequence[Secret]) -> tuple[str, ...]:
    """The secrets of the setting `key`. Raises ConfigError whose text begins with the key."""
    try:
        return tuple(place.read() for place in places)
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from None


@lru_cache(maxsize=1024)  # needed for every request; an HMAC costs 5 us
def key_id(secret: str) -> str:
    """A short name that tells two live secrets apart: 16 bits, too few to confirm a guess of the secret."""
    return hmac.digest(to_bytes(secret), b"ackstream key id", sha256).hex()[:4]


def verdict_for(scheme: str, secret: str | None) -> Verdict:
    """`ok` with the scheme and the key id of the secret that was found; REJECT for None."""
    return REJECT if secret is None else Verdict("ok", scheme, key_id(secret))


def matching_secret(given: str, secrets: Sequence[str]) -> str | None:
    """The secret that equals `given`."""
    found = None
    for secret in secrets:
        if secret and hmac.compare_digest(to_bytes(secret), to_bytes(given)):
            found = secret
    return found


def matching_hmac(body: bytes, given: str, secrets: Sequence[str]) -> str | None:
    """The secret whose hex HMAC-SHA256 of the raw body equals `given`.

    `given` is in either case of hex, with or without `sha256=` before it.
    """
    claimed = given.strip().lower().removeprefix("sha256=")
    return matching_signature(claimed, secrets, lambda key: (hmac.digest(key, body, sha256).hex(),))


def matching_signature(given: str, secrets: Sequence[str], sign: Callable[[bytes], Iterable[str]]) -> str | None:
    """The secret for which `given` is one of the signatures that `sign` makes of the secret's bytes."""
    claimed = to_bytes(given)
    found = None
    for secret in secrets:
        for signature in sign(to_bytes(secret)) if secret else ():
            if hmac.compare_digest(to_bytes(signature), claimed):
                found = secret
    return found


def to_bytes(text: str) -> bytes:
    """The bytes of a secret or a header, either of which may hold bytes that are not UTF-8."""
    return text.encode("utf-8", "surrogatepass")
