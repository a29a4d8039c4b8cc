"""What the receiver hears: each fire once, each end after it, nothing twice; together what belongs together."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition
from hypothesis.stateful import rule as action

from dashboards.alerts.evaluate import Labels, Row
from dashboards.alerts.groups import Pace
from dashboards.alerts.memory import Memory, dump, parse
from dashboards.alerts.message import body
from dashboards.alerts.state import State
from tests.dashboards.alerts.make import labels, row
from tests.dashboards.alerts.make import rule as make_rule

QUICK = make_rule(for_seconds=0, keep_seconds=0)
PACE = Pace(group=30, repeat=3600)


@dataclass
class Ear:
    """A receiver: for each alert what it has heard of it, in order."""

    heard: dict[Labels, list[str]] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)

    def take(self, made: dict[str, Any]) -> None:
        self.messages.append(made)
        for alert in made["alerts"]:
            self.heard.setdefault((("source", alert["labels"]["source"]),), []).append(
                "again" if made["repeat"] else alert["status"]
            )


def fresh(**facts: Any) -> State:
    watched = make_rule(for_seconds=0, keep_seconds=0, **facts)
    return State([watched], Memory(), every=1, tells=True)


def look(state: State, now: float, **bad: float) -> None:
    state.looked(state.rules["test-rule"], [row(value, source) for source, value in bad.items()], now)


def tell(state: State, ear: Ear, now: float, pace: Pace = PACE) -> int:
    """Everything that is due now; how many messages."""
    count = 0
    while (due := state.due(now, pace)) is not None:
        key, news = due
        ear.take(body(state.rule(key[0]), key, news, state.memory.groups[key].number, "http://page/"))
        state.arrived(key, news, now)
        count += 1
        assert count < 10, "a message is told for ever"
    return count


def test_rows_that_turn_bad_together_are_one_message_and_so_is_their_end() -> None:
    state, ear = fresh(), Ear()
    look(state, 0, shop=2)
    assert tell(state, ear, 0) == 0  # waits for more
    look(state, 10, shop=2, hotel=2)
    assert tell(state, ear, 29) == 0
    assert tell(state, ear, 30) == 1
    assert ear.heard == {labels("shop"): ["firing"], labels("hotel"): ["firing"]}
    look(state, 40, shop=2, hotel=2)
    assert tell(state, ear, 600) == 0
    look(state, 700)
    assert tell(state, ear, 730) == 1
    assert ear.heard == {labels("shop"): ["firing", "resolved"], labels("hotel"): ["firing", "resolved"]}
    assert ear.messages[-1]["status"] == "resolved"
    assert state.memory.groups == {}


def test_rows_of_different_groups_are_different_messages() -> None:
    state, ear = fresh(group=("source",)), Ear()
    look(state, 0, shop=2, hotel=2)
    assert tell(state, ear, 30) == 2
    assert [made["groupLabels"]["source"] for made in ear.messages] == ["hotel", "shop"]


def test_a_newcomer_is_told_alone_and_the_rest_is_counted() -> None:
    state, ear = fresh(), Ear()
    look(state, 0, shop=2)
    tell(state, ear, 30)
    look(state, 100, shop=2, hotel=2)
    assert tell(state, ear, 130) == 1
    assert [alert["labels"]["source"] for alert in ear.messages[-1]["alerts"]] == ["hotel"]
    assert ear.messages[-1]["stillFiring"] == 1


def test_what_still_fires_is_told_again_after_the_interval_only() -> None:
    state, ear = fresh(), Ear()
    look(state, 0, shop=2)
    tell(state, ear, 30)
    look(state, 3000, shop=2)
    assert tell(state, ear, 3629) == 0
    assert tell(state, ear, 3630) == 1
    assert tell(state, ear, 3631) == 0
    assert ear.heard == {labels("shop"): ["firing", "again"]}
    assert tell(state, ear, 1e6, Pace(30, 0)) == 0  # 0 = never


def test_a_fire_that_was_over_before_it_could_be_told_is_told_with_both_times() -> None:
    state, ear = fresh(), Ear()
    look(state, 0, shop=2)
    look(state, 20)
    assert tell(state, ear, 50) == 1
    (alert,) = ear.messages[0]["alerts"]
    assert (alert["status"], alert["startsAt"], alert["endsAt"]) == (
        "resolved", "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:20.000Z",
    )  # fmt: skip


def test_a_receiver_that_fails_is_tried_again_with_growing_pauses_and_hears_it_once() -> None:
    state, ear = fresh(), Ear()
    look(state, 0, shop=2)
    now, pauses = 30.0, []
    for _ in range(12):
        found = state.due(now, PACE)
        assert found is not None
        state.failed(found[0], now)
        before = now
        while state.due(now, PACE) is None:
            now += 1
        pauses.append(now - before)
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert tell(state, ear, now) == 1
    assert ear.heard == {labels("shop"): ["firing"]}


def test_the_same_message_has_the_same_id_and_another_one_another() -> None:
    state, ear = fresh(), Ear()
    look(state, 0, shop=2)
    again = parse(dump(state.memory))
    twin = State([QUICK], again, every=1, tells=True)
    tell(state, ear, 30)
    tell(twin, ear, 31)
    look(state, 100)
    tell(state, ear, 130)
    first, repeated, end = (made["id"] for made in ear.messages)
    assert first == repeated != end


def test_a_rule_that_is_switched_off_ends_what_it_said() -> None:
    state, ear = fresh(), Ear()
    look(state, 0, shop=2)
    tell(state, ear, 30)
    off = State([], parse(dump(state.memory)), every=1, tells=True)
    off.forget_others(100)
    assert tell(off, ear, 131) == 1
    assert ear.heard == {labels("shop"): ["firing", "resolved"]}
    assert off.memory == Memory()


def test_a_receiver_that_is_set_later_hears_what_fires_then() -> None:
    deaf = State([QUICK], Memory(), every=1, tells=False)
    look(deaf, 0, shop=2)
    look(deaf, 50, hotel=2)
    assert deaf.memory.groups == {}
    ear, state = Ear(), State([QUICK], parse(dump(deaf.memory)), every=1, tells=True)
    look(state, 100, hotel=2)
    tell(state, ear, 131)
    assert ear.heard == {labels("hotel"): ["firing"]}


class Telling(RuleBasedStateMachine):
    """Looks, messages that arrive, fail or are under way while the world moves, crashes: in any order."""

    @initialize()
    def begin(self) -> None:
        self.state, self.ear, self.now = fresh(), Ear(), 0.0
        self.bad: set[str] = set()
        self.under_way: tuple[Any, Any] | None = None
        self.unsure: set[Labels] = set()  # told, perhaps, when the process was killed
        self._look()

    def _look(self) -> None:
        look(self.state, self.now, **dict.fromkeys(sorted(self.bad), 2.0))

    @action(source=st.sampled_from(["shop", "hotel", "bank"]), seconds=st.sampled_from([0, 5, 31, 400]))
    def changes(self, source: str, seconds: float) -> None:
        self.now += seconds
        self.bad ^= {source}
        self._look()

    @action(seconds=st.sampled_from([1, 31, 400, 4000]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self._look()

    @precondition(lambda self: self.under_way is None)
    @action()
    def a_message_leaves(self) -> None:
        self.under_way = self.state.due(self.now, PACE)
        if self.under_way is not None:
            self.state.leaves(*self.under_way)

    @precondition(lambda self: self.under_way is not None)
    @action()
    def it_arrives(self) -> None:
        self._hear()
        key, news = self._taken()
        self.state.arrived(key, news, self.now)

    @precondition(lambda self: self.under_way is not None)
    @action()
    def it_fails(self) -> None:
        key, news = self._taken()
        self.unsure |= {one.labels for one in news.over}
        self.state.failed(key, self.now)

    @action(heard=st.booleans())
    def the_process_is_killed(self, heard: bool) -> None:
        """A message may have arrived without anybody knowing: then it is told again."""
        if self.under_way is not None:
            if heard:
                self._hear()
            self.unsure |= {one.labels for one in (*self.under_way[1].firing, *self.under_way[1].over)}
            self.under_way = None
        self.state = State([QUICK], parse(dump(self.state.memory)), every=1, tells=True)
        self.state.forget_others(self.now)

    def _taken(self) -> tuple[Any, Any]:
        assert self.under_way is not None
        taken, self.under_way = self.under_way, None
        return taken

    def _hear(self) -> None:
        assert self.under_way is not None
        key, news = self.under_way
        self.ear.take(body(self.state.rule(key[0]), key, news, self.state.memory.groups[key].number, "http://page/"))

    @invariant()
    def nobody_hears_of_a_fire_twice_without_an_end_in_between(self) -> None:
        for name, heard in getattr(self, "ear", Ear()).heard.items():
            if name not in self.unsure:
                told = [word for word in heard if word != "again"]
                assert all((first, second) != ("firing", "firing") for first, second in pairwise(told))

    def teardown(self) -> None:
        """All that is left to say is said within the longest pause; then the receiver knows the world as it is."""
        if not hasattr(self, "state"):
            return
        self.under_way = None
        for _ in range(4):
            self.now += 400
            self._look()
            tell(self.state, self.ear, self.now)
        for source in ("shop", "hotel", "bank"):
            heard = [word for word in self.ear.heard.get(labels(source), []) if word != "again"]
            assert (heard[-1:] == ["firing"]) == (source in self.bad), (source, heard)


TestTelling = Telling.TestCase
TestTelling.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(st.dictionaries(words, st.floats(0, 3), max_size=4), st.dictionaries(words, st.floats(0, 3), max_size=4))
def test_the_memory_survives_being_written_and_read(first: dict[str, float], second: dict[str, float]) -> None:
    state = fresh(group=("source",))
    for now, bad in ((0.0, first), (40.0, second)):
        state.looked(QUICK, [Row(labels(name), value, name) for name, value in bad.items()], now)
        if (due := state.due(now, PACE)) is not None:
            state.arrived(*due, now)
    state.refused(QUICK, "why", 50)
    assert parse(dump(state.memory)) == state.memory
