"""Records of wa.raw: their events and keys, and the dead letters of what cannot be understood."""

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.lengths import too_long
from schemas.normalisation import raw_topic
from schemas.normalisation.raw_topic import normalise
from schemas.parsing.results import Parsed
from schemas.providers.base import Provider
from schemas.providers.registry import Formats, built_in

HEADERS = {"source": "shop", "provider": "meta", "received_at": "2026-11-20T12:01:40.000Z", "request_id": "r1"}
POSITION = {"topic": "wa.raw", "partition": 0, "offset": 5}
STATUS = {"message_id": "wamid.A", "status": "read", "occurred_at": 1_795_176_000_000}


def meta_body(*messages: dict[str, Any]) -> bytes:
    return json.dumps(
        {"entry": [{"id": "1", "changes": [{"field": "messages", "value": {"messages": messages}}]}]}
    ).encode()


@pytest.mark.parametrize("missing", ["source", "provider", "request_id", "received_at"])
def test_a_record_that_lacks_a_header_is_a_dead_letter(missing: str) -> None:
    events, [letter] = normalise({name: value for name, value in HEADERS.items() if name != missing}, b"{}", POSITION)
    assert events == []
    assert letter["reason"] == "bad_envelope"
    assert missing in letter["detail"]
    assert letter["raw"] == {**POSITION, "index": 0}


def test_a_record_of_an_unknown_provider_is_a_dead_letter() -> None:
    [letter] = normalise(HEADERS | {"provider": "pigeon"}, b"{}", POSITION)[1]
    assert letter["reason"] == "unknown_provider"
    assert (letter["source"], letter["provider"], letter["request_id"]) == ("shop", "pigeon", "r1")
    assert letter["received_at"] == "2026-11-20T12:01:40.000Z"


@pytest.mark.parametrize(
    ("body", "reason"), [(b"", "invalid_json"), (b"{}", "unknown_shape"), (b'{"entry":[]}', "unknown_shape")]
)
def test_a_body_without_events_is_a_dead_letter(body: bytes, reason: str) -> None:
    events, [letter] = normalise(HEADERS, body, POSITION)
    assert (events, letter["reason"]) == ([], reason)


def test_the_key_has_the_message_id_or_else_the_event_id() -> None:
    [event] = normalise(HEADERS, meta_body({"id": "wamid.A", "type": "text", "text": {"body": "é"}}), POSITION)[0]
    assert json.loads(event.key) == ["shop", "wamid.A"]
    assert json.loads(event.value) == event.fields
    [event] = normalise(HEADERS, meta_body({"type": "text", "text": {"body": "no id"}}), POSITION)[0]
    assert json.loads(event.key) == ["shop", event.fields["event_id"]]


def test_an_event_above_the_limit_is_a_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_topic, "MAX_EVENT_BYTES", 1_000)
    message = {"id": "wamid.A", "type": "text", "text": {"body": "x" * 2_000}}
    events, [letter] = normalise(HEADERS, meta_body(message), POSITION)
    assert (events, letter["reason"]) == ([], "too_large")
    assert "xxx" not in json.dumps(letter)


@pytest.mark.parametrize("name", ["source", "provider", "request_id"])
def test_a_header_that_is_too_long_makes_a_dead_letter_with_its_beginning(name: str) -> None:
    body = meta_body({"id": "wamid.A", "type": "text", "text": {"body": "oi"}})
    events, [letter] = normalise(HEADERS | {name: "h" * 5_000}, body, POSITION)
    assert (events, letter["reason"]) == ([], "bad_envelope")
    assert f"{name} has 5000 characters" in letter["detail"]
    assert too_long(letter) is None


def test_an_event_with_an_endless_text_is_a_dead_letter_beside_the_others() -> None:
    texts = {"wamid.A": "oi", "wamid.B": "x" * 1_100_000}
    messages = [{"id": name, "type": "text", "text": {"body": text}} for name, text in texts.items()]
    [event], [letter] = normalise(HEADERS, meta_body(*messages), POSITION)
    assert event.fields["message_id"] == "wamid.A"
    assert (letter["reason"], letter["detail"]) == ("too_large", "text has 1100000 characters, the limit is 1048576")


def test_the_event_of_a_body_of_four_megabytes_is_below_the_limit() -> None:
    message = {"id": "wamid.A", "type": "text", "text": {"body": "\x01" * 650_000}}  # six bytes each in JSON
    events, dead = normalise(HEADERS, meta_body(message), POSITION)
    assert (len(events), dead) == (1, [])


def test_a_compressed_body_has_the_events_of_the_plain_one() -> None:
    plain = meta_body({"id": "wamid.A", "type": "text", "text": {"body": "oi"}})
    for encoding, body in (("gzip", gzip.compress(plain)), ("deflate", zlib.compress(plain))):
        assert normalise(HEADERS | {"content-encoding": encoding}, body, POSITION) == normalise(
            HEADERS, plain, POSITION
        )


@pytest.mark.parametrize(
    ("body", "reason"), [(gzip.compress(b"{}")[:-9], "invalid_json"), (gzip.compress(b" " * (9 << 20)), "too_large")]
)
def test_a_body_that_cannot_be_inflated_is_a_dead_letter(body: bytes, reason: str) -> None:
    events, [letter] = normalise(HEADERS | {"content-encoding": "gzip"}, body, POSITION)
    assert (events, letter["reason"], letter["raw"]["index"]) == ([], reason, 0)


@given(
    st.dictionaries(st.sampled_from([*HEADERS, "kind", "auth"]), st.text() | st.sampled_from(["meta", "sent"])),
    st.binary(max_size=40),
)
def test_random_records_never_raise(headers: dict[str, str], body: bytes) -> None:
    events, dead = normalise(headers, body, {})
    assert events or dead
    json.dumps(dead)


def test_the_events_before_an_exception_of_a_parser_are_kept() -> None:
    def breaking(_: bytes) -> Iterator[Parsed]:
        yield Parsed("status", STATUS)
        raise RecursionError("5511955554444")

    broken = Provider("meta", built_in()["meta"].verify, breaking)
    [event], [letter] = normalise(HEADERS, b"{}", POSITION, Formats({"meta": broken}))
    assert event.fields["status"] == "read"
    assert (letter["reason"], letter["detail"], letter["raw"]["index"]) == ("parser_error", "RecursionError", 1)
