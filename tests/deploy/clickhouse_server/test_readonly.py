"""What the read-only user must not be able to do, tried in many spellings, and what it must."""

# ruff: noqa: S608
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

VIEWER = ("viewer", "invented-2")
SECRET = "only-in-the-file"


@pytest.fixture(scope="module")
def secret(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a secret, and a table with nothing secret; the full user has read the file before."""
    path = tmp_path_factory.mktemp("files") / "secret.csv"
    path.write_text(f"{SECRET}\n")
    server.ok("CREATE TABLE t (a UInt8, s String) ENGINE = MergeTree ORDER BY a")
    server.ok(f"INSERT INTO t VALUES (1, '{path}')")
    server.ok("CREATE DATABASE IF NOT EXISTS other")
    assert SECRET in server.ok(f"SELECT * FROM `{path}`")
    return path


READING = [
    "SELECT file('{path}')",
    "SELECT FILE('{path}')",
    "SELECT `file`('{path}')",
    "SELECT \"file\"('{path}')",
    "SELECT \"fil\\x65\"('{path}')",
    "SELECT file/* x */('{path}')",
    "SELECT file -- x\n('{path}')",
    "SELECT file(s) FROM t",
    "SELECT * APPLY(file) FROM (SELECT s FROM t)",
    "SELECT * APPLY(x -> file(x)) FROM (SELECT s FROM t)",
    "SELECT * REPLACE(file(s) AS s) FROM t",
    "SELECT COLUMNS('s') APPLY file FROM t",
    "SELECT arrayMap(x -> file(x), ['{path}'])",
    "WITH (x -> file(x)) AS f SELECT f('{path}')",
    "WITH file('{path}') AS x SELECT x",
    "WITH x AS (SELECT file('{path}') AS c) SELECT * FROM x",
    "SELECT (SELECT file('{path}'))",
    "SELECT 1 FROM t WHERE throwIf(1, concat('', file('{path}')))",
    "SELECT a FROM t ORDER BY file('{path}')",
    "SELECT a FROM t GROUP BY a HAVING file('{path}') != ''",
    "SELECT * FROM t ARRAY JOIN [file('{path}')] AS x",
    "SELECT 1 UNION ALL SELECT length(file('{path}'))",
    "(SELECT file('{path}'))",
    "FROM t SELECT file('{path}')",
    "EXPLAIN SELECT file('{path}')",
    "EXPLAIN SYNTAX SELECT * FROM file('{path}')",
    "EXPLAIN QUERY TREE SELECT * FROM file('{path}')",
    "EXPLAIN PLAN actions = 1 SELECT file('{path}')",
    "DESCRIBE TABLE file('{path}')",
    "DESC (SELECT * FROM file('{path}'))",
    "DESCRIBE url('http://127.0.0.1:1/')",
    "SELECT * FROM file('{path}')",
    "SELECT * FROM `file`('{path}', 'CSV')",
    "SELECT * FROM view(SELECT * FROM file('{path}'))",
    "SELECT * FROM `{path}`",
    "SELECT * FROM '{path}'",
    "SELECT * FROM default.`{path}`",
    "SELECT 'x' IN `{path}`",
    "DESCRIBE TABLE `{path}`",
    "EXISTS TABLE `{path}`",
    "EXISTS TABLE default.`{path}`",
    "SHOW CREATE TABLE `{path}`",
    "SHOW TABLES WHERE file('{path}') != ''",
    "SHOW TABLES FROM default WHERE name != file('{path}')",
    "SHOW COLUMNS FROM t WHERE file('{path}') != ''",
    "SELECT * FROM {{name:Identifier}}",
    "SELECT $x$ FORMAT JSON $x$, file('{path}')",
    "SELECT '\\' FORMAT JSON', file('{path}'), '",
    "SELECT \u2018 FORMAT JSON \u2019, file('{path}')",
    "SELECT 1 AS `a` FORMAT JSON`, file('{path}')",
    "SELECT * FROM sqlite('{path}', 't')",
    "SELECT * FROM eval('SELECT file(''{path}'')')",
    "SELECT * FROM fileCluster('default', '{path}')",
    "SELECT * FROM filesystem('{path}')",
    "SELECT * FROM loop(file('{path}'))",
    "SELECT * FROM viewIfPermitted(SELECT file('{path}') ELSE null('x UInt8'))",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT file('{path}')))",
    "SELECT * FROM merge('system', '.*')",
    "SELECT * FROM executable('cat {path}', TSV, 'x String')",
    "SELECT * FROM icebergLocal('{path}')",
    "SELECT * FROM Python(path)",
    "SELECT * FROM python('path')",
]

REACHING_OUT = [
    "SELECT * FROM url('http://127.0.0.1:1/', CSV, 'x String')",
    "SELECT * FROM urlCluster('default', 'http://127.0.0.1:1/', CSV, 'x String')",
    "SELECT * FROM s3('http://127.0.0.1:1/b/k', CSV, 'x String')",
    "SELECT * FROM gcs('http://127.0.0.1:1/b/k', CSV, 'x String')",
    "SELECT * FROM remote('127.0.0.1:1', 'system', 'one')",
    "SELECT * FROM remoteSecure('127.0.0.1:1', 'system', 'one')",
    "SELECT * FROM cluster('default', 'system', 'one')",
    "SELECT * FROM hdfs('hdfs://127.0.0.1:1/x', CSV, 'x String')",
    "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
    "SELECT * FROM postgresql('127.0.0.1:1', 'd', 't', 'u', 'p')",
    "SELECT * FROM mongodb('127.0.0.1:1', 'd', 't', 'u', 'p', 'x String')",
    "SELECT * FROM redis('127.0.0.1:1', 'k', 'k String')",
    "SELECT * FROM odbc('x', 'd', 't')",
    "SELECT * FROM jdbc('x', 't')",
    "SELECT * FROM azureBlobStorage('http://127.0.0.1:1', 'c', 'p')",
    "SELECT * FROM deltaLake('http://127.0.0.1:1/b/k')",
    "SELECT * FROM iceberg('http://127.0.0.1:1/b/k')",
    "SELECT * FROM dictionary('d')",
    "SELECT * FROM input('x UInt8')",
    "SELECT dictGet('d', 'a', 1)",
    "SELECT dictHas('d', 1)",
    "SELECT joinGet('j', 'a', 1)",
    "SELECT aiGenerate('x')",
    "SELECT sleep(1)",
    "SELECT addressToLine(1)",
    "SELECT getClientHTTPHeader('Authorization')",
]

PEEKING = [
    "SELECT * FROM system.processes",
    "SELECT * FROM `system`.`processes`",
    "SELECT * FROM SYSTEM.processes",
    "SELECT * FROM system.user_processes",
    "SELECT * FROM system.users",
    "SELECT * FROM system.named_collections",
    "SELECT * FROM system.dictionaries",
    "SELECT * FROM system.server_settings",
    "SELECT * FROM system.disks",
    "SELECT * FROM system.stack_trace",
    "SELECT * FROM system.statements",
    "SELECT 'x' IN system.processes",
    "SELECT * FROM numbers(1) JOIN system.processes ON 1 = 1",
    "DESCRIBE system.processes",
    "SHOW PROCESSLIST",
    "SHOW GRANTS",
    "SHOW USERS",
    "SHOW ACCESS",
]

WRITING = [
    "INSERT INTO t VALUES (2, 'x')",
    "INSERT INTO t SELECT 2, 'x'",
    "/* SELECT */ INSERT INTO t FORMAT TSV\n2\tx",
    "WITH 2 AS x INSERT INTO t SELECT x, 'x'",
    "INSERT INTO FUNCTION file('{path}.out', CSV, 'x UInt8') VALUES (1)",
    "INSERT INTO t FROM INFILE '{path}' FORMAT CSV",
    "SELECT 1 INTO OUTFILE '{path}.out'",
    "SELECT 1 INTO OUTFILE '{path}.out' FORMAT CSV",
    "SELECT 1 FORMAT CSV; DROP TABLE t",
    "SELECT 1; DROP TABLE t",
    "DROP TABLE t",
    "TRUNCATE TABLE t",
    "ALTER TABLE t DELETE WHERE 1",
    "DELETE FROM t WHERE 1",
    "OPTIMIZE TABLE t FINAL",
    "RENAME TABLE t TO u",
    "CREATE TABLE u (a UInt8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE u (a UInt8)",
    "CREATE FUNCTION f AS (x) -> file(x)",
    "CREATE VIEW v AS SELECT 1",
    "CREATE DATABASE d",
    "ATTACH TABLE u",
    "DETACH TABLE t",
    "SET readonly = 0",
    "SET max_execution_time = 0",
    "USE system",
    "KILL QUERY WHERE 1",
    "SYSTEM SHUTDOWN",
    "SYSTEM DROP MARK CACHE",
    "CHECK TABLE t",
    "BACKUP TABLE t TO File('{path}.out')",
    "GRANT ALL ON *.* TO viewer",
    "EXPLAIN AST SELECT 1; DROP TABLE t",
    "EXPLAIN INSERT INTO t VALUES (2, 'x')",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS max_execution_time = 0",
    "SELECT 1 FORMAT CSV SETTINGS allow_introspection_functions = 1",
    "SELECT * FROM (SELECT 1 SETTINGS max_memory_usage = 0)",
    "WITH x AS (SELECT 1 SETTINGS readonly = 0) SELECT * FROM x",
    "SELECT (SELECT 1 SETTINGS max_execution_time = 0)",
    "SELECT 1 UNION ALL SELECT 1 SETTINGS max_execution_time = 0",
    "BEGIN TRANSACTION",
]


@pytest.mark.parametrize("sql", READING + REACHING_OUT + PEEKING + WRITING)
def test_refused(server: Any, secret: Path, sql: str) -> None:
    reply = server.sql(sql.format(path=secret), user=VIEWER, param_name=str(secret))
    assert reply.status >= 400, reply.text
    assert SECRET not in reply.text
    assert not secret.with_name(secret.name + ".out").exists()
    assert server.ok("SELECT count() FROM t") == "1\n"


@pytest.mark.parametrize("sql", READING[:20] + REACHING_OUT + PEEKING[:12])
def test_refused_for_the_right_reason(server: Any, secret: Path, sql: str) -> None:
    reply = server.sql(sql.format(path=secret), user=VIEWER)
    assert (reply.status, reply.code) in {(403, 497), (403, 164), (400, 62), (404, 46), (404, 47)}, reply.text


@pytest.mark.parametrize(
    "name",
    [
        "readonly_x", "max_query_size", "allow_introspection_functions", "allow_ddl", "format_schema",
        "output_format_schema", "dialect", "param", "additional_table_filters", "implicit_select",
        "s3_validate_request_settings", "use_structure_from_insertion_table_in_table_functions",
        "max_memory_usage_for_user",
        "timeout_overflow_mode", "format_template_row", "user_files_path", "profile", "allow_experimental_analyzer",
    ],
)  # fmt: skip
def test_settings_of_the_url_are_refused(server: Any, name: str) -> None:
    reply = server.sql("SELECT 1", user=VIEWER, **{name: "1"})
    assert (reply.status, reply.code) == (403, 164)


def test_system_as_default_database_is_refused(server: Any) -> None:
    assert server.sql("SELECT * FROM processes", user=VIEWER, database="system").code == 497
    assert server.sql("SELECT * FROM processes", user=VIEWER, database="SYSTEM").status >= 400
    assert server.sql("SELECT 1", user=VIEWER, headers={"X-ClickHouse-Database": "system"}).code == 497


def test_formats_cannot_carry_statements(server: Any) -> None:
    for fmt in ("TSV SETTINGS readonly = 0", "TSV; DROP TABLE t", "'", "TSV INTO OUTFILE 'x'", "TSV\n"):
        assert server.sql("SELECT 1", user=VIEWER, default_format=fmt).status >= 400


ALLOWED: dict[str, Callable[[str], bool]] = {
    "SELECT a, count() FROM t GROUP BY a": lambda text: text == "1\t1\n",
    "WITH x AS (SELECT 1 AS n) SELECT n + 1 FROM x": lambda text: text == "2\n",
    "SELECT quantile(0.5)(number), sum(number) FILTER (WHERE number > 1) FROM numbers(10)": bool,
    "SELECT number, lagInFrame(number) OVER (ORDER BY number) FROM numbers(3)": bool,
    "SELECT arrayMap(x -> x + 1, [1, 2]), toStartOfInterval(now(), INTERVAL 1 HOUR)": bool,
    "SELECT * FROM t AS x LEFT JOIN (SELECT 1 AS a) AS y USING (a)": bool,
    "SELECT format('{}', 'x'), formatDateTime(toDate('2026-01-02'), '%Y'), JSONExtractString('{}', 'a')": bool,
    "SELECT * FROM VALUES('a UInt8', 1, 2)": lambda text: text == "1\n2\n",
    "SELECT * FROM generate_series(1, 3)": lambda text: text == "1\n2\n3\n",
    "SELECT database, name FROM system.tables WHERE name = 't'": lambda text: text == "default\tt\n",
    "SELECT name, type FROM system.columns WHERE table = 't'": bool,
    "SELECT table_name FROM information_schema.tables LIMIT 1": bool,
    "SELECT 'a/b' AS `per/second`, `per/second`": lambda text: text == "a/b\ta/b\n",
    "SELECT 'SELECT file(1) FORMAT x', $$INTO OUTFILE$$": bool,
    "SHOW TABLES": lambda text: "t\n" in text,
    "SHOW TABLES FROM default LIKE 't%'": lambda text: text == "t\n",
    "SHOW DATABASES": bool,
    "SHOW CREATE TABLE t": bool,
    "DESCRIBE TABLE t": bool,
    "EXISTS TABLE t": lambda text: text == "1\n",
    "EXPLAIN SELECT * FROM t": bool,
    "SELECT 1 FORMAT JSON": bool,
    "(SELECT 1) UNION ALL (SELECT 1)": lambda text: text == "1\n1\n",
}  # fmt: skip


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize("sql", ALLOWED)
def test_allowed(server: Any, sql: str) -> None:
    reply = server.sql(sql, user=VIEWER)
    assert reply.status == 200, reply.text
    assert ALLOWED[sql](reply.text)


def test_settings_that_clients_send_are_accepted(server: Any) -> None:
    settings = {
        "max_result_rows": "10", "date_time_input_format": "best_effort", "wait_end_of_query": "1",
        "send_progress_in_http_headers": "1", "http_headers_progress_interval_ms": "10000", "readonly": "0",
        "enable_http_compression": "1", "cancel_http_readonly_queries_on_client_close": "1", "session_id": "x",
        "max_execution_time": "60", "client_protocol_version": "54405", "output_format_json_quote_64bit_integers": "0",
    }  # fmt: skip
    assert server.sql("SELECT getSetting('max_result_rows')", user=VIEWER, **settings).text == "10\n"
    assert server.sql("SELECT number FROM numbers(100)", user=VIEWER, **settings).code == 396
    assert server.sql("SELECT getSetting('readonly')", user=VIEWER, **settings).text == "1\n"


def test_limits_can_only_be_tightened(server: Any) -> None:
    def seconds(wish: str) -> str:
        return str(server.sql("SELECT getSetting('max_execution_time')", user=VIEWER, max_execution_time=wish).text)

    assert [seconds(wish) for wish in ("5", "0", "300", "999999", "2.5")] == ["5\n", "300\n", "300\n", "300\n", "2.5\n"]
    assert server.sql("SELECT 1", user=VIEWER, max_execution_time="-1").code == 36
    assert server.sql("SELECT 1", user=VIEWER, max_execution_time="inf").code == 36
