"""Every provider against its hand-written examples, against signatures, and against bodies that nobody would send."""

import hmac
import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.authentication.request import Request, Verdict
from schemas.normalisation.raw_topic import normalise
from schemas.providers.registry import built_in
from tests.support.examples import (
    FORMATS,
    JUNK,
    body_of,
    differences,
    faults,
    load_cases,
    mutated,
    parse,
    reordered,
    run,
)

CASES = load_cases()
JSON_CASES = [(name, case) for name, case in CASES if "body" in case]
POSITION = {"topic": "wa.raw", "partition": 3, "offset": 77}
ANYTHING = st.text(st.characters(exclude_categories=()))  # lone surrogates too


def headers_for(provider: str, request_id: str = "r1", **more: str) -> dict[str, str]:
    record = {
        "source": "shop",
        "provider": provider,
        "received_at": "2026-11-20T12:01:40.000Z",
        "request_id": request_id,
    }
    return {**record, **more}


def events_of(provider: str, body: bytes, request_id: str = "r1") -> list[dict[str, Any]]:
    return [event.fields for event in normalise(headers_for(provider, request_id), body, POSITION, FORMATS)[0]]


@pytest.mark.parametrize(("name", "case"), CASES, ids=[name for name, _ in CASES])
def test_example(name: str, case: dict[str, Any]) -> None:
    answer = run(name, case)
    assert (answer["auth"], answer["outcome"]) == (case["auth"], case["outcome"])
    assert differences(case["events"], answer["events"]) == []
    assert [fault for event in answer["events"] for fault in faults(event)] == []
    assert len(answer["dead"]) == case.get("dead", 0)


def test_there_are_enough_examples() -> None:
    counts = {provider: len(load_cases(provider)) for provider in built_in()}
    assert counts["meta"] >= 30
    assert counts["wasender"] >= 20
    assert min(counts.values()) >= 8


META_BODY = b'{"entry":[{"id":"1","changes":[]}],"note":"Ol\\u00e1 \\ud83d\\ude0a \\/"}'


def meta_verdict(header: str | None, *secrets: str, body: bytes = META_BODY) -> Verdict:
    headers = {} if header is None else {"x-hub-signature-256": header}
    return built_in()["meta"].verify(Request(headers, body), secrets)


def signed(secret: str, body: bytes = META_BODY) -> str:
    return hmac.new(secret.encode(), body, sha256).hexdigest()


def test_meta_signature_known_answer() -> None:
    """RFC 4231, test case 2: the only vector here that our own code did not compute."""
    digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert meta_verdict(f"sha256={digest}", "Jefe", body=b"what do ya want for nothing?").auth == "ok"


def test_meta_signature_over_raw_bytes() -> None:
    assert meta_verdict("sha256=" + signed("one"), "one") == Verdict("ok", "hmac-sha256", meta_key("one"))
    again = json.dumps(json.loads(META_BODY)).encode()
    assert meta_verdict("sha256=" + signed("one", again), "one").auth == "reject"
    assert meta_verdict("sha256=" + signed("one").upper(), "one").auth == "ok"
    assert meta_verdict("sha256=" + signed("one", b""), "one", body=b"").auth == "ok"


def meta_key(secret: str) -> str:
    return meta_verdict("sha256=" + signed(secret), secret).key_id


def test_meta_signature_with_two_live_secrets() -> None:
    for secret in ("old", "new"):
        assert meta_verdict("sha256=" + signed(secret), "old", "new").key_id == meta_key(secret)
    assert meta_key("old") != meta_key("new")
    assert meta_verdict("sha256=" + signed("third"), "old", "new").auth == "reject"


@pytest.mark.parametrize(
    "header", [None, "", "sha256=", "sha1=" + "0" * 40, "sha256=" + "0" * 63, "sha256=é", "=", "\ud800"]
)
def test_meta_signature_missing_or_malformed(header: str | None) -> None:
    assert meta_verdict(header, "one").auth == "reject"
    assert meta_verdict(header).auth == "unsigned"


