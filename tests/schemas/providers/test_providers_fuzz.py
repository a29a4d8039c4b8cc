"""Every provider's parse and verify on mutations of its examples that no encoder writes, and on bodies that grow."""

import json
import sys
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.authentication.request import Request
from schemas.normalisation.raw_topic import normalise
from schemas.providers.registry import built_in
from tests.support.examples import FORMATS, NOW, Case, body_of, faults, load_cases, mutated, parse

CASES = load_cases()
JSON_CASES = [(name, case) for name, case in CASES if "body" in case]
FORM_CASES = [(name, case) for name, case in CASES if "form" in case]
PROOF_CASES = [(name, case) for name, case in CASES if case["auth"] == "ok"]
COVERING = ("meta", "twilio", "waha", "standard-webhooks")  # whose signature covers the body
POSITION = {"topic": "wa.raw", "partition": 3, "offset": 77}

# Written into the text of a body in place of a value: what JSON allows, what it does not, and what is far too much.
HOSTILE = (
    "NaN", "-Infinity", "1e999", "-1e-999", "9" * 400, "-" + "9" * 30, "1e18", "-0", "0.1e1", "1795176000.9999999",
    '"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '"\\u0000\\ud83d"', '"\u2028"', '"' + "x" * 5_000 + '"', '" "',
    '"2026-99-99T99:99:99Z"', '"9999-12-31T23:59:59+14:00"', '"0001-01-01T00:00:00Z"', '"\u0663"', '"-1"',
    '"true_a@c.us_b_c@c.us"', '"a@lid"', '"@g.us"', '"-group"', '"whatsapp:"', '"status@broadcast"', '"BR.1"',
    "[" * 900 + "]" * 900, "[" * 5_000, '{"message":' * 400 + "1" + "}" * 400, '{"id":1,"id":{},"id":"x"}',
    '{"":""}', '{"low":9,"high":99999999999}', '{"low":NaN}', "[null]", "[[]]", "tru", "",
)  # fmt: skip
JUNK_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)  # lone surrogates too
# What stays in the raw body or with the settings, whatever else is said about it.
SECRETS = [case["secret"].encode() for _, case in CASES if "secret" in case] + [
    b"evo-fictional-apikey", b"2@fictional-login-text", b"FICT-IONL", b"order-fictional-token", b"sk-session-fictional",
]  # fmt: skip


def check(provider: str, body: bytes) -> None:
    """The rules that hold for every body: no exception, sound events or a reason, nothing that must not leave."""
    parse(provider, body)
    record = {"source": "shop", "provider": provider, "received_at": "2026-11-20T12:01:40.000Z", "request_id": "r1"}
    events, dead = normalise(record, body, POSITION, FORMATS)
    assert events or dead
    assert [fault for event in events for fault in faults(event.fields)] == []
    assert [letter for letter in dead if letter["reason"] == "parser_error"] == []
    assert [letter for letter in dead if len(letter["excerpt"]) > 300] == []
    written = b"".join(event.value for event in events) + json.dumps(dead).encode()
    assert [secret for secret in SECRETS if secret in written] == []
    again, _ = normalise(record, body, POSITION, FORMATS)
    assert [event.value for event in again] == [event.value for event in events]


def hostile(value: Any, seed: int) -> bytes:
    """The JSON text of `value` with hostile texts in place of some of its values, and some of its names twice."""
    random = Random(seed)  # noqa: S311 - reproducible, not secret
    snippets = [random.choice(HOSTILE) for _ in range(random.randint(1, 4))]
    places = list(holders(value))
    for index, _ in enumerate(snippets):
        if places:
            holder, key = random.choice(places)
            holder[key] = f"@@{index}@@"
    text = json.dumps(value)
    for index, snippet in enumerate(snippets):
        text = text.replace(f'"@@{index}@@"', snippet)
    if random.random() < 0.3:
        name = random.choice(["id", "type", "event", "status", "key", "data", "payload", "messageId", "fromMe"])
        text = text.replace(f'"{name}":', f'"{name}": null, "{name}":')
    return text.encode("utf-8", "surrogatepass")


def holders(value: Any) -> Any:
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from holders(value[key])


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(JSON_CASES), st.integers(min_value=0), st.integers(0, 4))
def test_hostile_json(named: tuple[str, Case], seed: int, changes: int) -> None:
    name, case = named
    check(name.split("/")[0], hostile(mutated(case["body"], seed, changes), seed))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(JSON_CASES), st.integers(0, 10_000), st.sampled_from([b"", b"\x00", b"\xff", b"\xef\xbb\xbf"]))
