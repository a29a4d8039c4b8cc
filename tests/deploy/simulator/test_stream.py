"""Streams of requests: the same bytes in every process, correct bodies, bounded memory."""

import os
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.simulator.facts import DAY, SECOND, Account, Fact, Request
from deploy.simulator.profiles import PROVIDERS
from deploy.simulator.schedule import BURST_EVERY, BURST_SECONDS, Curve, Schedule
from deploy.simulator.stream import PART_MESSAGES, Part, Script, Skew, Stream
from deploy.simulator.truth import truth_of_facts
from deploy.simulator.wire_meta import MAX_BYTES, MAX_UPDATES
from schemas.authentication.request import Request as WebhookRequest
from schemas.providers import registry
from tests.deploy.simulator.demo_traffic import NOW
from tests.deploy.simulator.parsed_bodies import event_fields, expected_fields, parse

ACCOUNTS = tuple(
    Account(name, f"demo-{name}", f"{name}-old", f"{name}-token", next_secret=f"{name}-new") for name in PROVIDERS
)


CURVES: tuple[Curve, ...] = ("flat", "day")


def script(
    messages: int | None = 1500, seconds: float = 120, *, accounts: tuple[Account, ...] = ACCOUNTS, seed: int = 3,
    rate: float = 20, rotate: bool = False, skews: tuple[Skew, ...] = (),
) -> Script:  # fmt: skip
    return Script(
        accounts=accounts, seed=seed, run="stream", now=NOW, schedule=Schedule(rate, seconds), speed=3600.0,
        messages=messages, rotate=rotate, skews=skews,
    )  # fmt: skip


def digest(described: Script) -> str:
    """A hash of every request in its order, with its second."""
    sums = sha256()
    for part in Stream(described):
        for at, request in part.due:
            sums.update(repr((round(at, 6), request.path, request.headers, request.body)).encode())
    return sums.hexdigest()


@pytest.fixture(scope="module")
def parts() -> list[Part]:
    return list(Stream(script(2600, rotate=True)))


@pytest.fixture(scope="module")
def requests(parts: list[Part]) -> list[Request]:
    return [request for part in parts for _, request in part.due]


def test_the_same_seed_gives_the_same_bytes_in_every_process() -> None:
    code = "from tests.deploy.simulator.test_stream import digest, script; print(digest(script(150, rotate=True)))"
    others = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True,
            check=True, timeout=120,
        ).stdout.strip()
        for seed in ("1", "77")
    }  # fmt: skip
    assert others == {digest(script(150, rotate=True))}
    assert digest(script(150, seed=4)) not in others


def test_every_body_of_every_provider_is_parsed_into_the_expected_events(requests: list[Request]) -> None:
    pairs = set()
    for number, request in enumerate(requests):
        events, dead_letters = parse(request, str(number))
        assert [event_fields(event) for event in events] == [expected_fields(fact) for fact in request.facts], (
            request.path
        )
        assert Counter(letter["reason"] for letter in dead_letters) == Counter(request.dead_letters)
        pairs |= {(event["event_id"], fact.identity) for event, fact in zip(events, request.facts, strict=True)}
    assert len({event_id for event_id, _ in pairs}) == len({identity for _, identity in pairs}) == len(pairs)
    assert {request.source for request in requests} == {account.source for account in ACCOUNTS}


def test_the_expected_facts_are_those_that_are_posted(parts: list[Part], requests: list[Request]) -> None:
    expected = Counter(fact.identity for part in parts for fact in part.expected)
    assert expected == Counter(fact.identity for request in requests for fact in request.facts)
    assert sum(1 for part in parts) == 3


def test_bodies_are_signed_with_the_second_secret_in_the_second_half(parts: list[Part]) -> None:
    signed: dict[str, list[float]] = {"old": [], "new": []}
    for part in parts:
        for at, request in part.due:
            if not request.path.startswith("/webhooks/"):
                continue
            name = request.source.removeprefix("demo-")
            headers = {key.lower(): value for key, value in request.headers}
            asked = WebhookRequest(headers=headers, body=request.body, query={})
            valid = [word for word in signed if _verifies(name, asked, f"{name}-{word}")]
            assert len(valid) == 1, request.path
            signed[valid[0]].append(at)
    assert max(signed["old"]) > min(signed["new"])  # redelivered bodies keep their signature
    early = sum(at < 60 for at in signed["new"])
    assert early < 0.02 * len(signed["new"])
    assert sum(at > 70 for at in signed["old"]) < 0.2 * len(signed["old"])


