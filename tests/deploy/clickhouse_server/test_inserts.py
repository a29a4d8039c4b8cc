"""Inserts in every form: inline, in the body, large, broken, half sent."""

# ruff: noqa: S608
from __future__ import annotations

import gzip
import http.client
import json
import socket
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("table")

AUTH = "X-ClickHouse-User: admin\r\nX-ClickHouse-Key: invented-1\r\n"


@pytest.fixture
def table(server: Any) -> Iterator[None]:
    server.ok("CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
    yield
    server.ok("DROP TABLE t SYNC")


def rows_of(server: Any) -> str:
    return str(server.ok("SELECT a, s FROM t ORDER BY a"))


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("INSERT INTO t FORMAT JSONEachRow", b'{"a":1,"s":"x"}\n{"a":2,"s":"y"}\n'),
        ("INSERT INTO t FORMAT CSV", b'1,"x"\n2,"y"'),
        ("INSERT INTO t FORMAT TSV", b"1\tx\n2\ty\n"),
        ("INSERT INTO t (s, a) FORMAT TSVWithNames", b"s\ta\nx\t1\ny\t2\n"),
        ("INSERT INTO t VALUES", b"(1,'x'), (2, lower('Y'));"),
        ("INSERT INTO t FORMAT RowBinary", b"\x01" + bytes(7) + b"\x01x" + b"\x02" + bytes(7) + b"\x01y"),
        ("", b"INSERT INTO t (a, s) VALUES (1, 'x'), (2, 'y')"),
        ("", b"INSERT INTO t SETTINGS max_insert_threads = 1 FORMAT TSV\n1\tx\n2\ty"),
        ("", b"INSERT INTO t SELECT number + 1, ['x', 'y'][number + 1] FROM numbers(2)"),
        ("", b"INSERT INTO t WITH 1 AS one SELECT one, 'x' UNION ALL SELECT 2, 'y'"),
    ],
)
def test_insert_forms(server: Any, query: str, body: bytes) -> None:
    params = {"query": query} if query else {}
    reply = server.sql(body, **params)
    assert (reply.status, reply.body) == (200, b"")
    assert reply.summary["written_rows"] == "2"
    assert int(reply.summary["written_bytes"]) > 0
    assert rows_of(server) == "1\tx\n2\ty\n"


@pytest.mark.parametrize("fmt", ["Native", "Parquet", "ArrowStream", "RowBinaryWithNamesAndTypes", "Avro", "JSON"])
def test_what_comes_out_goes_in(server: Any, fmt: str) -> None:
    body = server.sql(f"SELECT number AS a, toString(number) AS s FROM numbers(1000) FORMAT {fmt}").body
    reply = server.sql(body, query=f"INSERT INTO t FORMAT {fmt}")
    assert reply.summary["written_rows"] == "1000"
    assert server.ok("SELECT sum(a), uniqExact(s) FROM t") == "499500\t1000\n"


def test_parameters_in_values(server: Any) -> None:
    server.ok("INSERT INTO t VALUES ({a:UInt64}, {s:String})", param_a="7", param_s="it's")
    assert rows_of(server) == "7\tit\\'s\n"


def test_default_format_of_the_request(server: Any) -> None:
    assert server.sql(b"1\tx\n", query="INSERT INTO t FORMAT TSV").status == 200
    assert server.sql(b"", query="INSERT INTO t FORMAT JSONEachRow").summary["written_rows"] == "0"


def test_an_error_anywhere_in_the_data_is_an_error_status(server: Any) -> None:
    for bad in (b"x\ty\n", b"1\tx\n" * 200_000 + b"broken\n" + b"1\tx\n" * 200_000):
        reply = server.sql(bad, query="INSERT INTO t FORMAT TSV")
        assert (reply.status, reply.code) == (400, 27), reply.text[:200]
    assert server.sql(b"1", query="INSERT INTO nowhere FORMAT TSV").code == 60
    assert server.sql(b"1", query="INSERT INTO t FORMAT Nowhere").code == 73
    assert server.sql(b"1", query="INSERT INTO t (nothing) FORMAT TSV").code == 16
    assert rows_of(server) == ""


