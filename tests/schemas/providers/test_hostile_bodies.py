"""Every provider's parse and verify on hostile bodies: ill-formed values, broken bytes, deep nesting, growing size."""

import json
import sys
from collections.abc import Callable
from random import Random
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.authentication.request import Request
from schemas.normalisation.raw_topic import normalise
from schemas.providers.registry import built_in
from tests.support.examples import FORMATS, NOW, POSITION, Case, body_of, faults, load_cases, parse, raw_headers
from tests.support.mutations import copied, hostile, mutated, places

CASES = load_cases()
JSON_CASES = [(name, case) for name, case in CASES if "body" in case]
FORM_CASES = [(name, case) for name, case in CASES if "form" in case]
PROVEN_CASES = [(name, case) for name, case in CASES if case["auth"] == "ok"]
# Signatures of these providers cover the body; the secret in a custom header of WAHA does not.
SIGNED_CASES = [
    (name, case)
    for name, case in PROVEN_CASES
    if name.split("/")[0] in ("meta", "twilio", "waha", "standard-webhooks") and name != "waha/custom_header"
]
ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates too
JUNK_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
# These must not get into an event or a dead letter.
SECRETS = [case["secret"].encode() for _, case in CASES if "secret" in case] + [
    b"evo-fictional-apikey", b"2@fictional-login-text", b"FICT-IONL", b"order-fictional-token", b"sk-session-fictional",
]  # fmt: skip


def check(provider: str, body: bytes) -> None:
    """The rules for every body: no exception, valid events or a dead letter, no secret, the same result twice."""
    parse(provider, body)
    events, dead = normalise(raw_headers(provider), body, POSITION, FORMATS)
    assert events or dead
    assert [fault for event in events for fault in faults(event.fields)] == []
    assert [letter for letter in dead if letter["reason"] == "parser_error"] == []
    assert [letter for letter in dead if len(letter["excerpt"]) > 300] == []
    written = b"".join(event.value for event in events) + json.dumps(dead).encode()
    assert [secret for secret in SECRETS if secret in written] == []
    again, _ = normalise(raw_headers(provider), body, POSITION, FORMATS)
    assert [event.value for event in again] == [event.value for event in events]


@given(st.sampled_from(JSON_CASES), st.integers(min_value=0), st.integers(0, 4))
def test_hostile_json(named: tuple[str, Case], seed: int, changes: int) -> None:
    name, case = named
    check(name.split("/")[0], hostile(mutated(case["body"], seed, changes), seed))


@given(st.sampled_from(JSON_CASES), st.integers(0, 10_000), st.sampled_from([b"", b"\x00", b"\xff", b"\xef\xbb\xbf"]))
def test_broken_bytes(named: tuple[str, Case], place: int, junk: bytes) -> None:
    body = body_of(named[1])
    cut = place % len(body)
    check(named[0].split("/")[0], body[:cut] + junk)
    check(named[0].split("/")[0], body[:cut] + junk + body[cut:])


@given(st.sampled_from(FORM_CASES), st.integers(min_value=0), JUNK_TEXT)
def test_hostile_forms(named: tuple[str, Case], seed: int, junk: str) -> None:
    name, case = named
    random = Random(seed)  # noqa: S311 - reproducible, not secret
    pairs = list(case["form"].items())
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(pairs))
        change = random.choice(("delete", "repeat", "value", "name"))
        if change == "delete" and len(pairs) > 1:
            del pairs[place]
        elif change == "repeat":
            pairs.insert(random.randrange(len(pairs)), (pairs[place][0], junk))
        else:
            pairs[place] = (pairs[place][0], junk) if change == "value" else (junk, pairs[place][1])
    body = urlencode(pairs, errors="surrogatepass").encode()
    cut = random.randrange(len(body) + 1)
    for given_body in (body, body[:cut] + b"%" + body[cut:], body[:cut] + b"\xff&=&" + body[cut:]):
        check(name.split("/")[0], given_body)


@given(st.binary(max_size=200) | ANY_TEXT.map(lambda text: json.dumps(text).encode()), ANY_TEXT, ANY_TEXT)
def test_no_body_header_or_secret_makes_a_provider_raise(body: bytes, header: str, secret: str) -> None:
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
        check(provider.name, body)
        if provider.challenge is not None:
            provider.challenge({"hub.mode": "subscribe", "hub.verify_token": header, "hub.challenge": "1"}, [secret])


