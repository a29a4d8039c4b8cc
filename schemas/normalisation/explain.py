"""What the platform would make of one request, without any service. Pure.

Facts that only our edge knows get placeholders: the request_id is "explain", and where no source of the settings is
meant it is called like its provider.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from schemas.authentication.policy import NO_CHECKS, Policy
from schemas.authentication.request import Request
from schemas.normalisation.raw_topic import Event, normalise
from schemas.parsing.times import to_iso
from schemas.providers.base import Provider
from schemas.providers.registry import Formats

_POSITION = {"topic": "wa.raw", "partition": 0, "offset": 0}


@dataclass(slots=True, frozen=True)
class Setup:
    """How a source is set up, and from which address the request comes; by default as its provider alone."""

    formats: Formats = field(default_factory=Formats)
    source: str = ""
    secrets: Sequence[str] = field(default=(), repr=False)
    verify_tokens: Sequence[str] = field(default=(), repr=False)
    auth: Policy = field(default=NO_CHECKS, repr=False)
    address: str = ""


def explain(
    provider_name: str,
    headers: Mapping[str, str],
    body: bytes,
    secrets: Sequence[str],
    url: str,
    now: int,
    method: str = "POST",
    query: Mapping[str, str] | None = None,
    verify_token: str | None = None,
    setup: Setup | None = None,
) -> dict[str, Any]:
    """{"auth", "outcome", "response", "events", "dead"} for one request at `now` (ms). Raises ValueError for an unknown
    provider, nothing else.

    Header names may be in any case; without `query` that of `url` counts. Secrets and token that are given take the
    place of those of the setup. Of a rejected request nothing is parsed, as at the edge.
    """
    setup = setup or Setup()
    source = setup.source or provider_name
    provider = setup.formats.of(source, provider_name)
    if provider is None:
        raise ValueError(f"There is no provider of that name; use one of {', '.join(setup.formats.known)}.")
    query = query or _query_of(url)
    lowered = {name.lower(): value for name, value in headers.items()}
    path_secret = setup.auth.path_secret(_tail_of(url, setup.source), provider.subpath)
    request = Request(lowered, body, method.upper(), query, url, now, path_secret or "", setup.address)
    if path_secret is None:
        return _answer("reject", "reject")
    if request.method == "GET":
        tokens = [verify_token] if verify_token else setup.verify_tokens
        return _handshake(provider, request, tokens, setup.auth)
    auth = setup.auth.verify(request, provider.verify, secrets or setup.secrets).auth
    if auth == "reject":
        return _answer(auth, "reject")
    record = {"source": source, "provider": provider.name, "received_at": to_iso(now), "request_id": "explain"}
    return _understood(auth, *normalise(record, body, _POSITION, setup.formats))


def _understood(auth: str, events: Sequence[Event], dead: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        **_answer(auth, "accepted" if events else "quarantine"),
        "events": [event.fields for event in events],
        "dead": [{"index": one["raw"]["index"], "reason": one["reason"], "detail": one["detail"]} for one in dead],
    }


def _query_of(url: str) -> dict[str, str]:
    if "?" not in url:
        return {}
    try:
        return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    except ValueError:  # no URL, so no query
        return {}


def _tail_of(url: str, source: str) -> str:
    """What follows the source's name in its address; a proxy may take away what comes before /webhooks."""
    if not source:
        return ""
    try:
        path = urlsplit(url).path
    except ValueError:
        return ""
    return unquote(path.partition(f"/webhooks/{source}/")[2])


def _handshake(provider: Provider, request: Request, tokens: Sequence[str], auth: Policy) -> dict[str, Any]:
    answer_to = provider.challenge if auth.admits_handshake(request) else None
    response = answer_to(request.query, tokens) if answer_to is not None else None
    return _answer("reject", "reject") if response is None else {**_answer("ok", "challenge"), "response": response}


def _answer(auth: str, outcome: str) -> dict[str, Any]:
    return {"auth": auth, "outcome": outcome, "response": None, "events": [], "dead": []}
