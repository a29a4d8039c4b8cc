"""Accessibility of the running page: names, landmarks, headings, sizes, motion."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.dashboards.page.site import Site
from tests.dashboards.page.view import View

START = "/kinds?range=7d&zone=UTC"
# Controls without a name; a name is a label, a text or a title.
_NAMELESS = """() => [...document.querySelectorAll('a, button, input, select, [tabindex="0"]')].filter((each) => {
  const ids = (each.getAttribute('aria-labelledby') ?? '').split(' ');
  const by = ids.map((id) => document.getElementById(id)?.textContent ?? '').join('');
  const label = [...(each.labels ?? [])].map((found) => found.textContent).join('');
  return !(each.getAttribute('aria-label') || by || label || each.textContent || each.title || '').trim();
}).map((each) => each.outerHTML)"""
_DOUBLE = """() => {
  const ids = [...document.querySelectorAll('[id]')].map((each) => each.id);
  return ids.filter((id, at) => ids.indexOf(id) !== at);
}"""
_DANGLING = """() => ['aria-labelledby', 'aria-describedby', 'aria-controls', 'for'].flatMap((name) =>
  [...document.querySelectorAll(`[${name}]`)].flatMap((each) => each.getAttribute(name).split(' '))
    .filter((id) => !document.getElementById(id)))"""
_SMALL = """() => [...document.querySelectorAll('button, input, .dashboards a')].filter((each) => {
  const box = each.getBoundingClientRect();
  return box.width && (box.width < 24 || box.height < 24) && !each.closest('th') && each.type !== 'checkbox';
}).map((each) => `${each.outerHTML.slice(0, 90)} ${each.getBoundingClientRect().height}`)"""
_LEVELS = "() => [...document.querySelectorAll('h1, h2, h3, h4')].map((each) => Number(each.tagName[1]))"
_PICTURES = """() => [...document.querySelectorAll('[role="img"]')].map((each) => [
  each.getAttribute('aria-label') ?? document.getElementById(each.getAttribute('aria-labelledby'))?.textContent ?? '',
  document.getElementById(each.getAttribute('aria-describedby'))?.textContent ?? '',
])"""


@pytest.fixture(scope="module")
def view(browser: Browser, site: Site) -> Iterator[View]:
    seen = View(browser, site, reduced_motion="reduce").open(START)
    yield seen
    seen.close()


def found(view: View, script: str) -> Any:
    return view.page.evaluate(script)


def test_every_control_has_a_name(view: View) -> None:
    assert found(view, _NAMELESS) == []
    for button in ("Dates", "All sources", "All campaigns", "UTC"):
        view.page.locator("#filters").get_by_role("button", name=button).click()
        assert found(view, _NAMELESS) == []
        view.page.keyboard.press("Escape")


def test_ids_are_unique_and_references_resolve(view: View) -> None:
    assert found(view, _DOUBLE) == []
    assert found(view, _DANGLING) == []


def test_the_page_has_its_landmarks_and_one_title(view: View) -> None:
    for role, count in (("banner", 1), ("navigation", 1), ("main", 1), ("contentinfo", 1), ("search", 1)):
        assert view.page.get_by_role(role).count() == count, role  # type: ignore[arg-type]
    levels = found(view, _LEVELS)
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert set(levels) == {1, 2}
    assert found(view, "() => document.documentElement.lang") == "en"


def test_every_panel_is_a_region_and_every_chart_an_image_with_a_description(view: View) -> None:
    names = [panel["title"] for panel in view.site.get("/api/catalogue").json["dashboards"][0]["panels"]]
    for name in names:
        assert view.page.get_by_role("region", name=name, exact=True).count() == 1
    pictures = found(view, _PICTURES)
    assert len(pictures) == 5
    assert all(name and len(words) > 20 for name, words in pictures)


def test_tables_have_a_caption_and_heads_with_a_scope(view: View) -> None:
    table = view.panel("k-table").get_by_role("table")
    assert "By template" in table.locator("caption").text_content()
    assert table.locator("th[scope=col]").count() == table.locator("thead th").count() == 9
    assert view.panel("k-table").locator('.scroll[tabindex="0"]').count() == 1


def test_click_targets_are_large_enough(view: View) -> None:
    assert found(view, _SMALL) == []


def test_reduced_motion_has_no_animations(view: View) -> None:
    moving = "() => document.getAnimations().filter((each) => each.playState === 'running').length"
    view.page.reload(wait_until="commit")
    assert found(view, moving) == 0
    view.settle()
    assert found(view, moving) == 0


def test_colour_is_not_the_only_sign_of_red_or_of_a_series(view: View) -> None:
    assert view.panel("k-rate").locator(".badge.red svg").count() == 1
    assert view.panel("k-rate").locator(".badge.red").text_content().startswith("below")
    dashes = found(view, "() => document.querySelector('#panel-k-line .chart').data.map((trace) => trace.line.dash)")
    assert len(set(dashes)) == 2
