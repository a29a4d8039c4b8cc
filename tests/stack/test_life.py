"""A whole stack, really started: what users see of up, status, kill -9, down, clean. One stack for all tests, in a
folder whose path is too long for a socket; the tests build on each other's stack but not on their order."""

import os
import signal
import stat
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.stack import leftovers
from deploy.stack.layout import Layout
from deploy.stack.parts import mark
from tests.stack.installation import Installation, run, wait_for

PARTS = {"ingest", "kafka", "normalise", "load", "clickhouse"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("stack") / ("a very long name with 100 % of what's allowed " * 3).strip()
    found = Installation(folder)
    try:
        yield found
    finally:
        found.down()


@pytest.fixture
def running(stack: Installation) -> Installation:
    stack.up()
    return stack


def test_up_makes_everything_healthy_and_says_where_it_is(running: Installation) -> None:
    said = running.up()
    status = running.status()
    assert set(status) == PARTS
    assert {part["health"] for part in status.values()} == {"ok"}
    assert {part["lag"] for name, part in status.items() if name in ("normalise", "load")} == {0}
    port = running.env["ACKSTREAM_INGEST_PORT"]
    assert f"http://127.0.0.1:{port}/webhooks/meta" in said
    assert "make demo" in said
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
        assert answer.status == 200


def test_nothing_secret_is_shown_or_readable_by_others(running: Installation) -> None:
    said = running.up() + run(running.env, "status").stdout
    secrets = [file.read_text().strip() for file in (running.data / "secrets").iterdir()]
    assert len(secrets) > 10
    assert not [secret for secret in secrets if secret in said]
    for file in [
        *(running.data / "secrets").iterdir(),
        *(running.data / "run").glob("*.conf"),
        *running.data.glob("run/*users*"),
    ]:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE(running.data.stat().st_mode) == 0o700


def test_a_second_up_changes_nothing(running: Installation) -> None:
    before, settings = running.pids(), Path(running.env["ACKSTREAM_CONFIG"]).read_bytes()
    running.up()
    assert running.pids() == before
    assert Path(running.env["ACKSTREAM_CONFIG"]).read_bytes() == settings


def test_a_changed_setting_restarts_what_it_concerns_and_nothing_else(running: Installation) -> None:
    before = running.pids()
    running.up(ACKSTREAM_INGEST_PROCESSES="2")
    during = running.pids()
    running.up()
    after = running.pids()
    assert len(during["ingest"]) == 2
    assert len(after["ingest"]) == 1
    assert {**during, "ingest": []} == {**before, "ingest": []} == {**after, "ingest": []}


def test_a_killed_part_comes_back_by_itself(running: Installation) -> None:
    before = running.pids()
    os.kill(before["load"][0], signal.SIGKILL)
    os.kill(before["ingest"][0], signal.SIGKILL)

    def back() -> bool:
        now = running.status()
        return all(now[name]["health"] == "ok" and now[name]["pids"] != before[name] for name in ("load", "ingest"))

    assert wait_for(back), running.logs()


def test_status_says_what_is_not_healthy(running: Installation) -> None:
    pid = running.pids()["normalise"][0]
    os.kill(pid, signal.SIGSTOP)
    try:
        assert wait_for(lambda: running.status()["normalise"]["health"] == "starting")
        said = run(running.env, "status")
        assert said.returncode == 1
        assert said.stderr.startswith("ackstream: not healthy: normalise (starting)")
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_what_is_stored_survives_down_and_up(running: Installation) -> None:
    bootstrap = running.env["ACKSTREAM_KAFKA_BOOTSTRAP"]
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        sent = await producer.send_and_wait("wa.raw", b"not json", partition=0)
    running.down()
    assert run(running.env, "status").returncode == 1
    assert leftovers.find(mark(Layout(running.data))) == []
    running.up()
    place = TopicPartition("wa.raw", 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        consumer.assign([place])
        consumer.seek(place, sent.offset)
        assert (await consumer.getone()).value == b"not json"
    finally:
        await consumer.stop()


def test_processes_of_a_killed_supervisor_are_ended_and_replaced(running: Installation) -> None:
    before = running.pids()
    os.kill(running.supervisor_pid(), signal.SIGKILL)
    running.up()
    assert not {pid for pids in before.values() for pid in pids} & set(leftovers.find(mark(Layout(running.data))))
    assert {part["health"] for part in running.status().values()} == {"ok"}


def test_another_installation_that_wants_the_same_port_is_told_who_has_it(
    running: Installation, tmp_path: Path
) -> None:
    other = Installation(tmp_path)
    port = running.env["ACKSTREAM_INGEST_PORT"]
    said = run({**other.env, "ACKSTREAM_INGEST_PORT": port}, "up")
    assert said.returncode == 1
    [line] = said.stderr.splitlines()
    assert f"port {port} is taken" in line
    assert "ingest.port" in line
    assert "ACKSTREAM_INGEST_PORT" in line
    other.down()
    assert {part["health"] for part in running.status().values()} == {"ok"}


def test_a_part_that_cannot_start_is_named_with_its_reason_and_log(running: Installation) -> None:
    source = '\n[sources.nobody]\nprovider = "nobody"\n'
    settings = Path(running.env["ACKSTREAM_CONFIG"])
    whole = settings.read_text()
    settings.write_text(whole + source)
    try:
        said = run(running.env, "up")
    finally:
        settings.write_text(whole)
    assert said.returncode == 1
    [line] = said.stderr.splitlines()
    assert line.startswith("ackstream: ingest does not get healthy: ")
    assert "nobody" in line
    assert "ingest-0.log" in line


def test_clean_asks_and_then_forgets_all_but_settings_and_secrets(running: Installation) -> None:
    secret = (running.data / "secrets" / "meta-secret").read_text()
    refused = run(running.env, "clean")
    assert refused.returncode == 1
    assert "YES=1" in refused.stderr
    assert {part["health"] for part in running.status().values()} == {"ok"}
    assert run(running.env, "clean", "--yes").returncode == 0
    assert {entry.name for entry in running.data.iterdir()} == {"secrets", ".ackstream-data"}
    assert (running.data / "secrets" / "meta-secret").read_text() == secret
