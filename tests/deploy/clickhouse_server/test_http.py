# ruff: noqa: S310, S608 - the URL is that of the server under test, the SQL is made by the tests
"""The HTTP interface as curl, browsers and Grafana use it."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import urllib.request
import zlib
from collections.abc import Callable
from typing import Any

import lz4.frame
import pytest
import zstandard

ADMIN = ("admin", "invented-1")
VIEWER = ("viewer", "invented-2")


@pytest.fixture(scope="module", autouse=True)
def numbers_table(server: Any) -> None:
    server.ok("CREATE TABLE n (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
    server.ok("INSERT INTO n SELECT number, toString(number) FROM numbers(10)")


@pytest.mark.parametrize(("path", "method"), [("/ping", "GET"), ("/", "GET"), ("/replicas_status", "GET")])
def test_health_needs_no_password(server: Any, path: str, method: str) -> None:
    reply = server.http(path, method=method)
    assert (reply.status, reply.text) == (200, "Ok.\n")


def test_head_does_not_run_the_query(server: Any) -> None:
    assert server.http("/", method="HEAD", query="DROP TABLE n", user=ADMIN[0], password=ADMIN[1]).status == 200
    assert server.ok("SELECT count() FROM n") == "10\n"


def test_unknown_paths_and_methods(server: Any) -> None:
    assert server.http("/nowhere").status == 404
    assert server.http("/", b"x", method="PUT").status == 405


@pytest.mark.parametrize(
    ("headers", "params"),
    [
        ({"X-ClickHouse-User": ADMIN[0], "X-ClickHouse-Key": ADMIN[1]}, {}),
        ({}, {"user": ADMIN[0], "password": ADMIN[1]}),
        ({"Authorization": "Basic YWRtaW46aW52ZW50ZWQtMQ=="}, {}),
    ],
)
def test_three_ways_to_log_in(server: Any, headers: dict[str, str], params: dict[str, str]) -> None:
    reply = server.http("/", b"SELECT currentDatabase()", headers, **params)
    assert (reply.status, reply.text) == (200, "default\n")


@pytest.mark.parametrize(
    ("headers", "params"),
    [
        ({}, {}),
        ({}, {"user": "admin", "password": "wrong"}),
        ({}, {"user": "nobody", "password": ""}),
        ({}, {"user": "", "password": ""}),
        ({"X-ClickHouse-User": "admin"}, {}),
        ({"Authorization": "Bearer x"}, {}),
        ({"Authorization": "Basic ***"}, {}),
        ({"Authorization": "Basic \u00e9"}, {}),
        ({"Authorization": "Basic gICA"}, {}),
        ({"X-ClickHouse-Key": "\u00e9"}, {}),
        ({"X-ClickHouse-User": ADMIN[0], "X-ClickHouse-Key": ADMIN[1]}, {"user": ADMIN[0]}),
    ],
)
def test_wrong_credentials_are_refused(server: Any, headers: dict[str, str], params: dict[str, str]) -> None:
    reply = server.http("/", b"SELECT 1", headers, **params)
    assert (reply.status, reply.code) == (403, 516)
    assert "uthentication" in reply.text
    assert "(AUTHENTICATION_FAILED) (version 26." in reply.text


CHUNKED = b"POST /?user=admin&password=invented-1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /?password=hidden&query=SELECT+hidden HTTP/1.1\r\nAuthorization : hidden\r\n\r\n",
        b"POST / HTTP/1.1\r\nAuthorization: Basic hidden\x00\r\n\r\n",
        b"GET /?password=hidden HTTP/x\r\n\r\n",
        b"GET http://[hidden/ HTTP/1.1\r\n\r\n",
        b"SELECT hidden\r\n\r\n",
        CHUNKED + b"hidden\r\n",
        CHUNKED + b"8\r\nSELECT 1\r\nhidden\r\n",
    ],
)
def test_invalid_requests_are_not_quoted(server: Any, request_bytes: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(request_bytes)
        answer = connection.makefile("rb").read()
    assert answer.split(b" ", 2)[1] == b"400"
    assert b"DB::Exception" in answer
    assert b"hidden" not in answer
    assert "hidden" not in server.log.read_text()


def test_texts_that_are_no_utf8_are_refused(server: Any) -> None:
    odd = "\u00ff"  # urllib sends headers in Latin-1
    assert server.sql("SELECT 1", headers={"X-ClickHouse-Database": odd}).code == 36
    form = b'--s\r\nContent-Disposition: form-data; name="param_a"\r\n\r\n\xff\r\n--s--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=s"}
    assert server.sql(form, query="SELECT {a:String}", headers=headers).code == 36
    assert server.sql("SELECT 1", headers={"Expect": odd}).text == "1\n"
    assert server.log.read_text() == ""


def test_answer_carries_the_usual_headers(server: Any) -> None:
    reply = server.sql("SELECT a FROM n FORMAT JSON", query_id="my-query")
    assert reply.headers["X-ClickHouse-Query-Id"] == "my-query"
    assert reply.headers["X-ClickHouse-Format"] == "JSON"
    assert reply.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert reply.headers["X-ClickHouse-Server-Display-Name"]
    assert reply.headers["X-ClickHouse-Timezone"]
    assert reply.summary["read_rows"] == reply.summary["result_rows"] == "10"
    assert int(reply.summary["read_bytes"]) > 0
    assert int(reply.summary["elapsed_ns"]) > 0
    assert all(isinstance(value, str) for value in reply.summary.values())
    assert (
        server.sql("SELECT 1").headers["X-ClickHouse-Query-Id"]
        != server.sql("SELECT 1").headers["X-ClickHouse-Query-Id"]
    )


def test_query_in_the_url_the_body_or_both(server: Any) -> None:
    admin = {"user": ADMIN[0], "password": ADMIN[1]}
    assert server.http("/", query="SELECT 1", **admin).text == "1\n"
    assert server.http("/", b"SELECT 1", **admin).text == "1\n"
    assert server.http("/", b"+ 2", query="SELECT 1", **admin).text == "3\n"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert server.http("/", b"SELECT '%41'", form, **admin).text == "%41\n"  # curl -d says it is a form; it is SQL


def test_get_may_not_write(server: Any) -> None:
    for statement in ("DROP TABLE n", "INSERT INTO n VALUES (1, 'x')", "INSERT INTO n SELECT 1, 'x'"):
        reply = server.http("/", query=statement, user=ADMIN[0], password=ADMIN[1])
        assert (reply.status, reply.code) == (403, 164)
    assert server.ok("SELECT count() FROM n") == "10\n"


def test_parameters_settings_and_database_hold_for_one_request(server: Any) -> None:
    assert server.ok("SELECT {a:UInt8} + 1, {s:String}", param_a="41", param_s="it's \\t") == "42\tit\\'s \\t\n"
    assert server.ok("SELECT {l:Array(String)}", param_l="['x','y']") == "['x','y']\n"
    assert server.ok("SELECT getSetting('max_block_size')", max_block_size="123") == "123\n"
    assert server.ok("SELECT getSetting('max_block_size')") != "123\n"
    server.ok("SET max_block_size = 77", session_id="s")
    assert server.ok("SELECT getSetting('max_block_size')", session_id="s") != "77\n"
    server.ok("CREATE DATABASE other")
    assert server.ok("SELECT currentDatabase()", database="other") == "other\n"
    assert server.sql("SELECT currentDatabase()", headers={"X-ClickHouse-Database": "other"}).text == "other\n"
    assert server.ok("SELECT currentDatabase()") == "default\n"


def test_multipart_forms(server: Any) -> None:
    parts = {"query": "SELECT {a:UInt8}, {b:String}", "param_a": "3", "param_b": "x"}
    body = "".join(f'--sep\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in parts.items())
    headers = {"Content-Type": "multipart/form-data; boundary=sep"}
    assert server.sql(body + "--sep--\r\n", headers=headers).text == "3\tx\n"
    upload = '--sep\r\nContent-Disposition: form-data; name="t"; filename="t"\r\n\r\n1\r\n--sep--\r\n'
    assert server.sql(upload, headers=headers, query="SELECT 1").code == 48
    assert server.sql("--sep\r\nbroken", headers=headers).status == 400


FORMATS: dict[str, Callable[[bytes], bool]] = {
    "JSON": lambda b: json.loads(b)["rows"] == 10,
    "JSONCompact": lambda b: len(json.loads(b)["data"]) == 10,
    "JSONEachRow": lambda b: [json.loads(line)["a"] for line in b.splitlines()] == list(range(10)),
    "CSV": lambda b: b.startswith(b'0,"0"\n1,"1"\n'),
    "CSVWithNames": lambda b: b.startswith(b'"a","s"\n0,"0"\n'),
    "TabSeparated": lambda b: b.startswith(b"0\t0\n1\t1\n"),
    "TSVWithNamesAndTypes": lambda b: b.startswith(b"a\ts\nUInt64\tString\n"),
    "TabSeparatedRaw": lambda b: b.count(b"\n") == 10,
    "Pretty": lambda b: "┃".encode() in b,
    "PrettyCompactMonoBlock": lambda b: "┌".encode() in b,
    "Vertical": lambda b: b.startswith(b"Row 1:"),
    "XML": lambda b: b.startswith(b"<?xml"),
    "Native": lambda b: b.startswith(b"\x02\x0a\x01a\x06UInt64"),
    "RowBinary": lambda b: b[:10] == struct.pack("<Q", 0) + b"\x010",
    "RowBinaryWithNamesAndTypes": lambda b: b.startswith(b"\x02\x01a\x01s\x06UInt64"),
    "Parquet": lambda b: b[:4] == b[-4:] == b"PAR1",
    "Arrow": lambda b: b[:6] == b"ARROW1",
    "ArrowStream": lambda b: b[:4] == b"\xff\xff\xff\xff",
    "Avro": lambda b: b[:3] == b"Obj",
    "Markdown": lambda b: b.startswith(b"| a | s |"),
    "Null": lambda b: b == b"",
}


@pytest.mark.parametrize("fmt", FORMATS)
def test_formats_by_clause_and_by_default(server: Any, fmt: str) -> None:
    by_clause = server.sql(f"SELECT a, s FROM n ORDER BY a FORMAT {fmt}")
    by_default = server.sql("SELECT a, s FROM n ORDER BY a;", default_format=fmt)
    by_header = server.sql("SELECT a, s FROM n ORDER BY a -- end", headers={"X-ClickHouse-Format": fmt})
    for reply in (by_clause, by_default, by_header):
        assert reply.status == 200
        assert FORMATS[fmt](reply.body)
        assert reply.headers["X-ClickHouse-Format"] == fmt
    assert server.sql("SELECT 1 FORMAT CSV", default_format=fmt).text == "1\n"


def test_content_types(server: Any) -> None:
    def kind(fmt: str) -> str:
        return str(server.sql("SELECT 1", default_format=fmt).headers["Content-Type"])

    assert kind("TabSeparated") == "text/tab-separated-values; charset=UTF-8"
    assert kind("CSVWithNames") == "text/csv; charset=UTF-8; header=present"
    assert kind("JSONEachRow") == "application/x-ndjson; charset=UTF-8"
    assert kind("Native") == "application/octet-stream"


@pytest.mark.parametrize(
    ("sql", "status", "code", "name"),
    [
        ("SELECT * FROM nowhere", 404, 60, "UNKNOWN_TABLE"),
        ("SELECT nothing", 404, 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT nowhere(1)", 404, 46, "UNKNOWN_FUNCTION"),
        ("SELECT 1 FORMAT Nothing", 404, 73, "UNKNOWN_FORMAT"),
        ("SELECT FROM WHERE", 400, 62, "SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", 400, 62, "SYNTAX_ERROR"),
        ("DROP TABLE n; nonsense nonsense nonsense", 400, 62, "SYNTAX_ERROR"),
        ("  -- nothing", 400, 62, "SYNTAX_ERROR"),
        ("SELECT {a:UInt8}", 400, 456, "UNKNOWN_QUERY_PARAMETER"),
        ("SELECT throwIf(1)", 500, 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("SELECT toUInt8('x')", 400, 6, "CANNOT_PARSE_TEXT"),
    ],
)
def test_errors_have_status_code_and_text(server: Any, sql: str, status: int, code: int, name: str) -> None:
    reply = server.sql(sql)
    assert (reply.status, reply.code) == (status, code), reply.text
    assert reply.text.startswith(f"Code: {code}. DB::Exception: ")
    assert f"({name}) (version 26." in reply.text
    assert reply.text.count(f"({name})") == 1
    assert server.ok("SELECT count() FROM n") == "10\n"


def test_errors_of_parameters(server: Any) -> None:
    assert server.sql("SELECT 1", no_such_setting="1").code == 115
    assert server.sql("SELECT 1", **{"a`=1": "1"}).code == 115
    assert server.sql("SELECT 1", database="nowhere").code == 81
    assert server.sql("SELECT 1", compress="1").code == 48
    assert server.sql("SELECT 1", default_format="TSV SETTINGS max_threads = 1").code == 36


UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "zstd": lambda b: zstandard.ZstdDecompressor().decompressobj().decompress(b),
    "lz4": lambda b: bytes(lz4.frame.decompress(b)),
}
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": lambda b: zstandard.ZstdCompressor().compress(b),
    "lz4": lambda b: bytes(lz4.frame.compress(b)),
}


@pytest.mark.parametrize("encoding", UNPACK)
@pytest.mark.parametrize("rows", [0, 10, 400_000])
def test_answers_are_compressed_when_asked(server: Any, encoding: str, rows: int) -> None:
    reply = server.sql(f"SELECT number FROM numbers({rows})", headers={"Accept-Encoding": encoding})
    assert reply.headers["Content-Encoding"] == encoding
    assert UNPACK[encoding](reply.body) == b"".join(b"%d\n" % n for n in range(rows))


def test_answers_are_plain_otherwise(server: Any) -> None:
    assert "Content-Encoding" not in server.sql("SELECT 1").headers
    assert "Content-Encoding" not in server.sql("SELECT 1", headers={"Accept-Encoding": "br, gzip;q=0"}).headers
    plain = server.sql("SELECT 1", headers={"Accept-Encoding": "gzip"}, enable_http_compression="0")
    assert plain.body == b"1\n"


@pytest.mark.parametrize("encoding", PACK)
def test_bodies_may_be_compressed(server: Any, encoding: str) -> None:
    body = PACK[encoding](b"SELECT 40 + 2")
    assert server.sql(body, headers={"Content-Encoding": encoding}).text == "42\n"
    for broken in (b"xxxx" + body[4:], body[:-5]):
        reply = server.sql(broken, headers={"Content-Encoding": encoding})
        assert (reply.status, reply.code) == (400, 271)


def test_unknown_encoding_of_the_body(server: Any) -> None:
    assert server.sql(b"x", headers={"Content-Encoding": "br"}).code == 48


def test_greeting_of_clickhouse_go(server: Any) -> None:
    sql = "SELECT displayName(), version(), revision(), timezone()"
    body = server.sql(sql, default_format="Native", client_protocol_version="54460").body
    assert body.startswith(b"\x01\x00\x02\xff\xff\xff\xff\x00\x04\x01\x0ddisplayName()\x06String\x00")
    at = body.index(b"\x0arevision()\x06UInt32\x00") + len(b"\x0arevision()\x06UInt32\x00")
    assert body[at : at + 4] == b"\x00\x00\x00\x00"
    old = server.sql(sql, default_format="Native").body
    assert old.startswith(b"\x04\x01\x0ddisplayName()\x06String")
    assert server.ok("SELECT 1", default_format="TSV", client_protocol_version="54460") == "1\n"


def test_long_statements_and_urls(server: Any) -> None:
    ids = ",".join(str(n) for n in range(40_000))
    assert server.ok(f"SELECT count() FROM n WHERE a IN ({ids})") == "10\n"
    url = f"{server.url}/?user={ADMIN[0]}&password={ADMIN[1]}&query=SELECT+length('{'x' * 200_000}')"
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"200000\n"


def test_longer_statements_are_refused_before_they_are_read(server: Any) -> None:
    longer = b"SELECT count() FROM n WHERE a IN (" + b"1," * 150_000 + b"1)"
    for reply in (
        server.sql(longer),
        server.sql(longer, user=VIEWER),
        server.sql(gzip.compress(longer), headers={"Content-Encoding": "gzip"}),
        server.sql(b"-- the end", query=longer.decode()),
    ):
        assert (reply.status, reply.code) == (413, 229)
    assert server.ok(b"(0, 'x')," * 50_000, query="INSERT INTO FUNCTION null('a UInt64, s String') VALUES") == ""


def test_non_ascii_and_binary_text(server: Any) -> None:
    assert server.ok("SELECT 'ação 📩', length('\u20ac')") == "ação 📩\t3\n"
    assert server.sql(b"SELECT hex('\xff\xfe')").text == "FFFE\n"
