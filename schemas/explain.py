"""What the platform would make of one request, without any service. Pure.

Facts that only our edge knows get placeholders: the source is called like its provider, the request_id is "explain".
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from schemas.normalise import normalise
from schemas.providers import Provider, Request, load
from schemas.times import to_iso

_POSITION = {"topic": "wa.raw", "partition": 0, "offset": 0}


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
) -> dict[str, Any]:
    """{"auth", "outcome", "response", "events", "dead"} for one request at `now` (ms). Raises ValueError for an unknown
    provider, nothing else.

    Header names may be in any case; without `query` that of `url` counts. Of a rejected request nothing is parsed, as
    at the edge.
    """
    provider = load().get(provider_name)
    if provider is None:
        raise ValueError(f"There is no provider of that name; use one of {', '.join(load())}.")
    query = query or _query_of(url)
    if method.upper() == "GET":
        return _handshake(provider, query, verify_token)
    lowered = {name.lower(): value for name, value in headers.items()}
    request = Request(lowered, body, method.upper(), query, url, now)
    auth = provider.verify(request, secrets).auth
    if auth == "reject":
        return _answer(auth, "reject")
    record = {"source": provider.name, "provider": provider.name, "received_at": to_iso(now), "request_id": "explain"}
    events, dead = normalise(record, body, _POSITION)
    return {
        **_answer(auth, "accepted" if events else "quarantine"),
        "events": [event.fields for event in events],
        "dead": [{"index": one["raw"]["index"], "reason": one["reason"], "detail": one["detail"]} for one in dead],
    }


def _query_of(url: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    except ValueError:  # no URL, so no query
        return {}


def _handshake(provider: Provider, query: Mapping[str, str], verify_token: str | None) -> dict[str, Any]:
    tokens = [verify_token] if verify_token else []
    response = provider.challenge(query, tokens) if provider.challenge is not None else None
    return _answer("reject", "reject") if response is None else {**_answer("ok", "challenge"), "response": response}


def _answer(auth: str, outcome: str) -> dict[str, Any]:
    return {"auth": auth, "outcome": outcome, "response": None, "events": [], "dead": []}
