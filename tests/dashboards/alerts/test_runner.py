"""Looking and telling on real parts: ClickHouse, a receiver over HTTP, processes that are killed."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from dashboards.alerts.groups import Group
from dashboards.alerts.memory import parse
from dashboards.alerts.rule import Rule
from dashboards.alerts.runner import Alerts, chosen
from schemas.errors import ConfigError
from schemas.settings.config import Config
from tests.dashboards.alerts.conftest import KEY, Receiver, Watched, make_table, until
from tests.dashboards.alerts.make import WATCHED, rule
from tests.support.clickhouse import Server

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


def state(alerts: Alerts, name: str = "test-rule") -> str:
    return str(next(entry["state"] for entry in alerts.states() if entry["rule"] == name))


def saved(folder: Path) -> list[Group]:
    """What is saved of the receiver."""
    file = folder / "data" / "state" / "alerts.json"
    return list(parse(file.read_bytes()).groups.values()) if file.exists() else []


async def test_a_fire_and_its_end_are_told_once_each(config: Settings, watched: Watched, receiver: Receiver) -> None:
    await receiver.up()
    watched.put(shop=2, hotel=0)
    async with running(config()) as alerts:
        await until("the fire is told", receiver.heard)
        (entry,) = (entry for entry in alerts.states() if entry["rule"] == "test-rule")
        assert (entry["state"], entry["labels"], entry["text"]) == ("firing", {"source": "shop"}, "shop is at 2.0")
        watched.put(shop=0)
        await until("the end is told", lambda: len(receiver.taken) == 2)
        await until("a look later", lambda: state(alerts) == "ok")
    assert receiver.heard() == [("shop", "firing"), ("shop", "resolved")]
    assert receiver.tries == 2
    assert receiver.taken[0]["externalURL"] == "http://127.0.0.1:8080/pipeline"


async def test_the_text_form_sends_a_text_and_nothing_else(
    config: Settings, watched: Watched, receiver: Receiver
) -> None:
    await receiver.up()
    watched.put(shop=2)
    async with running(config('form = "text"\npage_url = "https://page.example/x"')):
        await until("a text", lambda: receiver.taken)
    assert set(receiver.taken[0]) == {"text"}
    assert receiver.taken[0]["text"].endswith("https://page.example/x/pipeline")


@pytest.mark.parametrize("mood", [500, 404, "silence", "down"])
async def test_a_receiver_in_trouble_holds_up_no_look_and_hears_it_later(
    config: Settings, watched: Watched, receiver: Receiver, mood: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    receiver.mood = mood
    if mood != "down":
        await receiver.up()
    watched.put(shop=2)
    async with running(config()) as alerts:
        await until("it was tried", lambda: "alert_not_sent" in caplog.text)
        watched.put(hotel=2)
        await until("looking goes on", lambda: sum(entry["state"] == "firing" for entry in alerts.states()) == 2)
        assert receiver.taken == []
        receiver.mood = 200
        if mood == "down":
            await receiver.up()
        await until("both are told", lambda: {("shop", "firing"), ("hotel", "firing")} <= set(receiver.heard()))
    assert sorted(receiver.heard()) == [("hotel", "firing"), ("shop", "firing")]
    assert KEY not in caplog.text


async def test_clickhouse_away_resolves_nothing_and_is_seen(
    config: Settings, receiver: Receiver, tmp_path: Path
) -> None:
    await receiver.up()
    other = Server(tmp_path / "other")
    make_table(other)
    Watched(other).put(shop=2)
    try:
        async with running(config(clickhouse=other.url)) as alerts:
            await until("the fire is told", receiver.heard)
            other.kill()
            await until("ClickHouse is missed", lambda: state(alerts, "clickhouse-away") == "pending")
            looked = alerts.states()[0]["looked_at"]
            await until("two looks more", lambda: (alerts.states()[0]["looked_at"] - looked).total_seconds() > 2)
            assert state(alerts) == "firing"
        assert receiver.heard() == [("shop", "firing")]
    finally:
        if other.process.poll() is None:
            other.kill()


async def test_a_rule_that_clickhouse_refuses_is_unknown_and_the_others_go_on(
    config: Settings, watched: Watched, receiver: Receiver
) -> None:
    await receiver.up()
    watched.put(shop=2)
    broken = rule(id="broken", sql="SELECT source, value FROM missing")
    async with running(config(), broken, WATCHED) as alerts:
        await until("the sound rule fires", receiver.heard)
        (entry,) = (entry for entry in alerts.states() if entry["rule"] == "broken")
    assert (entry["state"], entry["text"]) == ("unknown", "error 60 of ClickHouse")
    assert entry["since"] is not None


async def test_a_restart_goes_on_where_the_last_one_stopped(
    config: Settings, watched: Watched, receiver: Receiver, tmp_path: Path
) -> None:
    await receiver.up()
    watched.put(shop=2)
    async with running(config()):
        await until("it is known that the fire was told", lambda: any(group.known for group in saved(tmp_path)))
    async with running(config()) as alerts:
        await until("a look", lambda: state(alerts) == "firing")
        watched.put(shop=0)
        await until("the end is told", lambda: len(receiver.taken) == 2)
    assert receiver.heard() == [("shop", "firing"), ("shop", "resolved")]


async def test_two_processes_are_one_evaluator(config: Settings, watched: Watched, receiver: Receiver) -> None:
    await receiver.up()
    watched.put(shop=2)
    async with running(config()) as first:
        await until("the fire is told", receiver.heard)
        async with running(config()) as second:
            await until("the second shows what the first finds", lambda: state(second) == "firing")
            watched.put(shop=0)
            await until("the end is told", lambda: len(receiver.taken) == 2)
            await until("by the first", lambda: state(first) == "ok")
    assert receiver.heard() == [("shop", "firing"), ("shop", "resolved")]


async def test_without_a_receiver_the_page_shows_it_all_the_same(
    config: Settings, watched: Watched, receiver: Receiver
) -> None:
    watched.put(shop=2)
    async with running(config(deaf=True)) as alerts:
        await until("it fires", lambda: state(alerts) == "firing")
    assert receiver.tries == 0


@pytest.fixture
def alone(settings_file: Callable[..., Path], tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts the evaluator as a process."""
    started: list[subprocess.Popen[bytes]] = []
    file, log = settings_file(), tmp_path / "alone.log"

    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            command = [sys.executable, "-m", "tests.dashboards.alerts.alone", str(file)]
            started.append(subprocess.Popen(command, stdout=output, stderr=output))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(30)
    assert KEY not in log.read_text()


