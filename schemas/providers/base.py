"""The type of a provider: what each provider module defines as `PROVIDER`."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.authentication.request import Request, Verdict
from schemas.parsing.results import Parsed, Rejected


@dataclass(slots=True, frozen=True)
class Provider:
    """How a provider proves its requests and what its bodies mean.

    name: as in the settings; a-z, 0-9 and -.
    verify(request, secrets): the verdict on a request, over its raw bytes, with each of the source's secrets. Compares
    in constant time and never raises.
    parse(body): the elements of a webhook body in order. A bad element is rejected and does not change the others.
    Never raises.
    proof_headers: lower-case names of the headers that prove a body to anybody who has the secret. They are stored with
    the body.
    challenge(query, verify_tokens): the response to a GET handshake; None if its token is wrong.
    signed: False if the provider documents no signature; ingest then logs a warning when it starts.
    configured(mapping): the same provider for a source with this `mapping` ({} if it has none). Raises ValueError with
    one line for each wrong key. None: the sources of this provider have no mapping.
    subpath: what the provider may append to the webhook's address, after a slash. It is accepted and ignored.
    secret_fault(secret): why a secret of this form cannot be the right one, as the end of a sentence; else None.
    signs_address: its signature covers the address that it posts to, so `ingest.public_url` has to name that.
    query_form: its users may choose GET: a query is then what a form in a body is otherwise, and is stored as one.
    send_response(body): the sent events in the provider's response to a send call; otherwise as `parse`.
    """

    name: str
    verify: Callable[[Request, Sequence[str]], Verdict]
    parse: Callable[[bytes], Iterable[Parsed | Rejected]]
    proof_headers: tuple[str, ...] = ()
    challenge: Callable[[Mapping[str, str], Sequence[str]], str | None] | None = None
    signed: bool = True
    configured: Callable[[Mapping[str, object]], "Provider"] | None = None
    subpath: re.Pattern[str] | None = None
    send_response: Callable[[bytes], Iterable[Parsed | Rejected]] | None = None
    query_form: bool = False
    signs_address: bool = False
    secret_fault: Callable[[str], str | None] | None = None
