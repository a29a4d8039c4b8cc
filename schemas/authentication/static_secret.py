"""Proof of a sender whose provider signs nothing: a secret that the user has it send along. Pure.

Users choose the name of the header themselves, so every header is looked at, and the address's query; whoever can name
the secret at any of these places knows it. It proves the sender, never the body.
"""

from base64 import b64decode
from collections.abc import Iterator, Sequence

from schemas.authentication.request import REJECT, UNSIGNED, Request, Verdict
from schemas.authentication.secrets import matching_secret, verdict_for


def verify_static_secret(request: Request, secrets: Sequence[str]) -> Verdict:
    """Bearer, Basic (`user:password` or the password alone), any header's whole value, any parameter of the query."""
    if not secrets:
        return UNSIGNED
    for scheme, given in _candidates(request):
        secret = matching_secret(given, secrets) if given else None
        if secret is not None:
            return verdict_for(scheme, secret)
    return REJECT


def bearer_token(request: Request) -> str:
    """The token of `Authorization: Bearer ...`, or ""."""
    scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def basic_credentials(request: Request) -> str:
    """`user:password` of `Authorization: Basic ...`, or ""."""
    scheme, _, encoded = request.headers.get("authorization", "").strip().partition(" ")
    return _decoded(encoded.strip()) if scheme.lower() == "basic" else ""


def _candidates(request: Request) -> Iterator[tuple[str, str]]:
    yield "bearer", bearer_token(request)
    pair = basic_credentials(request)
    yield "basic", pair
    yield "basic", pair.partition(":")[2]
    for value in request.headers.values():
        yield "static", value
    for value in request.query.values():
        yield "token", value


def _decoded(encoded: str) -> str:
    try:
        return b64decode(encoded, validate=True).decode("utf-8", "replace")
    except ValueError:  # binascii's error, and that of characters beyond ASCII, are both of this kind
        return ""
