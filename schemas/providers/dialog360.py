"""360dialog: Meta's bodies, their older On-Premises form, and an envelope of its own for coexistence. Pure.

Meta's signature is made with 360dialog's app secret, which no customer has: what proves the sender is a header or Basic
credentials that the user enters beside the address.
"""

from typing import Any

from schemas.authentication.static_secret import verify_static_secret
from schemas.parsing.bodies import Elements, elements_of
from schemas.parsing.json_values import as_id, as_list, as_object
from schemas.providers._cloud_api.bodies import read, read_one
from schemas.providers._cloud_api.send_responses import send_response
from schemas.providers.base import Provider

_LISTS = ("messages", "statuses", "errors")


def parse(body: bytes) -> Elements:
    """Every element of a body in its order. Never raises."""
    return elements_of(body, _root)


def _root(root: Any) -> Elements:
    for raw in root if isinstance(root, list) else [root]:
        if isinstance(raw, dict) and "entry" not in raw and "field" not in raw:
            event = as_id(raw.get("event"))
            if event is not None:
                yield from read_one(
                    {"field": event, "value": raw.get("data")}, {"id": as_object(raw.get("data")).get("id")}
                )
                continue
            if any(name in raw for name in _LISTS):
                yield from read_one({"field": "messages", "value": _as_value(raw)}, {})
                continue
        yield from read(raw)


def _as_value(raw: dict[str, Any]) -> dict[str, Any]:
    """On-Premises bodies are a change's value without the change; a status may name its recipient one level down."""
    if "statuses" not in raw:
        return raw
    return {**raw, "statuses": [_with_recipient(status) for status in as_list(raw["statuses"])]}


def _with_recipient(status: Any) -> Any:
    if not isinstance(status, dict) or "recipient_id" in status:
        return status
    return {**status, "recipient_id": as_object(status.get("message")).get("recipient_id")}


PROVIDER = Provider(
    name="360dialog", verify=verify_static_secret, parse=parse, signed=False, send_response=send_response
)
