"""A whole stack, really started: what users see of up, status, kill -9, down, clean. One stack for all tests, in a
folder whose path is too long for a socket; the tests build on each other's stack but not on their order."""

import fcntl
import json
import os
import re
import signal
import socket
import stat
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.local import leftovers
from deploy.local.layout import Layout
from deploy.local.parts import mark
from schemas.settings.config import load
from streams.normalise.circuit_breaker import SavedCircuit
from tests.deploy.local.installation import Installation, run
from tests.support.waiting import wait_until

SHOP = '\n[sources.shop]\nprovider = "meta"\nsent_tokens = [{ env = "SHOP_TOKEN" }]\n'
PASSWORD = 'password = { env = "ACKSTREAM_CLICKHOUSE_PASSWORD" }'
HOOK = 'webhook = { env = "ALERTS_HOOK" }'
PARTS = {"ingest", "kafka", "normalise", "load", "clickhouse", "analytics", "dashboards"}


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
    page = f"http://127.0.0.1:{running.env['ACKSTREAM_DASHBOARDS_PORT']}/"
    assert f"\nDashboards: {page}\n" in said
    with urllib.request.urlopen(page) as answer:
        assert answer.status == 200
        assert "text/html" in answer.headers["Content-Type"]
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
        *running.data.glob("run/*.json"),
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
    killed = ("load", "ingest", "analytics", "dashboards")
    for name in killed:
        os.kill(before[name][0], signal.SIGKILL)

    def back() -> bool:
        now = running.status()
        return all(now[name]["health"] == "ok" and now[name]["pids"] != before[name] for name in killed)

    wait_until("it is back", back)


def test_status_says_what_is_not_healthy(running: Installation) -> None:
    pid = running.pids()["normalise"][0]
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until("normalise starts", lambda: running.status()["normalise"]["health"] == "starting")
        said = run(running.env, "status")
        assert said.code == 1
        assert said.stderr.startswith("ackstream: not healthy: normalise (starting)")
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_what_is_stored_survives_down_and_up(running: Installation) -> None:
    bootstrap = running.env["ACKSTREAM_KAFKA_BOOTSTRAP"]
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        sent = await producer.send_and_wait("wa.raw", b"not json", partition=0)
    running.down()
    assert run(running.env, "status").code == 1
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
    said = run(running.env, "status", "--json")
    status = json.loads(said.stdout)
    assert said.code == 1
    assert said.stderr.startswith("ackstream: the supervisor is gone, ")
    assert not status["healthy"]
    assert {part["name"]: part["pids"] for part in status["parts"]} == before
    assert {part["health"] for part in status["parts"]} == {"ok"}
    running.up()
    assert not {pid for pids in before.values() for pid in pids} & set(leftovers.find(mark(Layout(running.data))))
    assert {part["health"] for part in running.status().values()} == {"ok"}


def test_another_installation_that_wants_the_same_port_is_told_who_has_it(
    running: Installation, tmp_path: Path
) -> None:
    other = Installation(tmp_path)
    port = running.env["ACKSTREAM_INGEST_PORT"]
    said = run({**other.env, "ACKSTREAM_INGEST_PORT": port}, "up")
    assert said.code == 1
    [line] = said.stderr.splitlines()
    assert f"port {port} is taken" in line
    assert "ingest.port" in line
    assert "ACKSTREAM_INGEST_PORT" in line
    other.down()
    assert {part["health"] for part in running.status().values()} == {"ok"}


def test_an_up_that_cannot_work_stops_nothing(running: Installation) -> None:
    before, supervisor = running.pids(), running.supervisor_pid()
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = str(server.getsockname()[1])
        assert f"port {taken} is taken" in running.refused(ACKSTREAM_INGEST_PORT=taken)
        assert f"port {taken} is taken" in running.refused(ACKSTREAM_DASHBOARDS_PORT=taken)
        assert f"port {taken} is taken" in running.refused(ACKSTREAM_KAFKA_CONTROLLER_PORT=taken)
    assert "192.0.2.1 is not an address of this machine" in running.refused(ACKSTREAM_INGEST_HOST="192.0.2.1")
    assert "wa.events has 2 partitions" in running.refused(ACKSTREAM_KAFKA_PARTITIONS="3")
    with running.settings(lambda text: text + '\n[sources.nobody]\nprovider = "nobody"\n'):
        assert "no provider 'nobody'" in running.refused()
    with running.settings(lambda text: text + SHOP):
        assert "SHOP_TOKEN is not set" in running.refused()
    assert running.pids() == before
    assert running.supervisor_pid() == supervisor
    assert {part["health"] for part in running.status().values()} == {"ok"}


