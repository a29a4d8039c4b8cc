"""Errors that `status` shows: only relevant ones, one short line each; and paths as the user would type them."""

import json
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from deploy.cli.commands.status import error_lines, spool_lines
from deploy.local.interface import PartStatus, StackStatus
from deploy.local.layout import Layout, shown
from deploy.local.log_errors import last_error, last_line
from deploy.local.parts import Part
from deploy.local.supervisor import Process
from deploy.local.watch import Watch
from deploy.local.worker_lag import lags
from ingest.storage.spool_file import Held
from schemas.settings.config import Config
from schemas.settings.sections import Ingest

NOW = time.time() - 3600  # any time: whoever asks for the present takes it himself
KAFKA = Part("kafka", "127.0.0.1:1", ("x",))
LOAD = Part("load", "", ("x",))


def ours(at: float, level: str, reason: str) -> str:
    """A log line of a worker."""
    line = {
        "at": datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z"),
        "level": level,
        "logger": "ackstream.retries",
        "message": "retrying",
        "reason": reason,
    }
    return json.dumps(line, separators=(",", ":")) + "\n"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(tmp_path / "data")
    found.create()
    return found


@pytest.fixture
def watch(layout: Layout) -> Watch:
    return Watch(Config(data_dir=layout.root), layout, "")


def beat(layout: Layout) -> None:
    """Makes the process 77 a healthy worker."""
    layout.heartbeat("load", 0).write_text(f'{{"pid": 77, "ready": true, "at": {time.time()}, "last_error": null}}')


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('{"at":"2026-11-22T02:06:05.141Z","level":"error","logger":"a","message":"no \\"way\\""}', 'no "way"'),
        ('{"at":"2026-11-22T02:06:05.141Z","level":"error","message":"bad","error":"KeyError at a.py:1"}', None),
        (
            '{"at":"2026-11-22T02:06:05.141Z","level":"critical","logger":"a","message":"fail_stop","reason":"why"}',
            "why",
        ),
        (
            '{"at":"2026-11-22T02:06:05.141Z","level":"error","message":"disk_full","free_mb":3}',
            "disk full (free mb 3)",
        ),
        ("2026-11-22 02:06:05,141+00:00 ERROR aiokafka: no way", "aiokafka: no way"),
        ("2026-11-22T02:06:05.141Z ERROR KafkaServer: disk [full]", "KafkaServer: disk [full]"),
        ("2026-11-22T03:06:05.141+01:00 FATAL KafkaServer: out", "KafkaServer: out"),
    ],
)
def test_each_log_format_gives_its_message_and_time(tmp_path: Path, line: str, text: str | None) -> None:
    log = tmp_path / "x.log"
    log.write_text(f"\x1b[?25h{line}\n2026-11-22T02:07:00.000Z WARN Other: an ERROR that was none\n")
    found = last_error(log)
    assert found is not None
    assert found.text == (text or "bad (KeyError at a.py:1)")
    assert found.after == datetime(2026, 11, 22, 2, 6, 5, 141_000, UTC).timestamp()


def test_what_has_no_time_is_as_old_as_the_line_before(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("ackstream: port 1 is taken\n" + ours(NOW, "info", "up") + "ValueError: 1\n" + "  a tail\n")
    found = last_error(log)
    assert found is not None
    assert (found.text, found.stamped, abs(found.after - NOW) < 0.01) == ("ValueError: 1", False, True)
    log.write_text("ackstream: port 1 is taken\n")
    assert last_error(log, since=1.0) is None
    assert last_line(log) == "ackstream: port 1 is taken"


@pytest.mark.parametrize(("age", "since", "shown"), [(60, 120, True), (60, 30, False), (700, 900, False)])
def test_an_ok_part_tells_only_what_is_recent_and_of_its_present_start(
    layout: Layout, watch: Watch, age: float, since: float, shown: bool
) -> None:
    beat(layout)
    present = time.time()
    layout.log("load", 0).write_text(ours(present - age, "error", "no connection"))
    status = watch.status(LOAD, [Process("load", 0, "RUNNING", 77, since=present - since)], None)
    assert status.health == "ok"
    assert status.last_error == ("no connection" if shown else None)


def test_a_part_that_is_not_ok_tells_its_newest_error_and_where(layout: Layout, watch: Watch) -> None:
    beat(layout)
    layout.log("load", 0).write_text(ours(NOW, "error", "of the one that is well"))
    layout.log("load", 1).write_text(ours(NOW - 7200, "error", "older") + ours(NOW - 3600, "error", "newer"))
    mine = [Process("load", 0, "RUNNING", 77, since=NOW), Process("load", 1, "BACKOFF", 0)]
    status = watch.status(LOAD, mine, None)
    assert (status.health, status.last_error) == ("starting", "newer")
    assert status.log == str(layout.log("load", 1))


class Ready(BaseHTTPRequestHandler):
    """An ingest process that says it is ready."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Says nothing."""


def test_one_of_several_ingest_processes_does_not_answer_for_the_others(layout: Layout) -> None:
    with HTTPServer(("127.0.0.1", 0), Ready) as sibling:
        Thread(target=sibling.serve_forever, daemon=True).start()
        watch = Watch(Config(data_dir=layout.root, ingest=Ingest(port=sibling.server_port)), layout, "")
        part = Part("ingest", "", ("x",), 2)
        mine = [Process("ingest", 0, "RUNNING", 77), Process("ingest", 1, "RUNNING", 78)]
        for instance, said in enumerate(("127.0.0.1 1\n77", "127.0.0.1 1\n66")):
            (layout.run / f"ingest-{instance}.lock").write_text(said)
        assert watch.health(part, mine) == "starting"  # 66 ran before, 78 does not listen yet
        (layout.run / "ingest-1.lock").write_text("127.0.0.1 1\n78")
        assert watch.health(part, mine) == "ok"
        sibling.shutdown()


def test_a_part_that_was_stopped_tells_nothing(layout: Layout, watch: Watch) -> None:
    layout.log("kafka", 0).write_text(ours(NOW, "error", "closing"))
    assert watch.status(KAFKA, [], None).last_error is None


def test_an_error_is_one_line_with_its_age() -> None:
    found = [
        PartStatus("kafka", "", "ok", 1, 1, last_error="a\n[b]", last_error_at=NOW - 130),
        PartStatus("load", "", "down", 0, 1, last_error="c"),
        PartStatus("ingest", "", "ok", 1, 1),
    ]
    assert error_lines(found, NOW) == ["kafka (2 min ago): a [b]", "load: c"]


def test_paths_below_the_current_folder_are_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / ".ackstream" / "secrets" / "x") == ".ackstream/secrets/x"
    assert shown(tmp_path.parent / "y") == str(tmp_path.parent / "y")


def test_what_waits_on_the_disk_is_told_with_its_age() -> None:
    waiting = StackStatus((), None, Held(1234, 2_100_000, int((NOW - 200) * 1000)), 1)
    assert spool_lines(waiting, NOW) == [
        "spool: 1,234 bodies (2.1 MB) wait on the disk for Kafka, the oldest received 3 min ago",
        "spool: 1 files cannot be read and were set aside: see the log of ingest",
    ]
    assert spool_lines(StackStatus(()), NOW) == []


def test_a_broker_without_a_port_is_no_error_of_status() -> None:
    assert lags("kafka.invalid") == {"normalise": None, "load": None}
