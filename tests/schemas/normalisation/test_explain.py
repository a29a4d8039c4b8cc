"""`explain`: authentication, handshakes and events of one request, without services."""

import gzip
import hmac
import json
import zlib
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest

from schemas.normalisation.explain import explain
from tests.support.examples import NOW

QUERY = {"hub.mode": "subscribe", "hub.verify_token": "tok", "hub.challenge": "1158201444"}
TEXT = {"id": "wamid.A", "from": "5511955554444", "timestamp": "1795176000", "type": "text", "text": {"body": "oi"}}


def meta(*messages: Any, **how: Any) -> dict[str, Any]:
    body = json.dumps(
        {"entry": [{"id": "1", "changes": [{"field": "messages", "value": {"messages": list(messages)}}]}]}
    )
    return explain("meta", how.pop("headers", {}), body.encode(), how.pop("secrets", []), "", NOW, **how)


def test_facts_of_the_edge_are_placeholders() -> None:
    answer = meta(TEXT)
    [event] = answer.pop("events")
    assert answer == {"auth": "unsigned", "outcome": "accepted", "response": None, "dead": []}
    assert (event["source"], event["request_id"], event["received_at"]) == (
        "meta",
        "explain",
        "2026-11-20T12:01:40.000Z",
    )
    assert event["raw"] == {"topic": "wa.raw", "partition": 0, "offset": 0, "index": 0}


def test_a_body_with_one_event_is_accepted_and_one_without_is_quarantined() -> None:
    partly = meta(None, TEXT)
    assert partly["outcome"] == "accepted"
    assert [(letter["index"], letter["reason"]) for letter in partly["dead"]] == [(0, "bad_element")]
    assert partly["events"][0]["raw"]["index"] == 1
    nothing = meta(None)
    assert (nothing["outcome"], nothing["events"]) == ("quarantine", [])


def test_header_names_may_be_in_any_case_and_a_rejected_body_is_not_parsed() -> None:
    body = b'{"event":"session.status","data":{"status":"connected"}}'
    ok = explain("wasender", {"X-WEBHOOK-Signature": "s"}, body, ["s"], "", NOW)
    assert (ok["auth"], ok["outcome"]) == ("ok", "accepted")
    rejected = explain("wasender", {"X-WEBHOOK-Signature": "t"}, body, ["s"], "", NOW)
    assert rejected == {"auth": "reject", "outcome": "reject", "response": None, "events": [], "dead": []}


@pytest.mark.parametrize(
    ("provider", "query", "token", "outcome", "response"),
    [
        ("meta", QUERY, "tok", "challenge", "1158201444"),
        ("meta", QUERY, "other", "reject", None),
        ("meta", QUERY, None, "reject", None),
        ("meta", QUERY | {"hub.mode": "x"}, "tok", "reject", None),
        ("meta", {}, "tok", "reject", None),
        ("wasender", QUERY, "tok", "reject", None),
    ],
)
def test_a_handshake_is_answered_only_with_the_right_token(
    provider: str, query: dict[str, str], token: str | None, outcome: str, response: str | None
) -> None:
    answer = explain(provider, {}, b"", [], "", NOW, method="GET", query=query, verify_token=token)
    assert (answer["outcome"], answer["response"], answer["events"]) == (outcome, response, [])
    assert answer["auth"] == ("ok" if response else "reject")


def test_the_error_for_an_unknown_provider_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"meta.*wasender.*zapini"):
        explain("pigeon", {}, b"", [], "", NOW)


def test_without_a_query_that_of_the_url_is_used() -> None:
    url = "https://shop.example/webhooks/zapini?token=invented"
    assert explain("zapini", {}, b"{}", ["invented"], url, NOW)["auth"] == "ok"
    assert explain("zapini", {}, b"{}", ["invented"], url.replace("invented", "other"), NOW)["auth"] == "reject"
    assert explain("zapini", {}, b"{}", ["invented"], "http://[", NOW)["auth"] == "reject"
    handshake = "https://shop.example/webhooks/meta?hub.mode=subscribe&hub.challenge=7&hub.verify_token=t"
    assert explain("meta", {}, b"", [], handshake, NOW, "GET", verify_token="t")["response"] == "7"


@pytest.mark.parametrize("signed", ["wire", "plain"])
@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_a_compressed_body_may_be_signed_on_the_wire_or_plain(pack: Callable[[bytes], bytes], signed: str) -> None:
    change = {"field": "messages", "value": {"messages": [TEXT]}}
    plain = json.dumps({"entry": [{"id": "1", "changes": [change]}]}).encode()
    wire = pack(plain)
    digest = hmac.digest(b"s", wire if signed == "wire" else plain, sha256).hex()
    headers = {
        "X-Hub-Signature-256": f"sha256={digest}",
        "Content-Encoding": "gzip" if wire[:1] == b"\x1f" else "deflate",
    }
    answer = explain("meta", headers, wire, ["s"], "", NOW)
    assert (answer["auth"], answer["outcome"]) == ("ok", "accepted")
    assert answer["events"][0]["message_id"] == "wamid.A"
    assert explain("meta", headers, pack(plain + b" "), ["s"], "", NOW)["auth"] == "reject"
