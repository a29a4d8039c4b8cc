"""Every body that the simulation posts says to the system exactly what the truth believes that it says."""

from collections import Counter
from urllib.parse import parse_qsl, urlsplit

import pytest

from deploy.simulator.traffic import Traffic
from schemas.authentication.request import Request as WebhookRequest
from schemas.normalisation import sent_records
from schemas.providers import registry
from tests.deploy.simulator.reading import meant, read, understood
from tests.deploy.simulator.sample import ACCOUNTS, make

PROVIDERS = {account.source: account.source.removeprefix("demo-") for account in ACCOUNTS}
SECRETS = {account.source: account.secret for account in ACCOUNTS}


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    return make()


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
        source = request.source
        if request.path.startswith("/sent/") or source not in PROVIDERS or request.answer == 413:
            continue
        headers = {name.lower(): value for name, value in request.headers}
        query = dict(parse_qsl(urlsplit(request.path).query))
        provider = registry.built_in()[PROVIDERS[source]]
        if request.method == "GET":
            assert provider.challenge is not None
            answer = provider.challenge(query, ["meta-verify"])
            assert (answer is not None) == (request.answer == 200)
            continue
        asked = WebhookRequest(headers=headers, body=request.body, query=query)
        verdict = provider.verify(asked, [SECRETS[source]])
        assert verdict.auth == ("reject" if request.answer == 401 else "ok")


def test_refused_sent_records_are_those_that_the_request_names(traffic: Traffic) -> None:
    checked = 0
    for request in traffic.requests:
        if request.path.startswith("/sent/") and request.answer != 401:
            reasons = [reason for _, reason in sent_records.split(request.body)]
            assert tuple(index for index, reason in enumerate(reasons) if reason) == request.refused
            checked += bool(request.refused)
    assert checked >= 3
