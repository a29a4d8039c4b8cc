"""The demo prints tables, truth and differences, readable in a narrow terminal."""

from io import StringIO

import pytest
from rich.console import Console

from deploy.simulator.demo.compare import Difference
from deploy.simulator.demo.report import SHOWN, print_differences, rates_table
from deploy.simulator.truth import Counts, Group
from tests.deploy.simulator.demo_traffic import demo_traffic

GROUP = Group("s", "2026-11-20", "t", "campaign", "utility", False)


def printed(truth: dict[Group, Counts], table: dict[Group, Counts], *, plain: bool, width: int = 120) -> str:
    out = StringIO()
    Console(file=out, width=width).print(rates_table(truth, table, plain=plain))
    return out.getvalue()


@pytest.mark.parametrize("plain", [True, False])
def test_the_table_shows_both_numbers_and_whether_they_are_equal(plain: bool) -> None:
    truth = {GROUP: Counts(sent=1200, delivered=900, read=450, failed=100, pending=200, orphan=3)}
    wrong = {GROUP: Counts(sent=1200, delivered=901, read=450, failed=100, pending=199, orphan=3)}
    good, bad = printed(truth, truth, plain=plain), printed(truth, wrong, plain=plain)
    assert "1,200" in good
    assert "75.0" in good  # delivered / sent
    assert "50.0" in good  # read / delivered
    assert ("yes" if plain else "✓") in good
    assert ("NO" if plain else "✗") in bad
    assert "900" in bad
    assert "901" in bad


@pytest.mark.parametrize("plain", [True, False])
def test_nothing_is_truncated_in_ninety_columns(plain: bool) -> None:
    rates = demo_traffic(6000).truth.rates
    shown = printed(rates, rates, plain=plain, width=90)
    assert "…" not in shown
    assert "deliv.%" in shown
    assert shown.count("yes" if plain else "✓") > 8


def test_the_first_differences_are_printed_and_the_rest_counted() -> None:
    out = StringIO()
    found = [Difference(f"number {number}", 1_795_000_000_000, None) for number in range(SHOWN + 5)]
    print_differences(Console(file=out, width=200), [*found[:1], Difference("a sentence alone"), *found[1:]])
    lines = out.getvalue().splitlines()
    assert lines[0] == "number 0: truth 2026-11-18T11:06:40.000Z, table None"
    assert lines[1] == "a sentence alone"
    assert lines[-1] == "... and 6 more"
