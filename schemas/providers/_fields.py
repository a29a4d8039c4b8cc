"""Canonical fields that several providers fill by the same rule."""

from collections.abc import Iterable

from schemas.events import STATUSES
from schemas.parsing.json_text import InvalidJSON, loads
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_object, as_text, first_id
from schemas.parsing.results import Fields

KNOWN_STATUSES = frozenset(STATUSES) - {"unknown"}
_MEDIA_TYPES = ("image", "audio", "video")


def status_fields(known: str | None, word: str | None) -> Fields:
    """`status`, and the provider's word as `raw_status` when we have no status for it."""
    return {"status": known} if known else {"status": "unknown", "raw_status": word}


def status_word(holder: JsonObject, *names: str) -> str | None:
    """The word of a status, by the names that it may have; "" when it is there and empty, None when it is not there."""
    found = first_id(*(holder.get(name) for name in names))
    if found is None and any(isinstance(blank := holder.get(name), str) and not blank.strip() for name in names):
        return ""
    return found


def type_fields(known: str | None, word: str | None) -> Fields:
    """`type`, and the provider's word as `raw_type` when we have no type for it."""
    return {"type": known} if known else {"type": "unknown", "raw_type": word}


def reaction_fields(emoji: str | None, target: str | None) -> Fields:
    """The content of a reaction to the message `target`; without an emoji it removes an earlier reaction."""
    return {"text": emoji, "target_message_id": target, "reaction_removed": True if emoji is None else None}


def location_fields(latitude: Json, longitude: Json, *labels: Json) -> Fields:
    """The content of a location, with its labels (name, address) as text."""
    return {"latitude": latitude, "longitude": longitude, "text": joined(labels)}


def joined(values: Iterable[Json]) -> str:
    """The texts among the values, separated by commas."""
    return ", ".join([text for value in values if (text := as_text(value))])


def media_type(mime: str) -> str:
    """The type of a message with media of this MIME type."""
    kind = mime.partition("/")[0]
    return kind if kind in _MEDIA_TYPES else "document"


def id_in_json_text(text: Json, name: str) -> str | None:
    """The id `name` in an object that a body holds as encoded JSON; None when there is none."""
    try:
        return as_id(as_object(loads((as_text(text) or "{}").encode("utf-8", "replace"))).get(name))
    except InvalidJSON:
        return None
