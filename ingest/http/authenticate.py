"""Authenticates a request: from source and request to the headers of its record, or to a refusal.

A webhook's body is never parsed here: it is verified over its bytes as sent and stored as they are, so that no change
of a provider's format can cost a delivery. Compressed bodies are stored as they came, with the record header
`content-encoding`; the streams inflate them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.http.refusals import BAD_SENT_TOKEN, BAD_SIGNATURE
from ingest.storage.record import RecordHeaders
from schemas.authentication.policy import NO_CHECKS, Policy
from schemas.authentication.request import Head, Request, Verdict
from schemas.authentication.secrets import matching_secret, verdict_for
from schemas.http_errors import HttpError
from schemas.parsing.times import to_iso
from schemas.providers.base import Provider

# Their values are credentials: never stored, even if a provider lists them as proof headers.
_NEVER_STORED = frozenset({"authorization", "proxy-authorization", "cookie"})


@dataclass(slots=True, frozen=True)
class Source:
    """One configured source with its secrets read.

    trusts_host_header: its signatures cover an address that only the Host header of the request names.
    """

    name: str
    provider: Provider
    secrets: tuple[str, ...] = field(default=(), repr=False)
    verify_tokens: tuple[str, ...] = field(default=(), repr=False)
    sent_tokens: tuple[str, ...] = field(default=(), repr=False)
    auth: Policy = field(default=NO_CHECKS, repr=False)
    trusts_host_header: bool = False
    _names: RecordHeaders = field(init=False, repr=False)
    proof_headers: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = [("source", self.name.encode()), ("provider", self.provider.name.encode())]
        proofs = (*self.provider.proof_headers, *self.auth.proof_headers)
        object.__setattr__(self, "_names", names)
        object.__setattr__(self, "proof_headers", tuple(name for name in proofs if name not in _NEVER_STORED))

    def record_headers(self, received_ms: int, request_id: str, verdict: Verdict) -> RecordHeaders:
        """The headers that every record has: source, provider, time, delivery and proof."""
        return [
            *self._names,
            ("received_at", to_iso(received_ms).encode()),
            ("request_id", request_id.encode()),
            ("auth", f"{verdict.scheme};key={verdict.key_id}".encode() if verdict.auth == "ok" else b"unsigned"),
        ]

    def path_secret(self, tail: str) -> str | None:
        """The secret in an address, by what follows the source's name in it; None: no such address."""
        return self.auth.path_secret(tail, self.provider.subpath)

    @property
    def has_subpaths(self) -> bool:
        """Whether its address may continue after its name."""
        return self.auth.in_path or self.provider.subpath is not None


def head_verdict(source: Source, head: Head) -> Verdict:
    """What the headers, the path and the address of a provider's request prove, before its body is read."""
    return source.auth.verify_head(head, source.provider.verify, source.secrets)


def webhook_headers(source: Source, request: Request, request_id: str) -> RecordHeaders | HttpError:
    """The record headers of a provider's request, or BAD_SIGNATURE."""
    verdict = source.auth.verify(request, source.provider.verify, source.secrets)
    if verdict.auth == "reject":
        return BAD_SIGNATURE
    headers = source.record_headers(request.now_ms, request_id, verdict)
    for name in source.proof_headers:
        value = request.headers.get(name)
        if value is not None:
            headers.append((name, value.encode("utf-8", "surrogateescape")))
    encoding = request.headers.get("content-encoding")
    if encoding is not None and encoding.lower() != "identity":
        headers.append(("content-encoding", encoding.encode("utf-8", "surrogateescape")))
    return headers


def sent_token(source: Source, headers: Mapping[str, str]) -> str | HttpError:
    """The valid sent token of the request, or BAD_SENT_TOKEN; the comparison takes constant time."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return BAD_SENT_TOKEN
    return matching_secret(given.strip(), source.sent_tokens) or BAD_SENT_TOKEN


def sent_headers(source: Source, token: str, now_ms: int, request_id: str, kind: RecordHeaders) -> RecordHeaders:
    """The record headers of a /sent body with this valid token; `kind`: headers that give the format of the body."""
    return [*source.record_headers(now_ms, request_id, verdict_for("bearer", token)), *kind]
