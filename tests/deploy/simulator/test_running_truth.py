"""The running truth equals the truth of all requests at once; where answers were lost it allows every possible row.

It must not allow any other row or number.
"""

from collections import Counter
from dataclasses import replace
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.simulator.facts import Fact, Request
from deploy.simulator.running_truth import RunningTruth
from deploy.simulator.stream import Stream
from deploy.simulator.traffic import truth_of_requests
from deploy.simulator.truth import EDGE, Counts, Group, Truth, day
from deploy.simulator.truth_file import DeadLetters, Deliveries, End, Events, Expected, Line, Rates
from tests.deploy.simulator.test_stream import script

T = 1_795_000_000_000
PARTS = list(islice(Stream(script(120)), 3))
REQUESTS = [request for part in PARTS for _, request in part.due]


def closed(outcomes: dict[int, int]) -> list[Line]:
    """The lines when some requests were never answered 200; `outcomes`: request number -> attempts."""
    lines: list[Line] = []
    running_truth = RunningTruth(lines.append)
    for part in PARTS:
        running_truth.expect(part.expected)
    for number, request in enumerate(REQUESTS):
        if number in outcomes:
            running_truth.maybe_stored(request, outcomes[number])
        else:
            running_truth.stored(request)
    assert running_truth.open_messages == 0
    running_truth.close(T, T + 1000)
    return lines


def test_with_every_answer_it_equals_the_truth_of_all_requests() -> None:
    lines, truth = closed({}), truth_of_requests(tuple(REQUESTS))
    units = {line.unit.key: line for line in lines if isinstance(line, Expected)}
    assert {key: line.unit for key, line in units.items()} == truth.units
    assert all(line.sure and not line.others for line in units.values())
    rows = {line.group: line for line in lines if isinstance(line, Rates)}
    assert {group: line.least for group, line in rows.items()} == truth.rates
    assert all(line.least == line.most for line in rows.values())
    assert sum(line.count for line in lines if isinstance(line, Deliveries)) == truth.deliveries
    assert {(line.source, line.of): line.count for line in lines if isinstance(line, Events)} == truth.events
    assert {
        (line.source, line.reason): line.count for line in lines if isinstance(line, DeadLetters)
    } == truth.dead_letters
    assert lines[-1] == End(len(truth.units), T, T + 1000)


@settings(max_examples=12, deadline=None)
@given(
    lost=st.dictionaries(st.integers(0, len(REQUESTS) - 1), st.integers(0, 3), max_size=25),
    kept=st.integers(0, 2**25 - 1),
)
def test_requests_without_an_answer_may_be_stored_or_not_and_all_else_is_certain(
    lost: dict[int, int], kept: int
) -> None:
    lines = closed(lost)
    stored = {number for bit, (number, tries) in enumerate(sorted(lost.items())) if tries and kept >> bit & 1}
    truth = truth_of_requests(tuple(r for number, r in enumerate(REQUESTS) if number not in lost or number in stored))
    expected = {line.unit.key: line for line in lines if isinstance(line, Expected)}
    for key in expected.keys() | truth.units.keys():
        line = expected[key]
        assert truth.units[key] in line.allowed if key in truth.units else not line.sure
    _check_sums(lines, truth)
    touched = {fact.message_id for number in lost for fact in REQUESTS[number].facts}
    assert all(line.sure and not line.others for key, line in expected.items() if key[1] not in touched)


