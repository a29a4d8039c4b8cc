"""A browser tab with the page, and its console errors and requests."""

import re
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.dashboards.page.site import Site

WAIT_MS = 30_000
# Every trace of a chart as plain lists; Plotly may hold typed arrays.
_TRACES = """id => document.querySelector(`#panel-${id} .chart`).data.map((trace) => ({
  name: trace.name, type: trace.type, customdata: trace.customdata,
  x: Array.from(trace.x), y: Array.from(trace.y), z: trace.z ? trace.z.map((row) => Array.from(row)) : null,
}))"""
_CELLS = """id => [...document.querySelectorAll(`#panel-${id} tbody tr`)].map((row) =>
  [...row.cells].map((cell) => cell.innerText))"""
_TICKS = """id => [...document.querySelectorAll(`#panel-${id} .chart .xtick text`)].map((tick) => tick.textContent)"""


class View:
    """`errors`: errors of the console and the security policy. `requests`: every requested address."""

    def __init__(self, browser: Browser, site: Site, **context: Any) -> None:
        options = {"viewport": {"width": 1280, "height": 900}, "timezone_id": "UTC", "locale": "en-GB"} | context
        self.context = browser.new_context(**options)
        self.site = site
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.page = self.tab()

    def tab(self) -> Page:
        """Another tab of the same browser."""
        page = self.context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        return page

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def open(self, path: str) -> "View":
        """Goes to a path and waits until every panel has its answer."""
        self.page.goto(self.site.url + path)
        return self.settle()

    def settle(self) -> "View":
        """Waits until no panel is loading."""
        expect(self.page.locator(".panel").first).to_be_attached(timeout=WAIT_MS)
        expect(self.page.locator('.panel[aria-busy="true"]')).to_have_count(0, timeout=WAIT_MS)
        return self

    def panel(self, identifier: str) -> Any:
        """The frame of a panel."""
        return self.page.locator(f"#panel-{identifier}")

    def menu(self, identifier: str, item: str) -> None:
        """Chooses an item of a panel's menu."""
        self.panel(identifier).locator("button.more").click()
        self.panel(identifier).locator(".menu .item", has_text=item).click()

    def traces(self, identifier: str) -> list[dict[str, Any]]:
        """What Plotly holds of a chart."""
        found: list[dict[str, Any]] = self.page.evaluate(_TRACES, identifier)
        return found

    def ticks(self, identifier: str) -> list[str]:
        """The labels of the x axis of a chart."""
        found: list[str] = self.page.evaluate(_TICKS, identifier)
        return found

    def cells(self, identifier: str) -> list[list[str]]:
        """The visible texts of a table."""
        found: list[list[str]] = self.page.evaluate(_CELLS, identifier)
        return [[" ".join(cell.split()) for cell in row] for row in found]

    def query(self) -> str:
        """The query string of the address."""
        return self.page.url.partition("?")[2]

    def module(self, name: str, code: str, argument: Any = None) -> Any:
        """Runs a function of one of the page's modules: `code` is an expression over `m` and `a`."""
        version = self.site.get("/api/catalogue").json["version"]
        script = f"async (a) => {{ const m = await import('/static/{version}/{name}.js'); return {code}; }}"
        return self.page.evaluate(script, argument)

    def close(self, *expected: str) -> None:
        """Closes the tab. Fails after a request to another host or an error that is not `expected`."""
        self.context.close()
        foreign = [address for address in self.requests if not address.startswith((self.site.url + "/", "data:"))]
        assert foreign == []
        surprises = [error for error in self.errors if not any(re.search(pattern, error) for pattern in expected)]
        assert surprises == [], "\n".join(surprises)
