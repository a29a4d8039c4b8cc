"""The browser shows exactly the numbers of the server, in every time zone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboards.page.data import count
from tests.dashboards.page.site import Site
from tests.dashboards.page.view import View

WEEK = {"range": "7d", "zone": "UTC"}


@pytest.fixture(scope="module")
def view(browser: Browser, site: Site) -> Iterator[View]:
    seen = View(browser, site).open("/kinds?range=7d&zone=UTC")
    yield seen
    seen.close()


def answer(site: Site, panel: str, **parameters: Any) -> list[list[Any]]:
    found: list[list[Any]] = site.get(f"/api/panels/{panel}", **(WEEK | parameters)).json["rows"]
    return found


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def test_numbers_are_shown_with_their_terms_and_badges(view: View) -> None:
    truth = count()
    expect(view.panel("k-sent").locator(".number")).to_have_text("60")
    rate = view.panel("k-rate")
    expect(rate.locator(".number")).to_have_text("80.0\u202f%")
    expect(rate.locator(".terms")).to_have_text(f"{truth['delivered']} of {truth['sent']}")
    expect(rate.locator(".badge.provisional")).to_have_text("provisional")
    expect(rate.locator(".badge.red")).to_have_text("below 99\u202f%")
    assert "red" in rate.get_attribute("class").split()
    assert "red" not in view.panel("k-sent").get_attribute("class").split()
    expect(view.panel("k-sent").locator(".lag")).to_contain_text("behind")


def test_lines_and_stacks_show_the_rows_of_the_answer(view: View, site: Site) -> None:
    for panel, nothing in (("k-line", None), ("k-stack", 0)):
        rows = answer(site, panel)
        for trace in view.traces(panel):
            known = {ms(row[0]): row[2] for row in rows if row[1] == trace["name"]}
            drawn = dict(zip(trace["x"], trace["y"], strict=True))
            assert len(drawn) == 7  # every day of the range has its place
            assert drawn == {day: known.get(day, nothing) for day in drawn}
            assert set(known) <= set(drawn)
    texts = {title: text for title, text, _ in view.traces("k-line")[0]["customdata"]}
    day = answer(site, "k-line")[0]
    assert texts["Wed 18 Nov 2026"] == f"{day[2]:.1%}".replace("%", "\u202f%") + f" ({day[3]} of {day[4]}), provisional"


def test_bars_funnel_and_heat_map_show_the_rows_of_the_answer(view: View, site: Site) -> None:
    (bars,) = view.traces("k-bars")
    names = [row[0].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for row in answer(site, "k-bars")]
    assert (bars["y"], bars["x"]) == (names, [row[1] for row in answer(site, "k-bars")])
    (funnel,) = view.traces("k-funnel")
    assert list(zip(funnel["y"], funnel["x"], strict=True)) == [("Sent", 60), ("Delivered", 48), ("Read", 24)]
    assert funnel["customdata"][1][1] == "48 · 80.0\u202f% of 60"
    (heat,) = view.traces("k-heat")
    drawn = {
        (hour, day + 1): value
        for day, row in enumerate(heat["z"])
        for hour, value in enumerate(row)
        if value is not None
    }
    assert drawn == {(row[0], row[1]): row[2] for row in answer(site, "k-heat")}


def test_a_table_shows_every_row_and_sorts_by_any_column(view: View, site: Site) -> None:
    rows = answer(site, "k-table")
    assert [cells[0] for cells in view.cells("k-table")] == [row[0] for row in rows]
    assert [cells[1] for cells in view.cells("k-table")] == [str(row[1]) for row in rows]
    read = view.panel("k-table").locator("th", has_text="Read").first
    for turn, reverse in (("descending", True), ("ascending", False)):
        read.locator("button").click()
        expect(read).to_have_attribute("aria-sort", turn)
        shown = [int(cells[4]) for cells in view.cells("k-table")]
        assert shown == sorted((row[4] for row in rows), reverse=reverse)


def test_every_chart_has_a_summary_and_a_table(view: View, site: Site) -> None:
    for panel, words in (("k-line", "Delivered / sent: last"), ("k-heat", "Highest"), ("k-funnel", "Delivered: 48")):
        shown = view.panel(panel)
        described = shown.locator('[role="img"]').get_attribute("aria-describedby")
        assert words in (view.page.locator(f"#{described}").text_content() or "")
    view.menu("k-stack", "Show as table")
    assert len(view.cells("k-stack")) == len(answer(site, "k-stack"))
    view.menu("k-stack", "Show as chart")
    expect(view.panel("k-stack").locator(".main-svg").first).to_be_visible()


def test_the_axis_is_in_the_chosen_zone(view: View) -> None:
    view.open("/kinds?from=2026-11-18&to=2026-11-18&zone=Asia%2FKathmandu")
    assert view.ticks("k-stack")[0].startswith("00:00")
    assert any(tick.startswith("12:00") for tick in view.ticks("k-stack"))
    first = view.traces("k-stack")[0]["x"][0]
    assert first == ms("2026-11-17T18:15:00+00:00")
    assert view.traces("k-stack")[0]["customdata"][0][0] == "Wed 18 Nov, 00:00"
    expect(view.page.locator("#about")).to_have_text("18 Nov 2026 · Asia/Kathmandu · by hour")


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia"])
def test_days_and_months_begin_where_python_says_they_do(view: View, zone: str) -> None:
    start = datetime(2026, 3, 1, tzinfo=ZoneInfo(zone))
    for bucket, step in (("day", timedelta(days=1)), ("month", timedelta(days=32))):
        expected, day = [], start
        while day < datetime(2026, 12, 1, tzinfo=ZoneInfo(zone)):
            expected.append(int(day.timestamp() * 1000))
            following = day.replace(tzinfo=None) + step
            day = (following if bucket == "day" else following.replace(day=1)).replace(tzinfo=ZoneInfo(zone))
        end = int(datetime(2026, 12, 1, tzinfo=ZoneInfo(zone)).timestamp() * 1000)
        code = "m.buckets(a.start, a.end, a.bucket, a.zone)"
        given = {"start": expected[0], "end": end, "bucket": bucket, "zone": zone}
        assert view.module("zone", code, given) == expected


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-20", 24)])
def test_a_day_of_a_change_of_clocks_has_all_its_hours(view: View, day: str, hours: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    begins = datetime.fromisoformat(day).replace(tzinfo=zone)
    ends = (begins.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
    given = {"start": int(begins.timestamp() * 1000), "end": int(ends.timestamp() * 1000)}
    found = view.module("zone", "m.buckets(a.start, a.end, 'hour', 'Europe/Berlin')", given)
    assert found == [given["start"] + hour * 3_600_000 for hour in range(hours)]


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0, "count", "0"),
        (1234, "count", "1,234"),
        (99_999, "count", "99,999"),
        (118_400, "count", "118_k"),
        (999_999, "count", "1_M"),
        (1_184_000, "count", "1.18_M"),
        (0.9624, "share", "96.2_%"),
        (0.99996, "share", ">_99.9_%"),
        (1, "share", "100.0_%"),
        (0.0001, "share", "<_0.1_%"),
        (0, "share", "0.0_%"),
        (320, "ms", "320_ms"),
        (1420, "ms", "1.42_s"),
        (270_000, "ms", "4.5_min"),
        (90, "seconds", "1.5_min"),
        (3 * 86_400, "seconds", "3_d"),
        (12.5, "money", "EUR\u00a012.50"),
        (0.0625, "money", "EUR\u00a00.0625"),
        (None, "count", "–"),
        (None, "text", ""),
        (1, "mark", "provisional"),
        ("2026-11-20T12:00:05.000Z", "time", "2026-11-20 13:00:05"),
    ],
)
def test_each_unit_has_one_format(view: View, value: Any, unit: str, expected: str) -> None:
    code = "m.shown(a.value, a.unit, { zone: 'Europe/Berlin', currency: 'EUR' })"
    assert view.module("format", code, {"value": value, "unit": unit}) == expected.replace("_", "\u202f")


@pytest.mark.parametrize(
    ("now", "before", "unit", "expected"),
    [
        (0.9, 0.85, "share", "+5.0 points"),
        (0.85, 0.9, "share", "−5.0 points"),
        (112, 100, "count", "+12.0\u202f%"),
        (0, 100, "count", "−100.0\u202f%"),
        (100, 100, "count", "±0.0\u202f%"),
        (5000, 100, "count", "50 times"),
        (5, 0, "count", None),
        (None, 3, "count", None),
        (3, None, "share", None),
    ],
)
def test_a_change_has_its_sign_and_unit(view: View, now: Any, before: Any, unit: str, expected: str | None) -> None:
    found = view.module("format", "m.change(a.now, a.before, a.unit)", {"now": now, "before": before, "unit": unit})
    assert (found and found["text"]) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2s 2s 2s 2s 2s 2s 3s 3s 3s 3s 6l 6l 12t", [2] * 6 + [3] * 4 + [6, 6, 12]),
        ("3s 3s 3s 3s 3s 3s 12t", [4] * 6 + [12]),
        ("3s 12t 6l 6l 6l 12t", [3, 12, 6, 6, 12, 12]),
        ("4l 8t 6l", [4, 8, 12]),
        ("3s", [3]),
        ("", []),
    ],
)
def test_rows_of_the_grid_are_filled(view: View, given: str, expected: list[int]) -> None:
    kinds = {"s": "stat", "l": "line", "t": "table"}
    panels = [{"width": int(each[:-1]), "kind": kinds[each[-1]]} for each in given.split()]
    assert view.module("fit", "m.fitted(a)", panels) == expected


def test_of_too_many_series_the_highest_are_drawn(view: View) -> None:
    rows = [["2026-11-20T00:00:00Z", f"s{number}", number] for number in range(20)]
    columns = [{"name": name, "title": name, "unit": "count", "role": name} for name in ("x", "series", "value")]
    given = {"panel": {"kind": "line", "columns": columns}, "rows": rows}
    groups = "[...m.bySeries(a.panel, a.rows, m.roles(a.panel.columns).values[0])]"
    names = view.module("rows", f"m.largest(a.panel, {groups}, {{ at: 2 }}).map(([name]) => name)", given)
    assert names == [f"s{number}" for number in range(12, 20)]
    assert view.module("rows", "m.crowded(a.panel, a.rows)", given) == "8 highest of 20 series; the table has all"
    assert view.module("rows", "m.crowded(a.panel, a.rows.slice(0, 8))", given) == ""


def test_the_time_is_fixed_in_these_tests(site: Site) -> None:
    queried = site.get("/api/panels/k-sent").json["queried_at"]
    assert datetime.fromisoformat(queried).astimezone(UTC).date().isoformat() == "2026-11-20"
