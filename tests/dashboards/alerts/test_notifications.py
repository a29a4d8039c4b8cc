"""What the receiver gets: each firing alert once, its resolution afterwards, nothing twice, grouped."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition
from hypothesis.stateful import rule as action

from dashboards.alerts.evaluator import Evaluator
from dashboards.alerts.message import Body, body
from dashboards.alerts.notifications import GroupKey, Intervals, Notification
from dashboards.alerts.saved_state import SavedState, dump, parse
from dashboards.alerts.transitions import Labels, Row
from tests.dashboards.alerts.samples import labels, row
from tests.dashboards.alerts.samples import rule as make_rule

QUICK = make_rule(for_seconds=0, keep_seconds=0)
INTERVALS = Intervals(group=30, repeat=3600)


@dataclass
class Receiver:
    """A receiver. `reported`: for each alert what was reported, in order."""

    reported: dict[Labels, list[str]] = field(default_factory=dict)
    bodies: list[Body] = field(default_factory=list)

    def accept(self, accepted: Body) -> None:
        self.bodies.append(accepted)
        for alert in accepted["alerts"]:
            key = (("source", alert["labels"]["source"]),)
            self.reported.setdefault(key, []).append("reminder" if accepted["repeat"] else alert["status"])


def new_evaluator(**facts: Any) -> Evaluator:
    watched = make_rule(for_seconds=0, keep_seconds=0, **facts)
    return Evaluator([watched], SavedState(), every=1, has_receiver=True)


def evaluate(evaluator: Evaluator, now: float, **values: float) -> None:
    evaluator.record_rows(evaluator.rules["test-rule"], [row(value, source) for source, value in values.items()], now)


def deliver(evaluator: Evaluator, receiver: Receiver, key: GroupKey, notification: Notification) -> None:
    number = evaluator.state.groups[key].delivered
    receiver.accept(body(evaluator.rule(key[0]), key, notification, number, "http://page/"))


def notify(evaluator: Evaluator, receiver: Receiver, now: float, intervals: Intervals = INTERVALS) -> int:
    """Delivers every notification that is due now; returns their number."""
    count = 0
    while (due := evaluator.next_notification(now, intervals)) is not None:
        key, notification = due
        deliver(evaluator, receiver, key, notification)
        evaluator.delivered(key, notification, now)
        count += 1
        assert count < 10, "the same notification is due again and again"
    return count


def test_alerts_that_fire_together_share_a_notification_and_so_do_their_resolutions() -> None:
    evaluator, receiver = new_evaluator(), Receiver()
    evaluate(evaluator, 0, shop=2)
    assert notify(evaluator, receiver, 0) == 0  # waits for more
    evaluate(evaluator, 10, shop=2, hotel=2)
    assert notify(evaluator, receiver, 29) == 0
    assert notify(evaluator, receiver, 30) == 1
    assert receiver.reported == {labels("shop"): ["firing"], labels("hotel"): ["firing"]}
    evaluate(evaluator, 40, shop=2, hotel=2)
    assert notify(evaluator, receiver, 600) == 0
    evaluate(evaluator, 700)
    assert notify(evaluator, receiver, 730) == 1
    assert receiver.reported == {labels("shop"): ["firing", "resolved"], labels("hotel"): ["firing", "resolved"]}
    assert receiver.bodies[-1]["status"] == "resolved"
    assert evaluator.state.groups == {}


def test_alerts_of_different_groups_are_reported_separately() -> None:
    evaluator, receiver = new_evaluator(group=("source",)), Receiver()
    evaluate(evaluator, 0, shop=2, hotel=2)
    assert notify(evaluator, receiver, 30) == 2
    assert [made["groupLabels"]["source"] for made in receiver.bodies] == ["hotel", "shop"]


def test_a_new_alert_is_reported_alone_and_the_others_are_counted() -> None:
    evaluator, receiver = new_evaluator(), Receiver()
    evaluate(evaluator, 0, shop=2)
    notify(evaluator, receiver, 30)
    evaluate(evaluator, 100, shop=2, hotel=2)
    assert notify(evaluator, receiver, 130) == 1
    assert [alert["labels"]["source"] for alert in receiver.bodies[-1]["alerts"]] == ["hotel"]
    assert receiver.bodies[-1]["stillFiring"] == 1


def test_a_reminder_is_sent_only_after_its_interval() -> None:
    evaluator, receiver = new_evaluator(), Receiver()
    evaluate(evaluator, 0, shop=2)
    notify(evaluator, receiver, 30)
    evaluate(evaluator, 3000, shop=2)
    assert notify(evaluator, receiver, 3629) == 0
    assert notify(evaluator, receiver, 3630) == 1
    assert notify(evaluator, receiver, 3631) == 0
    assert receiver.reported == {labels("shop"): ["firing", "reminder"]}
    assert notify(evaluator, receiver, 1e6, Intervals(30, 0)) == 0  # 0: no reminders


def test_an_alert_that_was_resolved_before_its_notification_is_reported_with_both_times() -> None:
    evaluator, receiver = new_evaluator(), Receiver()
    evaluate(evaluator, 0, shop=2)
    evaluate(evaluator, 20)
    assert notify(evaluator, receiver, 50) == 1
    (alert,) = receiver.bodies[0]["alerts"]
    assert (alert["status"], alert["startsAt"], alert["endsAt"]) == (
        "resolved", "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:20.000Z",
    )  # fmt: skip


def test_a_failed_delivery_is_retried_with_growing_pauses_and_reported_once() -> None:
    evaluator, receiver = new_evaluator(), Receiver()
    evaluate(evaluator, 0, shop=2)
    now, pauses = 30.0, []
    for _ in range(12):
        found = evaluator.next_notification(now, INTERVALS)
        assert found is not None
        evaluator.delivery_failed(found[0], now)
        before = now
        while evaluator.next_notification(now, INTERVALS) is None:
            now += 1
        pauses.append(now - before)
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert notify(evaluator, receiver, now) == 1
    assert receiver.reported == {labels("shop"): ["firing"]}


def test_a_repeated_notification_has_the_same_id_and_another_one_a_different_id() -> None:
    evaluator, receiver = new_evaluator(), Receiver()
    evaluate(evaluator, 0, shop=2)
    again = parse(dump(evaluator.state))
    twin = Evaluator([QUICK], again, every=1, has_receiver=True)
    notify(evaluator, receiver, 30)
    notify(twin, receiver, 31)
    evaluate(evaluator, 100)
    notify(evaluator, receiver, 130)
    first, repeated, end = (made["id"] for made in receiver.bodies)
    assert first == repeated != end


def test_switching_a_rule_off_resolves_its_alerts() -> None:
    evaluator, receiver = new_evaluator(), Receiver()
    evaluate(evaluator, 0, shop=2)
    notify(evaluator, receiver, 30)
    off = Evaluator([], parse(dump(evaluator.state)), every=1, has_receiver=True)
    off.end_inactive(100)
    assert notify(off, receiver, 131) == 1
    assert receiver.reported == {labels("shop"): ["firing", "resolved"]}
    assert off.state == SavedState()


def test_a_receiver_that_is_configured_later_gets_the_alerts_that_fire_then() -> None:
    without_receiver = Evaluator([QUICK], SavedState(), every=1, has_receiver=False)
    evaluate(without_receiver, 0, shop=2)
    evaluate(without_receiver, 50, hotel=2)
    assert without_receiver.state.groups == {}
    receiver, evaluator = (
        Receiver(),
        Evaluator([QUICK], parse(dump(without_receiver.state)), every=1, has_receiver=True),
    )
    evaluate(evaluator, 100, hotel=2)
    notify(evaluator, receiver, 131)
    assert receiver.reported == {labels("hotel"): ["firing"]}


class Deliveries(RuleBasedStateMachine):
    """Evaluations, notifications (delivered, failed, in flight during changes) and crashes, in any order."""

    @initialize()
    def begin(self) -> None:
        self.evaluator, self.receiver, self.now = new_evaluator(), Receiver(), 0.0
        self.violating: set[str] = set()
        self.in_flight: tuple[GroupKey, Notification] | None = None
        self.uncertain: set[Labels] = set()  # perhaps reported when the process was killed
        self._evaluate()

    def _evaluate(self) -> None:
        evaluate(self.evaluator, self.now, **dict.fromkeys(sorted(self.violating), 2.0))

    @action(source=st.sampled_from(["shop", "hotel", "bank"]), seconds=st.sampled_from([0, 5, 31, 400]))
    def a_source_changes(self, source: str, seconds: float) -> None:
        self.now += seconds
        self.violating ^= {source}
        self._evaluate()

    @action(seconds=st.sampled_from([1, 31, 400, 4000]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self._evaluate()

    @precondition(lambda self: self.in_flight is None)
    @action()
    def a_notification_is_sent(self) -> None:
        self.in_flight = self.evaluator.next_notification(self.now, INTERVALS)
        if self.in_flight is not None:
            self.evaluator.sending(*self.in_flight)

    @precondition(lambda self: self.in_flight is not None)
    @action()
    def it_is_delivered(self) -> None:
        self._receive()
        key, notification = self._take_in_flight()
        self.evaluator.delivered(key, notification, self.now)

    @precondition(lambda self: self.in_flight is not None)
    @action()
    def it_fails(self) -> None:
        key, notification = self._take_in_flight()
        self.uncertain |= {each.labels for each in notification.resolved}
        self.evaluator.delivery_failed(key, self.now)

    @action(received=st.booleans())
    def the_process_is_killed(self, received: bool) -> None:
        """The receiver may have got the notification; then it gets it again."""
        if self.in_flight is not None:
            if received:
                self._receive()
            self.uncertain |= {each.labels for each in (*self.in_flight[1].firing, *self.in_flight[1].resolved)}
            self.in_flight = None
        self.evaluator = Evaluator([QUICK], parse(dump(self.evaluator.state)), every=1, has_receiver=True)
        self.evaluator.end_inactive(self.now)

    def _take_in_flight(self) -> tuple[GroupKey, Notification]:
        assert self.in_flight is not None
        taken, self.in_flight = self.in_flight, None
        return taken

    def _receive(self) -> None:
        assert self.in_flight is not None
        key, notification = self.in_flight
        deliver(self.evaluator, self.receiver, key, notification)

    @invariant()
    def no_firing_alert_is_reported_twice_without_a_resolution_in_between(self) -> None:
        for name, statuses in getattr(self, "receiver", Receiver()).reported.items():
            if name not in self.uncertain:
                known = [status for status in statuses if status != "reminder"]
                assert all((first, second) != ("firing", "firing") for first, second in pairwise(known))

    def teardown(self) -> None:
        """Within the longest pause everything is reported; then the receiver knows exactly the firing alerts."""
        if not hasattr(self, "evaluator"):
            return
        self.in_flight = None
        for _ in range(4):
            self.now += 400
            self._evaluate()
            notify(self.evaluator, self.receiver, self.now)
        for source in ("shop", "hotel", "bank"):
            statuses = [status for status in self.receiver.reported.get(labels(source), []) if status != "reminder"]
            assert (statuses[-1:] == ["firing"]) == (source in self.violating), (source, statuses)


TestDeliveries = Deliveries.TestCase
TestDeliveries.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(st.dictionaries(names, st.floats(0, 3), max_size=4), st.dictionaries(names, st.floats(0, 3), max_size=4))
def test_the_state_survives_being_written_and_read(first: dict[str, float], second: dict[str, float]) -> None:
    evaluator = new_evaluator(group=("source",))
    for now, values in ((0.0, first), (40.0, second)):
        evaluator.record_rows(QUICK, [Row(labels(name), value, name) for name, value in values.items()], now)
        if (due := evaluator.next_notification(now, INTERVALS)) is not None:
            evaluator.delivered(*due, now)
    evaluator.record_failure(QUICK, "error 60", 50)
    assert parse(dump(evaluator.state)) == evaluator.state
