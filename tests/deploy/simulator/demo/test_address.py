"""The page accepts the address that the demo prints, and shows the demo's messages alone."""

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from multidict import MultiDict

from dashboards.catalogue import DASHBOARDS
from dashboards.page.selection import Extent, parse_selection
from deploy.simulator.demo.run import page_query
from tests.deploy.simulator.demo_traffic import NOW, demo_traffic


def test_the_page_shows_every_day_of_the_demo_and_its_sources_alone() -> None:
    traffic = demo_traffic(800)
    address = urlsplit(page_query(traffic))
    assert address.path.strip("/") in {dashboard.id for dashboard in DASHBOARDS}
    question = parse_selection(MultiDict(parse_qsl(address.query)), datetime.fromtimestamp(NOW / 1000, UTC), Extent())
    days = {group.cohort_day for group in traffic.truth.rates}
    assert len(days) > 5
    assert question.zone == "UTC"
    assert question.span.start == datetime.fromisoformat(f"{min(days)}T00:00:00Z")
    assert (question.span.end - datetime.fromisoformat(f"{max(days)}T00:00:00Z")).days == 1
    assert question.filters["sources"] == ("demo-meta", "demo-wasender", "demo-zapini")
    assert not question.filters["templates"]
    assert not question.filters["campaigns"]
