"""`ackstream demo` against a real stack: equal numbers even when parts are killed, and exit 1 for a wrong number."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.simulator import truth_file
from tests.support.fixtures import NewStack
from tests.support.stack import Stack
from tests.support.waiting import wait_until

SOURCES = "".join(
    f"""
[sources.demo-{name}]
provider = "{name}"
secrets = [{{ env = "TEST_META_SECRET" }}]
verify_tokens = [{{ env = "TEST_TOKEN" }}]
sent_tokens = [{{ env = "TEST_TOKEN" }}]
"""
    for name in ("meta", "wasender", "zapini")
)


@pytest.fixture(scope="module")
def demo_stack(tmp_path_factory: pytest.TempPathFactory, new_stack: NewStack) -> Iterator[Stack]:
    whole = new_stack(tmp_path_factory.mktemp("demo"))
    settings = whole.folder / "ackstream.toml"
    settings.write_text(settings.read_text() + SOURCES)
    try:
        whole.up().start("analytics")
        yield whole
    finally:
        whole.down()


def test_every_number_equals_the_truth_and_the_truth_file_can_be_read(demo_stack: Stack, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    done = demo_stack.run("demo", "--messages", "400", "--plain", "--truth", str(truth))
    verdict, address = done.stdout.splitlines()[-2:]
    assert verdict.endswith("dead letters: every number equals the truth")
    assert address.startswith(f"Dashboards: {demo_stack.config.dashboards.url}/overview?from=")
    lines = list(truth_file.read(truth))
    units = sum(isinstance(line, truth_file.Expected) for line in lines)
    stored = demo_stack.query("SELECT count() AS units FROM messages WHERE startsWith(source, 'demo-')")[0]["units"]
    assert units == stored
    assert sum(line.least.sent for line in lines if isinstance(line, truth_file.Rates)) > 200
    events = sum(line.count for line in lines if isinstance(line, truth_file.Events))
    assert sum(line.count for line in lines if isinstance(line, truth_file.Deliveries)) > events


def test_earlier_runs_and_killed_parts_change_no_number(demo_stack: Stack) -> None:
    """The second run starts from the numbers of the first; its edge and both workers are killed meanwhile."""
    stored = "SELECT count() AS n FROM deliveries WHERE startsWith(source, 'demo-')"
    before = demo_stack.query(stored)[0]["n"]
    command = [sys.executable, "-m", "deploy.cli", "demo", "--messages", "600", "--plain", "--rate", "120"]
    with subprocess.Popen(
        command, env=demo_stack.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        wait_until("the demo's first events are stored", lambda: demo_stack.query(stored)[0]["n"] > before)
        for part in ("ingest", "load", "normalise"):
            demo_stack.kill(part, signal.SIGKILL)
            demo_stack.start(part)
        output, _ = running.communicate(timeout=240)
    assert running.returncode == 0, output
    assert "every number equals the truth" in output


def test_a_run_is_not_posted_twice(demo_stack: Stack) -> None:
    fixed = ("demo", "--messages", "5", "--plain", "--run", "twice", "--now", "2026-11-20T12:00:00Z")
    demo_stack.run(*fixed)
    again = demo_stack.run(*fixed, check=False)
    assert again.returncode == 1
    assert again.stderr == "ackstream: the tables already hold run twice: leave out --run, or give another one\n"


def test_one_wrong_number_ends_in_exit_1(demo_stack: Stack) -> None:
    demo_stack.client.command("RENAME TABLE delivery_rates TO true_rates")
    # The demo compares what its run has added, so the fault has to grow with every message.
    more = "CREATE VIEW delivery_rates AS SELECT * REPLACE (read + if(source = 'demo-zapini', sent, 0) AS read)"
    demo_stack.client.command(f"{more} FROM true_rates")
    try:
        done = demo_stack.run("demo", "--messages", "300", "--plain", check=False)
    finally:
        demo_stack.client.command("DROP VIEW delivery_rates")
        demo_stack.client.command("RENAME TABLE true_rates TO delivery_rates")
    assert done.returncode == 1
    assert "delivery_rates demo-zapini" in done.stdout
    assert "dashboards demo-" not in done.stdout
    assert done.stdout.splitlines()[-2].endswith("from the truth")


def test_a_demo_source_without_tokens_is_refused_with_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "ackstream.toml"
    file.write_text('[sources.demo-meta]\nprovider = "meta"\n')
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", "demo"],
        env={"ACKSTREAM_CONFIG": str(file)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "ackstream: sources.demo-meta has no sent_tokens: sent records are posted too, so add one\n"


def test_an_invalid_time_is_wrong_usage(demo_stack: Stack) -> None:
    done = demo_stack.run("demo", "--now", "yesterday", check=False)
    assert done.returncode == 2
    assert "give a time such as" in done.stderr
