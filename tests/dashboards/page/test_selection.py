"""From a query string to SQL parameters: ranges in any time zone, and any other input of a client."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from dashboards.page.problems import Problem
from dashboards.page.ranges import QUARTER, Range, ceil, floor
from dashboards.page.selection import Extent, Selection, parse_selection
from dashboards.panel import PARAMETERS

NOW = datetime(2026, 11, 20, 12, 1, 5, tzinfo=UTC)
BERLIN = "Europe/Berlin"


def selected(*pairs: tuple[str, str], now: datetime = NOW, extent: Extent | None = None) -> Selection:
    return parse_selection(MultiDict(pairs), now, extent or Extent())


def span(*pairs: tuple[str, str], now: datetime = NOW) -> tuple[str, str]:
    found = selected(*pairs, now=now).span
    return found.start.strftime("%m-%d %H:%M"), found.end.strftime("%m-%d %H:%M")


@pytest.mark.parametrize(
    ("preset", "zone", "expected"),
    [
        ("today", "UTC", ("11-20 00:00", "11-20 12:15")),
        ("yesterday", "UTC", ("11-19 00:00", "11-20 00:00")),
        ("7d", "UTC", ("11-14 00:00", "11-20 12:15")),
        ("30d", "UTC", ("10-22 00:00", "11-20 12:15")),
        ("90d", "UTC", ("08-23 00:00", "11-20 12:15")),
        ("today", BERLIN, ("11-19 23:00", "11-20 12:15")),
        ("yesterday", BERLIN, ("11-18 23:00", "11-19 23:00")),
        ("today", "Asia/Kathmandu", ("11-19 18:15", "11-20 12:15")),
        ("today", "Pacific/Kiritimati", ("11-20 10:00", "11-20 12:15")),
        ("30d", BERLIN, ("10-21 22:00", "11-20 12:15")),  # starts in summer time
    ],
)
def test_a_preset_starts_at_midnight_of_the_zone_and_ends_now(
    preset: str, zone: str, expected: tuple[str, str]
) -> None:
    assert span(("range", preset), ("zone", zone)) == expected


def test_the_days_of_a_change_of_clocks_have_23_and_25_hours() -> None:
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25)):
        found = selected(("from", day), ("to", day), ("zone", BERLIN)).span
        assert (found.end - found.start).total_seconds() == hours * 3600


def test_a_day_without_midnight_starts_at_its_first_moment() -> None:
    # In Beirut clocks went from 24:00 of 28 March 2026 to 01:00.
    found = selected(("from", "2026-03-29"), ("to", "2026-03-29"), ("zone", "Asia/Beirut")).span
    assert found.start.astimezone(ZoneInfo("Asia/Beirut")).hour == 1
    assert (found.end - found.start).total_seconds() == 23 * 3600


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-11-01", "2026-11-01", ("11-01 00:00", "11-02 00:00")),
        ("2026-11-01T08:00:00Z", "2026-11-01T09:00:00Z", ("11-01 08:00", "11-01 09:00")),
        ("2026-11-01T08:07", "2026-11-01T08:16", ("11-01 08:00", "11-01 08:30")),
        ("2026-11-01T08:00:00+05:45", "2026-11-02", ("11-01 02:15", "11-03 00:00")),
    ],
)
def test_ends_of_a_range_are_days_or_moments_on_quarters(start: str, end: str, expected: tuple[str, str]) -> None:
    assert span(("from", start), ("to", end)) == expected


def test_a_time_without_an_offset_is_in_the_zone() -> None:
    assert span(("from", "2026-11-01T08:00"), ("to", "2026-11-01T09:00"), ("zone", BERLIN)) == (
        "11-01 07:00",
        "11-01 08:00",
    )


def test_all_begins_with_the_first_message_and_includes_messages_of_a_clock_that_is_ahead() -> None:
    extent = Extent(datetime(2026, 3, 1, 22, 45, tzinfo=UTC), datetime(2026, 11, 21, 3, 0, tzinfo=UTC))
    found = selected(("range", "all"), ("zone", BERLIN), extent=extent).span
    assert (found.start, found.end) == (
        datetime(2026, 2, 28, 23, 0, tzinfo=UTC),
        datetime(2026, 11, 21, 3, 15, tzinfo=UTC),
    )
    assert selected(("range", "all")).span == selected(("range", "today")).span


@pytest.mark.parametrize(
    ("days", "bucket"), [(1, "hour"), (3, "hour"), (4, "day"), (90, "day"), (400, "day"), (500, "month")]
)
def test_the_bucket_follows_from_the_length(days: int, bucket: str) -> None:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    assert Range(start, start + 96 * days * QUARTER).bucket == bucket


@given(st.datetimes(datetime(2009, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_floor_and_ceil_are_the_quarters_around(moment: datetime) -> None:
    assert floor(moment) <= moment <= ceil(moment)
    assert ceil(moment) - floor(moment) in (QUARTER, 0 * QUARTER)
    assert floor(moment).timestamp() % 900 == ceil(moment).timestamp() % 900 == 0


@pytest.mark.parametrize(
    ("pairs", "parameter"),
    [
        ([("range", "6d")], "range"),
        ([("range", "7d"), ("range", "7d")], "range"),
        ([("range", "7d"), ("from", "2026-11-01"), ("to", "2026-11-02")], "range"),
        ([("from", "2026-11-01")], "to"),
        ([("to", "2026-11-01")], "from"),
        ([("from", "2026-11-02"), ("to", "2026-11-01")], "to"),
        ([("from", "1999-11-02"), ("to", "2026-11-01")], "from"),
        ([("from", "2026-11-02"), ("to", "2199-11-01")], "to"),
        ([("from", "2026-13-02"), ("to", "2026-11-01")], "from"),
        ([("from", "now() - 1"), ("to", "2026-11-01")], "from"),
        ([("from", ""), ("to", "")], "from"),
        ([("from", "2026-11-01T00:00:00+99:00"), ("to", "2026-11-02")], "from"),
        ([("zone", "Middle/Earth")], "zone"),
        ([("zone", "../../etc/passwd")], "zone"),
        ([("zone", "/etc/localtime")], "zone"),
        ([("zone", "Europe")], "zone"),
        ([("zone", "UTC'")], "zone"),
        ([("zone", "UTC\0")], "zone"),
        ([("zone", "A" * 10_000)], "zone"),
        ([("source", "Shop")], "source"),
        ([("source", "shop' OR 1=1 --")], "source"),
        ([("source", "")], "source"),
        ([("template", "")], "template"),
        ([("template", "x" * 513)], "template"),
        ([("campaign", f"c{number}") for number in range(51)], "campaign"),
    ],
)
def test_an_invalid_value_is_rejected_with_the_name_of_the_parameter(
    pairs: list[tuple[str, str]], parameter: str
) -> None:
    with pytest.raises(Problem) as rejected:
        selected(*pairs)
    assert (rejected.value.error.status, rejected.value.error.code) == (400, "bad_parameter")
    assert rejected.value.error.more == {"parameter": parameter}
    assert rejected.value.error.detail.endswith(".")


@pytest.mark.parametrize("name", ["mask", "bucket", "sql", "limit", "sources", "database", "SETTINGS"])
def test_an_unknown_parameter_is_rejected(name: str) -> None:
    with pytest.raises(Problem) as rejected:
        selected((name, "0"))
    assert rejected.value.error.code == "unknown_parameter"


@given(st.lists(st.tuples(st.sampled_from(["range", "from", "to", "zone", "source", "template"]), st.text())))
def test_any_text_gives_a_selection_or_a_problem(pairs: list[tuple[str, str]]) -> None:
    try:
        found = selected(*pairs)
    except Problem:
        return
    assert found.span.start < found.span.end


def test_the_parameters_are_exactly_those_of_panels() -> None:
    found = selected(("source", "shop"), ("template", "a'b"), ("template", "a'b"), ("campaign", "c"))
    values = found.parameters(mask=True)
    assert list(values) == list(PARAMETERS)
    assert values == {
        "from": "2026-11-14 00:00:00.000",
        "to": "2026-11-20 12:15:00.000",
        "zone": "UTC",
        "bucket": "day",
        "sources": ["shop"],
        "templates": ["a'b"],
        "campaigns": ["c"],
        "mask": 1,
    }
    assert found.parameters(mask=False)["mask"] == 0
