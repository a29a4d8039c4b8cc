"""Authentication by a secret that the sender includes in the request, for providers that sign nothing.

Users choose the name of the header themselves, so every header and every parameter of the query is compared. The secret
proves the sender, never the body.
"""

from base64 import b64decode
from collections.abc import Iterator, Sequence

from schemas.authentication.request import REJECT, UNSIGNED, Request, Verdict
from schemas.authentication.secrets import matching_secret, verdict_for


def verify_static_secret(request: Request, secrets: Sequence[str]) -> Verdict:
    """The verdict by the first place that holds one of the secrets.

    Places: a bearer token, Basic (`user:password` or the password alone), any header's whole value, any parameter.
    """
    if not secrets:
        return UNSIGNED
    for scheme, given in _candidates(request):
        secret = matching_secret(given, secrets) if given else None
        if secret is not None:
            return verdict_for(scheme, secret)
    return REJECT


def bearer_token(request: Request) -> str:
    """The token of `Authorization: Bearer ...`, or ""."""
    return _credentials(request, "bearer")


def basic_credentials(request: Request) -> str:
    """`user:password` of `Authorization: Basic ...`, or ""."""
    return _decoded(_credentials(request, "basic"))


def _credentials(request: Request, wanted: str) -> str:
    scheme, _, credentials = request.headers.get("authorization", "").strip().partition(" ")
    return credentials.strip() if scheme.lower() == wanted else ""


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
    except ValueError:  # no base64, or characters beyond ASCII
        return ""