def test_broken_bytes(named: tuple[str, Case], place: int, junk: bytes) -> None:
    body = body_of(named[1])
    cut = place % len(body)
    check(named[0].split("/")[0], body[:cut] + junk)
    check(named[0].split("/")[0], body[:cut] + junk + body[cut:])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(FORM_CASES), st.integers(min_value=0), JUNK_TEXT)
def test_hostile_forms(named: tuple[str, Case], seed: int, junk: str) -> None:
    name, case = named
    random = Random(seed)  # noqa: S311 - reproducible, not secret
    pairs = list(case["form"].items())
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(pairs))
        change = random.choice(("delete", "double", "value", "name"))
        if change == "delete" and len(pairs) > 1:
            del pairs[place]
        elif change == "double":
            pairs.insert(random.randrange(len(pairs)), (pairs[place][0], junk))
        else:
            pairs[place] = (pairs[place][0], junk) if change == "value" else (junk, pairs[place][1])
    body = urlencode(pairs, errors="surrogatepass").encode()
    cut = random.randrange(len(body) + 1)
    for given_body in (body, body[:cut] + b"%" + body[cut:], body[:cut] + b"\xff&=&" + body[cut:]):
        check(name.split("/")[0], given_body)


def request_of(case: Case, headers: dict[str, str], body: bytes) -> Request:
    return Request(headers, body, url=case.get("url", "https://edge.example/w"), now_ms=NOW)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PROOF_CASES), st.integers(min_value=0), JUNK_TEXT)
def test_verify_never_raises(named: tuple[str, Case], seed: int, junk: str) -> None:
    name, case = named
    random = Random(seed)  # noqa: S311 - reproducible, not secret
    headers = {key.lower(): value for key, value in case["headers"].items()}
    verify = built_in()[name.split("/")[0]].verify
    for key in list(headers):
        cut = random.randrange(len(headers[key]) + 1)
        changed = random.choice(["", junk, headers[key][:cut] + junk + headers[key][cut:], headers[key] * 3])
        given_headers = {**headers, key: changed}
        for secrets in ([case["secret"]], [junk], ["", junk, case["secret"] + junk]):
            request = Request(given_headers, body_of(case), query={}, url=case.get("url", junk), now_ms=NOW)
            assert verify(request, secrets).auth in ("ok", "reject")


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([one for one in PROOF_CASES if one[0].split("/")[0] in COVERING]), st.integers(0, 100_000))
def test_a_signature_holds_for_its_body_alone(named: tuple[str, Case], place: int) -> None:
    name, case = named
    headers = {key.lower(): value for key, value in case["headers"].items()}
    if name == "waha/custom_header":  # proves the sender alone
        return
    body = body_of(case)
    cut = place % (len(body) + 1)
    verify = built_in()[name.split("/")[0]].verify
    assert verify(request_of(case, headers, body), [case["secret"]]).auth == "ok"
    other = body[:cut] + b"X" + body[cut:]
    assert verify(request_of(case, headers, other), [case["secret"]]).auth == "reject"


def calls_of(work: Callable[[], object]) -> int:
    """How many functions are called: a measure of work that is the same on every machine."""
    count = 0

    def profile(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("provider", sorted(built_in()))
def test_work_grows_with_the_body_and_no_faster(provider: str) -> None:
    """A body of 100 examples against one of 400: four times the work, whatever they hold."""
    bodies = [case["body"] for name, case in JSON_CASES if name.split("/")[0] == provider]
    flat = [one for body in bodies for one in (body if isinstance(body, list) else [body])]
    if not flat:  # Twilio's are forms
        flat = [case["form"] for name, case in FORM_CASES if name.split("/")[0] == provider]

    def work(size: int) -> int:
        body = json.dumps([flat[index % len(flat)] for index in range(size)]).encode()
        return calls_of(lambda: parse(provider, body))

    assert work(400) < 4.4 * work(100) + 1_000


@pytest.mark.parametrize("provider", sorted(built_in()))
@pytest.mark.parametrize("depth", [100, 900, 20_000])
def test_depth_is_not_ours_to_follow(provider: str, depth: int) -> None:
    """At every place where an example holds an object or a list, one that is nested far too deep."""
    for name, case in JSON_CASES:
        if name.split("/")[0] == provider:
            for opening, closing in (("[", "]"), ('{"message":', "}"), ('{"data":', "}"), ('{"editedMessage":', "}")):
                value = json.loads(json.dumps(case["body"]))
                places = list(holders(value))
                holder, key = places[len(places) // 2]
                holder[key] = "@@"
                deep = opening * depth + "1" + closing * depth
                check(provider, json.dumps(value).replace('"@@"', deep).encode())
