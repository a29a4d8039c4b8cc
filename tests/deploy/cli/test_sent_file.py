"""`ackstream sent`: how files are read, and how the edge is asked until it answers."""

import io
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from deploy.cli.commands import sent
from deploy.cli.sent_post import Sender, SendError
from deploy.cli.sent_rows import MAX_LINE, Row, RowsError, rows

NUMBER = "+5511955554444"


def read(data: bytes, kind: str | None = None) -> list[Row]:
    return list(rows(io.BytesIO(data), kind))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\n\r\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_as_programs_and_spreadsheets_write_it(separator: str, start: bytes, end: str) -> None:
    lines = ["Message ID,TO,campaign,unknown", f"wamid.1,{NUMBER},Olá,x", ",,,", 'w2,,"a{0}b",']
    text = end.join(line.replace(",", separator) for line in lines).format(end) + end
    first = 1 + start.count(b"\n")
    found = read(start + text.encode())
    assert [(row.line - first, row.record) for row in found] == [
        (1, {"message_id": "wamid.1", "to": NUMBER, "campaign": "Olá", "unknown": "x"}),
        (3, {"message_id": "w2", "campaign": f"a{end}b"}),
    ]


def test_ndjson_with_blank_lines_and_a_mark() -> None:
    found = read(b'\xef\xbb\xbf\n{"message_id": 7}\r\n\r\n{"message_id": "b", "to": "' + NUMBER.encode() + b'"}')
    assert [(row.line, row.record, row.message_id) for row in found] == [
        (2, {"message_id": 7}, "7"),
        (4, {"message_id": "b", "to": NUMBER}, "b"),
    ]


@pytest.mark.parametrize(
    ("data", "refused"),
    [
        (b"message_id,to\nA,1\n,2\nB,3\n", [(3, None)]),
        (b"message_id,sent_at\nA,yesterday\n", [(2, "A")]),
        (b"message_id,to\nA,1,2,3\nB,,,\n", [(2, None)]),
        (b"message_id,campaign\nA,Ol\xe1\nB,x\n", [(2, None)]),
        (b'message_id,to\nA,"b\n' + b"x" * 140_000 + b"\nC,1\n", [(2, None)]),
        (b'{"message_id":"a"}\n{broken\n[]\n{"message_id":"c","sent_at":""}\n', [(2, None), (3, None), (4, "c")]),
        (b'{"message_id":"a"}\n\xff\n', [(2, None)]),
    ],
)
def test_a_bad_row_is_refused_by_line_and_the_others_stand(data: bytes, refused: list[tuple[int, str | None]]) -> None:
    found = read(data)
    assert [(row.line, row.message_id) for row in found if row.record is None] == refused
    assert all(row.reason for row in found if row.record is None)
    assert len(found) > len(refused) or len(found) == 1
    assert NUMBER not in str([row.reason for row in found])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'[{"message_id":"a"}]', "one object a line"),
        (b"to,template\n1,2\n", "no column message_id"),
        (b"message_id,to,to\n1,2,3\n", "a column twice"),
        (b'{"message_id":"a"}\n' + b"x" * (MAX_LINE + 1), "line 2 has more than"),
    ],
)
def test_a_malformed_file_is_reported_with_the_remedy(data: bytes, says: str) -> None:
    with pytest.raises(RowsError, match=says):
        read(data)


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_has_no_rows(data: bytes) -> None:
    assert read(data) == []


