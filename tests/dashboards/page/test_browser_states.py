"""The page without data and during failures, and its automatic recovery."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from deploy.local.ports import free_ports
from tests.dashboards.page.boards import BOARDS, HOSTILE
from tests.dashboards.page.conftest import DATABASE, insert
from tests.dashboards.page.data import events
from tests.dashboards.page.site import FixedAlerts, Site, config
from tests.dashboards.page.view import View
from tests.support.clickhouse import Server
from tests.support.engine import Engine
from tests.support.events import NOON, event

START = "/kinds?range=7d&zone=UTC"
REFUSED = "status of 50[0-9]"  # the browser's console text for an error status


@pytest.fixture
def view(browser: Browser, site: Site) -> Iterator[View]:
    seen = View(browser, site)
    yield seen
    seen.close(REFUSED)


def test_no_data_names_the_range_and_offers_a_wider_one(view: View) -> None:
    view.open("/kinds?range=7d&zone=UTC&campaign=nobody")
    state = view.panel("k-table").locator(".state")
    expect(state).to_contain_text("No data in this range")
    expect(state).to_contain_text("14 Nov 2026 to 20 Nov 2026")
    expect(state.get_by_role("button")).to_have_text(["Remove the filters", "Show 30 days", "Show all"])
    expect(view.panel("k-rate").locator(".number")).to_have_text("–")
    expect(view.panel("k-rate").locator(".terms")).to_have_text("0 of 0")
    for panel in ("k-line", "k-stack", "k-bars", "k-heat", "k-funnel"):
        expect(view.panel(panel).locator(".state")).to_contain_text("No data in this range")
    state.get_by_role("button", name="Remove the filters").click()
    expect(view.panel("k-sent").locator(".number")).to_have_text("60")
    assert view.query() == "range=7d&zone=UTC"


def test_a_range_without_data_is_widened_with_one_click(view: View) -> None:
    view.open("/kinds?from=2026-10-01&to=2026-10-02&zone=UTC")
    state = view.panel("k-table").locator(".state")
    expect(state).to_contain_text("1 Oct 2026 to 2 Oct 2026")
    state.get_by_role("button", name="Show all").click()
    expect(view.panel("k-sent").locator(".number")).to_have_text("60")
    assert "range=all" in view.query()


def test_a_failing_panel_shows_the_reason_and_the_others_work(view: View) -> None:
    view.open("/odd?range=7d&zone=UTC")
    state = view.panel("o-error").locator(".state")
    expect(state).to_contain_text("Tables are missing")
    expect(state).to_contain_text("ackstream migrate")
    expect(state.get_by_role("button")).to_have_text("Try again")
    expect(view.page.locator(".notice")).to_have_count(0)
    expect(view.panel("o-many").locator(".note")).to_have_text("First 400 rows; the CSV has more")
    more = view.panel("o-many").get_by_role("button", name="Show 100 more of 300")
    more.click()
    assert len(view.cells("o-many")) == 200


def test_texts_from_tables_are_shown_as_texts(view: View) -> None:
    view.page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    view.open("/odd?range=7d&zone=UTC")
    shown = view.panel("o-texts").locator("tbody tr td:first-child")
    assert [cell.evaluate("cell => cell.textContent") for cell in shown.all()] == list(HOSTILE)
    assert view.panel("o-texts").locator("img").count() == 0
    expect(view.panel("o-texts")).to_contain_text("+55…001")
    view.open("/kinds?range=7d&zone=UTC&campaign=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")


def test_a_dashboard_that_does_not_exist(view: View) -> None:
    view.page.goto(f"{view.site.url}/nowhere")
    expect(view.page.locator("h1")).to_have_text("This dashboard does not exist")
    view.page.get_by_role("link", name="Every kind").click()
    expect(view.panel("k-sent").locator(".number")).to_have_text("60")
    view.errors = [error for error in view.errors if "404" not in error]


def test_an_invalid_address_names_the_parameter(view: View) -> None:
    view.open("/kinds?range=7d&zone=Middle%2FEarth")
    expect(view.panel("k-sent").locator(".state")).to_contain_text(
        "The parameter zone is not in the time zone database"
    )
    view.errors = [error for error in view.errors if "400" not in error]


def test_the_alert_button_lists_firing_alerts_and_what_to_do(browser: Browser, engine: Server) -> None:
    with Site(config(engine.url, DATABASE), BOARDS, FixedAlerts()) as site:
        view = View(browser, site).open(START)
        view.page.get_by_role("button", name="2 alerts").click()
        rules = view.page.locator(".menu:popover-open .alert-row")
        expect(rules).to_have_count(2)
        expect(rules.first.locator("span")).to_have_text(
            ["shop-0: silent.", "shop-1: silent.", "Check the provider's console."]
        )
        expect(rules.first.locator("small")).to_contain_text("firing since 2026-11-20 10:00")
        expect(rules.last).to_contain_text("not evaluated")
        rules.first.get_by_role("link", name="Open dashboard").click()
        expect(view.page.locator("h1")).to_have_text("Odd ones")
        view.close(REFUSED)


def test_without_sources_the_page_explains_how_to_add_one(browser: Browser, engine: Server) -> None:
    with Site(config(engine.url, DATABASE, sources=()), BOARDS) as site:
        view = View(browser, site).open(START)
        expect(view.page.locator(".notice")).to_contain_text("No source is configured yet")
        expect(view.page.locator(".notice")).to_contain_text("make demo")
        view.close()


def test_the_page_recovers_after_an_outage_of_clickhouse(browser: Browser, tmp_path: Path) -> None:
    port = str(free_ports(1)[0])
    server = Server(tmp_path / "data", "--port", port)
    Engine(server, DATABASE)
    insert(server, events())
    with Site(config(server.url, DATABASE, refresh_seconds=2), BOARDS) as site:
        view = View(browser, site).open(START)
        number = view.panel("k-sent").locator(".number")
        expect(number).to_have_text("60")
        server.stop()
        notice = view.page.locator(".notice.bad")
        expect(notice).to_contain_text("ClickHouse is unreachable since 2026-11-20 12:01", timeout=30_000)
        expect(notice).to_contain_text("make up")
        expect(notice).to_contain_text("The numbers below are from")
        expect(number).to_have_text("60")  # the last numbers stay
        expect(view.page.locator("#polite")).to_contain_text("ClickHouse is unreachable")
        view.page.get_by_role("button", name="Yesterday").click()  # a range without numbers shows the error
        expect(view.panel("k-sent").locator(".state")).to_contain_text("ClickHouse is unreachable")
        expect(view.panel("k-line").locator(".state")).to_contain_text("Since 12:01:00")
        server = Server(tmp_path / "data", "--port", port)
        try:
            expect(number).to_have_text("20", timeout=60_000)
            expect(notice).to_have_count(0)
            expect(view.panel("k-line").locator(".main-svg").first).to_be_visible()
            expect(view.page.locator("#polite")).to_contain_text("up to date")
        finally:
            server.kill()
        view.close(REFUSED)


@pytest.fixture
def lively(engine: Server) -> Iterator[Site]:
    """A page that refreshes every two seconds."""
    with Site(config(engine.url, DATABASE, refresh_seconds=2), BOARDS) as running:
        yield running


def test_an_outage_of_the_page_s_server_is_shown(browser: Browser, engine: Server) -> None:
    with Site(config(engine.url, DATABASE, refresh_seconds=2), BOARDS) as site:
        view = View(browser, site).open(START)
    expect(view.page.locator(".notice.bad")).to_contain_text("The page's server is unreachable", timeout=30_000)
    expect(view.panel("k-sent").locator(".number")).to_have_text("60")
    view.close("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")


def test_unchanged_answers_are_not_redrawn_and_a_paused_page_sends_no_requests(browser: Browser, lively: Site) -> None:
    view = View(browser, lively).open(START)
    view.page.evaluate(
        "() => { window.drawn = 0;"
        " document.querySelector('#panel-k-line .chart').on('plotly_afterplot', () => { window.drawn += 1; }); }"
    )
    with view.page.expect_response(lambda response: "/api/panels/k-line?" in response.url) as again:
        pass
    assert again.value.request.headers.get("if-none-match") or again.value.status in (200, 304)
    view.settle()
    assert view.page.evaluate("() => window.drawn") == 0
    view.page.locator("#pause").click()
    expect(view.page.locator("#pause")).to_have_attribute("aria-pressed", "true")
    view.settle()
    held = len(view.requests)
    other = view.tab()
    other.goto(lively.url + START)
    own = len(view.requests)
    with other.expect_response(lambda response: "/api/alerts" in response.url):
        pass
    with other.expect_response(lambda response: "/api/alerts" in response.url):  # one full refresh
        pass
    other.close()
    assert own > held
    view.page.locator("#pause").click()
    with view.page.expect_response(lambda response: "/api/panels/k-sent?" in response.url):
        pass
    view.close()


def test_new_messages_appear_without_a_reload(browser: Browser, lively: Site, engine: Server) -> None:
    view = View(browser, lively).open("/kinds?from=2026-11-01&to=2026-11-02&zone=UTC")
    view.page.evaluate("() => { window.kept = document.querySelector('#panel-k-sent'); }")
    expect(view.panel("k-table").locator(".state")).to_contain_text("No data")
    moment = NOON - 19 * 86_400_000
    late = [event("sent", message_id=f"late{n}", at=moment, request=f"l{n}", template="late") for n in range(3)]
    insert(engine, late)
    expect(view.panel("k-sent").locator(".number")).to_have_text("3", timeout=30_000)
    expect(view.panel("k-table").locator("tbody tr")).to_have_count(1)
    assert view.page.evaluate("() => window.kept === document.querySelector('#panel-k-sent')")
    view.close()
