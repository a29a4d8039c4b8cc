"""Every body that the demo posts says to the system exactly what the truth believes that it says."""

from collections import Counter
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from deploy.demo.facts import Fact, Request
from deploy.demo.traffic import Traffic
from ingest.sent import sort_out
from schemas import providers, sent
from schemas.normalise import normalise
from schemas.times import from_iso
from tests.demo.sample import ACCOUNTS, make

PROVIDERS = {account.source: account.source.removeprefix("demo-") for account in ACCOUNTS}
SECRETS = {account.source: account.secret for account in ACCOUNTS}


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    return make()


def source_of(request: Request) -> str:
    return urlsplit(request.path).path.rpartition("/")[2]


def read(request: Request, request_id: str = "r") -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the streams make of a stored body: (events, dead letters)."""
    headers = {
        "source": source_of(request), "provider": PROVIDERS[source_of(request)], "request_id": request_id,
        "received_at": "2026-11-22T00:00:00.000Z",
    }  # fmt: skip
    body = request.body
    if request.path.startswith("/sent/"):
        headers["kind"] = "sent"
        body, _ = sort_out(request.body)
    events, dead = normalise(headers, body, {"topic": "wa.raw", "partition": 0, "offset": 0})
    return [event.fields for event in events], dead


def meant(fact: Fact) -> dict[str, object]:
    """The canonical fields that a fact stands for; only those that rows and rates are made of."""
    told = fact.told
    word = fact.status if fact.status != "warehoused" else "unknown"
    fields: dict[str, object] = {"kind": fact.kind, "source": fact.source, "occurred_at": fact.at}
    if fact.kind == "system":
        return fields
    fields |= {
        "message_id": fact.message_id or None,
        "participant": fact.participant or None,
        "status": word or None,
        "origin": fact.origin or None,
        "historical": bool(told.get("historical")),
        "is_group": bool(told.get("group")) and (fact.origin != "api"),
    }
    if fact.kind in ("inbound", "sent"):
        fields["type"] = told.get("type") or None
    if fact.kind == "status":
        fields |= {"error_code": told.get("code") or None, "from_me": fact.own and fact.status != "deleted"}
    if fact.origin == "api":
        fields |= {name: told.get(name) or None for name in ("template", "campaign", "category")}
        fields["is_group"] = str(told.get("to")).endswith("@g.us")
    return fields


def understood(event: dict[str, Any]) -> dict[str, object]:
    fields = {name: event.get(name) for name in ("kind", "source")}
    fields["occurred_at"] = from_iso(event["occurred_at"]) if "occurred_at" in event else None
    if event["kind"] == "system":
        return fields
    for name in ("message_id", "participant", "status", "origin"):
        fields[name] = event.get(name)
    fields["historical"] = bool(event.get("historical"))
    fields["is_group"] = bool(event.get("is_group"))
    if event["kind"] in ("inbound", "sent"):
        fields["type"] = event.get("type")
    if event["kind"] == "status":
        fields["error_code"] = event.get("error_code")
        fields["from_me"] = event.get("from_me") is False and event.get("status") != "deleted"
    if event.get("origin") == "api":
        fields |= {name: event.get(name) for name in ("template", "campaign", "category")}
    return fields


def test_every_stored_body_becomes_exactly_the_intended_events(traffic: Traffic) -> None:
    for number, request in enumerate(traffic.requests):
        if request.answer != 200 or request.method != "POST":
            continue
        events, dead = read(request, str(number))
        assert [understood(event) for event in events] == [meant(fact) for fact in request.facts], request.path
        assert Counter(letter["reason"] for letter in dead) == Counter(request.dead)


def test_identities_of_the_truth_are_those_of_the_event_ids(traffic: Traffic) -> None:
    """One identity, one event id: repetitions collapse, nothing else does."""
    pairs = set()
    for number, request in enumerate(traffic.requests):
        if request.answer == 200 and request.method == "POST":
            events, _ = read(request, str(number))
            pairs |= {(event["event_id"], fact.identity) for event, fact in zip(events, request.facts, strict=True)}
    assert len({event_id for event_id, _ in pairs}) == len(pairs)
    assert len({identity for _, identity in pairs}) == len(pairs)
    assert len(pairs) == traffic.truth.events.total()


def test_credentials_are_good_exactly_where_the_answer_says_so(traffic: Traffic) -> None:
    for request in traffic.requests:
        source = source_of(request)
        if request.path.startswith("/sent/") or source not in PROVIDERS or request.answer == 413:
            continue
        headers = {name.lower(): value for name, value in request.headers}
        query = dict(parse_qsl(urlsplit(request.path).query))
        provider = providers.load()[PROVIDERS[source]]
        if request.method == "GET":
            assert provider.challenge is not None
            answer = provider.challenge(query, ["meta-verify"])
            assert (answer is not None) == (request.answer == 200)
            continue
        asked = providers.Request(headers=headers, body=request.body, query=query)
        verdict = provider.verify(asked, [SECRETS[source]])
        assert verdict.auth == ("reject" if request.answer == 401 else "ok")


def test_refused_sent_records_are_those_that_the_request_names(traffic: Traffic) -> None:
    checked = 0
    for request in traffic.requests:
        if request.path.startswith("/sent/") and request.answer != 401:
            reasons = [reason for _, reason in sent.split(request.body)]
            assert tuple(index for index, reason in enumerate(reasons) if reason) == request.refused
            checked += bool(request.refused)
    assert checked >= 3
