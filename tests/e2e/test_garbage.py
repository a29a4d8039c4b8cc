"""Records of other programs in our topics: no worker stops, and valid records are loaded."""

from typing import Any

import orjson

from schemas.topics import DEAD, EVENTS, RAW
from tests.support.events import NOON, event
from tests.support.stack import Stack, put

GOOD = event("status", message_id="good", status="read", at=NOON)
INVALID: list[dict[str, Any]] = [
    {"received_at": "yesterday"},
    {"received_at": "2026-11-20"},
    {"received_at": "0001-01-01T00:00:00Z"},
    {"occurred_at": "soon"},
    {"occurred_at": 5},
    {"message_id": 5},
    {"message_id": ["a"]},
    {"participant": ["a"]},
    {"participant": {"a": 1}},
    {"account": 5},
    {"to": 5},
    {"status": ["read"]},
    {"kind": "rumour"},
    {"event_id": "no uuid"},
    {"is_group": "perhaps"},
    {"media_count": "many"},
    {"media_count": 2**63},
    {"fullness": -1},
    {"raw": 5},
    {"raw": {"topic": "wa.raw"}},
    {"raw": {"topic": "wa.raw", "partition": "x", "offset": 0, "index": 0}},
]
NOT_EVENTS = [b"", b" ", b"{", b"\xff\xfe", b"null", b"[]", b"5", b"{}", b'{"kind":"status"}', b"[" * 100_000, None]
HEADERS = {"source": "meta", "provider": "meta", "received_at": "2026-11-20T12:00:00.000Z", "request_id": "r"}


def test_foreign_records_stop_no_worker_and_the_valid_one_behind_them_is_loaded(stack: Stack) -> None:
    events = [orjson.dumps({**GOOD, **invalid}) for invalid in INVALID]
    letters = [*NOT_EVENTS, orjson.dumps({"raw": 5}), orjson.dumps({"reason": ["a"]}), b'{"detail":"']
    raw: list[tuple[str, bytes | None, dict[str, Any]]] = [
        (RAW.name, b"{}", {}),
        (RAW.name, None, HEADERS),
        (RAW.name, b"\x00\xff", {**HEADERS, "provider": "nobody"}),
        (RAW.name, b"{}", {**HEADERS, "source": None}),
        (RAW.name, b"{}", {**HEADERS, "received_at": "9999-12-31T23:59:59Z"}),
        (RAW.name, b"{}", {**HEADERS, "request_id": "r" * 2_000_000}),
        (RAW.name, b'{"message_id":"far"}\n' + b"x\n" * 400_000, {**HEADERS, "kind": "sent"}),
    ]
    put(stack, raw)
    put(stack, [(EVENTS.name, value, {}) for value in [*NOT_EVENTS, *events]])
    put(stack, [(DEAD.name, value, {}) for value in letters])
    put(stack, [(EVENTS.name, orjson.dumps(GOOD), {})])
    put(stack, [(RAW.name, b'{"message_id":"near"}', {**HEADERS, "kind": "sent"})])
    stack.wait_until_loaded(150)
    for stage in ("normalise", "load"):
        assert stack.processes[stage].poll() is None, stack.logs(stage)[-3000:]
    found = {(row["source"], row["message_id"]) for row in stack.query("SELECT source, message_id FROM messages")}
    assert found == {("shop", "good"), ("meta", "near"), ("meta", "far")}
    reasons = stack.query("SELECT reason, count() AS n FROM dead_letters WHERE raw.topic = 'wa.events' GROUP BY reason")
    assert sum(row["n"] for row in reasons) >= 1
