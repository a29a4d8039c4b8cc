"""No request makes the page fail."""

import pytest
from hypothesis import given

from tests.dashboards.page.site import Site
from tests.support.raw_http import exchange, requests, status

pytestmark = pytest.mark.fuzz

PATHS = (
    "/", "/overview", "/api/catalogue", "/api/filters", "/api/freshness", "/api/alerts", "/api/panels/k-rate",
    "/api/panels/k-table.csv", "/api/panels/k-rate/sql", "/static/x/y", "/readyz",
)  # fmt: skip
QUERIES = ("range", "from", "to", "zone", "source", "template", "dashboard", "x")


@given(requests(PATHS, QUERIES))
def test_any_request(site: Site, request: bytes) -> None:
    assert status(exchange(site.port, request)) not in (500, 504)
