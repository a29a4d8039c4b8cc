"""Every dashboard of the product in a real browser, over known messages: no panel fails, every chart is drawn."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from dashboards.catalogue import DASHBOARDS
from dashboards.page.context import now
from tests.dashboards.page.conftest import DATABASE
from tests.dashboards.page.site import Site, config
from tests.dashboards.page.view import View
from tests.support.clickhouse import Server

CHARTS = {"line", "stack", "bar", "heatmap", "funnel"}


@pytest.fixture(scope="module")
def view(browser: Browser, engine: Server) -> Iterator[View]:
    with Site(config(engine.url, DATABASE), DASHBOARDS, clock=now) as site:
        seen = View(browser, site)
        yield seen
        seen.close()


@pytest.mark.parametrize("dashboard", [dashboard.id for dashboard in DASHBOARDS])
def test_a_dashboard_shows_all_its_panels(view: View, dashboard: str) -> None:
    (chosen,) = (each for each in DASHBOARDS if each.id == dashboard)
    view.page.set_viewport_size({"width": 1440, "height": 900})
    view.open(f"/{dashboard}?from=2026-11-01&to=2026-11-30&zone=Europe%2FBerlin")
    expect(view.page.locator("h1")).to_have_text(chosen.title)
    assert view.page.locator(".panel").count() == len(chosen.panels)
    assert view.page.locator(".panel .state", has_text="Try again").count() == 0
    for panel in chosen.panels:
        shown = view.panel(panel.id)
        rows = view.site.get(f"/api/panels/{panel.id}", from_="2026-11-01", to="2026-11-30", zone="Europe/Berlin").json
        empty = shown.locator(".state").count() == 1
        assert empty or rows["rows"], panel.id
        if panel.kind in CHARTS and not empty:
            assert view.traces(panel.id), panel.id
        if panel.kind == "table" and not empty:
            assert len(view.cells(panel.id)) == min(100, len(rows["rows"])), panel.id
    view.page.set_viewport_size({"width": 360, "height": 740})
    # Charts follow the width a moment later.
    view.page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth", timeout=10_000)
