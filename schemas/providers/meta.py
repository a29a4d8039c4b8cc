"""Meta WhatsApp Cloud API: HMAC-SHA256 over the raw body, a GET handshake, Cloud API bodies."""

from collections.abc import Mapping, Sequence

from schemas.authentication.request import UNSIGNED, Request, Verdict
from schemas.authentication.secrets import matching_hmac, matching_secret, verdict_for
from schemas.providers._cloud_api.bodies import parse
from schemas.providers._cloud_api.send_responses import send_response
from schemas.providers.base import Provider

SIGNATURE = "x-hub-signature-256"
_APP_SECRET_DIGITS = 32


def verify(request: Request, secrets: Sequence[str]) -> Verdict:
    """The verdict on `X-Hub-Signature-256: sha256=<hex>`.

    The signature covers the raw bytes: decoding and encoding again changes how non-ASCII characters are escaped.
    """
    if not secrets:
        return UNSIGNED
    return verdict_for("hmac-sha256", matching_hmac(request.body, request.headers.get(SIGNATURE, ""), secrets))


def challenge(query: Mapping[str, str], verify_tokens: Sequence[str]) -> str | None:
    """`hub.challenge` of the handshake when its token is one of ours, else None."""
    token = matching_secret(query.get("hub.verify_token", ""), verify_tokens)
    if query.get("hub.mode") != "subscribe" or token is None:
        return None
    return query.get("hub.challenge") or None


def secret_fault(secret: str) -> str | None:
    """Why an access token, which begins with EAA, is no secret of signatures."""
    is_token = secret.startswith("EAA") and len(secret) > _APP_SECRET_DIGITS
    return "an access token (EAA...) signs no webhooks: use the app secret (App settings, Basic)" if is_token else None


PROVIDER = Provider(
    name="meta",
    verify=verify,
    parse=parse,
    proof_headers=(SIGNATURE,),
    challenge=challenge,
    send_response=send_response,
    secret_fault=secret_fault,
)
