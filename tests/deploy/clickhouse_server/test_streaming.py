"""Large results: not in memory, honest about late errors, ended when nobody reads."""

# ruff: noqa: S608
from __future__ import annotations

import gzip
import http.client
import socket
import zlib
from typing import Any
from urllib.parse import quote_plus

import pytest

from tests.support.waiting import wait_until

HEADERS = {"X-ClickHouse-User": "admin", "X-ClickHouse-Key": "invented-1"}
FAILING = "SELECT number, throwIf(number > 3000000, 'too far') FROM numbers(5000000)"
ENDLESS = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"


def post(server: Any, sql: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", "/", sql.encode(), {**HEADERS, **headers})
    return connection.getresponse()


@pytest.mark.parametrize(("fmt", "least_mb"), [("JSON", 200), ("TSV", 50), ("RowBinaryWithNamesAndTypes", 70)])
def test_five_million_rows_pass_through(server: Any, fmt: str, least_mb: int) -> None:
    server.ok("SELECT number, number FROM numbers(5000000) FORMAT Null")
    server.reset_memory_peak()
    before = server.memory_peak_mb()
    answer = post(server, f"SELECT number, toUInt64(number) AS b FROM numbers(5000000) FORMAT {fmt}")
    size = 0
    while piece := answer.read(1 << 20):
        size += len(piece)
    assert size > least_mb * 1_000_000
    assert server.memory_peak_mb() - before < 100


def test_a_late_error_breaks_the_answer_and_says_why(server: Any) -> None:
    answer = post(server, FAILING)
    assert answer.status == 200
    tag = answer.headers["X-ClickHouse-Exception-Tag"]
    assert len(tag) == 16
    with pytest.raises(http.client.IncompleteRead):
        answer.read()


def test_the_end_of_a_broken_answer_holds_the_exception(server: Any) -> None:
    raw = _everything(server, "")
    assert b"\r\n__exception__\r\n" in raw[-2000:]
    assert b"too far" in raw[-2000:]
    assert not raw.endswith(b"0\r\n\r\n")
    packed = _everything(server, "Accept-Encoding: gzip\r\n").split(b"\r\n\r\n", 1)[1]
    text = zlib.decompressobj(31).decompress(_unchunked(packed))
    assert b"__exception__" in text[-2000:]
    assert b"too far" in text[-2000:]


def _everything(server: Any, head: str) -> bytes:
    auth = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(
            f"POST / HTTP/1.1\r\nHost: x\r\n{auth}{head}Content-Length: {len(FAILING)}\r\n\r\n{FAILING}".encode()
        )
        pieces = []
        while piece := connection.recv(1 << 20):
            pieces.append(piece)
    return b"".join(pieces)


def _unchunked(data: bytes) -> bytes:
    out = bytearray()
    while data:
        size, _, rest = data.partition(b"\r\n")
        out += rest[: int(size, 16)]
        data = rest[int(size, 16) + 2 :]
    return bytes(out)


def test_waiting_for_the_end_gives_errors_a_status(server: Any) -> None:
    reply = server.sql(FAILING, wait_end_of_query="1")
    assert (reply.status, reply.code) == (500, 395)
    reply = server.sql(
        "SELECT number FROM numbers(3000000)", wait_end_of_query="1", headers={"Accept-Encoding": "gzip"}
    )
    assert gzip.decompress(reply.body).count(b"\n") == 3_000_000
    assert reply.summary["result_rows"] == "3000000"


def running(server: Any) -> int:
    return int(
        server.ok(
            "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64(number)%' AND NOT query LIKE '%system%'"
        )
    )


@pytest.mark.parametrize("sql", [ENDLESS, "SELECT sipHash64(number) FROM numbers(1000000000000)"])
@pytest.mark.parametrize("fmt", ["TSV", "JSON"])
def test_a_client_that_goes_away_ends_its_query(server: Any, sql: str, fmt: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/?query=" + quote_plus(f"{sql} FORMAT {fmt}"), headers=HEADERS)
    wait_until("one query runs", lambda: running(server) == 1)
    connection.close()
    wait_until("no query runs", lambda: running(server) == 0)
