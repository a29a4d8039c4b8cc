"""One watched thing through time: pending, firing, resolved; and no flapping, whatever the noise."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dashboards.alerts.evaluate import Alert, Labels, Resolved, step
from dashboards.alerts.rule import Rule
from tests.dashboards.alerts.make import labels, row, rule

Look = tuple[float, float | str | None]  # moment; value, "gone" without a row, None when its value is not known


def walk(watched: Rule, looks: Sequence[Look]) -> tuple[str, list[Resolved]]:
    """A letter for each look: . good, p pending, F firing; and what was resolved."""
    alerts: dict[Labels, Alert] = {}
    seen: float | None = None
    letters, over = "", []
    for now, value in looks:
        rows = [] if isinstance(value, str) else [row(value)]
        alerts, ended = step(watched, alerts, rows, now, seen)
        over += ended
        letters += {"pending": "p", "firing": "F"}[alerts[labels()].state] if labels() in alerts else "."
        seen = now
    return letters, over


def evenly(*values: float | str | None) -> list[Look]:
    return [(10.0 * place, value) for place, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "letters"),
    [
        ((0, 0, 0), "..."),
        ((1, 1, 1), "..."),  # at the limit is not above it
        ((2, 2, 2, 2), "ppFF"),  # bad for 20 s
        ((2, 2, 0, 2, 2, 2), "pp.ppF"),  # one good look begins it anew
        ((2, 2, "gone", 2, 2, 2), "pp.ppF"),
        ((2, 2, 2, 0, 0, 0, 0, 0), "ppFFFF.."),  # good for 30 s
        ((2, 2, 2, 0.7, 0.7, 0.7, 0.7, 0.7), "ppFFFFFF"),  # below the limit, not yet good again
        ((2, 2, 2, 0.5, 0.5, 0.5, 0.5), "ppFFFF."),
        ((2, 2, 2, 0, 0, 2, 0, 0, 0, 0), "ppFFFFFFF."),  # bad in between: the 30 s begin anew
        ((2, 2, 2, "gone", "gone", "gone", "gone"), "ppFFFF."),
        ((2, 2, None, None, 2), "pppp"[:2] + "pp" + "F"),  # not known is neither good nor bad
        ((2, 2, 2, None, None, None, None), "ppFFFFF"),
    ],
)
def test_what_a_row_of_values_leads_to(values: tuple[float | str | None, ...], letters: str) -> None:
    assert walk(rule(), evenly(*values))[0] == letters


def test_without_for_and_keep_it_fires_and_ends_at_once() -> None:
    letters, over = walk(rule(for_seconds=0, keep_seconds=0), evenly(0, 2, 0, 2))
    assert letters == ".F.F"
    assert [(end.alert.started_at, end.at) for end in over] == [(10.0, 20.0)]


@pytest.mark.parametrize("gap", [3600.0, 86_400.0, -5000.0, 0.0])
def test_time_that_was_not_looked_at_does_not_count(gap: float) -> None:
    """A restart, a frozen machine, a clock set back: at most two intervals are counted."""
    waits = rule(for_seconds=60)
    assert walk(waits, [(0, 2), (10, 2), (10 + gap, 2)])[0] == "ppp"
    keeps = rule(for_seconds=0, keep_seconds=60)
    assert walk(keeps, [(0, 2), (10, 0), (20, 0), (20 + gap, 0)])[0] == "FFFF"


def test_each_row_is_its_own_and_of_twins_the_worst_counts() -> None:
    now = rule(for_seconds=0)
    alerts, _ = step(now, {}, [row(2, "a"), row(0, "b"), row(0, "c"), row(3, "c"), row(None, "c")], 0, None)
    assert {key: alert.value for key, alert in alerts.items()} == {labels("a"): 2, labels("c"): 3}


def test_an_alert_keeps_its_beginning_and_tells_the_present() -> None:
    watched = rule(for_seconds=20)
    alerts: dict[Labels, Alert] = {}
    for now, value in ((0.0, 2.0), (10.0, 3.0), (20.0, 4.0), (30.0, 5.0)):
        alerts, _ = step(watched, alerts, [row(value)], now, now - 10 if now else None)
    (alert,) = alerts.values()
    assert (alert.started_at, alert.fired_at, alert.value, alert.summary) == (0.0, 20.0, 5.0, "shop is at 5.0")


values = st.one_of(st.floats(0, 3, allow_nan=False), st.none(), st.just("gone"))
paces = st.sampled_from([0.0, 10.0, 30.0, 60.0])


@given(st.lists(st.tuples(st.floats(0, 40), values), max_size=60), paces, paces)
@example([(0.0, 2.0), (0.0, "gone"), (20.0, 0.0), (20.0, 0.0), (20.0, "gone"), (0.0, 1.0)], 0.0, 60.0)
def test_it_never_fires_sooner_nor_ends_sooner_than_the_rule_says(
    steps: list[tuple[float, float | str | None]], waits: float, keeps: float
) -> None:
    looks, now = [], 0.0
    for passed, value in steps:
        now += passed
        looks.append((now, value))
    letters, over = walk(rule(for_seconds=waits, keep_seconds=keeps), looks)
    fires = [place for place, letter in enumerate(letters) if letter == "F" and letters[place - 1 : place] != "F"]
    for place in fires:
        bad = place
        while bad > 0 and letters[bad - 1] == "p":
            bad -= 1
        assert looks[place][0] - looks[bad][0] >= waits - 1e-6
        assert all(value is None or (not isinstance(value, str) and value > 1) for _, value in looks[bad : place + 1])
    assert len(over) == len(fires) - letters.endswith("F")
    ends = [place for place in range(1, len(letters)) if letters[place - 1] == "F" != letters[place]]
    for end, place in zip(over, ends, strict=True):
        assert end.at == looks[place][0]
        # Up to that look: another may come at the same moment.
        good = [value for at, value in looks[: place + 1] if end.at - keeps < at]
        assert all(value in (None, "gone") or (not isinstance(value, str) and value <= 0.5) for value in good)


@given(st.lists(st.floats(0.51, 3), min_size=1, max_size=80))
def test_noise_around_the_limit_does_not_make_it_flap(noise: list[float]) -> None:
    """Once it fires, only values at or below `clear` can end it."""
    letters, over = walk(rule(for_seconds=0), evenly(*noise))
    assert over == []
    assert "F." not in letters


@given(st.lists(values, max_size=40))
def test_it_always_ends_once_all_is_well(before: list[float | str | None]) -> None:
    letters, over = walk(rule(), evenly(*before, *[0.0] * 6))
    assert letters.endswith(".")
    assert len(over) == sum(
        letters[place] == "F" and letters[place - 1 : place] != "F" for place in range(len(letters))
    )
