"""A provider's wire format as data and functions: what each provider module defines as `PROVIDER`."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.authentication.request import Request, Verdict
from schemas.parsing.results import Parsed, Rejected


@dataclass(slots=True, frozen=True)
class Provider:
    """A provider's wire format.

    verify(request, secrets): constant time over the raw bytes with every live secret; never raises on any input.
    parse(body): the elements in order, one bad element never hides its siblings; never raises on any bytes.
    challenge(query, verify_tokens): the text to answer a GET handshake with, or None when the token is wrong.
    proof_headers: lower-case names of the headers that prove a body to anybody who has the secret; stored verbatim.
    configured(mapping): the same provider by a source's own `mapping` ({} when it has none); raises ValueError whose
    lines each name the wrong key and its cure. None: sources of it take no mapping.
    send_response(body): the sent events of what it answers to the call that sends, one or several; as parse otherwise.
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
    send_response: Callable[[bytes], Iterable[Parsed | Rejected]] | None = None
