"""Limits and the life of the process."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.waiting import wait_until

LONG = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"
VIEWER = ("viewer", "invented-2")


@pytest.fixture(scope="module")
def server(start: Callable[..., Any]) -> Any:
    return start("--max-execution-time", "1", "--max-memory-bytes", "60000000", "--max-concurrent", "2")


@pytest.fixture(scope="module")
def patient(start: Callable[..., Any]) -> Any:
    """A server without a limit of time: a busy machine may need more than a second for a large result."""
    return start("--send-timeout", "2", "--max-concurrent", "4", "--max-execution-time", "0")


@pytest.mark.parametrize("user", [("admin", "invented-1"), VIEWER])
def test_time_is_limited(server: Any, user: tuple[str, str]) -> None:
    reply = server.sql(LONG, user=user)
    assert (reply.status, reply.code) == (408, 159)


def test_only_the_full_user_may_take_more_time(server: Any) -> None:
    slow = "SELECT sleepEachRow(0.4) FROM numbers(4) FORMAT Null"
    assert server.sql(slow, max_execution_time="30", max_block_size="1").status == 200
    for wish in ("30", "0", "99999"):
        assert server.sql(LONG, user=VIEWER, max_execution_time=wish).code == 159


@pytest.mark.parametrize("user", [("admin", "invented-1"), VIEWER])
def test_memory_is_limited(server: Any, user: tuple[str, str]) -> None:
    wish = {} if user != VIEWER else {"max_memory_usage": "0"}
    reply = server.sql("SELECT number, count() FROM numbers(50000000) GROUP BY number FORMAT Null", user=user, **wish)
    assert (reply.status, reply.code) == (500, 241)


def test_number_of_queries_is_limited(server: Any) -> None:
    replies: list[Any] = []

    def long_query() -> None:
        reply = server.sql(LONG, max_execution_time="2")
        while reply.status == 503:  # the small query below may have been first
            reply = server.sql(LONG, max_execution_time="2")
        replies.append(reply)

    threads = [threading.Thread(target=long_query) for _ in range(2)]
    for thread in threads:
        thread.start()
    refused: list[Any] = []

    def full() -> bool:
        reply = server.sql("SELECT 1")
        refused.extend([reply] if reply.status != 200 else [])
        return bool(refused)

    wait_until("a query is refused", full)
    assert (refused[0].status, refused[0].code) == (503, 202)
    assert refused[0].headers["Retry-After"] == "1"
    for thread in threads:
        thread.join(30)
    assert {reply.code for reply in replies} == {159}
    assert server.ok("SELECT 1") == "1\n"


def _begin(server: Any, user: tuple[str, str], body: bytes, length: int) -> socket.socket:
    """A request of which only `body` is sent, and of whose answer nothing is read."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    head = f"POST /?user={user[0]}&password={user[1]} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def test_a_body_that_stalls_takes_no_slot(server: Any) -> None:
    with contextlib.ExitStack() as stack:
        for user in [VIEWER] * 4 + [("admin", "invented-1")] * 4:
            stack.enter_context(_begin(server, user, b"SELECT ", 9))
        assert server.ok("SELECT 1", user=VIEWER) == "1\n"
        assert server.ok("SELECT 1") == "1\n"
        last = stack.enter_context(_begin(server, VIEWER, b"SELECT ", 9))
        last.sendall(b"41")
        answer = b""
        while not answer.endswith(b"\r\n\r\n41\n"):
            piece = last.recv(65536)
            assert piece, answer
            answer += piece


def test_results_that_nobody_reads_end_and_leave_slots_to_writers(patient: Any) -> None:
    endless = b"SELECT number FROM numbers(1000000000000)"
    with contextlib.ExitStack() as stack:
        unread = [stack.enter_context(_begin(patient, VIEWER, endless, len(endless))) for _ in range(3)]
        wait_until("readers are refused", lambda: patient.sql("SELECT 1", user=VIEWER).status == 503)
        assert patient.ok("SELECT 1") == "1\n"
        wait_until("readers are served again", lambda: patient.sql("SELECT 1", user=VIEWER).status == 200)
        assert len(unread) == 3
    assert patient.log.read_text() == ""


