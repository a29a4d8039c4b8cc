"""Evaluation and notification with a real ClickHouse, a receiver over HTTP and killed processes."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dashboards.alerts.notifications import Group
from dashboards.alerts.rule import Rule
from dashboards.alerts.runner import Alerts, enabled_rules
from dashboards.alerts.saved_state import parse
from schemas.errors import ConfigError
from schemas.settings.config import Config
from tests.dashboards.alerts.conftest import SECRET, Receiver, Watched, make_table
from tests.dashboards.alerts.samples import WATCHED, rule
from tests.support.clickhouse import Server
from tests.support.waiting import until

Settings = Callable[..., Config]


@asynccontextmanager
async def running(config: Config, *rules: Rule) -> AsyncIterator[Alerts]:
    alerts = Alerts(config, rules=rules or [WATCHED])
    task = asyncio.create_task(alerts.run())
    try:
        yield alerts
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def evaluated_at(alerts: Alerts) -> datetime:
    """When the first rule was evaluated last."""
    found = alerts.states()[0]["evaluated_at"]
    assert found is not None
    return found


def state(alerts: Alerts, name: str = "test-rule") -> str:
    return str(next(entry["state"] for entry in alerts.states() if entry["rule"] == name))


def saved(folder: Path) -> list[Group]:
    """The groups in the saved state."""
    file = folder / "data" / "state" / "alerts.json"
    return list(parse(file.read_bytes()).groups.values()) if file.exists() else []


async def test_a_firing_alert_and_its_resolution_are_each_reported_once(
    config: Settings, watched: Watched, receiver: Receiver
) -> None:
    await receiver.up()
    watched.put(shop=2, hotel=0)
    async with running(config()) as alerts:
        await until("the firing alert is reported", receiver.reported)
        (entry,) = (entry for entry in alerts.states() if entry["rule"] == "test-rule")
        assert (entry["state"], entry["labels"], entry["text"]) == ("firing", {"source": "shop"}, "shop is at 2.0")
        watched.put(shop=0)
        await until("the resolution is reported", lambda: len(receiver.accepted) == 2)
        await until("the next evaluation", lambda: state(alerts) == "ok")
    assert receiver.reported() == [("shop", "firing"), ("shop", "resolved")]
    assert receiver.requests == 2
    assert receiver.accepted[0]["externalURL"] == "http://127.0.0.1:8080/pipeline"


async def test_the_form_text_sends_only_a_text(config: Settings, watched: Watched, receiver: Receiver) -> None:
    await receiver.up()
    watched.put(shop=2)
    async with running(config('form = "text"\npage_url = "https://page.example/x"')):
        await until("a text", lambda: receiver.accepted)
    assert set(receiver.accepted[0]) == {"text"}
    assert receiver.accepted[0]["text"].endswith("https://page.example/x/pipeline")


@pytest.mark.parametrize("mode", [500, 404, "no answer", "down"])
async def test_a_failing_receiver_delays_no_evaluation_and_gets_the_alerts_later(
    config: Settings,
    watched: Watched,
    receiver: Receiver,
    mode: int | str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.INFO)
    receiver.mode = mode
    if mode != "down":
        await receiver.up()
    watched.put(shop=2)
    async with running(config()) as alerts:
        await until("a delivery failed", lambda: any(group.failures for group in saved(tmp_path)))
        watched.put(hotel=2)
        await until(
            "the evaluation continues", lambda: sum(entry["state"] == "firing" for entry in alerts.states()) == 2
        )
        assert receiver.accepted == []
        receiver.mode = 200
        if mode == "down":
            await receiver.up()
        await until("both are reported", lambda: {("shop", "firing"), ("hotel", "firing")} <= set(receiver.reported()))
    assert sorted(receiver.reported()) == [("hotel", "firing"), ("shop", "firing")]
    # The log goes to one of both: an earlier test of this process may have configured it.
    output = caplog.text + "".join(capsys.readouterr())
    assert "notification_failed" in output
    assert SECRET not in output


async def test_an_unreachable_clickhouse_resolves_nothing_and_is_noticed(
    config: Settings, receiver: Receiver, tmp_path: Path
) -> None:
    await receiver.up()
    other = Server(tmp_path / "other")
    make_table(other)
    Watched(other).put(shop=2)
    try:
        async with running(config(clickhouse=other.url)) as alerts:
            await until("the firing alert is reported", receiver.reported)
            other.kill()
            await until("ClickHouse is found unreachable", lambda: state(alerts, "clickhouse-unreachable") == "pending")
            before = evaluated_at(alerts)
            await until("two more evaluations", lambda: (evaluated_at(alerts) - before).total_seconds() > 2)
            assert state(alerts) == "firing"
        assert receiver.reported() == [("shop", "firing")]
    finally:
        if other.process.poll() is None:
            other.kill()


async def test_a_rejected_rule_is_unknown_and_the_others_continue(
    config: Settings, watched: Watched, receiver: Receiver
) -> None:
    await receiver.up()
    watched.put(shop=2)
    broken = rule(id="broken", sql="SELECT source, value FROM missing")
    async with running(config(), broken, WATCHED) as alerts:
        await until("the valid rule fires", receiver.reported)
        (entry,) = (entry for entry in alerts.states() if entry["rule"] == "broken")
    assert (entry["state"], entry["text"]) == ("unknown", "error 60 of ClickHouse")
    assert entry["since"] is not None


async def test_a_restart_continues_from_the_saved_state(
    config: Settings, watched: Watched, receiver: Receiver, tmp_path: Path
) -> None:
    await receiver.up()
    watched.put(shop=2)
    async with running(config()):
        await until("the delivery is saved", lambda: any(group.notified for group in saved(tmp_path)))
    async with running(config()) as alerts:
        await until("an evaluation", lambda: state(alerts) == "firing")
        watched.put(shop=0)
        await until("the resolution is reported", lambda: len(receiver.accepted) == 2)
    assert receiver.reported() == [("shop", "firing"), ("shop", "resolved")]


async def test_only_one_of_two_processes_evaluates(config: Settings, watched: Watched, receiver: Receiver) -> None:
    await receiver.up()
    watched.put(shop=2)
    async with running(config()) as first:
        await until("the firing alert is reported", receiver.reported)
        async with running(config()) as second:
            await until("the second shows the state of the first", lambda: state(second) == "firing")
            watched.put(shop=0)
            await until("the resolution is reported", lambda: len(receiver.accepted) == 2)
            await until("the first has the new state", lambda: state(first) == "ok")
    assert receiver.reported() == [("shop", "firing"), ("shop", "resolved")]


async def test_without_a_receiver_the_page_still_has_the_states(
    config: Settings, watched: Watched, receiver: Receiver
) -> None:
    watched.put(shop=2)
    async with running(config(has_receiver=False)) as alerts:
        await until("the alert fires", lambda: state(alerts) == "firing")
    assert receiver.requests == 0


@pytest.fixture
def start_process(
    settings_file: Callable[..., Path], tmp_path: Path
) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts the evaluator as a process."""
    started: list[subprocess.Popen[bytes]] = []
    file, log = settings_file(), tmp_path / "process.log"

    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            command = [sys.executable, "-m", "tests.dashboards.alerts.process", str(file)]
            started.append(subprocess.Popen(command, stdout=output, stderr=output))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(30)
    assert SECRET not in log.read_text()


