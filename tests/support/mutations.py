"""Random changes to JSON bodies: other values, missing and repeated parts, texts that no encoder writes. No tests."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

# JSON values of every type and of unusual sizes.
JUNK: tuple[Any, ...] = (
    None, True, False, 0, 3, -1, 2**53, 10**25, 1.5, 1e300, "", " ", "x", "\x00", "é\U0001f600", "2026-11-20T12:00:00Z",
    "1795176000", "5511955554444@s.whatsapp.net", "1@lid", "2@g.us",
    [], {}, [None], [[]], {"id": {}}, {"a": [1, {"b": None}]},
)  # fmt: skip

# Texts that replace a value in an encoded body: unusual JSON, text that is not JSON, and excessive sizes and depths.
HOSTILE = (
    "NaN", "-Infinity", "1e999", "-1e-999", "9" * 400, "-" + "9" * 30, "1e18", "-0", "0.1e1", "1795176000.9999999",
    '"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '"\\u0000\\ud83d"', '"\u2028"', '"' + "x" * 5_000 + '"', '" "',
    '"2026-99-99T99:99:99Z"', '"9999-12-31T23:59:59+14:00"', '"0001-01-01T00:00:00Z"', '"\u0663"', '"-1"',
    '"true_a@c.us_b_c@c.us"', '"a@lid"', '"@g.us"', '"-group"', '"whatsapp:"', '"status@broadcast"', '"BR.1"',
    "[" * 900 + "]" * 900, "[" * 5_000, '{"message":' * 400 + "1" + "}" * 400, '{"id":1,"id":{},"id":"x"}',
    '{"":""}', '{"low":9,"high":99999999999}', '{"low":NaN}', "[null]", "[[]]", "tru", "",
)  # fmt: skip
_NAMES = ("id", "type", "event", "status", "key", "data", "payload", "messageId", "fromMe")


def copied(value: Any) -> Any:
    """A deep copy of a JSON value."""
    return json.loads(json.dumps(value))


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key or index) of every value inside a JSON value, at all depths."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


def mutated(value: Any, seed: int, changes: int) -> Any:
    """A copy with `changes` random values deleted, replaced by junk, or repeated."""
    random = Random(seed)  # noqa: S311 - reproducible, not secret
    value = copied(value)
    for _ in range(changes):
        found = list(places(value))
        if not found:
            break
        holder, key = random.choice(found)
        change = random.choice(("delete", "replace", "replace", "repeat"))
        if change == "delete":
            del holder[key]
        elif change == "replace":
            holder[key] = copied(random.choice(JUNK))
        elif isinstance(holder, list):
            holder.insert(key, copied(holder[key]))
        else:
            holder[f"{key}Copy"] = copied(holder[key])
    return value


def hostile(value: Any, seed: int) -> bytes:
    """The encoded value with hostile texts in place of up to four of its values; sometimes with a key twice.

    Changes `value` itself.
    """
    random = Random(seed)  # noqa: S311 - reproducible, not secret
    snippets = [random.choice(HOSTILE) for _ in range(random.randint(1, 4))]
    found = list(places(value))
    for index, _ in enumerate(snippets):
        if found:
            holder, key = random.choice(found)
            holder[key] = f"@@{index}@@"
    text = json.dumps(value)
    for index, snippet in enumerate(snippets):
        text = text.replace(f'"@@{index}@@"', snippet)
    if random.random() < 0.3:
        name = random.choice(_NAMES)
        text = text.replace(f'"{name}":', f'"{name}": null, "{name}":')
    return text.encode("utf-8", "surrogatepass")


def reordered(value: Any) -> Any:
    """The same JSON value with the keys of every object in the opposite order."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(item) for item in value] if isinstance(value, list) else value