def _verifies(name: str, asked: WebhookRequest, secret: str) -> bool:
    return registry.built_in()[name].verify(asked, [secret]).auth == "ok"


def test_batches_reach_a_thousand_updates_and_three_megabytes() -> None:
    seen = [
        request
        for part in islice(Stream(script(None, 600, accounts=ACCOUNTS[:1], seed=5)), 6)
        for _, request in part.due
    ]
    assert 600 < max(len(request.facts) for request in seen) <= MAX_UPDATES + 1
    assert MAX_BYTES - 200 < max(len(request.body) for request in seen) <= MAX_BYTES


def test_repetitions_arrive_seconds_or_days_later(parts: list[Part]) -> None:
    first: dict[object, int] = {}
    delays = []
    for part in parts:
        for _, request in part.due:
            for fact in request.facts:
                if fact.identity in first:
                    delays.append(request.arrival - first[fact.identity])
                else:
                    first[fact.identity] = request.arrival
    assert sum(delay < 60 * SECOND for delay in delays) > 3
    assert sum(delay > DAY for delay in delays) > 3


def test_a_wrong_clock_shifts_the_times_of_its_provider_and_no_others() -> None:
    right, wrong = (
        [fact for part in Stream(script(300, skews=skews)) for _, request in part.due for fact in request.facts]
        for skews in ((), (Skew("demo-meta", 7200 * SECOND, 0, 60),))
    )
    middle = script(300).clock(60)

    def moved(fact: Fact) -> bool:
        about = fact.source == "demo-meta" and fact.origin != "api" and fact.kind != "system"
        return about and fact.at is not None and script(300).clock(0) <= fact.at < middle

    wanted = Counter((fact.message_id, fact.status, (fact.at or 0) + moved(fact) * 7200 * SECOND) for fact in right)
    assert wanted == Counter((fact.message_id, fact.status, fact.at or 0) for fact in wrong)
    assert any(map(moved, right))


def test_a_run_without_a_number_of_messages_ends_with_its_schedule() -> None:
    due = [at for part in Stream(script(None, 30)) for at, _ in part.due]
    assert due == sorted(due)
    assert 29 < due[-1] < 30
    assert abs(len(due) - 600) <= 1


def test_memory_contains_only_facts_that_arrive_late() -> None:
    stream = Stream(script(None, 240, accounts=ACCOUNTS[-1:], rate=100))
    held = [stream.held_facts for _ in islice(stream, 10)]
    assert len(held) == 10
    assert max(held) < PART_MESSAGES


@settings(max_examples=15, deadline=None)
@given(
    rate=st.floats(0.5, 2000), seconds=st.floats(1, 5000), curve=st.sampled_from(CURVES),
    burst=st.floats(1, 50),
)  # fmt: skip
def test_the_schedule_is_ordered_and_has_the_given_average_rate(
    rate: float, seconds: float, curve: Curve, burst: float
) -> None:
    schedule = Schedule(rate, seconds, curve, burst)
    total = int(rate * seconds)
    points = [schedule.due(number) for number in range(0, total + 50, max(1, total // 200))]
    assert points == sorted(points)
    assert points[0] >= 0
    assert schedule.due(total + 1) > schedule.seconds >= schedule.due(max(0, total - 1))


def test_a_burst_multiplies_the_rate_and_a_day_has_a_quiet_night() -> None:
    schedule = Schedule(100, 200, burst=10)
    inside = sum(schedule.due(number) % BURST_EVERY < BURST_SECONDS for number in range(20_000))
    assert inside == pytest.approx(20_000 * 20 / 38, rel=0.02)  # 10 times 2 s against 18 s
    curve = Schedule(100, 240, "day")
    day = Counter(int(curve.due(number) // 10) for number in range(24_000))
    assert max(day.values()) > 10 * min(day.values())


def test_a_run_contains_units_of_every_status_and_origin(requests: list[Request]) -> None:
    truth = truth_of_facts((fact for request in requests for fact in request.facts), [])
    assert {unit.status for unit in truth.units.values()} >= {"", "sent", "delivered", "read", "played", "failed"}
    assert {unit.origin for unit in truth.units.values()} >= {"api", "echo", "none", "history"}
    assert any(unit.participant for unit in truth.units.values())