async def test_what_was_pending_when_the_process_was_killed_is_told_by_the_next_one(
    alone: Callable[[], subprocess.Popen[bytes]], watched: Watched, receiver: Receiver, tmp_path: Path
) -> None:
    watched.put(shop=2)
    first = alone()
    await until("a message could not be sent", lambda: any(group.tries for group in saved(tmp_path)))
    os.kill(first.pid, signal.SIGKILL)
    first.wait(30)
    await receiver.up()
    alone()
    await until("the next process tells it", receiver.heard)
    assert receiver.heard() == [("shop", "firing")]


async def test_killed_while_a_message_is_under_way_it_is_told_again_with_the_same_id(
    alone: Callable[[], subprocess.Popen[bytes]], watched: Watched, receiver: Receiver
) -> None:
    """The receiver has it and the process dies before it knows: at least once, and the receiver can tell."""
    watched.put(shop=2)
    ids: list[str] = []

    def deadly(made: dict[str, Any]) -> None:
        ids.append(made["id"])
        if len(ids) == 1:
            os.kill(first.pid, signal.SIGKILL)

    receiver.on_try = deadly
    await receiver.up()
    first = alone()
    await until("the first process is dead", lambda: first.poll() is not None)
    alone()
    await until("it is told again", lambda: len(ids) == 2)
    assert ids[0] == ids[1]


def test_a_rule_can_be_switched_off_and_a_misspelt_one_is_said(config: Settings) -> None:
    assert chosen(config('disabled_rules = ["test-rule"]'), [WATCHED, rule(id="other")]) == [rule(id="other")]
    with pytest.raises(ConfigError, match="no rule test-rul:"):
        Alerts(config('disabled_rules = ["test-rul"]'), rules=[WATCHED])
