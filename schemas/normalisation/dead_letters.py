"""Dead letters: the position of an element that could not be parsed, the reason, and its structure without content.

`{event:text,data:{from:text,sent:[number,...]}}`: names of fields that look like names, and kinds of values. No digits,
which could be a phone number; no values, which could be a message or a secret.
"""

import re
from typing import Any, TypedDict

from schemas.events import Arrival
from schemas.parsing.json_types import Json
from schemas.parsing.results import Rejected
from schemas.parsing.times import to_iso
from schemas.reasons import Reason

MAX_EXCERPT = 300
_DEPTH = 6
_BREADTH = 12  # fields shown of one object: the first ones fill the excerpt anyway
_NAME = re.compile(r"[A-Za-z_]{1,24}(?:[.-][A-Za-z_]{1,24})?")


class DeadLetter(TypedDict):
    """A record of wa.dead. `raw`: topic, partition, offset and index of the element."""

    raw: dict[str, Any]
    source: str
    provider: str
    received_at: str | None
    request_id: str
    reason: str
    detail: str
    excerpt: str


def dead_letter(arrival: Arrival, index: int, rejected: Rejected) -> DeadLetter:
    """The dead letter of an element."""
    return {
        "raw": {**arrival.raw, "index": index},
        "source": arrival.source,
        "provider": arrival.provider,
        "received_at": to_iso(arrival.received_at) if arrival.received_at else None,
        "request_id": arrival.request_id,
        "reason": str(rejected.reason),
        "detail": rejected.detail,
        "excerpt": excerpt(rejected.element),
    }


def resolved_letter(arrival: Arrival, index: int) -> DeadLetter:
    """The record that cancels the dead letter of an element that was parsed later."""
    return dead_letter(arrival, index, Rejected(Reason.RESOLVED, ""))


def excerpt(value: Json) -> str:
    """The structure of a JSON value in at most MAX_EXCERPT characters; "" for None, that is bytes that are not JSON."""
    if value is None:
        return ""
    shown = _structure(value, _DEPTH)
    return shown if len(shown) <= MAX_EXCERPT else shown[: MAX_EXCERPT - 1] + "…"


def _structure(value: Json, depth: int) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(_fields(value, depth)) + "}"
    if isinstance(value, list):
        if not value or depth == 0:
            return "[...]" if value else "[]"
        return "[" + _structure(value[0], depth - 1) + (",...]" if len(value) > 1 else "]")
    if value is None or isinstance(value, bool):
        return "null" if value is None else "bool"
    return "text" if isinstance(value, str) else "number"


def _fields(value: dict[Any, Json], depth: int) -> list[str]:
    if depth == 0:
        return ["..."] if value else []
    shown: list[str] = []
    for name in value:
        if len(shown) == _BREADTH:
            return [*shown, "..."]
        label = name if isinstance(name, str) and _NAME.fullmatch(name) else "?"
        shown.append(f"{label}:{_structure(value[name], depth - 1)}")
    return shown