def test_what_the_pipeline_refuses_is_an_error(server: Any) -> None:
    server.ok("CREATE TABLE strict (a UInt8, CONSTRAINT small CHECK a < 10) ENGINE = MergeTree ORDER BY a")
    server.ok("CREATE TABLE watched (a UInt8) ENGINE = MergeTree ORDER BY a")
    server.ok("CREATE MATERIALIZED VIEW seen ENGINE = Memory AS SELECT throwIf(a = 7) AS x FROM watched")
    for name, bad, code in (("strict", b"1\n99\n", 469), ("watched", b"1\n7\n", 395)):
        assert server.sql(bad, query=f"INSERT INTO {name} FORMAT TSV").code == code
        assert server.sql(b"1\n2\n", query=f"INSERT INTO {name} FORMAT TSV").status == 200
    assert server.ok("SELECT count() FROM strict") == "2\n"


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_large_insert_is_not_held_in_memory(server: Any, encoding: str) -> None:
    server.ok("CREATE TABLE sink (a UInt64, s String) ENGINE = Null")
    piece = (b'{"a":1,"s":"' + b"x" * 4000 + b'"}\n') * 250
    count = 300  # MB

    def body() -> Iterator[bytes]:
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        for _ in range(count):
            if data := packer.compress(piece) if encoding == "gzip" else piece:
                yield data
        if encoding == "gzip":
            yield packer.flush()

    server.reset_memory_peak()
    before = server.memory_peak_mb()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    headers = {"X-ClickHouse-User": "admin", "X-ClickHouse-Key": "invented-1", "Transfer-Encoding": "chunked"}
    headers["Content-Encoding"] = encoding
    target = "/?query=INSERT+INTO+sink+FORMAT+JSONEachRow&max_insert_block_size=2000&min_insert_block_size_rows=2000"
    connection.request("POST", target + "&min_insert_block_size_bytes=8000000", body(), headers, encode_chunked=True)
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["written_rows"] == str(count * 250)
    connection.close()
    server.ok("DROP TABLE sink")
    assert server.memory_peak_mb() - before < 240  # not even once


def raw_request(server: Any, head: str, body: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    connection.sendall(f"POST /?query=INSERT+INTO+t+FORMAT+TSV HTTP/1.1\r\nHost: x\r\n{AUTH}{head}\r\n".encode() + body)
    return connection


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("Content-Length: 1000\r\n", b"1\tx\n2\ty\n"),
        ("Transfer-Encoding: chunked\r\n", b"8\r\n1\tx\n2\ty\n\r\n"),
        ("Content-Length: 1000\r\nContent-Encoding: gzip\r\n", gzip.compress(b"1\tx\n2\ty\n", mtime=0)),
    ],
)
def test_a_body_that_breaks_off_inserts_nothing(server: Any, head: str, body: bytes) -> None:
    for _ in range(10):
        raw_request(server, head, body).close()
    raw_request(server, head, b"").close()
    wait_until(
        "no INSERT runs", lambda: server.ok("SELECT count() FROM system.processes WHERE query LIKE 'INSERT%'") == "0\n"
    )
    assert rows_of(server) == ""


def test_requests_broken_off_at_any_moment_leave_nothing_behind(server: Any) -> None:
    for size in (0, 10, 100_000, 1_000_000):
        for _ in range(12):  # 48 in all: more than may run at a time
            raw_request(server, "Content-Length: 5000000\r\n", b"1\tx\n" * (size // 4)).close()
    wait_until("only this query runs", lambda: server.sql("SELECT count() FROM system.processes").text == "1\n")
    with ThreadPoolExecutor(24) as pool:
        replies = list(pool.map(lambda _: server.sql("SELECT 1").status, range(48)))
    assert set(replies) == {200}
    assert rows_of(server) == ""


def test_readers_and_writers_at_the_same_time(server: Any) -> None:
    def write(n: int) -> int:
        body = b"".join(b"%d\tx\n" % (n * 500 + i) for i in range(500))
        return int(server.sql(body, query="INSERT INTO t FORMAT TSV").status)

    def read(_: int) -> int:
        return int(server.ok("SELECT count() FROM t"))

    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(write, n) for n in range(40)]
        reads = [pool.submit(read, n) for n in range(40)]
    assert {future.result() for future in writes} == {200}
    assert all(future.result() % 500 == 0 for future in reads)
    assert server.ok("SELECT count(), uniqExact(a) FROM t") == "20000\t20000\n"
