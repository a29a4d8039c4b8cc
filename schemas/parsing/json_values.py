"""Reading foreign JSON of which nothing is certain: each function takes any value and never raises. Pure."""

from typing import Any

# Ids, names and event words are short: the longest known (Meta's base64 ids, BSUIDs) stay under 150 characters. The
# bound keeps one body from repeating a megabyte of "name" in each of a thousand events.
MAX_ID = 512


def as_object(value: Any) -> dict[str, Any]:
    """The value when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The elements of a list; a lone value counts as a list of one, null as none."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def as_id(value: Any) -> str | None:
    """A short, non-blank text or an integer as text: an id, a name, a word. None for anything else."""
    if type(value) is str:
        return value if value and len(value) <= MAX_ID and not value.isspace() else None
    return str(value) if type(value) is int and -(10**30) < value < 10**30 else None


def first_id(*values: Any) -> str | None:
    """The first of the values that is an id, a name or a word."""
    for value in values:
        found = as_id(value)
        if found is not None:
            return found
    return None


def as_text(value: Any) -> str | None:
    """A text of any length, or a number as text. None for anything else, and for the empty text."""
    return value or None if type(value) is str else as_id(value)


def first_text(*values: Any) -> str | None:
    """The first of the values that is a non-empty text."""
    for value in values:
        found = as_text(value)
        if found is not None:
            return found
    return None
