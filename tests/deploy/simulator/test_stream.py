"""Runs without an end in sight: the same bytes everywhere, bodies that say what is meant, bounded memory."""

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
from deploy.simulator.schedule import BURST_EVERY, BURST_SECONDS, Schedule
from deploy.simulator.stream import CHAPTER, Part, Script, Skew, Stream
from deploy.simulator.truth import tell
from deploy.simulator.wire_meta import MAX_BYTES, MAX_UPDATES
from deploy.simulator.world import PROVIDERS
from schemas.authentication.request import Request as WebhookRequest
from schemas.providers import registry
from tests.deploy.simulator.reading import meant, read, understood
from tests.deploy.simulator.sample import NOW

ACCOUNTS = tuple(
    Account(name, f"demo-{name}", f"{name}-old", f"{name}-token", next_secret=f"{name}-new") for name in PROVIDERS
)


def script(messages: int | None = 1500, seconds: float = 120, **more: object) -> Script:
    given: dict[str, object] = {
        "accounts": ACCOUNTS, "seed": 3, "run": "stream", "now": NOW, "schedule": Schedule(20, seconds),
        "speed": 3600.0, "messages": messages,
    }  # fmt: skip
    return Script(**(given | more))  # type: ignore[arg-type]


def digest(told: Script) -> str:
    """Of every request in its order, with its second."""
    sums = sha256()
    for part in Stream(told):
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


def test_every_body_of_every_provider_says_what_is_meant(requests: list[Request]) -> None:
    pairs = set()
    for number, request in enumerate(requests):
        events, dead = read(request, str(number))
        assert [understood(event) for event in events] == [meant(fact) for fact in request.facts], request.path
        assert Counter(letter["reason"] for letter in dead) == Counter(request.dead)
        pairs |= {(event["event_id"], fact.identity) for event, fact in zip(events, request.facts, strict=True)}
    assert len({event_id for event_id, _ in pairs}) == len({identity for _, identity in pairs}) == len(pairs)
    assert {request.source for request in requests} == {account.source for account in ACCOUNTS}


def test_what_is_expected_is_what_is_posted(parts: list[Part], requests: list[Request]) -> None:
    expected = Counter(fact.identity for part in parts for fact in part.expected)
    assert expected == Counter(fact.identity for request in requests for fact in request.facts)
    assert sum(1 for part in parts) == 3


def test_bodies_are_proven_with_the_second_secret_from_the_middle_on(parts: list[Part]) -> None:
    proven: dict[str, list[float]] = {"old": [], "new": []}
    for part in parts:
        for at, request in part.due:
            if not request.path.startswith("/webhooks/"):
                continue
            name = request.source.removeprefix("demo-")
            headers = {key.lower(): value for key, value in request.headers}
            asked = WebhookRequest(headers=headers, body=request.body, query={})
            good = [word for word in proven if _verifies(name, asked, f"{name}-{word}")]
            assert len(good) == 1, request.path
            proven[good[0]].append(at)
    assert max(proven["old"]) > min(proven["new"])  # bodies that are sent again keep the proof that they had
    early = sum(at < 60 for at in proven["new"])
    assert early < 0.02 * len(proven["new"])
    assert sum(at > 70 for at in proven["old"]) < 0.2 * len(proven["old"])


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


def test_repetitions_come_seconds_and_days_later(parts: list[Part]) -> None:
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


def test_a_wrong_clock_shifts_what_its_provider_tells_and_nothing_else() -> None:
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


def test_a_duration_ends_the_run_and_not_the_messages() -> None:
    due = [at for part in Stream(script(None, 30)) for at, _ in part.due]
    assert due == sorted(due)
    assert 29 < due[-1] < 30
    assert abs(len(due) - 600) <= 1


def test_memory_holds_what_is_late_and_no_more() -> None:
    stream = Stream(script(None, 240, accounts=ACCOUNTS[-1:], schedule=Schedule(100, 240)))
    held = [len(stream._facts) for _ in islice(stream, 10)]
    assert len(held) == 10
    assert max(held) < CHAPTER


@settings(max_examples=15, deadline=None)
@given(
    rate=st.floats(0.5, 2000), seconds=st.floats(1, 5000), curve=st.sampled_from(["flat", "day"]),
    burst=st.floats(1, 50),
)  # fmt: skip
def test_the_schedule_keeps_its_average_and_its_order(rate: float, seconds: float, curve: str, burst: float) -> None:
    schedule = Schedule(rate, seconds, curve, burst)  # type: ignore[arg-type]
    total = int(rate * seconds)
    points = [schedule.due(number) for number in range(0, total + 50, max(1, total // 200))]
    assert points == sorted(points)
    assert points[0] >= 0
    assert schedule.due(total + 1) > schedule.seconds >= schedule.due(max(0, total - 1))


def test_a_burst_is_so_many_times_the_rate_and_a_day_has_a_night() -> None:
    schedule = Schedule(100, 200, burst=10)
    inside = sum(schedule.due(number) % BURST_EVERY < BURST_SECONDS for number in range(20_000))
    assert inside == pytest.approx(20_000 * 20 / 38, rel=0.02)  # 10 times 2 s against 18 s
    curve = Schedule(100, 240, "day")
    day = Counter(int(curve.due(number) // 10) for number in range(24_000))
    assert max(day.values()) > 10 * min(day.values())


def test_the_truth_of_a_run_has_every_kind_of_unit(requests: list[Request]) -> None:
    truth = tell((fact for request in requests for fact in request.facts), [])
    assert {unit.status for unit in truth.units.values()} >= {"", "sent", "delivered", "read", "played", "failed"}
    assert {unit.origin for unit in truth.units.values()} >= {"api", "echo", "none", "history"}
    assert any(unit.participant for unit in truth.units.values())