async def test_after_a_kill_the_next_process_reports_the_undelivered_alert(
    start_process: Callable[[], subprocess.Popen[bytes]], watched: Watched, receiver: Receiver, tmp_path: Path
) -> None:
    watched.put(shop=2)
    first = start_process()
    await until("a delivery failed", lambda: any(group.failures for group in saved(tmp_path)))
    os.kill(first.pid, signal.SIGKILL)
    first.wait(30)
    await receiver.up()
    start_process()
    await until("the next process reports it", receiver.reported)
    assert receiver.reported() == [("shop", "firing")]


async def test_a_kill_during_a_delivery_repeats_the_notification_with_the_same_id(
    start_process: Callable[[], subprocess.Popen[bytes]], watched: Watched, receiver: Receiver
) -> None:
    """Delivery is at least once: the process dies before the answer, and the receiver can drop the duplicate."""
    watched.put(shop=2)
    ids: list[str] = []

    def kill_at_first(body: dict[str, Any]) -> None:
        ids.append(body["id"])
        if len(ids) == 1:
            os.kill(first.pid, signal.SIGKILL)

    receiver.on_request = kill_at_first
    await receiver.up()
    first = start_process()
    await until("the first process is dead", lambda: first.poll() is not None)
    start_process()
    await until("the notification is repeated", lambda: len(ids) == 2)
    assert ids[0] == ids[1]


def test_a_rule_can_be_switched_off_and_an_unknown_one_is_an_error(config: Settings) -> None:
    assert enabled_rules(config('disabled_rules = ["test-rule"]'), [WATCHED, rule(id="other")]) == [rule(id="other")]
    with pytest.raises(ConfigError, match="no rule test-rul:"):
        Alerts(config('disabled_rules = ["test-rul"]'), rules=[WATCHED])
