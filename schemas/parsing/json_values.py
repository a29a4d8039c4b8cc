"""Reads JSON values of any shape: every function takes any value and never raises."""

from schemas.parsing.json_types import Json, JsonObject

# Ids, names and event names are short: the longest known (Meta's base64 ids, BSUIDs) stay under 150 characters. The
# limit keeps one body from repeating a megabyte of "name" in each of a thousand events.
MAX_ID = 512


def as_object(value: Json) -> JsonObject:
    """The value if it is an object, else {}."""
    return value if isinstance(value, dict) else {}


def as_list(value: Json) -> list[Json]:
    """The value if it is a list; [] for null, else a list of the one value."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def as_id(value: Json) -> str | None:
    """An id, a name or a word: a non-blank text of at most MAX_ID characters, or an integer as text. Else None."""
    if type(value) is str:
        return value if value and len(value) <= MAX_ID and not value.isspace() else None
    return str(value) if type(value) is int and -(10**30) < value < 10**30 else None


def first_id(*values: Json) -> str | None:
    """The first of the values that `as_id` takes."""
    for value in values:
        found = as_id(value)
        if found is not None:
            return found
    return None


def as_text(value: Json) -> str | None:
    """A text of any length, or an integer as text. None for anything else, and for the empty text."""
    return value or None if type(value) is str else as_id(value)


def first_text(*values: Json) -> str | None:
    """The first of the values that `as_text` takes."""
    for value in values:
        found = as_text(value)
        if found is not None:
            return found
    return None
