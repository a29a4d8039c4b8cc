"""Every difference between the tables and the truth is found."""

from collections import Counter
from dataclasses import replace

import pytest

from deploy.simulator.demo import compare
from deploy.simulator.demo.compare import TEXT_COLUMNS, Difference, Posted, Row, Totals
from deploy.simulator.facts import Answer, Fact, Request
from deploy.simulator.truth import EDGE, TIME_COLUMNS, Counts, Group, Truth, Unit, truth_of_facts

T = 1_795_000_000_000
POSTED = Posted(T + 10**9, T + 10**9 + 5000)
GROUP = Group("s", "2026-11-20", "t", "c", "utility", False)
FACTS = [Fact("sent", "s", T, 0, message_id="m", origin="api", details={"template": "t"})]


def row(unit: Unit) -> Row:
    return {name: getattr(unit, name) for name in (*TEXT_COLUMNS, *TIME_COLUMNS, "is_group")}


def the_unit() -> Unit:
    (unit,) = truth_of_facts(FACTS, []).units.values()
    return unit


def test_equal_rows_differ_in_nothing() -> None:
    unit = the_unit()
    assert compare.units({unit.key: unit}, {unit.key: row(unit)}, POSTED) == []


@pytest.mark.parametrize("column", [*TEXT_COLUMNS, *TIME_COLUMNS, "is_group"])
def test_each_column_is_compared(column: str) -> None:
    unit = the_unit()
    wrong: object = "other" if column in TEXT_COLUMNS else True if column == "is_group" else T + 1
    found = compare.units({unit.key: unit}, {unit.key: row(unit) | {column: wrong}}, POSTED)
    assert found == [Difference(f"s m: {column}", getattr(unit, column), wrong)]


def test_missing_and_surplus_rows_are_named() -> None:
    unit = the_unit()
    assert "missing" in compare.units({unit.key: unit}, {}, POSTED)[0].what
    assert "too many" in compare.units({}, {unit.key: row(unit)}, POSTED)[0].what


def test_a_member_of_a_group_is_named_by_the_end_of_the_phone() -> None:
    (found,) = compare.units({}, {("s", "m", "+447700900123"): {}}, POSTED)
    assert "447700900" not in found.what
    assert "0123" in found.what


def test_a_time_of_receipt_must_be_within_the_time_of_posting() -> None:
    unit = replace(the_unit(), read_at=EDGE)
    inside, outside = row(unit) | {"read_at": POSTED.began + 1}, row(unit) | {"read_at": T}
    assert compare.units({unit.key: unit}, {unit.key: inside}, POSTED) == []
    assert len(compare.units({unit.key: unit}, {unit.key: outside}, POSTED)) == 1
    assert len(compare.units({unit.key: unit}, {unit.key: row(unit) | {"read_at": None}}, POSTED)) == 1


@pytest.mark.parametrize("column", ["sent", "delivered", "read", "failed", "pending", "orphan"])
def test_each_number_of_the_rates_is_compared(column: str) -> None:
    truth, table = {GROUP: Counts(sent=3, pending=3)}, {GROUP: Counts(sent=3, pending=3)}
    assert compare.rates("delivery_rates", truth, table) == []
    setattr(table[GROUP], column, 9)
    [difference] = compare.rates("dashboards", truth, table)
    assert difference.what.startswith("dashboards s ")


def test_rates_are_what_the_run_added() -> None:
    before = {GROUP: Counts(sent=5, delivered=2, pending=3), replace(GROUP, campaign="old"): Counts(sent=1, pending=1)}
    after = {**before, GROUP: Counts(sent=7, delivered=3, pending=4)}
    assert compare.added(before, after) == {GROUP: Counts(sent=2, delivered=1, pending=1)}


def totals(events: dict[tuple[str, str], int]) -> Totals:
    return Totals({}, {}, Counter(events), 0, 0)


def test_events_are_compared_by_source_and_kind() -> None:
    truth = truth_of_facts(FACTS, [])
    before = totals({("s", "sent"): 4, ("s", "status"): 1})
    assert compare.events(truth, before, totals({("s", "sent"): 5, ("s", "status"): 1})) == []
    assert len(compare.events(truth, before, totals({("s", "sent"): 4, ("s", "status"): 1}))) == 1
    assert len(compare.events(truth, before, totals({("s", "sent"): 5, ("s", "status"): 2}))) == 1


def answered(request_id: str = "r", problem: str = "") -> Answer:
    request = Request("/sent/s", b"", (), 0, facts=tuple(FACTS))
    return Answer(request, 200, request_id, 1, problem)


def the_truth() -> Truth:
    return truth_of_facts(FACTS + FACTS, [("s", "bad_element")])


def test_deliveries_are_compared_request_by_request() -> None:
    given = [answered("a"), answered("b")]
    dead = Counter({("s", "bad_element"): 1})
    assert compare.deliveries(the_truth(), given, Counter(a=1, b=1), 1, dead) == []
    assert len(compare.deliveries(the_truth(), given, Counter(a=1, b=0), 1, dead)) == 2
    assert len(compare.deliveries(the_truth(), given, Counter(a=1, b=1), 2, dead)) == 1
    assert len(compare.deliveries(the_truth(), given, Counter(a=1, b=1), 1, Counter())) == 1


def test_an_answer_that_the_contract_does_not_allow_is_a_difference() -> None:
    given = [answered(), answered(problem="POST /x answered 500 instead of 200")] * 2
    assert [found.what for found in compare.answers(given)] == ["POST /x answered 500 instead of 200, 2 times"]
