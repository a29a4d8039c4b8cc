"""No request makes the local ClickHouse server fail: it answers, or closes the connection; its log stays empty."""

from typing import Any

import pytest
from hypothesis import given

from tests.support.raw_http import exchange, requests, status

pytestmark = pytest.mark.fuzz

LOGIN = "?user=viewer&password=invented-2&query=SELECT+1"
PATHS = ("/", "/ping", *[f"/{LOGIN}"] * 3, "/?user=viewer&password=invented-2")
QUERIES = ("query", "user", "database", "default_format", "query_id", "param_a", "max_threads", "x", "session_id")


@given(requests(PATHS, QUERIES))
def test_any_request(server: Any, request: bytes) -> None:
    answer = exchange(server.port, request)
    assert b"its log names the kind" not in answer
    assert status(answer) != 500 or b"DB::Exception" in answer
    assert server.process.poll() is None
    assert server.log.read_text() == ""
