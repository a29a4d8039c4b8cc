"""Decodes records of wa.events and validates that they are canonical events: any program may write to the topic."""

import re
from collections.abc import Mapping
from typing import Any

import orjson
from aiokafka.structs import ConsumerRecord

from schemas.events import FIELDS
from schemas.lengths import too_long
from schemas.parsing.times import parse_iso

_KINDS = frozenset({"inbound", "status", "sent", "system"})
_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")  # as `to_iso` writes it


def decode(record: ConsumerRecord) -> tuple[dict[str, Any] | None, str]:
    """(event, "") of a record of wa.events, or (None, what is wrong with it). Null fields are dropped."""
    event = decode_object(record.value)
    if event is None:
        return None, "not a JSON object"
    if None in event.values():
        event = {name: value for name, value in event.items() if value is not None}
    problem = problem_of(event)
    return (event, "") if problem is None else (None, problem)


def decode_object(value: bytes | None) -> dict[str, Any] | None:
    """The JSON object in `value`; None when it holds anything else."""
    try:
        found = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def problem_of(event: Mapping[str, Any]) -> str | None:
    """Why a JSON object without nulls is not a canonical event, without quoting it; None when it is one.

    Events of the normalise stage are always valid; this check is for records that another program wrote.
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
        return "kind is unknown to this version"
    if not _UUID.fullmatch(event["event_id"]):
        return "event_id is not a UUID"
    for name in ("received_at", "occurred_at"):
        if name in event and not (type(event[name]) is str and _ISO.fullmatch(event[name]) and parse_iso(event[name])):
            return f"{name} is not a UTC time between 2009 and 2100"
    return too_long(event) or _out_of_range(event)


def _out_of_range(event: Mapping[str, Any]) -> str | None:
    raw, fullness = event.get("raw"), event.get("fullness", 0)
    if type(raw) is not dict or type(raw.get("topic")) is not str:
        return "raw is not a position"
    if too_long(raw) is not None:
        return "raw is not a position"
    if any(type(raw.get(name)) is not int for name in ("partition", "offset", "index")):
        return "raw is not a position"
    if not (-(2**31) <= raw["partition"] < 2**31 > raw["index"] >= -(2**31) and raw["offset"] < 2**63):
        return "raw is not a position"
    if type(fullness) is not int or fullness < 0:
        return "fullness is not an unsigned number"
    if not -(2**63) <= event.get("media_count", 0) < 2**63:
        return "media_count is out of range"
    return None
