"""Whether a record of wa.state is a unit's state: any program may write to the topic."""

from typing import Any

import orjson

from streams.load.lifecycle import EMPTY, State, loads
from streams.runtime.records import partition_of


def parse_state(value: bytes) -> State | None:
    """The state in a record of the changelog; None when it is none. Fields that did not exist then are unknown."""
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    return loads(value) if type(found) is list and all(map(_same_form, found, EMPTY)) else None


def _same_form(value: Any, example: Any) -> bool:
    """Whether a value has the type of the example; of lists, in every place."""
    if type(value) is not type(example):
        return False
    return type(value) is not list or (len(value) == len(example) and all(map(_same_form, value, example)))


def home_of(key: bytes, partitions: int) -> int:
    """The partition of a unit's state: that of its message's events."""
    source, message_id, _ = orjson.loads(key)
    return partition_of(orjson.dumps([source, message_id]), partitions)


def is_unit_key(key: bytes | None) -> bool:
    """Whether the key of a record is that of a unit."""
    try:
        found = orjson.loads(key or b"")
    except orjson.JSONDecodeError:
        return False
    return type(found) is list and [type(word) for word in found] == [str, str, str]