class Edge(BaseHTTPRequestHandler):
    """Answers each request with the next of `script`: (status, headers, body), or None to break the connection."""

    protocol_version = "HTTP/1.1"
    script: list[tuple[int, dict[str, str], dict[str, Any]] | None]
    seen: list[tuple[str, str | None, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, self.headers["Authorization"], body))
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if answer is None:
            self.close_connection = True
            return
        status, headers, said = answer
        content = json.dumps(said).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def edge() -> Iterator[tuple[str, type[Edge]]]:
    """Its address and its script."""
    handler = type("Scripted", (Edge,), {"script": [], "seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/base", handler
    server.shutdown()
    thread.join()
    server.server_close()


AWAY: tuple[int, dict[str, str], dict[str, Any]] = (503, {"Retry-After": "0"}, {"error": "not_stored"})
TAKEN: tuple[int, dict[str, str], dict[str, Any]] = (200, {}, {"accepted": 2, "refused": []})


def test_a_body_is_sent_again_until_it_is_stored(edge: tuple[str, type[Edge]]) -> None:
    url, handler = edge
    handler.script[:] = [AWAY, (429, {"Retry-After": "0"}, {}), None, TAKEN]
    assert Sender(url + "/").post("shop", "token", [b"1", b"2"]) == {}
    assert handler.seen == [("/base/sent/shop", "Bearer token", b"1\n2")] * 4


def test_refused_records_are_returned_by_index(edge: tuple[str, type[Edge]]) -> None:
    url, handler = edge
    handler.script[:] = [(200, {}, {"accepted": 1, "refused": [{"index": 1, "reason": "No."}]})]
    assert Sender(url).post("shop", "token", [b"1", b"2"]) == {1: "No."}
    handler.script[:] = [(400, {}, {"accepted": 0, "refused": [{"index": 0, "reason": "No."}]})]
    assert Sender(url).post("shop", "token", [b"1"]) == {0: "No."}
    handler.script[:] = [(200, {}, {"accepted": 1, "refused": []})]
    with pytest.raises(SendError, match="without naming them"):
        Sender(url).post("shop", "token", [b"1", b"2"])


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((401, {}, {}), "sources.shop.sent_tokens"),
        ((404, {}, {}), "no source 'shop'"),
        ((413, {}, {"detail": "Too large."}), "HTTP 413: Too large."),
        (AWAY, "cannot store at present .HTTP 503.: see `ackstream status`"),
        (None, "does not answer: see `ackstream status`"),
    ],
)
def test_who_does_not_take_them_is_told_in_one_sentence(
    answer: tuple[int, dict[str, str], dict[str, Any]] | None, says: str, edge: tuple[str, type[Edge]]
) -> None:
    url, handler = edge
    handler.script[:] = [answer]
    with pytest.raises(SendError, match=says):
        Sender(url, give_up_seconds=0.05).post("shop", "token", [b"1"])


def test_a_url_that_is_malformed_is_named() -> None:
    with pytest.raises(SendError, match="is not a URL"):
        Sender("hooks.example.com")


def run(data: bytes, *arguments: str, **env: str) -> Any:
    return CliRunner(env=env).invoke(sent.command, [*arguments, "-"], input=data)


def test_the_command_groups_by_source_and_says_which_rows_were_refused(edge: tuple[str, type[Edge]]) -> None:
    url, handler = edge
    handler.script[:] = [(200, {}, {"accepted": 1, "refused": []})]
    data = b"message_id,source\nA,shop\nB,desk\n,shop\n"
    done = run(data, "--url", url, ACKSTREAM_SENT_TOKEN="t")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[0].startswith("line 4: Field message_id is missing")
    assert "2 rows are stored, 1 refused" in done.stdout
    assert {(path, json.loads(body)["message_id"]) for path, _, body in handler.seen} == {
        ("/base/sent/shop", "A"),
        ("/base/sent/desk", "B"),
    }


def test_rows_of_a_source_that_nobody_knows_are_refused_and_the_others_sent(edge: tuple[str, type[Edge]]) -> None:
    url, handler = edge
    handler.script[:] = [(200, {}, {"accepted": 1, "refused": []}), (404, {}, {})]
    done = run(b"message_id,source\nA,shop\nB,shut\n", "--url", url, ACKSTREAM_SENT_TOKEN="t")
    assert done.exit_code == 1
    assert "line 3, B: " in done.stdout
    assert "1 rows are stored, 1 refused" in done.stdout
    done = run(b"message_id\nA\n", "--url", url, "--source", "shut", ACKSTREAM_SENT_TOKEN="t")
    assert (done.exit_code, "has no source 'shut'" in str(done.exception)) == (1, True)


def test_a_file_larger_than_a_body_goes_in_parts(edge: tuple[str, type[Edge]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sent, "BATCH_RECORDS", 2)
    url, handler = edge
    handler.script[:] = [TAKEN, TAKEN, (200, {}, {"accepted": 1, "refused": []})]
    data = b"message_id\n" + b"".join(b"m%d\n" % number for number in range(5))
    done = run(data, "--source", "shop", "--url", url, ACKSTREAM_SENT_TOKEN="t")
    assert (done.exit_code, done.stdout.strip()) == (0, "5 rows are stored, 0 refused")
    assert [len(body.splitlines()) for _, _, body in handler.seen] == [2, 2, 1]


def test_a_row_without_any_source_and_a_check_that_sends_nothing(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{os.environ.get('NOBODY', '1')}"
    done = run(b'{"message_id": "a\\u0000b"}', "--url", url, ACKSTREAM_SENT_TOKEN="t")
    assert (done.exit_code, "line 1, a?b: The row names no source" in done.stdout) == (1, True)
    done = run(b"message_id\nA\n", "--check")
    assert (done.exit_code, done.stdout.strip()) == (0, "1 rows can be accepted, 0 refused")
    missing = CliRunner().invoke(sent.command, ["--check", str(tmp_path / "none.csv")])
    assert (missing.exit_code, "cannot be read" in missing.output) == (2, True)
