"""JSON in and out, tolerant of what providers really send.

orjson is strict and fast. What it refuses but the standard library takes (lone surrogates, NaN, integers beyond 64
bits) is read by the latter, so that one such character does not cost a body of a thousand updates.
"""

import gc
import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from typing import Any

import orjson

_SURROGATE = re.compile("[\ud800-\udfff]")
# orjson reads 1024 levels but writes 254. Real bodies stay below 40 levels.
_MAX_DEPTH = 200
# Decoding a megabyte of small objects starts hundreds of garbage collections, which find nothing, because JSON has no
# cycles. Without them decoding takes half the time.
_LARGE = 64 * 1024


class InvalidJSON(ValueError):  # noqa: N818 - reads as what the bytes are
    """The bytes are not JSON; the text is the reason, without a quotation of them."""


def loads(data: bytes) -> Any:
    """The decoded JSON. Raises InvalidJSON, and nothing else, on any bytes."""
    if len(data) < _LARGE or not gc.isenabled():
        return _decoded(data)
    gc.disable()
    try:
        return _decoded(data)
    finally:
        gc.enable()


def dumps(value: Any) -> bytes:
    """The value as JSON. Never raises.

    Lone surrogates, which UTF-8 cannot carry, become U+FFFD; a value that has no form in JSON becomes its text.
    """
    return _encoded(value)


def dumps_indented(value: Any) -> bytes:
    """As `dumps`, indented by two: the form for people."""
    return _encoded(value, orjson.OPT_INDENT_2)


def dumps_sorted(value: Any) -> bytes:
    """As `dumps`, with sorted keys: the form that is hashed."""
    return _encoded(value, orjson.OPT_SORT_KEYS)


def _encoded(value: Any, option: int = 0) -> bytes:
    try:
        return orjson.dumps(value, option=option)
    except TypeError:
        return orjson.dumps(_encodable(value), option=option)


def _decoded(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        strict = error
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=lambda _: None)
    except UnicodeDecodeError as error:
        raise InvalidJSON(f"not UTF-8 at byte {error.start} of {len(data)}") from None
    except RecursionError:
        raise InvalidJSON("nested too deeply") from None
    except ValueError:
        raise InvalidJSON(f"{strict.msg.split(':')[0]} at character {strict.pos} of {len(data)}") from None


def _encodable(value: Any, depth: int = 0) -> Any:
    """The value with everything replaced that orjson cannot write."""
    if isinstance(value, str):
        return _SURROGATE.sub("�", value)
    if value is None or isinstance(value, bool | float | datetime | date):
        return value
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**64 else str(value)
    if isinstance(value, Mapping | list | tuple) and depth >= _MAX_DEPTH:
        return "nested too deeply"
    if isinstance(value, Mapping):
        return {_name(key): _encodable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_encodable(item, depth + 1) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _encodable(getattr(value, each.name), depth + 1) for each in fields(value)}
    return _SURROGATE.sub("�", str(value))


def _name(key: Any) -> str:
    return _SURROGATE.sub("�", key if isinstance(key, str) else str(key))
