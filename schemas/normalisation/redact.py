"""What a dead letter may show of a foreign JSON value: its structure, nothing of its content. Pure.

`{event:text,data:{from:text,sent:[number,...]}}`: names of fields that look like names, kinds of values. No digits,
since they could be a phone; no values, since they could be a message or a secret.
"""

import re
from typing import Any

LIMIT = 300
_DEPTH = 6
_BREADTH = 12  # fields shown of one object; more would fill the limit with the first of them anyway
_NAME = re.compile(r"[A-Za-z_]{1,24}(?:[.-][A-Za-z_]{1,24})?")


def excerpt(value: Any) -> str:
    """The shape of a JSON value in at most LIMIT characters; "" for None, which stands for bytes that are not JSON."""
    if value is None:
        return ""
    shown = _shape(value, _DEPTH)
    return shown if len(shown) <= LIMIT else shown[: LIMIT - 1] + "…"


def _shape(value: Any, depth: int) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(_fields(value, depth)) + "}"
    if isinstance(value, list):
        if not value or depth == 0:
            return "[...]" if value else "[]"
        return "[" + _shape(value[0], depth - 1) + (",...]" if len(value) > 1 else "]")
    if value is None or isinstance(value, bool):
        return "null" if value is None else "bool"
    return "text" if isinstance(value, str) else "number"


def _fields(value: dict[Any, Any], depth: int) -> list[str]:
    if depth == 0:
        return ["..."] if value else []
    shown: list[str] = []
    for name in value:
        if len(shown) == _BREADTH:
            return [*shown, "..."]
        label = name if isinstance(name, str) and _NAME.fullmatch(name) else "?"
        shown.append(f"{label}:{_shape(value[name], depth - 1)}")
    return shown
