"""Use of the page by mouse and by keyboard: filters, history, definitions, downloads."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboards.page.data import CAMPAIGNS, TEMPLATES, count
from tests.dashboards.page.site import Site
from tests.dashboards.page.view import WAIT_MS, View

START = "/kinds?range=7d&zone=UTC"


@pytest.fixture(scope="module")
def shared(browser: Browser, site: Site) -> Iterator[View]:
    seen = View(browser, site, accept_downloads=True, permissions=["clipboard-read", "clipboard-write"])
    yield seen
    seen.close("status of 503")  # one of the odd panels


@pytest.fixture
def view(shared: View) -> View:
    return shared.open(START)


def sent(view: View, number: int) -> None:
    expect(view.panel("k-sent").locator(".number")).to_have_text(str(number))


def chosen(view: View) -> dict[str, list[str]]:
    return parse_qs(view.query())


def test_an_empty_address_is_completed(view: View) -> None:
    view.open("/")
    assert view.page.url == f"{view.site.url}{START}"
    assert view.page.title() == "Every kind · Ackstream"
    expect(view.page.locator("h1")).to_have_text("Every kind")


def test_a_range_changes_address_and_numbers_and_back_restores_them(view: View) -> None:
    sent(view, 60)
    view.page.get_by_role("button", name="Yesterday").click()
    sent(view, 20)
    assert chosen(view) == {"range": ["yesterday"], "zone": ["UTC"]}
    expect(view.page.get_by_role("button", name="Yesterday")).to_have_attribute("aria-pressed", "true")
    expect(view.page.locator("#about")).to_have_text("19 Nov 2026 · UTC · by hour")
    view.page.go_back()
    sent(view, 60)
    assert chosen(view) == {"range": ["7d"], "zone": ["UTC"]}
    view.page.go_forward()
    sent(view, 20)


def test_days_are_chosen_as_first_and_last(view: View) -> None:
    view.page.get_by_role("button", name="Dates").click()
    view.page.get_by_label("First day", exact=True).fill("2026-11-18")
    view.page.get_by_label("Last day", exact=True).fill("2026-11-19")
    view.page.get_by_role("button", name="Show", exact=True).click()
    sent(view, 40)
    assert chosen(view) == {"from": ["2026-11-18"], "to": ["2026-11-19"], "zone": ["UTC"]}
    expect(view.page.locator("#about")).to_have_text("18 Nov 2026 – 19 Nov 2026 · UTC · by hour")
    view.page.reload()
    sent(view, 40)


def test_filters_search_while_typing_and_take_several_values(view: View) -> None:
    view.page.locator("#filters").get_by_role("button", name="All campaigns").click()
    view.page.get_by_placeholder("Find a campaign").fill("bold")
    expect(view.page.locator(".menu:popover-open label.item")).to_have_count(1)
    view.page.locator(".menu:popover-open label.item").click()
    view.page.get_by_placeholder("Find a campaign").fill("1+")
    expect(view.page.locator(".menu:popover-open .what")).to_have_text([CAMPAIGNS[1]])
    view.page.locator(".menu:popover-open label.item").click()
    view.page.get_by_role("button", name="Show", exact=True).click()
    sent(view, count(lambda message: message.campaign in CAMPAIGNS[1:])["sent"])
    assert chosen(view)["campaign"] == [CAMPAIGNS[2], CAMPAIGNS[1]]
    expect(view.page.locator("#filters").get_by_role("button", name="2 selected")).to_be_visible()
    view.page.reload()
    sent(view, count(lambda message: message.campaign in CAMPAIGNS[1:])["sent"])


def test_source_and_template_combine_and_all_clears_one(view: View) -> None:
    view.open(f"{START}&source=shop&template=hello")
    sent(view, count(lambda message: message.source == "shop" and message.template == TEMPLATES[0])["sent"])
    view.page.locator("#filters").get_by_role("button", name="hello").click()
    expect(view.page.locator(".menu:popover-open").get_by_role("checkbox", name="hello")).to_be_checked()
    view.page.get_by_role("button", name="All", exact=True).last.click()
    sent(view, count(lambda message: message.source == "shop")["sent"])
    assert chosen(view) == {"range": ["7d"], "zone": ["UTC"], "source": ["shop"]}


def test_the_zone_is_found_by_a_part_of_its_name(view: View) -> None:
    view.page.locator("#filters").get_by_role("button", name="UTC").click()
    view.page.get_by_label("Find a time zone").fill("sao paulo")
    view.page.locator(".menu:popover-open .item").click()
    expect(view.page.locator("#about")).to_contain_text("America/Sao_Paulo")
    assert chosen(view)["zone"] == ["America/Sao_Paulo"]


def test_another_dashboard_keeps_range_and_filters(view: View) -> None:
    view.open(f"{START}&source=shop")
    view.page.get_by_role("link", name="Odd ones").click()
    expect(view.page.locator("h1")).to_have_text("Odd ones")
    view.settle()
    assert view.page.url.endswith("/odd?range=7d&zone=UTC&source=shop")
    expect(view.page.get_by_role("link", name="Odd ones")).to_have_attribute("aria-current", "page")
    view.page.go_back()
    expect(view.page.locator("h1")).to_have_text("Every kind")
    sent(view, count(lambda message: message.source == "shop")["sent"])


def test_the_downloaded_csv_file_is_the_answer_of_the_server(view: View, tmp_path: Path) -> None:
    with view.page.expect_download() as download:
        view.menu("k-table", "Download CSV")
    download.value.save_as(tmp_path / "table.csv")
    assert download.value.suggested_filename == "k-table-20261114T0000Z-20261120T1215Z.csv"
    expected = view.site.get("/api/panels/k-table.csv", range="7d", zone="UTC").body
    assert (tmp_path / "table.csv").read_bytes() == expected


def test_the_statement_can_be_read_and_copied(view: View) -> None:
    view.menu("k-table", "Show SQL")
    dialog = view.page.get_by_role("dialog", name="SQL of By template")
    shown = view.site.get("/api/panels/k-table/sql", range="7d", zone="UTC").json
    expect(dialog.locator("pre")).to_have_text([shown[key] for key in ("inlined", "sql", "command", "curl")])
    dialog.get_by_role("button", name="Copy: In a shell").click()
    expect(dialog.get_by_role("button", name="Copy: In a shell")).to_have_text("Copied")
    assert view.page.evaluate("() => navigator.clipboard.readText()") == shown["command"]
    view.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_the_definition_shows_meaning_remediation_and_lag(view: View) -> None:
    view.menu("k-rate", "Definition")
    dialog = view.page.get_by_role("dialog", name="Delivered share")
    for words in ("What it means, in a", "What to do about it, in a", "Red below 99", "Lag"):
        expect(dialog).to_contain_text(words)
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)


def test_the_pointer_shows_the_exact_numbers(view: View) -> None:
    view.panel("k-stack").locator(".chart").hover(position={"x": 300, "y": 120})
    tip = view.panel("k-stack").locator(".tip")
    expect(tip).to_be_visible()
    expect(tip.locator("span")).to_have_text(["Delivered", "Failed", "Pending"])
    view.page.mouse.move(0, 0)
    expect(tip).to_be_hidden()


def test_the_page_works_with_the_keyboard_only(view: View) -> None:
    page = view.page
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the numbers")
    expect(page.locator(":focus")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    menu = view.panel("k-sent").get_by_role("button", name="Menu of Messages sent")
    expect(menu).to_be_focused()
    assert page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(menu).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator(":focus")).to_have_text("Show SQL")
    page.keyboard.press("Escape")
    expect(menu).to_have_attribute("aria-expanded", "false")
    expect(menu).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Messages sent")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(menu).to_be_focused()


def test_a_filter_by_keyboard(view: View) -> None:
    page = view.page
    page.locator("#filters").get_by_role("button", name="All sources").focus()
    page.keyboard.press("Space")
    expect(page.get_by_placeholder("Find a source")).to_be_focused()
    expect(page.locator(".menu:popover-open label.item")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.locator("#filters").get_by_role("button", name="shop")).to_be_visible()
    sent(view, count(lambda message: message.source == "shop")["sent"])


def test_the_chosen_colour_scheme_is_kept(browser: Browser, site: Site) -> None:
    view = View(browser, site, color_scheme="dark").open(START)
    background = "() => getComputedStyle(document.body).backgroundColor"
    line = "() => document.querySelector('#panel-k-line .chart').data[0].line.color"
    dark, dark_line = view.page.evaluate(background), view.page.evaluate(line)
    assert dark == "rgb(13, 18, 24)"
    view.page.locator("#theme").click()
    assert view.page.evaluate(background) == "rgb(243, 245, 248)"
    expect(view.page.locator("#theme")).to_have_attribute("aria-label", "Colours: light. Change to dark")
    assert view.page.evaluate(line) != dark_line
    view.page.reload()
    view.settle()
    assert view.page.evaluate(background) == "rgb(243, 245, 248)"
    view.page.locator("#theme").click()
    view.page.locator("#theme").click()
    assert view.page.evaluate(background) == dark
    assert view.context.cookies() == []
    view.close()


@pytest.mark.parametrize("width", [320, 768, 1920])
def test_nothing_overflows_at_any_width(browser: Browser, site: Site, width: int) -> None:
    view = View(browser, site, viewport={"width": width, "height": 800}, has_touch=width < 800)
    for path in (START, "/odd?range=7d&zone=UTC"):
        view.open(path)
        # A chart is laid out after its numbers have come.
        view.page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth", timeout=WAIT_MS)
        boxes = view.page.locator(".panel").evaluate_all("all => all.map((each) => each.getBoundingClientRect().right)")
        assert max(boxes) <= width
    view.close("status of 50[23]")


def test_print_has_no_controls_and_light_colours(view: View) -> None:
    view.page.emulate_media(media="print", color_scheme="dark")
    view.page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    expect(view.page.locator("#filters")).to_be_hidden()
    assert view.page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert len(view.page.pdf()) > 10_000
    view.page.evaluate("() => dispatchEvent(new Event('afterprint'))")
    view.page.emulate_media(media="screen", color_scheme="light")
