"""Sums and sets of hashes: what is missing, what is too much, what is still unprocessed."""

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.horizons import HOUR_MS
from streams.reconcile.expected_hashes import ExpectedHashes, HashesByHour, HashSum, compare
from streams.reconcile.hashes import MASK
from streams.reconcile.model import Findings, SourceHour, Window, source_hour

SHOP, CRM = SourceHour("shop", 7 * HOUR_MS), SourceHour("crm", 0)
numbers = st.sets(st.integers(0, 40) | st.sampled_from([MASK, MASK - 1, MASK // 2, MASK // 2 + 1]), max_size=12)


def table_of(rows: dict[SourceHour, set[int]]) -> dict[SourceHour, HashSum]:
    return {place: HashSum(len(stored), sum(stored) & MASK) for place, stored in rows.items() if stored}


@settings(max_examples=200)
@given(processed=numbers, unprocessed=numbers, stored=numbers, parts=st.integers(1, 5))
def test_differences_are_found_in_slices_of_any_size(
    processed: set[int], unprocessed: set[int], stored: set[int], parts: int
) -> None:
    expected: HashesByHour = HashesByHour(ExpectedHashes)
    for number in [*processed, *processed]:  # a body may be in wa.raw twice
        expected[SHOP].add(number, processed=True)
    for number in unprocessed:
        expected[SHOP].add(number, processed=False)

    def fetch(_: SourceHour, first: int, last: int) -> Iterable[int]:
        return [number for number in stored if first <= number <= last]

    size = max(max(len(processed), len(stored)) // parts, 1)
    diffs = dict(compare(expected, table_of({SHOP: stored}), fetch, size))
    missing, extra = processed - stored - unprocessed, stored - processed - unprocessed
    if not missing and not extra and not unprocessed - stored:
        assert not diffs
        return
    assert set(diffs[SHOP].missing) == missing
    assert set(diffs[SHOP].extra) == extra
    assert diffs[SHOP].waiting == len(unprocessed - stored)


def test_a_place_that_only_one_side_has_is_compared_too() -> None:
    expected: HashesByHour = HashesByHour(ExpectedHashes)
    expected[SHOP].add(3, processed=True)
    diffs = dict(compare(expected, table_of({CRM: {5}}), lambda place, *_: {5} if place == CRM else set()))
    assert (diffs[SHOP].missing, diffs[CRM].extra) == ([3], [5])


def test_no_hashes_are_fetched_where_the_sums_are_equal() -> None:
    expected: HashesByHour = HashesByHour(ExpectedHashes)
    expected[SHOP].add(3, processed=True)

    def fetch(*_: object) -> Iterable[int]:
        raise AssertionError("fetched")

    assert not list(compare(expected, table_of({SHOP: {3}}), fetch))


def test_a_window_includes_bodies_by_their_receipt_and_covers_whole_hours() -> None:
    window = Window(HOUR_MS + 1, 3 * HOUR_MS, "shop", timeless=False)
    assert [window.includes("shop", ms) for ms in (HOUR_MS, HOUR_MS + 1, 3 * HOUR_MS - 1, 3 * HOUR_MS, None)] == [
        False, True, True, False, False,
    ]  # fmt: skip
    assert not window.includes("crm", 2 * HOUR_MS)
    assert [window.covers(hour * HOUR_MS) for hour in (0, 1, 2, 3)] == [False, False, True, False]
    assert Window().includes("", None)
    assert Window().covers(0)
    assert source_hour("shop", 2 * HOUR_MS + 5) == SourceHour("shop", 2 * HOUR_MS)


def test_the_first_of_many_residuals_are_named_and_all_are_counted() -> None:
    findings = Findings()
    findings.add_named("lost", ((SHOP if number % 2 else CRM, str(number)) for number in range(10_007)))
    assert findings.total == 10_007
    assert findings.by_kind()["lost"] == 10_007
    assert findings.by_place() == {SHOP: 5_003, CRM: 5_004}
    assert [residual.what for residual in findings.residuals[-2:]] == ["and 4 more", "and 3 more"]