def test_an_empty_secret_opens_nothing() -> None:
    assert meta_verdict("sha256=" + signed(""), "").auth == "reject"
    assert built_in()["wasender"].verify(Request({}), [""]).auth == "reject"
    assert built_in()["zapini"].verify(Request({}), [""]).auth == "reject"


def test_meta_handshake() -> None:
    challenge = built_in()["meta"].challenge
    assert challenge is not None
    query = {"hub.mode": "subscribe", "hub.verify_token": "tok-2", "hub.challenge": "1158201444"}
    assert challenge(query, ["tok-1", "tok-2"]) == "1158201444"
    assert challenge(query, ["tok-1"]) is None
    assert challenge(query, []) is None
    assert challenge({**query, "hub.mode": "unsubscribe"}, ["tok-2"]) is None
    assert challenge({**query, "hub.verify_token": ""}, [""]) is None
    assert challenge({}, ["tok-2"]) is None


def test_wasender_header_is_the_secret() -> None:
    verify = built_in()["wasender"].verify
    assert verify(Request({"x-webhook-signature": "two"}), ["one", "two"]).scheme == "static"
    assert verify(Request({"x-webhook-signature": "three"}), ["one", "two"]).auth == "reject"
    assert verify(Request({}), ["one"]).auth == "reject"
    assert verify(Request({"x-webhook-signature": "one"}), []).auth == "unsigned"
    by_hmac = verify(Request({"x-webhook-signature": signed("one", b"{}")}, b"{}"), ["one"])
    assert by_hmac.scheme == "hmac-sha256"
    assert built_in()["wasender"].proof_headers == ()


def test_zapini_takes_a_secret_in_three_places() -> None:
    verify = built_in()["zapini"].verify
    assert verify(Request({"authorization": "bearer one"}), ["one"]).scheme == "bearer"
    assert verify(Request({"x-webhook-secret": "one"}), ["one"]).scheme == "static"
    assert verify(Request({}, query={"token": "one"}), ["one"]).scheme == "token"
    assert verify(Request({"authorization": "Basic one"}), ["one"]).auth == "reject"
    assert built_in()["zapini"].signed is False


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200) | ANYTHING.map(lambda text: json.dumps(text).encode()), ANYTHING, ANYTHING)
def test_nothing_makes_verify_or_parse_raise(body: bytes, header: str, secret: str) -> None:
    for provider in built_in().values():
        names = (
            "authorization",
            "x-hub-signature-256",
            "x-webhook-signature",
            "x-webhook-secret",
            *provider.proof_headers,
        )
        request = Request(dict.fromkeys(names, header), body, query={"token": header}, url="https://edge.example/w")
        assert provider.verify(request, [secret]).auth in ("ok", "reject", "unsigned")
        parse(provider.name, body)
        events, dead = normalise(headers_for(provider.name), body, POSITION, FORMATS)
        assert events or dead
        if provider.challenge is not None:
            provider.challenge({"hub.mode": "subscribe", "hub.verify_token": header, "hub.challenge": "1"}, [secret])


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(JSON_CASES), st.integers(min_value=0), st.integers(1, 12))
def test_mutated_examples_give_sound_events_or_dead_letters(named: Any, seed: int, changes: int) -> None:
    (name, case), provider = named, named[0].split("/")[0]
    value = mutated(case["body"], seed, changes)
    body = json.dumps(value).encode()
    parse(provider, body)
    events, dead = normalise(headers_for(provider), body, POSITION, FORMATS)
    assert events or dead
    assert [fault for event in events for fault in faults(event.fields)] == []
    assert [letter for letter in dead if letter["reason"] == "parser_error"] == []
    assert [letter["excerpt"] for letter in dead if len(letter["excerpt"]) > 300] == []
    written = b"".join(event.value for event in events) + json.dumps(dead).encode()
    for secret in ("whsec-fictional", "sk-session-fictional", "2@fictional-login-text", "zp-fictional-secret"):
        assert secret.encode() not in written, name


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(JSON_CASES), st.integers(min_value=0), st.integers(0, 3))
def test_an_event_keeps_its_id(named: Any, seed: int, changes: int) -> None:
    """Under repetition as another delivery, and under another order of keys; the delivery's own id plays no part."""
    provider = named[0].split("/")[0]
    value = mutated(named[1]["body"], seed, changes)
    one = events_of(provider, json.dumps(value).encode())
    two = events_of(provider, json.dumps(reordered(value), ensure_ascii=False).encode(), "r2")
    assert len(one) == len(two)
    for first, second in zip(one, two, strict=True):
        assert first["fullness"] == second["fullness"]
        if "message_id" in first or "occurred_at" in first:
            assert first["event_id"] == second["event_id"]
        else:
            assert first["event_id"] != second["event_id"]


