"""Commands that need no service: their answers, exit codes and errors of one sentence."""

import base64
import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import cli

ROOT = Path(__file__).parents[3]


def run(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """`ackstream ...` as a process."""
    command = [sys.executable, "-m", "deploy.cli", *arguments]
    return subprocess.run(command, input=given, capture_output=True, timeout=60, check=False)


def case(**fields: object) -> bytes:
    return json.dumps({"provider": "zapini", **fields}).encode()


def test_every_command_has_a_help_and_is_named_in_the_list() -> None:
    listed = run("--help").stdout.decode()
    for path in (ROOT / "deploy" / "cli" / "commands").glob("[a-z]*.py"):
        name = path.stem.replace("_", "-")
        assert name in listed
        done = cli.run(name, "--help")
        assert done.code == 0
        assert "Usage: ackstream " + name in done.stdout


@pytest.mark.parametrize(
    "arguments", [("explain",), ("explain", "--provider", "nobody"), ("nothing",), ("replay",), ("query",)]
)
def test_wrong_usage_is_one_sentence_and_exit_2(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("ackstream: ")
    assert done.stderr.count(b"\n") == 1


def test_jsonl_answers_every_line_in_order_and_names_the_wrong_ones() -> None:
    body = base64.b64encode(
        b'{"event": "message.received", "data": {"from": "+5511988887777", "message": "oi"}}'
    ).decode()
    lines = [case(body_base64=body), b"[]", case(headers=[["a", "b"]]), case(body_base64="%"), case(body_base64=body)]
    done = run("explain", "--jsonl", given=b"\n".join(lines))
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer.get("outcome") for answer in answers] == ["accepted", None, None, None, "accepted"]
    assert [answer["error"][:7] for answer in answers[1:4]] == ["line 2:", "line 3:", "line 4:"]
    assert done.returncode == 2
    assert b"object has no attribute" not in done.stdout + done.stderr


def test_a_value_that_json_writers_refuse_costs_no_answer() -> None:
    texts = (b'"\\ud800"', b'"\\udfffx"', b"99999999999999999999999999", b"NaN", b"[" * 300 + b"]" * 300)
    template = b'{"event":"message.received","data":{"id":"A","from":"+5511988887777","type":%s,"message":%s}}'
    bodies = [template % (text, text) for text in texts]
    lines = [
        case(body_base64=base64.b64encode(body).decode(), headers={"a": "\ud800"}, secret="\udfff") for body in bodies
    ]
    done = run("explain", "--jsonl", given=b"\n".join([*lines, case(body_base64="e30=")]))
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(bodies) + 1
    assert all("outcome" in json.loads(line) for line in done.stdout.splitlines())
    alone = run("explain", "--provider", "zapini", given=bodies[0])
    assert alone.returncode == 0
    assert json.loads(alone.stdout)["events"][0]["text"] == "�"


def test_no_command_writes_json_but_by_the_one_writer() -> None:
    for path in (*(ROOT / "deploy" / "cli").rglob("*.py"), *(ROOT / "dashboards" / "page").rglob("*.py")):
        assert not re.search(r"\b(or)?json\.dumps", path.read_text()), f"{path}: use schemas.parsing.json_text"


HOSTILE = "\x1b]0;owned\x07\x9b2J\u202eevil\u2066\x7f\r"


def test_texts_reach_a_terminal_escaped_and_a_pipe_as_they_are() -> None:
    body = json.dumps({"event": "message.received", "data": {"id": "A", "from": "+55119", "message": HOSTILE}}).encode()
    piped = run("explain", "--provider", "zapini", given=body)
    assert json.loads(piped.stdout)["events"][0]["text"] == HOSTILE
    assert "\u202e" in piped.stdout.decode()
    shown = on_terminal("explain", "--provider", "zapini", given=body)
    assert json.loads(shown)["events"][0]["text"] == HOSTILE
    assert not set(shown) & set(HOSTILE.replace("\r", "")) - set("]0;owned2Jevil")


def on_terminal(*arguments: str, given: bytes) -> str:
    """What the command writes when its standard output is a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "deploy.cli", *arguments]
    subprocess.run(command, input=given, stdout=theirs, timeout=60, check=True)
    os.close(theirs)
    written = b""
    with contextlib.suppress(OSError):  # the end of a terminal that nobody has open any more
        while piece := os.read(ours, 65536):
            written += piece
    os.close(ours)
    return written.decode().replace("\r\n", "\n")


def test_errors_quote_no_control_characters() -> None:
    done = cli.run("query", "--format", HOSTILE)
    assert done.code == 2
    assert not set(done.stderr) & set("\x1b\x07\x9b\u202e\u2066\x7f\r")


@pytest.mark.parametrize("arguments", [[b"message", b"\xff"], [b"\xff"], [b"explain", b"-H", b"a: \xe9", b"-"]])
def test_arguments_that_are_no_utf8_are_one_sentence(arguments: list[bytes]) -> None:
    command = [sys.executable.encode(), b"-m", b"deploy.cli", *arguments]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert b"is not UTF-8" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_every_output_by_rich_is_made_visible() -> None:
    for folder in ("deploy", "dashboards"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name != "terminal.py":
                assert not re.search(r"\bConsole\(", path.read_text()), f"{path}: use dashboards.terminal"


def test_a_missing_file_is_named() -> None:
    done = run("explain", "--provider", "meta", "nowhere.json")
    assert done.returncode == 2
    assert b"nowhere.json cannot be read: No such file" in done.stderr


@pytest.mark.parametrize("arguments", [(), ("dead",)])
def test_a_group_without_a_command_prints_its_help_alone(arguments: tuple[str, ...]) -> None:
    done = cli.run(*arguments)
    assert done.code == 2
    assert done.stderr.startswith("Usage: ackstream")
    assert "see `" not in done.stderr