def test_secrets_of_the_environment_reach_the_parts_that_read_them_alone(running: Installation) -> None:
    before, supervisor = running.pids(), running.supervisor_pid()
    secrets = {
        "SHOP_TOKEN": """it's "odd" ;#, 100 %(x)s""",
        "ACKSTREAM_CLICKHOUSE_PASSWORD": """'both' "quotes\"""",
        "ALERTS_HOOK": "http://127.0.0.1:9/hook-of-a-chat",
    }

    def change(text: str) -> str:
        text = re.sub(r"^password = .*", PASSWORD, text, flags=re.MULTILINE)
        return text.replace("[alerts]\n", f"[alerts]\n{HOOK}\n") + SHOP

    with running.settings(change):
        running.up(**secrets)
        during = running.pids()
        assert {name for name in PARTS if during[name] == before[name]} == {"kafka"}
        given = {
            name: {file.stem for file in running.data.glob("run/secrets-*.json") if secret in _values(file)}
            for name, secret in secrets.items()
        }
        assert given == {
            "SHOP_TOKEN": {"secrets-ingest"},
            "ACKSTREAM_CLICKHOUSE_PASSWORD": {"secrets-normalise", "secrets-load", "secrets-analytics"},
            "ALERTS_HOOK": {"secrets-dashboards"},
        }
        request = urllib.request.Request(
            f"http://127.0.0.1:{running.env['ACKSTREAM_INGEST_PORT']}/sent/shop",
            b'{"message_id": "m", "to": "+5511955554444", "sent_at": "2026-11-20T12:00:00Z"}',
            {"Authorization": f"Bearer {secrets['SHOP_TOKEN']}"},
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310  (loopback)
            assert answer.status == 200
        running.up(**secrets)
        # This shell does not know the secrets.
        assert {part["health"] for part in running.status().values()} == {"ok"}
        assert running.pids() == during
        for pid in (supervisor, *(pid for pids in during.values() for pid in pids)):
            shown = subprocess.run(["ps", "eww", "-o", "args=", str(pid)], capture_output=True, text=True, check=True)
            assert not [word for word in ("odd", "quotes", "hook-of-a-chat") if word in shown.stdout]
    assert running.supervisor_pid() == supervisor


def _values(file: Path) -> list[str]:
    """The values of a JSON object of texts."""
    return list(json.loads(file.read_text()).values())


def test_a_part_that_cannot_start_is_named_and_the_others_run_on(running: Installation) -> None:
    before = running.pids()
    with (running.data / "run" / "ingest-1.lock").open("w") as place:
        fcntl.flock(place, fcntl.LOCK_EX)
        line = running.refused(ACKSTREAM_INGEST_PROCESSES="2")
        assert line.startswith(
            "ackstream: ingest does not become healthy: ackstream: instance 1 of ingest already runs"
        )
        assert "ingest-1.log" in line
        status = json.loads(run({**running.env, "ACKSTREAM_INGEST_PROCESSES": "2"}, "status", "--json").stdout)
    found = {part["name"]: part for part in status["parts"]}
    assert not status["healthy"]
    assert "already runs" in found["ingest"]["last_error"]
    assert found["ingest"]["log"].endswith("ingest-1.log")
    others = PARTS - {"ingest"}
    assert {name: found[name]["pids"] for name in others} == {name: before[name] for name in others}


def test_a_worker_that_must_not_go_on_stays_down_and_says_why(running: Installation) -> None:
    note, why = SavedCircuit(load(env=running.env)), "stopped with exit code 78: a sentence"
    note.open(why)
    os.kill(running.pids()["normalise"][0], signal.SIGKILL)
    wait_until("the reason is told", lambda: running.status()["normalise"]["last_error"] == why)
    wait_until("normalise ended", lambda: running.pids()["normalise"] == [])
    line = running.refused()
    assert line.startswith(f"ackstream: normalise does not become healthy: {why}")
    found = running.status()
    assert (found["normalise"]["health"], found["normalise"]["pids"]) == ("down", [])
    assert {part["health"] for name, part in found.items() if name != "normalise"} == {"ok"}
    assert note.close()
    running.up()


def test_clean_asks_and_then_forgets_all_but_settings_and_secrets(running: Installation) -> None:
    secret = (running.data / "secrets" / "meta-secret").read_text()
    refused = run(running.env, "clean")
    assert refused.code == 1
    assert "YES=1" in refused.stderr
    assert {part["health"] for part in running.status().values()} == {"ok"}
    with running.settings(lambda text: text + SHOP):  # whose secret this shell does not know
        assert run(running.env, "down").code == 0
        assert run(running.env, "clean", "--yes").code == 0
    assert {entry.name for entry in running.data.iterdir()} == {"secrets", ".ackstream-data"}
    assert (running.data / "secrets" / "meta-secret").read_text() == secret
