"""clickhouse-connect, the client of everything else in this project, against the server."""

# ruff: noqa: S608
from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID

import pytest
from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

TYPES = {
    "id": ("UInt64", 2**64 - 1),
    "small": ("Int8", -128),
    "huge": ("UInt256", 2**256 - 1),
    "real": ("Float64", 1.5),
    "yes": ("Bool", True),
    "text": ("String", "ação 📩\n\t'\"\\"),
    "fixed": ("FixedString(3)", b"abc"),
    "maybe": ("Nullable(String)", None),
    "word": ("LowCardinality(String)", "delivered"),
    "maybe_word": ("LowCardinality(Nullable(String))", None),
    "day": ("Date", date(2026, 2, 28)),
    "at": ("DateTime64(3, 'UTC')", datetime(2026, 2, 28, 12, 0, 0, 123000, tzinfo=UTC)),
    "maybe_at": ("Nullable(DateTime64(6, 'UTC'))", datetime(2026, 2, 28, 12, 0, 0, 123456, tzinfo=UTC)),
    "price": ("Decimal(18, 4)", Decimal("12345.6789")),
    "list": ("Array(Nullable(Int32))", [1, None, 3]),
    "dict": ("Map(String, UInt64)", {"a": 1, "b": 2}),
    "pair": ("Tuple(String, UInt8)", ("x", 7)),
    "kind": ("Enum8('in' = 1, 'out' = 2)", "out"),
    "uuid": ("UUID", UUID("12345678-1234-5678-1234-567812345678")),
    "ip": ("IPv4", IPv4Address("192.0.2.7")),
    "nested": ("Array(Tuple(String, Array(UInt8)))", [("a", [1, 2]), ("b", [])]),
    "json_text": ("String", '{"a": {"b": [1, 2, null]}}'),
}


@pytest.fixture(scope="module")
def client(server: Any) -> Iterator[Client]:
    with server.client(tz_mode="aware") as client:
        yield client


@pytest.fixture
def table(client: Client) -> Iterator[str]:
    columns = ", ".join(f"`{name}` {kind}" for name, (kind, _) in TYPES.items())
    client.command(f"CREATE TABLE every_type ({columns}) ENGINE = MergeTree ORDER BY id")
    yield "every_type"
    client.command("DROP TABLE every_type")


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
def test_every_type_comes_back_as_it_went(server: Any, table: str, compress: str | bool) -> None:
    row = [value for _, value in TYPES.values()]
    with server.client(compress=compress, tz_mode="aware") as client:
        summary = client.insert(table, [row] * 3, column_names=list(TYPES))
        assert summary.written_rows == 3
        result = client.query(f"SELECT * FROM {table}")
    assert result.column_names == tuple(TYPES)
    assert [list(row) for row in result.result_rows] == [row] * 3
    assert result.summary["read_rows"] == result.summary["result_rows"] == "3"


def test_bound_parameters(client: Client) -> None:
    parameters = {"s": "it's \\ a \t tab\n", "n": 7, "l": ["a'b", "c"], "d": datetime(2026, 1, 2, 3, 4, 5)}
    rows = client.query(
        "SELECT {s:String}, {n:UInt32} + 1, {l:Array(String)}, {d:DateTime}", parameters=parameters
    ).result_rows
    assert rows[0][0] == parameters["s"]
    assert rows[0][1] == 8
    assert rows[0][2] == parameters["l"]


def test_parameters_as_a_form(server: Any) -> None:
    with server.client(form_encode_query_params=True) as client:
        assert client.query("SELECT {n:UInt32} + 1", parameters={"n": 1}).result_rows == [(2,)]
        assert client.command("SELECT {n:UInt32} + 1", parameters={"n": 2}) == 3


def test_settings_hold_for_one_query(client: Client) -> None:
    query = "SELECT toUInt64(getSetting('max_block_size'))"
    assert client.query(query, settings={"max_block_size": 1234}).first_row == (1234,)
    assert client.query(query).first_row != (1234,)


