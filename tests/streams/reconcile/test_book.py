"""Sums and sets of hashes: what is missing, what is too much, what is on its way. Pure."""

from collections import defaultdict
from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.horizons import HOUR_MS
from streams.reconcile import expected_hashes
from streams.reconcile.expected_hashes import Shelf, Sum, compare
from streams.reconcile.hashes import MASK
from streams.reconcile.model import Found, Place, Window, place

SHOP, CRM = Place("shop", 7 * HOUR_MS), Place("crm", 0)
numbers = st.sets(st.integers(0, 40) | st.sampled_from([MASK, MASK - 1, MASK // 2, MASK // 2 + 1]), max_size=12)


def table_of(rows: dict[Place, set[int]]) -> dict[Place, Sum]:
    return {where: Sum(len(there), sum(there) & MASK) for where, there in rows.items() if there}


@settings(max_examples=200)
@given(sure=numbers, maybe=numbers, there=numbers, parts=st.integers(1, 5))
def test_what_differs_is_found_in_slices_of_any_size(
    sure: set[int], maybe: set[int], there: set[int], parts: int
) -> None:
    shelves: defaultdict[Place, Shelf] = defaultdict(Shelf)
    for number in [*sure, *sure]:  # a body may be in wa.raw twice
        shelves[SHOP].add(number, sure=True)
    for number in maybe:
        shelves[SHOP].add(number, sure=False)
    rows = {SHOP: there}

    def fetch(where: Place, first: int, last: int) -> Iterable[int]:
        return [number for number in rows[where] if first <= number <= last]

    size, expected_hashes.SLICE = expected_hashes.SLICE, max(max(len(sure), len(there)) // parts, 1)  # type: ignore[misc]
    try:
        found = dict(compare(shelves, table_of(rows), fetch))
    finally:
        expected_hashes.SLICE = size  # type: ignore[misc]
    missing, extra = sure - there - maybe, there - sure - maybe
    if not missing and not extra and not maybe - there:
        assert not found
        return
    assert set(found[SHOP].missing) == missing
    assert set(found[SHOP].extra) == extra
    assert found[SHOP].waiting == len(maybe - there)


def test_a_place_that_only_one_side_has_is_compared_too() -> None:
    shelves: defaultdict[Place, Shelf] = defaultdict(Shelf)
    shelves[SHOP].add(3, sure=True)
    found = dict(compare(shelves, table_of({CRM: {5}}), lambda where, *_: {5} if where == CRM else set()))
    assert (found[SHOP].missing, found[CRM].extra) == ([3], [5])


def test_nothing_is_fetched_where_the_sums_agree() -> None:
    shelves: defaultdict[Place, Shelf] = defaultdict(Shelf)
    shelves[SHOP].add(3, sure=True)

    def fetch(*_: object) -> Iterable[int]:
        raise AssertionError("asked for")

    assert not list(compare(shelves, table_of({SHOP: {3}}), fetch))


def test_a_window_takes_bodies_by_their_receipt_and_covers_whole_hours() -> None:
    window = Window(HOUR_MS + 1, 3 * HOUR_MS, "shop", timeless=False)
    assert [window.takes("shop", ms) for ms in (HOUR_MS, HOUR_MS + 1, 3 * HOUR_MS - 1, 3 * HOUR_MS, None)] == [
        False, True, True, False, False,
    ]  # fmt: skip
    assert not window.takes("crm", 2 * HOUR_MS)
    assert [window.covers(hour * HOUR_MS) for hour in (0, 1, 2, 3)] == [False, False, True, False]
    assert Window().takes("", None)
    assert Window().covers(0)
    assert place("shop", 2 * HOUR_MS + 5) == Place("shop", 2 * HOUR_MS)


def test_of_very_many_residuals_the_first_are_named_and_all_are_counted() -> None:
    found = Found()
    found.named("lost", ((SHOP if number % 2 else CRM, str(number)) for number in range(10_007)))
    assert found.total == 10_007
    assert found.by_kind()["lost"] == 10_007
    assert found.by_place() == {SHOP: 5_003, CRM: 5_004}
    assert [residual.what for residual in found.residuals[-2:]] == ["and 4 more", "and 3 more"]
