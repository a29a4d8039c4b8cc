"""The truth of single messages, case by case as in the contract."""

from typing import Unpack

from deploy.simulator.facts import DAY, SECOND, Details, Fact
from deploy.simulator.truth import EDGE, Counts, Group, Unit, day, truth_of_facts, units_of

T = 1_795_000_000_000
SOURCE = "demo-meta"


def status(name: str, at: int | None, participant: str = "", *, own: bool = False, **details: Unpack[Details]) -> Fact:
    return Fact("status", SOURCE, at, 0, message_id="m", status=name, participant=participant, own=own, details=details)


def record(at: int | None, origin: str = "api", **details: Unpack[Details]) -> Fact:
    return Fact("sent", SOURCE, at, 0, message_id="m", origin=origin, details=details)


def received(at: int, **details: Unpack[Details]) -> Fact:
    return Fact("inbound", SOURCE, at, 0, message_id="m", details=details)


def only(*facts: Fact) -> Unit:
    (unit,) = units_of(list(facts))
    return unit


def test_a_record_alone_is_sent_and_pending() -> None:
    truth = truth_of_facts([record(T, template="t", campaign="c", category="utility")], [])
    (unit,) = truth.units.values()
    assert (unit.status, unit.sent_at, unit.origin, unit.direction) == ("sent", T, "api", "out")
    assert truth.rates == {Group(SOURCE, day(T), "t", "c", "utility", False): Counts(sent=1, pending=1)}


def test_sent_at_is_the_earlier_of_record_and_status() -> None:
    assert only(record(T), status("sent", T - SECOND)).sent_at == T - SECOND
    assert only(record(T), status("sent", T + SECOND)).sent_at == T
    assert only(record(None), status("sent", T)).sent_at == T
    assert only(record(None)).sent_at == EDGE


def test_the_earliest_time_of_a_status_counts_in_any_order() -> None:
    facts = [status("read", T + 9), status("delivered", T + 5), status("delivered", T + 3), record(T)]
    for ordered in (facts, facts[::-1]):
        unit = only(*ordered)
        assert (unit.delivered_at, unit.read_at, unit.status) == (T + 3, T + 9, "read")


def test_a_read_without_delivered_is_delivered_in_the_rates() -> None:
    truth = truth_of_facts([record(T), status("read", T + 1)], [])
    (counts,) = truth.rates.values()
    assert counts == Counts(sent=1, delivered=1, read=1)
    assert next(iter(truth.units.values())).delivered_at is None


def test_a_failed_message_that_is_delivered_later_is_delivered_and_keeps_its_error() -> None:
    unit = only(record(T), status("failed", T + 1, code="131026"), status("delivered", T + 2))
    assert (unit.status, unit.failed_at, unit.error_code) == ("delivered", T + 1, "131026")


def test_the_error_is_that_of_the_earliest_failure() -> None:
    facts = (status("failed", T + 5, code="late"), status("failed", T + 1, code="early"))
    assert only(*facts).error_code == "early"
    assert only(*facts).status == "failed"


def test_statuses_without_a_record_are_an_orphan_of_the_day_of_their_first_status() -> None:
    unit = only(status("read", T + DAY), status("delivered", T))
    assert (unit.origin, unit.direction, unit.cohort_at, unit.counted) == ("none", "out", T, True)


def test_a_read_by_our_own_side_counts_for_inbound_messages_only() -> None:
    inbound = only(received(T), status("read", T + 1, own=True))
    assert (inbound.direction, inbound.read_at, inbound.counted) == ("in", T + 1, False)
    outbound = only(record(T), status("read", T + 1, own=True))
    assert (outbound.status, outbound.read_at) == ("sent", None)
    assert only(status("read", T, own=True)).direction == "in"


def test_a_deletion_changes_neither_status_nor_direction() -> None:
    unit = only(record(T), status("delivered", T + 1), status("deleted", T + 2))
    assert (unit.status, unit.deleted_at) == ("delivered", T + 2)
    assert only(status("deleted", T)).direction == ""


def test_members_inherit_the_sending_and_the_parent_is_not_in_the_rates() -> None:
    facts = [
        record(T, template="t", campaign="c", category="marketing"), status("sent", T + 1, group="g"),
        status("delivered", T + 2, "+1", group="g"), status("read", T + 3, "+2", group="g"),
    ]  # fmt: skip
    parent, one, two = units_of(facts)
    assert [unit.counted for unit in (parent, one, two)] == [False, True, True]
    assert {(unit.sent_at, unit.template, unit.origin, unit.is_group) for unit in (one, two)} == {(T, "t", "api", True)}
    assert (one.status, two.status, one.read_at) == ("delivered", "read", None)


def test_a_group_without_members_is_in_the_rates() -> None:
    assert only(record(T), status("sent", T + 1, group="g")).counted


def test_a_record_to_the_jid_of_a_group_is_a_group_message_without_any_status() -> None:
    assert only(record(T, to="120363000000000001@g.us")).is_group
    assert not only(record(T, to="Y2FwaV9ncm91cDox000000001")).is_group


def test_a_backfilled_message_is_not_in_the_rates_until_a_live_status_arrives() -> None:
    history = (record(T, origin="history", historical=True), status("read", None, historical=True))
    assert (only(*history).counted, only(*history).read_at, only(*history).origin) == (False, EDGE, "history")
    live = only(*history, status("read", T + 1))
    assert (live.counted, live.read_at) == (True, T + 1)


def test_the_record_of_the_send_api_has_priority_over_the_echo() -> None:
    unit = only(record(T + 1, origin="echo"), record(T, template="t"))
    assert (unit.origin, unit.template) == ("api", "t")


def test_repetitions_are_deliveries_and_not_events() -> None:
    delivered = status("delivered", T)
    truth = truth_of_facts(
        [delivered, delivered.repeated(5), status("delivered", T + 1), record(T)], [("s", "bad_element")]
    )
    assert (truth.deliveries, truth.events.total(), truth.repeated) == (4, 3, 1)
    assert truth.dead_letters == {("s", "bad_element"): 1}


def test_facts_without_an_id_are_distinguished_by_their_serial() -> None:
    notices = [Fact("system", SOURCE, T, 0, serial=number) for number in (1, 2, 2)]
    truth = truth_of_facts(notices, [])
    assert (truth.events.total(), truth.repeated, truth.units) == (2, 1, {})


def test_days_are_utc() -> None:
    midnight = T // DAY * DAY
    assert day(midnight - 1) != day(midnight)
    assert day(0) == "1970-01-01"
