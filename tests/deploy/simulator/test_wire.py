"""The product parses every simulated body into exactly the events that the truth assumes."""

from collections import Counter
from urllib.parse import parse_qsl, urlsplit

import pytest

from deploy.simulator.traffic import Traffic
from schemas.authentication.request import Request as WebhookRequest
from schemas.normalisation import sent_records
from schemas.providers import registry
from tests.deploy.simulator.demo_traffic import ACCOUNTS, demo_traffic
from tests.deploy.simulator.parsed_bodies import event_fields, expected_fields, parse

PROVIDERS = {account.source: account.source.removeprefix("demo-") for account in ACCOUNTS}
SECRETS = {account.source: account.secret for account in ACCOUNTS}


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    return demo_traffic()


def test_every_stored_body_is_parsed_into_exactly_the_expected_events(traffic: Traffic) -> None:
    for number, request in enumerate(traffic.requests):
        if request.expected_status != 200 or request.method != "POST":
            continue
        events, dead_letters = parse(request, str(number))
        assert [event_fields(event) for event in events] == [expected_fields(fact) for fact in request.facts], (
            request.path
        )
        assert Counter(letter["reason"] for letter in dead_letters) == Counter(request.dead_letters)


def test_facts_of_one_identity_have_one_event_id(traffic: Traffic) -> None:
    """Repetitions are one event, and nothing else is."""
    pairs = set()
    for number, request in enumerate(traffic.requests):
        if request.expected_status == 200 and request.method == "POST":
            events, _ = parse(request, str(number))
            pairs |= {(event["event_id"], fact.identity) for event, fact in zip(events, request.facts, strict=True)}
    assert len({event_id for event_id, _ in pairs}) == len(pairs)
    assert len({identity for _, identity in pairs}) == len(pairs)
    assert len(pairs) == traffic.truth.events.total()


def test_credentials_are_valid_exactly_where_the_expected_answer_is_not_a_refusal(traffic: Traffic) -> None:
    for request in traffic.requests:
        source = request.source
        if request.path.startswith("/sent/") or source not in PROVIDERS or request.expected_status == 413:
            continue
        headers = {name.lower(): value for name, value in request.headers}
        query = dict(parse_qsl(urlsplit(request.path).query))
        provider = registry.built_in()[PROVIDERS[source]]
        if request.method == "GET":
            assert provider.challenge is not None
            answer = provider.challenge(query, ["meta-verify"])
            assert (answer is not None) == (request.expected_status == 200)
            continue
        asked = WebhookRequest(headers=headers, body=request.body, query=query)
        verdict = provider.verify(asked, [SECRETS[source]])
        assert verdict.auth == ("reject" if request.expected_status == 401 else "ok")


def test_refused_sent_records_are_those_that_the_request_expects(traffic: Traffic) -> None:
    checked = 0
    for request in traffic.requests:
        if request.path.startswith("/sent/") and request.expected_status != 401:
            reasons = [reason for _, reason in sent_records.split(request.body)]
            assert tuple(index for index, reason in enumerate(reasons) if reason) == request.refused
            checked += bool(request.refused)
    assert checked >= 3
