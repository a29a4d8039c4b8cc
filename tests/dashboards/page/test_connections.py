"""Connections of the page: slow headers end, and invalid HTTP is answered in JSON without a word of the request."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from dashboards.catalogue import DASHBOARDS
from dashboards.page.app import create_app
from dashboards.page.server import set_up
from schemas.settings.config import Config


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    """The port of a page that needs no database for these requests."""
    runner = await set_up(create_app(Config.model_validate({"data_dir": tmp_path}), DASHBOARDS), head_seconds=0.3)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def test_a_connection_whose_headers_never_end_is_closed(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")  # kept alive, and then:
    writer.write(b"GET /healthz HT")
    rest = await asyncio.wait_for(reader.read(), 30)
    assert b"HTTP/1.1" not in rest
    writer.close()


@pytest.mark.parametrize(
    ("request_line", "status", "code"),
    [
        (b"GARBAGE", b"400", "bad_request"),
        (b"GET /secret HTTP/9.x", b"400", "bad_request"),
        (b"OPTIONS * HTTP/1.1", b"405", "method_not_allowed"),
        (b"CONNECT localhost:443 HTTP/1.1", b"405", "method_not_allowed"),
    ],
)
async def test_invalid_http_is_answered_in_json(request_line: bytes, status: bytes, code: str, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request_line + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    head, _, body = (await asyncio.wait_for(reader.read(), 30)).partition(b"\r\n\r\n")
    writer.close()
    assert head.split(b" ")[1] == status
    assert b"X-Content-Type-Options: nosniff" in head
    assert json.loads(body)["error"] == code
    assert b"secret" not in body