def _check_sums(lines: list[Line], truth: Truth) -> None:
    rows = {line.group: line for line in lines if isinstance(line, Rates)}
    rates: dict[Group, Counts] = {}
    for group, counts in truth.rates.items():
        # The truth of all requests has no day for a row without a time; here it was received on the day of T.
        on_its_day = replace(group, cohort_day=day(T)) if group.cohort_day == day(EDGE) else group
        rates[on_its_day] = rates.get(on_its_day, Counts()) + counts
    for group in rows.keys() | rates.keys():
        low, got, high = rows[group].least, rates.get(group, Counts()), rows[group].most
        for name in ("sent", "delivered", "read", "failed", "pending", "orphan"):
            assert getattr(low, name) <= getattr(got, name) <= getattr(high, name)
    events = {(line.source, line.of): line for line in lines if isinstance(line, Events)}
    assert all(events[key].count <= truth.events[key] <= events[key].most for key in events)
    dead = {(line.source, line.reason): line for line in lines if isinstance(line, DeadLetters)}
    assert all(dead[key].count <= truth.dead_letters[key] <= dead[key].most for key in dead)
    deliveries = [line for line in lines if isinstance(line, Deliveries)]
    assert sum(line.count for line in deliveries) <= truth.deliveries <= sum(line.most for line in deliveries)


def status(name: str, at: int | None, message_id: str = "m", participant: str = "") -> Fact:
    return Fact("status", "s", at, 0, message_id=message_id, status=name, participant=participant)


def posted(*facts: Fact) -> Request:
    return Request("/webhooks/s", b"", (), 0, facts=facts)


def written(stored: list[Request], lost: list[Request]) -> dict[str, Expected]:
    lines: list[Line] = []
    running_truth = RunningTruth(lines.append)
    for request in stored + lost:
        running_truth.expect(request.facts)
    for request in lost:
        running_truth.maybe_stored(request, 1)
    for request in stored:
        running_truth.stored(request)
    running_truth.close(T, T)
    return {line.unit.participant: line for line in lines if isinstance(line, Expected)}


def test_two_requests_without_an_answer_allow_four_rows_and_a_repetition_none() -> None:
    sent = posted(status("sent", T))
    lost = [posted(status("delivered", T + 1)), posted(status("read", T + 2)), sent]
    line = written([sent], lost)[""]
    assert line.sure
    assert {unit.status for unit in line.allowed} == {"sent", "delivered", "read"}
    assert len(line.allowed) == 4
    assert line.unit.status == "sent"


def test_the_facts_of_one_request_are_stored_together_or_not_at_all() -> None:
    line = written([], [posted(status("delivered", T + 1), status("read", T + 2))])[""]
    assert not line.sure
    assert [unit.status for unit in line.allowed] == ["read"]


def test_a_possible_member_of_a_group_makes_it_uncertain_whether_the_parent_counts() -> None:
    rows = written([posted(status("sent", T))], [posted(status("read", T + 5, participant="+1"))])
    assert {unit.counted for unit in rows[""].allowed} == {True, False}
    assert rows[""].sure
    assert not rows["+1"].sure
    assert rows["+1"].unit.sent_at == T


def test_a_group_of_many_members_is_computed_quickly() -> None:
    lost = [posted(status("read", T + number, participant=f"+{number}")) for number in range(40)]
    rows = written([posted(status("sent", T))], lost)
    assert len(rows) == 41
    assert len(rows[""].allowed) == 2


def test_a_row_without_a_time_counts_on_the_day_of_its_receipt() -> None:
    lines: list[Line] = []
    running_truth = RunningTruth(lines.append)
    request = posted(status("delivered", None))
    running_truth.expect(request.facts)
    running_truth.stored(request)
    noon = T // 86_400_000 * 86_400_000 + 43_200_000
    running_truth.close(noon, noon + 1000)
    (unit,) = [line.unit for line in lines if isinstance(line, Expected)]
    (row,) = [line for line in lines if isinstance(line, Rates)]
    assert unit.cohort_at == EDGE
    assert (row.group.cohort_day, row.least.sent, row.most.sent) == (day(noon), 1, 1)


def test_near_midnight_a_row_without_a_time_may_count_on_either_day() -> None:
    lines: list[Line] = []
    running_truth = RunningTruth(lines.append)
    request = posted(status("delivered", None))
    running_truth.expect(request.facts)
    running_truth.stored(request)
    midnight = T // 86_400_000 * 86_400_000
    running_truth.close(midnight, midnight + 1000)
    rows = [line for line in lines if isinstance(line, Rates)]
    assert Counter((row.least.sent, row.most.sent) for row in rows) == {(0, 1): 2}