LISTS: dict[str, tuple[str | int, ...]] = {
    "meta/status_ladder": ("entry", 0, "changes", 0, "value", "statuses"),
    "meta/media_kinds": ("entry", 0, "changes", 0, "value", "messages"),
    "meta/echoes": ("entry", 0, "changes", 0, "value", "message_echoes"),
    "meta/history": ("entry", 0, "changes", 0, "value", "history", 0, "threads", 0, "messages"),
    "meta/account_notices": ("entry", 0, "changes"),
    "wasender/content_kinds": ("data", "messages"),
    "wasender/status_words": ("data",),
    "wasender/receipt_group": ("data",),
    "zapini/statuses": (),
    "360dialog/statuses": ("entry", 0, "changes", 0, "value", "statuses"),
    "evolution/history": ("data",),
    "generic/statuses": ("batch",),
    "generic/media_and_location": ("batch",),
    "evolution/other_events": (),
    "green-api/statuses": (),
    "gupshup/delivered_and_read": (),
    "gupshup/v3_statuses": ("entry", 0, "changes", 0, "value", "statuses"),
    "infobip/report_groups": ("results",),
    "standard-webhooks/statuses": (),
    "waha/other_events": (),
    "z-api/statuses": (),
    "z-api/status_several_ids": ("ids",),
}


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(sorted(LISTS)), st.sampled_from(JUNK), st.integers(0, 20))
def test_a_bad_element_never_changes_its_siblings(name: str, junk: Any, place: int) -> None:
    provider, case = name.split("/")[0], dict(JSON_CASES)[name]

    def facts(body: Any) -> list[dict[str, Any]]:
        events = events_of(provider, json.dumps(body).encode())
        return [{key: event[key] for key in event if key not in ("raw", "event_id")} for event in events]

    value = json.loads(json.dumps(case["body"]))
    before = facts(value)
    elements = value
    for step in LISTS[name]:
        elements = elements[step]
    elements.insert(min(place, len(elements)), junk)
    after = facts(value)
    assert [event for event in before if event not in after] == []


def nested(opening: str, inner: str, closing: str, depth: int) -> str:
    return opening * depth + inner + closing * depth


DEEP_EDIT = nested('{"type":"edit","edit":{"message":', "{}", "}}", 400)
DEEP_WRAPPER = nested('{"ephemeralMessage":{"message":', '{"conversation":"x"}', "}}", 300)