def test_a_result_that_waits_for_its_end_does_not_fill_the_disk(patient: Any) -> None:
    wide = "SELECT repeat('x', 1000000) FROM numbers(300)"
    reply = patient.sql(wide, user=VIEWER, wait_end_of_query="1", max_block_size="1")
    assert (reply.status, reply.code) == (500, 396)


def test_one_process_owns_a_directory(server: Any) -> None:
    second = subprocess.run(server.command, capture_output=True, text=True, timeout=60)
    assert second.returncode == 1
    assert second.stdout == ""
    assert "Another server already uses" in second.stderr
    assert second.stderr.count("\n") == 1


@pytest.mark.parametrize("users", ["", "[]", "{}", '{"a": {"pass": "x"}}', '{"a": {"password": 1}}'])
def test_users_files_that_cannot_be_used(server: Any, tmp_path: Any, users: str) -> None:
    path = tmp_path / "users.json"
    path.write_text(users)
    path.chmod(0o600)
    command = [*server.command, "--users", str(path), "--data", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_a_users_file_open_to_others_is_mentioned(start: Callable[..., Any], tmp_path: Any) -> None:
    path = tmp_path / "open.json"
    path.write_text(json.dumps({"admin": {"password": "invented-1"}}))
    path.chmod(0o644)
    server = start("--users", str(path))
    assert server.ok("SELECT 1") == "1\n"
    assert "chmod 600" in server.log.read_text()


def test_stop_lets_queries_end(start: Callable[..., Any]) -> None:
    server = start()
    server.ok("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a")
    replies: list[Any] = []
    slow = "INSERT INTO t SELECT number + sleepEachRow(0.3) FROM numbers(5) SETTINGS max_block_size = 1"
    thread = threading.Thread(target=lambda: replies.append(server.sql(slow)))
    thread.start()
    wait_until(
        "the INSERT runs",
        lambda: "sleepEachRow(0.3) FROM numbers(5) S" in server.ok("SELECT query FROM system.processes"),
    )
    assert server.stop() == 0
    thread.join(30)
    assert replies[0].status == 200
    again = start(data=server.log.parent / "data")
    assert again.ok("SELECT count() FROM t") == "5\n"


def test_stop_ends_what_takes_too_long(start: Callable[..., Any]) -> None:
    server = start("--grace", "0.5")

    def ask() -> None:
        with contextlib.suppress(OSError):  # the connection may be cut
            server.sql(LONG)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(
        "the query runs",
        lambda: "sipHash64" in server.ok("SELECT query FROM system.processes WHERE query LIKE '%1000000000000%'"),
    )
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(40) == 0
    thread.join(30)


def test_logs_hold_no_text_of_queries(start: Callable[..., Any]) -> None:
    server = start("--access-log")
    server.ok("SELECT '+15550100', {p:String}", param_p="+15550101", query_id="seen-1")
    server.sql("SELECT nothing('+15550100')")
    server.sql("SELECT 1", param_p="x", user=("admin", "secret-guess"))
    server.sql(b"bad row +15550100", query="INSERT INTO nowhere FORMAT TSV")
    assert server.stop() == 0
    log = server.log.read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    assert [(line["kind"], line["status"]) for line in lines if line["query_id"] == "seen-1"] == [("select", 200)]
    assert 516 in {line["code"] for line in lines}
    assert not any(word in log for word in ("1555", "secret", "SELECT", "nowhere", "Traceback"))


def test_without_access_log_nothing_is_logged(start: Callable[..., Any]) -> None:
    server = start()
    server.ok("SELECT 1")
    server.sql("SELECT nothing")
    assert server.stop() == 0
    assert server.log.read_text() == ""
