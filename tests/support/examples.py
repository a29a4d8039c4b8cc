"""The hand-written examples of every provider: reading them and comparing what came out. No tests."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

from schemas.events import FIELDS, ORIGINS, STATES, STATUSES, TYPES
from schemas.normalisation.explain import Setup, explain
from schemas.parsing.json_text import dumps, loads
from schemas.parsing.results import Parsed, Rejected
from schemas.providers.registry import Formats, built_in, configured

ROOT = Path(__file__).parents[1] / "examples"
# The source of the tests, called `shop`, and that of `explain`, called like its provider, have a mapping.
_MAPPED = configured(built_in()["generic"], tomllib.loads((ROOT / "generic" / "mapping.toml").read_text()))
FORMATS = Formats(built_in(), {"shop": _MAPPED, "generic": _MAPPED})
NOW = 1_795_176_100_000  # 2026-11-20T12:01:40Z, a little after every example

Case = dict[str, Any]


def load_cases(provider: str = "*") -> list[tuple[str, Case]]:
    """(provider/name, example) of each file."""
    paths = sorted(ROOT.glob(f"{provider}/*.json"))
    return [(f"{path.parent.name}/{path.stem}", json.loads(path.read_text())) for path in paths]


def body_of(case: Case) -> bytes:
    """The bytes that were posted: `body_text` as it stands, `form` as a form, `body` as JSON."""
    if "form" in case:
        return urlencode(case["form"]).encode()
    return case["body_text"].encode() if "body_text" in case else json.dumps(case["body"]).encode()


def run(name: str, case: Case, body: bytes | None = None) -> dict[str, Any]:
    """What `explain` says about an example, or about another body in its place."""
    secrets = [case["secret"]] if "secret" in case else []
    given = body_of(case) if body is None else body
    url = case.get("url", "https://edge.example/w")
    return explain(name.split("/")[0], case["headers"], given, secrets, url, NOW, setup=Setup(FORMATS))


def parse(provider: str, body: bytes) -> list[Parsed | Rejected]:
    """What the provider makes of a body; of the mapping of the examples where it needs one."""
    found = FORMATS.of("shop", provider)
    assert found is not None
    return list(found.parse(body))


def differences(expected: list[dict[str, Any]], events: list[dict[str, Any]]) -> list[str]:
    """Where the events are not what the example says: the keys it names, and under `absent` those that must not be."""
    if len(expected) != len(events):
        return [f"{len(events)} events instead of {len(expected)}: {events}"]
    found = []
    for index, (wanted, event) in enumerate(zip(expected, events, strict=True)):
        for key, value in wanted.items():
            if key == "absent":
                found += [f"event {index} has {name} = {event[name]!r}" for name in value if name in event]
            elif event.get(key) != value:
                found.append(f"event {index}: {key} is {event.get(key)!r}, not {value!r}")
    return found


ENVELOPE = {"event_id", "kind", "source", "provider", "received_at", "request_id", "raw", "fullness"}
JUNK: tuple[Any, ...] = (
    None, True, False, 0, 3, -1, 2**53, 10**25, 1.5, 1e300, "", " ", "x", "\x00", "é\U0001f600", "2026-11-20T12:00:00Z",
    "1795176000", "5511955554444@s.whatsapp.net", "1@lid", "2@g.us",
    [], {}, [None], [[]], {"id": {}}, {"a": [1, {"b": None}]},
)  # fmt: skip


def mutated(value: Any, seed: int, changes: int) -> Any:
    """A copy with `changes` random nodes deleted, replaced by junk, or doubled."""
    random = Random(seed)  # noqa: S311 - reproducible, not secret
    value = json.loads(json.dumps(value))
    for _ in range(changes):
        places = list(_places(value))
        if not places:
            break
        holder, key = random.choice(places)
        change = random.choice(("delete", "replace", "replace", "double"))
        if change == "delete":
            del holder[key]
        elif change == "replace":
            holder[key] = json.loads(json.dumps(random.choice(JUNK)))
        elif isinstance(holder, list):
            holder.insert(key, json.loads(json.dumps(holder[key])))
        else:
            holder[f"{key}Copy"] = json.loads(json.dumps(holder[key]))
    return value


def reordered(value: Any) -> Any:
    """The same JSON value with the keys of every object in the opposite order."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(item) for item in value] if isinstance(value, list) else value


def faults(event: dict[str, Any]) -> list[str]:
    """Where a canonical event breaks the rules that hold for every provider."""
    found = [f"{name} is no field" for name in event if name not in ENVELOPE and name not in FIELDS]
    for name, wanted in FIELDS.items():
        wanted = str if name == "occurred_at" else wanted
        if name in event and (type(event[name]) is not wanted or event[name] == ""):
            found.append(f"{name} is {event[name]!r}")
    kind = event["kind"]
    closed = (("status", STATUSES), ("type", TYPES), ("state", STATES), ("origin", ORIGINS))
    found += [
        f"{name} {event[name]!r} is unheard of" for name, words in closed if name in event and event[name] not in words
    ]
    if ("status" in event) != (kind == "status") or ("event" in event) != (kind == "system"):
        found.append(f"{kind} with the fields of another kind")
    if "from_me" in event and kind != "status":
        found.append(f"from_me on {kind}")
    if "participant" in event and (kind == "sent" or event.get("is_group") is not True):
        found.append(f"participant on {kind}, is_group {event.get('is_group')}")
    if loads(dumps(event))["event_id"] != event["event_id"]:
        found.append("it does not survive JSON")
    return found


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])