@pytest.mark.parametrize(
    ("provider", "bad", "good"),
    [
        (
            "meta",
            DEEP_EDIT.replace("{", '{"id":"wamid.DEEP",', 1),
            '{"id":"wamid.OK","type":"text","text":{"body":"oi"}}',
        ),
        ("meta", nested("[", "1", "]", 900), '{"id":"wamid.OK","type":"text","text":{"body":"oi"}}'),
        ("meta", '{"id":"\\ud800","type":"text"}', '{"id":"wamid.OK","type":"text","text":{"body":"oi"}}'),
        ("meta", '{"id":NaN,"type":NaN}', '{"id":"wamid.OK","type":"text","text":{"body":"oi"}}'),
        (
            "wasender",
            f'{{"key":{{"id":"3EB0DEEP"}},"message":{DEEP_WRAPPER}}}',
            '{"key":{"id":"3EB0OK"},"messageBody":"oi"}',
        ),
        (
            "wasender",
            '{"key":{"id":"a\\u0000b","id":"c"},"messageBody":"\\udfff"}',
            '{"key":{"id":"3EB0OK"},"messageBody":"oi"}',
        ),
    ],
)
def test_hostile_elements_do_not_cost_their_siblings(provider: str, bad: str, good: str) -> None:
    listed = f"[{bad},{good},{bad}]"
    bodies = {
        "meta": f'{{"entry":[{{"id":"1","changes":[{{"field":"messages","value":{{"messages":{listed}}}}}]}}]}}',
        "wasender": f'{{"event":"messages.upsert","timestamp":1795176000,"data":{{"messages":{listed}}}}}',
    }
    events, dead = normalise(headers_for(provider), bodies[provider].encode(), POSITION)
    assert [event.fields["text"] for event in events if event.fields["message_id"].endswith("OK")] == ["oi"]
    assert "parser_error" not in {letter["reason"] for letter in dead}
    assert len(events) + len(dead) == 3


def test_a_full_batch_of_meta() -> None:
    """1,000 statuses in 3 MB, one of them with half a character that strict parsers refuse."""
    statuses = [
        {"id": f"wamid.N{index}", "status": "read", "timestamp": "1795176006", "biz_opaque_callback_data": "é" * 1_000}
        for index in range(1_000)
    ]
    value = {"metadata": {"phone_number_id": "7"}, "statuses": statuses}
    body = json.dumps({"entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}]}).encode()
    assert len(body) > 3_000_000
    for given_body in (body, body.replace(b"\\u00e9", b"\\ud800", 1)):
        events = events_of("meta", given_body)
        assert [event["message_id"] for event in events] == [f"wamid.N{index}" for index in range(1_000)]
        assert [event["raw"]["index"] for event in events] == list(range(1_000))


def test_shared_facts_cannot_swell_a_body() -> None:
    """A megabyte of name beside a thousand messages is not a name."""
    value = {"contacts": [{"wa_id": "5511955554444", "profile": {"name": "x" * 1_000_000}}]}
    value["messages"] = [{"id": f"wamid.{index}", "from": "5511955554444", "type": "text"} for index in range(1_000)]
    body = json.dumps({"entry": [{"changes": [{"field": "messages", "value": value}]}]}).encode()
    assert sum(len(json.dumps(event)) for event in events_of("meta", body)) < 1_000_000


def test_dead_letters_of_one_body_are_bounded() -> None:
    body = json.dumps({"entry": [{"changes": [{"field": "messages", "value": {"statuses": [1] * 50_000}}]}]}).encode()
    events, dead = normalise(headers_for("meta"), body, POSITION)
    assert (len(events), len(dead)) == (0, 2_000)


def test_two_events_do_not_become_one() -> None:
    """Equal contents under another envelope, instance, time or place in a body are other events."""

    def body(**changes: Any) -> bytes:
        data = {"from": "+5511988887777", "type": "text", "message": "Bom dia", "received_at": "2026-11-20T12:00:00Z"}
        return json.dumps({"event": "message.received", "instance_id": "i-1", "data": data} | changes).encode()

    ids = [events_of("zapini", one)[0]["event_id"] for one in (body(), body(instance_id="i-2"))]
    assert len(set(ids)) == 2
    twice = json.dumps({"event": "session.status", "data": {"status": "connected"}}).encode()
    timeless = [events_of("wasender", twice, request)[0]["event_id"] for request in ("r1", "r2")]
    assert len(set(timeless)) == 2
    statuses = [
        {"id": "wamid.A", "status": "read", "timestamp": stamp} for stamp in ("1795176006", "1795176007", "1795176006")
    ]
    meta = json.dumps({"entry": [{"changes": [{"field": "messages", "value": {"statuses": statuses}}]}]}).encode()
    one, two, three = (event["event_id"] for event in events_of("meta", meta))
    assert one == three != two


def test_the_bodies_of_examples_are_what_is_posted() -> None:
    assert all(body_of(case) for _, case in CASES)