def test_columns_of_an_empty_result(client: Client) -> None:
    result = client.query("SELECT number, 'x' AS s FROM numbers(5) LIMIT 0")
    assert (result.column_names, result.result_rows) == (("number", "s"), [])
    assert client.query("SELECT number FROM numbers(5) WHERE number > 9").result_rows == []


def test_raw_formats(client: Client) -> None:
    assert client.raw_query("SELECT 1 AS a", fmt="JSONEachRow") == b'{"a":1}\n'
    with client.raw_stream("SELECT number FROM numbers(3)", fmt="CSV") as stream:
        assert stream.read() == b"0\n1\n2\n"
    client.command("CREATE TABLE raw (a UInt8, b String) ENGINE = Memory")
    for packed in (None, "lz4", "zstd", "gzip"):
        client.raw_insert("raw", ["a", "b"], _packed(packed, b"1,x\n2,y\n"), fmt="CSV", compression=packed)
    assert client.command("SELECT count() FROM raw") == 8


def _packed(name: str | None, data: bytes) -> bytes:
    import gzip

    import lz4.frame
    import zstandard

    if name == "lz4":
        return bytes(lz4.frame.compress(data))
    if name == "zstd":
        return zstandard.ZstdCompressor().compress(data)
    return gzip.compress(data) if name == "gzip" else data


def test_numpy_pandas_and_arrow(client: Client) -> None:
    query = "SELECT number, toString(number) AS s FROM numbers(1000)"
    assert client.query_df(query)["number"].sum() == 499500
    assert client.query_np("SELECT number FROM numbers(10)").shape == (10, 1)
    assert client.query_arrow(query).num_rows == 1000
    frame = client.query_df(query)
    client.command("CREATE TABLE frame (number UInt64, s String) ENGINE = Memory")
    assert client.insert_df("frame", frame).written_rows == 1000


def test_streaming_of_blocks(client: Client) -> None:
    seen = 0
    with client.query_row_block_stream("SELECT number FROM numbers(500000)") as stream:
        for block in stream:
            assert block[0][0] == seen
            seen += len(block)
    assert seen == 500_000


def test_an_error_in_mid_stream_is_noticed(client: Client) -> None:
    query = "SELECT number, throwIf(number > 3000000, 'too far') FROM numbers(5000000)"
    with client.query_row_block_stream(query) as stream, pytest.raises(StreamFailureError, match="too far"):
        for _ in stream:
            pass
    with pytest.raises(DatabaseError, match="too far") as error:
        client.query(query)
    assert error.value.code == 395


@pytest.mark.parametrize(
    ("sql", "code"), [("SELECT nope", 47), ("DROP TABLE nope", 60), ("SELEC", 62), ("SELECT * FROM a.b", 81)]
)
def test_errors_carry_their_code(client: Client, sql: str, code: int) -> None:
    with pytest.raises(DatabaseError) as error:
        client.command(sql)
    assert error.value.code == code


def test_a_refused_insert_keeps_nothing(client: Client) -> None:
    client.command("CREATE TABLE strict (a UInt8, CONSTRAINT small CHECK a < 10) ENGINE = MergeTree ORDER BY a")
    with pytest.raises(DatabaseError, match="small"):
        client.insert("strict", [[1], [99]], column_names=["a"])
    assert client.command("SELECT count() FROM strict") == 0


def test_the_viewer_can_use_the_client(server: Any, client: Client) -> None:
    client.command("CREATE TABLE seen (a UInt8) ENGINE = MergeTree ORDER BY a")
    client.insert("seen", [[1], [2]], column_names=["a"])
    with server.client(("viewer", "invented-2")) as viewer:
        assert viewer.query("SELECT sum(a) FROM seen WHERE a >= {low:UInt8}", parameters={"low": 1}).first_row == (3,)
        assert viewer.query_df("SELECT * FROM seen").shape == (2, 1)
        assert viewer.query("DESCRIBE TABLE seen").first_row[0] == "a"
        with pytest.raises(DatabaseError) as error:
            viewer.insert("seen", [[3]], column_names=["a"])
        assert error.value.code == 164


def test_wrong_password(server: Any) -> None:
    with pytest.raises(DatabaseError) as error:
        server.client(("admin", "wrong"))
    assert error.value.code == 516
