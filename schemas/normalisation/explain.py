"""The result of one HTTP request: authentication, events and dead letters, without any service.

Facts that only the edge knows get placeholders: the request_id is "explain", and a request without a source of the
settings has its provider's name as the source.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from schemas.addresses import address_behind_proxy
from schemas.authentication.policy import NO_CHECKS, Policy
from schemas.authentication.request import Request
from schemas.normalisation.dead_letters import DeadLetter
from schemas.normalisation.raw_topic import Event, normalise
from schemas.parsing.times import to_iso
from schemas.providers.base import Provider
from schemas.providers.registry import Formats

_POSITION = {"topic": "wa.raw", "partition": 0, "offset": 0}


@dataclass(slots=True, frozen=True)
class Setup:
    """The settings of a source, and the IP address of the request. By default a provider without any settings."""

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
    """{"auth", "outcome", "response", "events", "dead"} for one request at `now` (ms).

    Header names may be in any case. Without `query` that of `url` is used. `secrets` and `verify_token` replace those
    of the setup. A rejected request is not parsed, as at the edge. Raises ValueError for an unknown provider.
    """
    setup = setup or Setup()
    source = setup.source or provider_name
    provider = setup.formats.of(source, provider_name)
    if provider is None:
        raise ValueError(f"There is no provider of this name; use one of {', '.join(setup.formats.known)}.")
    query_text = _query_text(url) or urlencode(query or {})
    query = query or _query_of(url)
    lowered = {name.lower(): value for name, value in headers.items()}
    path_secret = setup.auth.path_secret(_tail_of(url, setup.source), provider.subpath)
    request = Request(lowered, body, method.upper(), query, url, now, path_secret or "", setup.address)
    if path_secret is None:
        return _result("reject", "reject")
    if request.method == "GET" and provider.query_form and query_text:
        full = url if "?" in url else f"{url}?{query_text}"
        request, body = replace(request, url=full, body=b""), query_text.encode("utf-8", "surrogateescape")
    elif request.method == "GET":
        tokens = [verify_token] if verify_token else setup.verify_tokens
        return _handshake(provider, request, tokens, setup.auth)
    auth = setup.auth.verify(request, provider.verify, secrets or setup.secrets).auth
    if auth == "reject":
        return _result(auth, "reject")
    record = {"source": source, "provider": provider.name, "received_at": to_iso(now), "request_id": "explain"}
    record |= {name: value for name, value in lowered.items() if name == "content-encoding"}
    return _normalised(auth, *normalise(record, body, _POSITION, setup.formats))


def _normalised(auth: str, events: Sequence[Event], dead: Sequence[DeadLetter]) -> dict[str, Any]:
    return {
        **_result(auth, "accepted" if events else "quarantine"),
        "events": [event.fields for event in events],
        "dead": [
            {"index": letter["raw"]["index"], "reason": letter["reason"], "detail": letter["detail"]} for letter in dead
        ],
    }


def _query_text(url: str) -> str:
    return url.partition("?")[2].partition("#")[0]


def _query_of(url: str) -> dict[str, str]:
    if "?" not in url:
        return {}
    try:
        return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    except ValueError:  # not a URL
        return {}


def _tail_of(url: str, source: str) -> str:
    """The part of a source's address after its name; a proxy may remove what precedes /webhooks."""
    if not source:
        return ""
    try:
        path = urlsplit(url).path
    except ValueError:
        return ""
    found = address_behind_proxy(unquote(path), source)
    return "" if found is None else found.tail


def _handshake(provider: Provider, request: Request, tokens: Sequence[str], auth: Policy) -> dict[str, Any]:
    challenge = provider.challenge if auth.admits_handshake(request) else None
    response = challenge(request.query, tokens) if challenge is not None else None
    return _result("reject", "reject") if response is None else {**_result("ok", "challenge"), "response": response}


def _result(auth: str, outcome: str) -> dict[str, Any]:
    return {"auth": auth, "outcome": outcome, "response": None, "events": [], "dead": []}
