"""The hand-written examples of every provider: reading, running and comparing them. No tests."""

import json
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from schemas.events import FIELDS, ORIGINS, STATES, STATUSES, TYPES
from schemas.normalisation.dead_letters import DeadLetter
from schemas.normalisation.explain import Setup, explain
from schemas.normalisation.raw_topic import normalise
from schemas.parsing.json_text import dumps, loads
from schemas.parsing.results import Parsed, Rejected
from schemas.providers.registry import Formats, built_in, configured

ROOT = Path(__file__).parents[1] / "examples"
# The mapping of the generic provider's examples, for two sources: `shop`, which the tests use, and `generic`, which
# `explain` uses.
_GENERIC = configured(built_in()["generic"], tomllib.loads((ROOT / "generic" / "mapping.toml").read_text()))
FORMATS = Formats(built_in(), {"shop": _GENERIC, "generic": _GENERIC})
NOW = 1_795_176_100_000  # 2026-11-20T12:01:40Z, shortly after the times in the examples
POSITION = {"topic": "wa.raw", "partition": 3, "offset": 77}

Case = dict[str, Any]  # an example's JSON file
Event = dict[str, Any]  # a canonical event


def load_cases(provider: str = "*") -> list[tuple[str, Case]]:
    """(provider/name, example) of each file."""
    paths = sorted(ROOT.glob(f"{provider}/*.json"))
    return [(f"{path.parent.name}/{path.stem}", json.loads(path.read_text())) for path in paths]


def example_body(name: str) -> Any:
    """The JSON body of the example `provider/name`."""
    return json.loads((ROOT / f"{name}.json").read_text())["body"]


def body_of(case: Case) -> bytes:
    """The bytes that the provider posts: `body_text` as it is, `form` as a form, `body` as JSON."""
    if "form" in case:
        return urlencode(case["form"]).encode()
    return case["body_text"].encode() if "body_text" in case else json.dumps(case["body"]).encode()


def run(name: str, case: Case, body: bytes | None = None) -> dict[str, Any]:
    """The answer of `explain` for an example, or for another body with the same headers and secret."""
    secrets = [case["secret"]] if "secret" in case else []
    given = body_of(case) if body is None else body
    url = case.get("url", "https://edge.example/w")
    return explain(name.split("/")[0], case["headers"], given, secrets, url, NOW, setup=Setup(FORMATS))


def parse(provider: str, body: bytes) -> list[Parsed | Rejected]:
    """What the provider's parser yields for a body; `generic` reads it by the mapping of the examples."""
    found = FORMATS.of("shop", provider)
    assert found is not None
    return list(found.parse(body))


def raw_headers(provider: str, request_id: str = "r1", **more: str) -> dict[str, str]:
    """The headers of a record of wa.raw."""
    headers = {"source": "shop", "provider": provider, "request_id": request_id}
    return {**headers, "received_at": "2026-11-20T12:01:40.000Z", **more}


def normalised(provider: str, body: bytes, request_id: str = "r1") -> tuple[list[Event], list[DeadLetter]]:
    """The canonical events and the dead letters of a body."""
    events, dead = normalise(raw_headers(provider, request_id), body, POSITION, FORMATS)
    return [event.fields for event in events], dead


def events_of(provider: str, body: Any, request_id: str = "r1") -> list[Event]:
    """The canonical events of a JSON body."""
    return normalised(provider, json.dumps(body).encode(), request_id)[0]


def differences(expected: list[Event], events: list[Event]) -> list[str]:
    """How the events differ from the expected ones in the keys that are expected; those in `absent` must be missing."""
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


_ENVELOPE = {"event_id", "kind", "source", "provider", "received_at", "request_id", "raw", "fullness"}


def faults(event: Event) -> list[str]:
    """The rules for canonical events of every provider that this event breaks, one sentence each."""
    found = [f"{name} is not a field" for name in event if name not in _ENVELOPE and name not in FIELDS]
    for name, wanted in FIELDS.items():
        wanted = str if name == "occurred_at" else wanted
        if name in event and (type(event[name]) is not wanted or event[name] == ""):
            found.append(f"{name} is {event[name]!r}")
    kind = event["kind"]
    closed = (("status", STATUSES), ("type", TYPES), ("state", STATES), ("origin", ORIGINS))
    found += [
        f"{name} {event[name]!r} is not in the closed list"
        for name, words in closed
        if name in event and event[name] not in words
    ]
    if ("status" in event) != (kind == "status") or ("event" in event) != (kind == "system"):
        found.append(f"{kind} has fields of another kind")
    if "from_me" in event and kind != "status":
        found.append(f"{kind} has from_me")
    if "participant" in event and (kind == "sent" or event.get("is_group") is not True):
        found.append(f"{kind} has a participant, is_group is {event.get('is_group')}")
    if loads(dumps(event))["event_id"] != event["event_id"]:
        found.append("encoding as JSON changes it")
    return found
