"""Providers: each foreign wire format is one file here, found by a directory scan. Pure.

Files of a user's own folders join them (schemas.provider_files). A file defines `PROVIDER = Provider(...)`. `verify`
and `challenge` run at the edge, `parse` in the streams, so a bug in a parser never costs a delivery.
"""

import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Literal

from schemas.events import Parsed, Rejected

Auth = Literal["ok", "reject", "unsigned"]


@dataclass(slots=True, frozen=True)
class Request:
    """One HTTP request as the edge saw it. Header names are lower case; `body` is untouched."""

    headers: Mapping[str, str]
    body: bytes = b""
    method: str = "POST"
    query: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    now_ms: int = 0
    segment: str = ""  # what the address has after the source's name where a secret belongs
    address: str = ""  # the sender's, past the proxies that the settings trust


@dataclass(slots=True, frozen=True)
class Verdict:
    """`reject` = a proven forgery or missing credentials; `unsigned` = this source has nothing to check against.

    `scheme` and `key_id` say which of the source's secrets matched; they are stored where the header itself may not be.
    """

    auth: Auth
    scheme: str = ""
    key_id: str = ""


UNSIGNED = Verdict("unsigned")
REJECT = Verdict("reject")


@dataclass(slots=True, frozen=True)
class Provider:
    """A provider's wire format.

    verify(request, secrets): constant time over the raw bytes with every live secret; never raises on any input.
    parse(body): the elements in order, one bad element never hides its siblings; never raises on any bytes.
    challenge(query, verify_tokens): the text to answer a GET handshake with, or None when the token is wrong.
    proof_headers: lower-case names of the headers that prove a body to anybody who has the secret; stored verbatim.
    configured(mapping): the same provider by a source's own `mapping` ({} when it has none); raises ValueError whose
    lines each name the wrong key and its cure. None: sources of it take no mapping.
    sent_answer(body): the sent events of what it answers to the call that sends, one or several; as parse otherwise.
    subpath: what its sender may append to the configured address, after a slash; it says nothing that counts.
    """

    name: str
    verify: Callable[[Request, Sequence[str]], Verdict]
    parse: Callable[[bytes], Iterable[Parsed | Rejected]]
    proof_headers: tuple[str, ...] = ()
    challenge: Callable[[Mapping[str, str], Sequence[str]], str | None] | None = None
    signed: bool = True  # False: the provider documents no signature; said at start-up
    configured: Callable[[Mapping[str, Any]], "Provider"] | None = None
    subpath: re.Pattern[str] | None = None
    sent_answer: Callable[[bytes], Iterable[Parsed | Rejected]] | None = None


@lru_cache(maxsize=1024)  # asked on every request; an HMAC costs 5 us
def key_id(secret: str) -> str:
    """Tells two live secrets apart: 16 bits, too few to confirm a guess of the secret."""
    return hmac.digest(_bytes(secret), b"ackstream key id", sha256).hex()[:4]


def proven(scheme: str, secret: str | None) -> Verdict:
    """`ok` by the secret that proves a request; REJECT when none does."""
    return REJECT if secret is None else Verdict("ok", scheme, key_id(secret))


def matching_secret(given: str, secrets: Sequence[str]) -> str | None:
    """The secret that equals `given`, compared in constant time with each of them."""
    found = None
    for secret in secrets:
        if secret and hmac.compare_digest(_bytes(secret), _bytes(given)):
            found = secret
    return found


def signing_secret(body: bytes, given: str, secrets: Sequence[str]) -> str | None:
    """The secret whose hex HMAC-SHA256 over the raw body equals `given` (`sha256=` before it, either case of hex)."""
    claimed = given.strip().lower().removeprefix("sha256=")
    return proving_secret(claimed, secrets, lambda key: (hmac.digest(key, body, sha256).hex(),))


def proving_secret(given: str, secrets: Sequence[str], sign: Callable[[bytes], Iterable[str]]) -> str | None:
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


@lru_cache(maxsize=1)
def load() -> dict[str, Provider]:
    """Every provider by name, sorted. Raises RuntimeError for a file without PROVIDER or a name taken twice."""
    providers: dict[str, Provider] = {}
    for module in sorted(found.name for found in iter_modules(__path__) if not found.name.startswith("_")):
        provider = getattr(import_module(f"{__name__}.{module}"), "PROVIDER", None)
        if not isinstance(provider, Provider):
            raise RuntimeError(f"schemas/providers/{module}.py defines no PROVIDER; see schemas/providers/__init__.py")
        if provider.name in providers:
            raise RuntimeError(f"provider {provider.name!r} is defined twice; rename the one in {module}.py")
        providers[provider.name] = provider
    return providers
