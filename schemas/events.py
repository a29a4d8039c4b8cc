"""The canonical event: its fields, its identity, its final form on Kafka.

A provider's parser yields `Parsed` or `Rejected` elements; `finish` turns a Parsed into the JSON object of `wa.events`,
which is also a row of ClickHouse's `events`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from zlib import crc32

from schemas.parsing.json_text import dumps_sorted
from schemas.parsing.json_types import Json
from schemas.parsing.results import Parsed
from schemas.parsing.times import EARLIEST_MS, LATEST_MS, to_iso

# Statuses in rank order; `failed` and `deleted` have no rank, `unknown` has no meaning.
STATUSES = ("pending", "sent", "delivered", "read", "played", "failed", "deleted", "unknown")
TYPES = (
    "text", "image", "audio", "video", "document", "sticker", "location", "contacts", "reaction", "button",
    "interactive", "order", "edit", "unsupported", "unknown",
)  # fmt: skip
STATES = ("connected", "disconnected", "qr", "banned", "limited", "ok", "unknown")
ORIGINS = ("api", "echo", "history")  # of a sent record: the send API, the provider's echo, a backfill

# Fields that a parser may set, with their JSON types. `occurred_at` is int milliseconds in Parsed, ISO text afterwards.
FIELDS: dict[str, type] = {
    "account": str, "message_id": str, "occurred_at": int,
    "from": str, "to": str, "chat_id": str, "is_group": bool, "participant": str,
    "sender_name": str, "sender_lid": str, "sender_bsuid": str, "username": str,
    "type": str, "raw_type": str, "text": str, "payload": str, "reply_to": str, "target_message_id": str,
    "media_id": str, "media_url": str, "media_mime": str, "media_filename": str, "media_sha256": str,
    "media_count": int,
    "latitude": float, "longitude": float, "forwarded": bool, "historical": bool, "reaction_removed": bool,
    "status": str, "raw_status": str, "error_code": str, "error_title": str, "error_text": str,
    "pricing_category": str, "pricing_type": str, "billable": bool, "conversation_id": str, "callback_data": str,
    "campaign": str, "template": str, "category": str, "from_me": bool, "origin": str,
    "event": str, "state": str, "raw_state": str, "reason_code": str,
}  # fmt: skip

# What a person wrote: bodies, captions, answers to a button or a form, file names. Names of people are not included.
WRITTEN = frozenset({"text", "payload", "media_filename"})

_CONTENT = frozenset({"text", "media_id", "media_url", "latitude", "payload", "target_message_id"})


@dataclass(slots=True)  # not frozen: one is made for every body, and freezing costs a microsecond
class Arrival:
    """How a body arrived: the facts that the edge recorded, the same for all of its elements."""

    source: str
    provider: str
    request_id: str
    received_at: int  # ms; 0 = unknown
    raw: Mapping[str, Any] = field(default_factory=dict)  # topic, partition, offset


def finish(parsed: Parsed, arrival: Arrival, index: int) -> dict[str, Any]:
    """The canonical event as it is on Kafka: known fields of the right types; absent ones are left out.

    `index`: the place of the element in its body. Raises KeyError for a field that is not in FIELDS.
    """
    facts: dict[str, Any] = {}
    for name, value in parsed.fields.items():
        if value is None or value == "":
            continue
        wanted = FIELDS[name]
        if type(value) is wanted and wanted is not float and wanted is not int:  # numbers have a range
            facts[name] = value
        elif (converted := _converted(wanted, value)) is not None:
            facts[name] = converted
    occurred_ms = facts.get("occurred_at")
    if occurred_ms is not None:
        if EARLIEST_MS <= occurred_ms < LATEST_MS:
            facts["occurred_at"] = to_iso(occurred_ms)
        else:
            del facts["occurred_at"]
    return {
        "event_id": event_id(parsed, facts, arrival, index),
        "kind": parsed.kind,
        "source": arrival.source,
        "provider": arrival.provider,
        "received_at": to_iso(arrival.received_at),
        "request_id": arrival.request_id,
        "raw": {**arrival.raw, "index": index},
        "fullness": fullness(facts),
        **facts,
    }


def event_id(parsed: Parsed, facts: Mapping[str, Any], arrival: Arrival, index: int) -> str:
    """A UUID-shaped hash of provider facts alone, so that every repetition of an event has the same id.

    Account, recipient and chat are not part of it: providers spell them in several ways for one message.
    """
    kind, message_id = parsed.kind, facts.get("message_id")
    identity: list[Any]
    if message_id is None:
        if "occurred_at" in facts:
            identity = [arrival.source, kind, "element", parsed.element]
        else:
            identity = [arrival.source, kind, "delivery", arrival.request_id, index]
    elif kind == "status":
        identity = [
            arrival.source, kind, message_id, facts.get("participant", ""), facts.get("status", ""),
            facts.get("raw_status", "") if facts.get("status") == "unknown" else "",
            facts.get("occurred_at", ""), facts.get("from_me") is False,
        ]  # fmt: skip
    elif kind == "sent":
        identity = [arrival.source, kind, message_id, facts.get("origin", "")]
    else:
        identity = [arrival.source, kind, message_id]
    digest = blake2b(dumps_sorted(identity), digest_size=16).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"


def fullness(facts: Mapping[str, Any]) -> int:
    """A number that orders the arrivals of one event by content alone: the largest is the one that counts.

    Green-API, for example, sends a placeholder first and the real body minutes later under the same id. 53 bits, which
    every JSON reader takes exactly; from the top: understood (1 bit), has content (1), number of facts (7), size in
    bytes (22), checksum (22).
    """
    content = dumps_sorted(facts)
    understood = facts.get("type") not in ("unsupported", "unknown") and facts.get("status") != "unknown"
    has_content = not _CONTENT.isdisjoint(facts)
    counted = min(len(facts), 0x7F) << 44 | min(len(content), 0x3FFFFF) << 22
    return understood << 52 | has_content << 51 | counted | crc32(content) & 0x3FFFFF


def _converted(wanted: type, value: Json) -> str | float | int | bool | None:
    """The same value in the wanted JSON type, or None if it has none: a value of a wrong type must not stop a load."""
    if wanted is bool:
        return _as_bool(value)
    if wanted is str:
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value) if isinstance(value, int | float) else None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        if wanted is float:
            return number if -1e6 < (number := float(value)) < 1e6 else None
        return whole if 0 <= (whole := int(value)) < 2**53 else None
    except (ValueError, OverflowError):
        return None


def _as_bool(value: Json) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False, "1": True, "0": False}.get(value.lower())
    return bool(value) if isinstance(value, int) and value in (0, 1) else None
