"""The demo's traffic: reproducible, realistic, and not too many requests."""

import json
from collections import Counter
from random import Random

import pytest

from deploy.simulator.facts import DAY, Account, Fact, run_name
from deploy.simulator.people import person
from deploy.simulator.traffic import SPAN, Traffic
from deploy.simulator.wire_meta import NUMBERS, signature
from tests.deploy.simulator.demo_traffic import ACCOUNTS, NOW, demo_traffic


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    return demo_traffic(6000)


@pytest.fixture(scope="module")
def facts(traffic: Traffic) -> list[Fact]:
    return [fact for request in traffic.requests for fact in request.facts]


def test_same_seed_start_and_run_give_the_same_bytes() -> None:
    assert demo_traffic(400).requests == demo_traffic(400).requests
    assert [request.body for request in demo_traffic(400).requests] != [
        request.body for request in demo_traffic(400, seed=8).requests
    ]


def test_two_runs_share_no_message_id() -> None:
    one, other = demo_traffic(400, run="one"), demo_traffic(400, run="other")
    ids = [{key[1] for key in traffic.truth.units} for traffic in (one, other)]
    assert not ids[0] & ids[1]
    assert run_name(1, NOW) != run_name(1, NOW + 1)
    assert run_name(1, NOW) == run_name(1, NOW)


def test_every_message_id_has_a_prefix_of_its_run(traffic: Traffic, facts: list[Fact]) -> None:
    assert all(fact.message_id.startswith(traffic.prefixes) for fact in facts if fact.message_id)
    assert len(set(traffic.prefixes)) == 3


def test_there_are_as_many_messages_as_asked_for(traffic: Traffic) -> None:
    assert 6000 <= traffic.messages <= 6004  # a burst may bring up to five at the end
    assert 1 <= demo_traffic(1).messages <= 5


def test_there_are_about_two_requests_per_message_at_most(traffic: Traffic) -> None:
    assert len(traffic.requests) <= 2.2 * traffic.messages


def test_nothing_happens_after_the_start_of_the_demo(facts: list[Fact]) -> None:
    assert all(fact.at <= NOW for fact in facts if fact.at is not None)


def test_cohorts_cover_ten_days_and_many_are_close_to_midnight(traffic: Traffic) -> None:
    counted = [unit for unit in traffic.truth.units.values() if unit.counted and unit.cohort_at > NOW - SPAN - DAY]
    assert len({unit.cohort_at // DAY for unit in counted}) >= 10
    close = [unit for unit in counted if min(unit.cohort_at % DAY, DAY - unit.cohort_at % DAY) < 5000]
    assert len(close) > 50


def test_statuses_arrive_late_out_of_order_and_before_their_record(traffic: Traffic) -> None:
    first: dict[str, int] = {}
    records: dict[str, int] = {}
    backwards = 0
    reached: dict[tuple[str, str], int] = {}
    rank = {"sent": 1, "delivered": 2, "read": 3, "played": 4}
    for number, request in enumerate(traffic.requests):
        for fact in request.facts:
            if fact.origin == "api":
                records.setdefault(fact.message_id, number)
            elif fact.kind == "status":
                first.setdefault(fact.message_id, number)
                key, step = (fact.message_id, fact.participant), rank.get(fact.status, 0)
                backwards += step > 0 and step < reached.get(key, 0)
                reached[key] = max(reached.get(key, 0), step)
    before = [mid for mid, number in first.items() if mid in records and number < records[mid]]
    orphans = [mid for mid in first if mid not in records]
    assert len(before) > 100
    assert len(orphans) > 100
    assert backwards > 100


def test_every_edge_case_is_included(traffic: Traffic, facts: list[Fact]) -> None:
    units = list(traffic.truth.units.values())
    assert {unit.status for unit in units} >= {"", "sent", "delivered", "read", "played", "failed"}
    assert any(unit.failed_at and unit.delivered_at and unit.status != "failed" for unit in units)
    assert any(unit.read_at and not unit.delivered_at for unit in units if unit.direction == "out")
    assert any(unit.deleted_at for unit in units)
    assert any(unit.origin == "echo" for unit in units)
    assert any(unit.origin == "history" and unit.counted for unit in units)
    assert any(unit.origin == "history" and not unit.counted for unit in units)
    assert any(unit.participant.startswith("+") for unit in units)
    assert any(unit.participant.endswith("@lid") for unit in units)
    assert any(unit.direction == "in" and unit.read_at for unit in units)
    types = {unit.type for unit in units if unit.direction == "in"}
    assert types >= {"text", "image", "audio", "reaction", "edit", "unsupported", "unknown", "location", "order"}
    assert any(fact.status == "warehoused" for fact in facts)
    assert Counter(request.expected_status for request in traffic.requests).keys() >= {200, 400, 401, 403, 404, 413}
    assert {reason for _, reason in traffic.truth.dead_letters} == {"invalid_json", "unknown_shape", "bad_element"}
    assert traffic.truth.repeated > 100


def test_meta_batches_contain_one_to_two_hundred_updates_of_several_numbers(traffic: Traffic) -> None:
    sizes = [len(request.facts) for request in traffic.requests if request.path == "/webhooks/demo-meta"]
    assert min(size for size in sizes if size) == 1
    assert 100 < max(sizes) <= 200
    numbers = {
        change["value"]["metadata"]["phone_number_id"]
        for request in traffic.requests
        if request.path == "/webhooks/demo-meta" and len(request.facts) > 50
        for entry in json.loads(request.body)["entry"]
        for change in entry["changes"]
    }
    assert len(numbers) == 3


def test_meta_signs_escaped_bytes(traffic: Traffic) -> None:
    escaped = [request for request in traffic.requests if rb"\ud83d" in request.body and "meta" in request.path]
    assert escaped
    for request in escaped:
        assert request.body.isascii()
        assert ("X-Hub-Signature-256", signature("meta-secret", request.body)) in request.headers


def test_a_source_without_a_secret_gets_no_signature_and_no_forgeries() -> None:
    zapini = Account("zapini", "demo-zapini", "", "zapini-token")
    traffic = demo_traffic(300, accounts=(*ACCOUNTS[:2], zapini))
    asked = [request for request in traffic.requests if request.path == "/webhooks/demo-zapini"]
    assert asked
    assert all(request.expected_status == 200 and "Authorization" not in dict(request.headers) for request in asked)


def test_phones_are_of_unassigned_ranges(facts: list[Fact]) -> None:
    digits = {fact.details["who"].digits for fact in facts if "who" in fact.details}
    digits |= {fact.details["who"].old_digits for fact in facts if "who" in fact.details}
    for phone in digits:
        brazil = phone.startswith(("5511900000", "55119" + "0000", "55110000"))
        america = phone.startswith("1") and phone[4:9] == "55501"
        assert brazil or america or phone.startswith("447700900")


def test_no_customer_has_a_number_of_the_business_itself() -> None:
    ours = {"".join(filter(str.isdigit, printed)) for _, printed in NUMBERS.values()}
    rng = Random(1)  # noqa: S311
    customers = {person(rng).digits for _ in range(20_000)}
    assert not ours & customers
