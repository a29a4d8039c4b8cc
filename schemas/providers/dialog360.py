"""360dialog: Cloud API bodies, bodies of the older On-Premises API, and an envelope of its own for coexistence.

360dialog signs with the secret of the webhook. (Meta's signature, which bodies carry as well, is made with the app
secret of 360dialog, which customers do not have.) A webhook without such a secret may have a header or Basic
credentials, which the user enters beside the address; they prove the sender alone.
"""

from collections.abc import Sequence

from schemas.authentication.request import UNSIGNED, Request, Verdict
from schemas.authentication.secrets import matching_hmac, verdict_for
from schemas.authentication.static_secret import verify_static_secret
from schemas.parsing.bodies import Elements, read_each
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_list, as_object
from schemas.providers._cloud_api.bodies import read, read_change
from schemas.providers._cloud_api.send_responses import send_response
from schemas.providers.base import Provider

SIGNATURE = "x-360dialog-signature"
_ON_PREMISES_LISTS = ("messages", "statuses", "errors")


def verify(request: Request, secrets: Sequence[str]) -> Verdict:
    """The verdict on `X-360dialog-Signature`, bare hex HMAC-SHA256 of the raw body, else on a static secret."""
    if not secrets:
        return UNSIGNED
    given = request.headers.get(SIGNATURE)
    secret = None if given is None else matching_hmac(request.body, given, secrets)
    return verify_static_secret(request, secrets) if secret is None else verdict_for("hmac-sha256", secret)


def parse(body: bytes) -> Elements:
    """Every element of a body in its order. Never raises."""
    return read_each(body, _read)


def _read(raw: Json) -> Elements:
    if isinstance(raw, dict) and "entry" not in raw and "field" not in raw:
        event = as_id(raw.get("event"))
        if event is not None:
            data = raw.get("data")
            return read_change({"field": event, "value": data}, {"id": as_object(data).get("id")})
        if any(name in raw for name in _ON_PREMISES_LISTS):
            return read_change({"field": "messages", "value": _cloud_value(raw)}, {})
    return read(raw)


def _cloud_value(raw: JsonObject) -> JsonObject:
    """An On-Premises body as the `value` of a Cloud API change: its statuses may name the recipient one level down."""
    if "statuses" not in raw:
        return raw
    return {**raw, "statuses": [_with_recipient(status) for status in as_list(raw["statuses"])]}


def _with_recipient(status: Json) -> Json:
    if not isinstance(status, dict) or "recipient_id" in status:
        return status
    return {**status, "recipient_id": as_object(status.get("message")).get("recipient_id")}


PROVIDER = Provider(
    name="360dialog", verify=verify, parse=parse, proof_headers=(SIGNATURE,), send_response=send_response
)
