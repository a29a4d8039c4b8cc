"""One watched row over time: pending, firing, resolved; and no flapping because of noise."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dashboards.alerts.rule import Rule
from dashboards.alerts.transitions import Alert, Labels, Resolved, next_alerts
from tests.dashboards.alerts.samples import labels, row, rule

# Time, and the value: "gone" without a row, None when the value is unknown.
Evaluation = tuple[float, float | str | None]


def walk(watched: Rule, evaluations: Sequence[Evaluation]) -> tuple[str, list[Resolved]]:
    """A letter for each evaluation (. normal, p pending, F firing), and the resolved alerts."""
    alerts: dict[Labels, Alert] = {}
    previous: float | None = None
    letters, resolved = "", []
    for now, value in evaluations:
        rows = [] if isinstance(value, str) else [row(value)]
        alerts, ended = next_alerts(watched, alerts, rows, now, previous)
        resolved += ended
        letters += {"pending": "p", "firing": "F"}[alerts[labels()].state] if labels() in alerts else "."
        previous = now
    return letters, resolved


def evenly(*values: float | str | None) -> list[Evaluation]:
    """One evaluation every 10 s."""
    return [(10.0 * place, value) for place, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "letters"),
    [
        ((0, 0, 0), "..."),
        ((1, 1, 1), "..."),  # at the threshold is not above it
        ((2, 2, 2, 2), "ppFF"),  # above for 20 s
        ((2, 2, 0, 2, 2, 2), "pp.ppF"),  # one normal evaluation restarts the 20 s
        ((2, 2, "gone", 2, 2, 2), "pp.ppF"),
        ((2, 2, 2, 0, 0, 0, 0, 0), "ppFFFF.."),  # normal for 30 s
        ((2, 2, 2, 0.7, 0.7, 0.7, 0.7, 0.7), "ppFFFFFF"),  # below the threshold, but above `clear`
        ((2, 2, 2, 0.5, 0.5, 0.5, 0.5), "ppFFFF."),
        ((2, 2, 2, 0, 0, 2, 0, 0, 0, 0), "ppFFFFFFF."),  # above in between: the 30 s restart
        ((2, 2, 2, "gone", "gone", "gone", "gone"), "ppFFFF."),
        ((2, 2, None, None, 2), "pppp"[:2] + "pp" + "F"),  # an unknown value changes nothing
        ((2, 2, 2, None, None, None, None), "ppFFFFF"),
    ],
)
def test_states_follow_from_a_series_of_values(values: tuple[float | str | None, ...], letters: str) -> None:
    assert walk(rule(), evenly(*values))[0] == letters


def test_without_for_and_keep_an_alert_fires_and_resolves_at_once() -> None:
    letters, resolved = walk(rule(for_seconds=0, keep_seconds=0), evenly(0, 2, 0, 2))
    assert letters == ".F.F"
    assert [(end.alert.started_at, end.at) for end in resolved] == [(10.0, 20.0)]


@pytest.mark.parametrize("gap", [3600.0, 86_400.0, -5000.0, 0.0])
def test_time_without_evaluations_does_not_count(gap: float) -> None:
    """A restart, a frozen machine, a clock set back: at most two intervals are counted."""
    waits = rule(for_seconds=60)
    assert walk(waits, [(0, 2), (10, 2), (10 + gap, 2)])[0] == "ppp"
    keeps = rule(for_seconds=0, keep_seconds=60)
    assert walk(keeps, [(0, 2), (10, 0), (20, 0), (20 + gap, 0)])[0] == "FFFF"


def test_rows_are_independent_and_the_highest_of_equal_labels_counts() -> None:
    now = rule(for_seconds=0)
    alerts, _ = next_alerts(now, {}, [row(2, "a"), row(0, "b"), row(0, "c"), row(3, "c"), row(None, "c")], 0, None)
    assert {key: alert.value for key, alert in alerts.items()} == {labels("a"): 2, labels("c"): 3}


def test_an_alert_keeps_its_start_and_has_the_present_value() -> None:
    watched = rule(for_seconds=20)
    alerts: dict[Labels, Alert] = {}
    for now, value in ((0.0, 2.0), (10.0, 3.0), (20.0, 4.0), (30.0, 5.0)):
        alerts, _ = next_alerts(watched, alerts, [row(value)], now, now - 10 if now else None)
    (alert,) = alerts.values()
    assert (alert.started_at, alert.fired_at, alert.value, alert.summary) == (0.0, 20.0, 5.0, "shop is at 5.0")


values = st.one_of(st.floats(0, 3, allow_nan=False), st.none(), st.just("gone"))
durations = st.sampled_from([0.0, 10.0, 30.0, 60.0])


@given(st.lists(st.tuples(st.floats(0, 40), values), max_size=60), durations, durations)
@example([(0.0, 2.0), (0.0, "gone"), (20.0, 0.0), (20.0, 0.0), (20.0, "gone"), (0.0, 1.0)], 0.0, 60.0)
def test_an_alert_neither_fires_nor_resolves_earlier_than_the_rule_allows(
    steps: list[tuple[float, float | str | None]], waits: float, keeps: float
) -> None:
    evaluations: list[Evaluation] = []
    now = 0.0
    for passed, value in steps:
        now += passed
        evaluations.append((now, value))
    letters, resolved = walk(rule(for_seconds=waits, keep_seconds=keeps), evaluations)
    fires = [place for place, letter in enumerate(letters) if letter == "F" and letters[place - 1 : place] != "F"]
    for place in fires:
        first = place
        while first > 0 and letters[first - 1] == "p":
            first -= 1
        pending = evaluations[first : place + 1]
        assert evaluations[place][0] - evaluations[first][0] >= waits - 1e-6
        assert all(value is None or (not isinstance(value, str) and value > 1) for _, value in pending)
    assert len(resolved) == len(fires) - letters.endswith("F")
    ends = [place for place in range(1, len(letters)) if letters[place - 1] == "F" != letters[place]]
    for end, place in zip(resolved, ends, strict=True):
        assert end.at == evaluations[place][0]
        # Up to that evaluation: another one may have the same time.
        normal = [value for at, value in evaluations[: place + 1] if end.at - keeps < at]
        assert all(value in (None, "gone") or (not isinstance(value, str) and value <= 0.5) for value in normal)


@given(st.lists(st.floats(0.51, 3), min_size=1, max_size=80))
def test_noise_around_the_threshold_causes_no_flapping(noise: list[float]) -> None:
    """Only values at or below `clear` can resolve a firing alert."""
    letters, resolved = walk(rule(for_seconds=0), evenly(*noise))
    assert resolved == []
    assert "F." not in letters


@given(st.lists(values, max_size=40))
def test_an_alert_always_resolves_after_normal_values(before: list[float | str | None]) -> None:
    letters, resolved = walk(rule(), evenly(*before, *[0.0] * 6))
    assert letters.endswith(".")
    assert len(resolved) == sum(
        letters[place] == "F" and letters[place - 1 : place] != "F" for place in range(len(letters))
    )
