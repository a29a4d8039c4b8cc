"""Where data begin and where formats are named, in every spelling that hides a keyword."""

import pytest

from deploy.local.clickhouse_server.statement import first_word, insert_head, is_blank, split_output


@pytest.mark.parametrize(
    ("sql", "statement", "fmt", "data"),
    [
        (b"INSERT INTO t FORMAT TSV\n1\t2", b"INSERT INTO t ", "TSV", b"1\t2"),
        (b"insert into t format JSONEachRow {}", b"insert into t ", "JSONEachRow", b"{}"),
        (b"INSERT INTO t FORMAT CSV  \r\n1", b"INSERT INTO t ", "CSV", b"1"),
        (b"INSERT INTO t FORMAT TSV\n\n1", b"INSERT INTO t ", "TSV", b"\n1"),
        (b"INSERT INTO t VALUES (1)", b"INSERT INTO t ", "Values", b" (1)"),
        (b"INSERT INTO db.format (`values`, b) FORMAT Native\n\x01",
         b"INSERT INTO db.format (`values`, b) ", "Native", b"\x01"),
        (b"INSERT INTO format FORMAT CSV 1", b"INSERT INTO format ", "CSV", b"1"),
        (b"INSERT INTO TABLE \"format\" FORMAT CSV 1", b'INSERT INTO TABLE "format" ', "CSV", b"1"),
        (b"/* FORMAT */ INSERT INTO t -- VALUES\n SETTINGS a='FORMAT x' FORMAT TSV\n1",
         b"/* FORMAT */ INSERT INTO t -- VALUES\n SETTINGS a='FORMAT x' ", "TSV", b"1"),
        (b"INSERT INTO t", b"INSERT INTO t", None, b""),
    ],
)  # fmt: skip
def test_insert_is_cut_from_its_data(sql: bytes, statement: bytes, fmt: str | None, data: bytes) -> None:
    head = insert_head(sql)
    assert head is not None
    assert (head.sql + head.settings, head.format, sql[head.data_start :]) == (statement, fmt, data)


@pytest.mark.parametrize(
    "sql",
    [
        b"INSERT INTO t SELECT 1 FORMAT TSV",
        b"INSERT INTO t (a) WITH 1 AS x SELECT x",
        b"INSERT INTO t FROM INFILE 'x' FORMAT CSV",
        b"INSERT INTO t (SELECT 1)",
        b"SELECT 1 FORMAT TSV",
        b"-- INSERT INTO t FORMAT TSV\nSELECT 1",
    ],
)
def test_statements_without_data_are_not_cut(sql: bytes) -> None:
    assert insert_head(sql) is None


@pytest.mark.parametrize(
    ("sql", "before", "fmt", "after"),
    [
        (b"SELECT 1 FORMAT JSON", b"SELECT 1 ", "JSON", b""),
        (b"SELECT 1 FORMAT JSON ;", b"SELECT 1 ", "JSON", b""),
        (b"SELECT 1 FORMAT JSON SETTINGS a=1", b"SELECT 1 ", "JSON", b" SETTINGS a=1"),
        (b"SELECT 1 SETTINGS a=1 -- FORMAT CSV", b"SELECT 1 SETTINGS a=1", None, b""),
        (b"SELECT ' FORMAT JSON '", b"SELECT ' FORMAT JSON '", None, b""),
        (b"SELECT '\\' FORMAT JSON'", b"SELECT '\\' FORMAT JSON'", None, b""),
        (b"SELECT $x$ FORMAT JSON $x$", b"SELECT $x$ FORMAT JSON $x$", None, b""),
        ("SELECT \u2018 FORMAT JSON \u2019".encode(), "SELECT \u2018 FORMAT JSON \u2019".encode(), None, b""),
        (b"SELECT (SELECT 1 FORMAT) FROM t", b"SELECT (SELECT 1 FORMAT) FROM t", None, b""),
        (b"SELECT format FROM format", b"SELECT format FROM format", None, b""),
        (b"SELECT 1 as \" FORMAT x\" FORMAT CSV", b'SELECT 1 as " FORMAT x" ', "CSV", b""),
    ],
)  # fmt: skip
def test_output_clause_is_found(sql: bytes, before: bytes, fmt: str | None, after: bytes) -> None:
    split = split_output(sql)
    assert (split.before, split.format, split.after) == (before, fmt, after)


def test_first_word_passes_over_brackets_and_comments() -> None:
    assert first_word(b" /* x */ ((select 1))") == "SELECT"
    assert first_word(b"'text'") == ""


@pytest.mark.parametrize(("sql", "blank"), [(b"", True), (b" ;; -- x", True), (b"# y\n/* z */", True), (b"1", False)])
def test_blank(sql: bytes, blank: bool) -> None:
    assert is_blank(sql) is blank
