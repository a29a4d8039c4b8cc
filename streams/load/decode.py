"""Whether a record of wa.events is a canonical event: the topic is open, so anybody may have written it. Pure."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from schemas.events import FIELDS
from schemas.parsing.times import parse_iso

_KINDS = frozenset({"inbound", "status", "sent", "system"})
_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")  # as `to_iso` writes it


def decode(record: Any) -> tuple[dict[str, Any] | None, str]:
    """(event, '') of a record of wa.events, or (None, what is wrong with it). Pure."""
    event = decode_object(record.value)
    if event is None:
        return None, "not a JSON object"
    if None in event.values():
        event = {name: value for name, value in event.items() if value is not None}
    problem = mistake(event)
    return (event, "") if problem is None else (None, problem)


def decode_object(value: bytes | None) -> dict[str, Any] | None:
    """The JSON object in `value`, None when it is none. Pure."""
    try:
        found = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def mistake(event: Mapping[str, Any]) -> str | None:
    """What makes a JSON object no canonical event, in words that quote nothing of it; None when it is one.

    It holds no nulls. Our own events pass by the way they are made; this stands before those that somebody else wrote.
    """
    for name in ("event_id", "kind", "source", "provider", "received_at", "request_id"):
        if type(event.get(name)) is not str:
            return f"{name} is missing"
    for name, value in event.items():
        wanted = FIELDS.get(name)
        if wanted is None or type(value) is wanted or name == "occurred_at":
            continue
        if wanted is not float or type(value) is not int:
            return f"{name} has the wrong type"
    if event["kind"] not in _KINDS:
        return "kind is not one of this version"
    if not _UUID.fullmatch(event["event_id"]):
        return "event_id is no UUID"
    for name in ("received_at", "occurred_at"):
        if name in event and not (type(event[name]) is str and _ISO.fullmatch(event[name]) and parse_iso(event[name])):
            return f"{name} is no UTC time between 2009 and 2100"
    return _out_of_range(event)


def _out_of_range(event: Mapping[str, Any]) -> str | None:
    place, fullness = event.get("raw"), event.get("fullness", 0)
    if type(place) is not dict or type(place.get("topic")) is not str:
        return "raw says no place"
    if any(type(place.get(name)) is not int for name in ("partition", "offset", "index")):
        return "raw says no place"
    if not (-(2**31) <= place["partition"] < 2**31 > place["index"] >= -(2**31) and place["offset"] < 2**63):
        return "raw says no place"
    if type(fullness) is not int or fullness < 0:
        return "fullness is no unsigned number"
    if not -(2**63) <= event.get("media_count", 0) < 2**63:
        return "media_count is out of range"
    return None
