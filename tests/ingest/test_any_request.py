"""No request makes the edge fail: it answers, or closes the connection, and its log has no failure."""

from collections.abc import Iterator

import pytest
from hypothesis import given

from tests.ingest.edge_process import EdgeProcess
from tests.support.raw_http import exchange, requests, status

pytestmark = pytest.mark.fuzz

PATHS = (
    "/webhooks/meta", "/webhooks/wasender", "/webhooks/twilio", "/webhooks/open", "/webhooks/none", "/sent/meta",
    "/healthz", "/readyz", "/metrics", "/",
)  # fmt: skip
QUERIES = ("raw", "hub.mode", "hub.challenge", "hub.verify_token", "token", "bodySHA256", "x")


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeProcess]:
    """A process of the edge without Kafka: it stores what it accepts in its spool."""
    made = EdgeProcess(tmp_path_factory.mktemp("edge"), "127.0.0.1:1", {"strangers_per_minute": 0})
    try:
        yield made.start().wait("/healthz")
    finally:
        made.close()


@given(requests(PATHS, QUERIES))
def test_any_request(edge: EdgeProcess, request: bytes) -> None:
    assert status(exchange(edge.port, request)) not in (500, 504)
    assert edge.processes[0].poll() is None
    assert "request_failed" not in edge.log
    assert "Traceback" not in edge.log