@given(st.sampled_from(PROVEN_CASES), st.integers(min_value=0), JUNK_TEXT)
def test_no_changed_header_makes_verify_raise(named: tuple[str, Case], seed: int, junk: str) -> None:
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


@given(st.sampled_from(SIGNED_CASES), st.integers(0, 100_000))
def test_a_signature_is_valid_for_its_own_body_only(named: tuple[str, Case], place: int) -> None:
    name, case = named
    headers = {key.lower(): value for key, value in case["headers"].items()}
    body, url = body_of(case), case.get("url", "https://edge.example/w")
    cut = place % (len(body) + 1)
    verify = built_in()[name.split("/")[0]].verify
    assert verify(Request(headers, body, url=url, now_ms=NOW), [case["secret"]]).auth == "ok"
    other = body[:cut] + b"X" + body[cut:]
    assert verify(Request(headers, other, url=url, now_ms=NOW), [case["secret"]]).auth == "reject"


@given(
    st.sampled_from(JSON_CASES),
    st.sampled_from([100, 900, 20_000]),
    st.sampled_from([("[", "]"), ('{"message":', "}"), ('{"data":', "}"), ('{"editedMessage":', "}")]),
)
def test_deep_nesting(named: tuple[str, Case], depth: int, brackets: tuple[str, str]) -> None:
    """A value in the middle of an example is replaced by one that is nested too deeply."""
    name, case = named
    opening, closing = brackets
    value = copied(case["body"])
    found = list(places(value))
    holder, key = found[len(found) // 2]
    holder[key] = "@@"
    check(name.split("/")[0], json.dumps(value).replace('"@@"', opening * depth + "1" + closing * depth).encode())


def nested(opening: str, inner: str, closing: str, depth: int) -> str:
    return opening * depth + inner + closing * depth


DEEP_EDIT = nested('{"type":"edit","edit":{"message":', "{}", "}}", 400)
DEEP_WRAPPER = nested('{"ephemeralMessage":{"message":', '{"conversation":"x"}', "}}", 300)
META_MESSAGE = '{"id":"wamid.OK","type":"text","text":{"body":"oi"}}'
BAILEYS_MESSAGE = '{"key":{"id":"3EB0OK"},"messageBody":"oi"}'


@pytest.mark.parametrize(
    ("provider", "bad", "good"),
    [
        ("meta", DEEP_EDIT.replace("{", '{"id":"wamid.DEEP",', 1), META_MESSAGE),
        ("meta", nested("[", "1", "]", 900), META_MESSAGE),
        ("meta", '{"id":"\\ud800","type":"text"}', META_MESSAGE),
        ("meta", '{"id":NaN,"type":NaN}', META_MESSAGE),
        ("wasender", f'{{"key":{{"id":"3EB0DEEP"}},"message":{DEEP_WRAPPER}}}', BAILEYS_MESSAGE),
        ("wasender", '{"key":{"id":"a\\u0000b","id":"c"},"messageBody":"\\udfff"}', BAILEYS_MESSAGE),
    ],
)
def test_hostile_elements_do_not_change_their_siblings(provider: str, bad: str, good: str) -> None:
    listed = f"[{bad},{good},{bad}]"
    bodies = {
        "meta": f'{{"entry":[{{"id":"1","changes":[{{"field":"messages","value":{{"messages":{listed}}}}}]}}]}}',
        "wasender": f'{{"event":"messages.upsert","timestamp":1795176000,"data":{{"messages":{listed}}}}}',
    }
    events, dead = normalise(raw_headers(provider), bodies[provider].encode(), POSITION)
    assert [event.fields["text"] for event in events if event.fields["message_id"].endswith("OK")] == ["oi"]
    assert "parser_error" not in {letter["reason"] for letter in dead}
    assert len(events) + len(dead) == 3


def function_calls(work: Callable[[], object]) -> int:
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
def test_work_grows_linearly_with_the_body(provider: str) -> None:
    """A body of 400 examples takes four times the work of a body of 100."""
    bodies = [case["body"] for name, case in JSON_CASES if name.split("/")[0] == provider]
    elements = [one for body in bodies for one in (body if isinstance(body, list) else [body])]
    if not elements:  # Twilio posts forms
        elements = [case["form"] for name, case in FORM_CASES if name.split("/")[0] == provider]

    def work(size: int) -> int:
        body = json.dumps([elements[index % len(elements)] for index in range(size)]).encode()
        return function_calls(lambda: parse(provider, body))

    assert work(400) < 4.4 * work(100) + 1_000
