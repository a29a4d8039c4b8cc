"""`ackstream alerts`: how the rules stand, and a message to try the receiver."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboards.alerts.inner import INNER
from dashboards.alerts.memory import Memory, dump
from dashboards.alerts.rules import RULES
from dashboards.alerts.runner import state_of
from dashboards.alerts.state_file import Store
from dashboards.alerts.words import row
from schemas.settings.config import load
from tests.dashboards.alerts.conftest import KEY, Receiver

BANNED = next(rule for rule in RULES if rule.id == "sender-banned")


async def run(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`ackstream alerts ...`, while the receiver of this process can answer."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "deploy.cli", "alerts", *arguments],
        env={**os.environ, "ACKSTREAM_CONFIG": str(file)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_it_lists_the_rules_and_what_fires(settings_file: Callable[..., Path]) -> None:
    file = settings_file()
    config = load(file, {})
    store, state = Store(config.data_dir / "state"), state_of(config, Memory())
    with store.locked():
        columns = {"source": "shop", "sender": "a", "value": 1, "state": "banned", "since_seconds": 90.0}
        state.looked(BANNED, [row(BANNED, columns)], 1_795_176_000.0)
        store.save(dump(state.memory))
    done = await run(file)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(rule.id in done.stdout for rule in (*RULES, *INNER))
    assert "Last evaluated: 2026-11-20 12:00:00 UTC." in done.stdout
    entries = {entry["rule"]: entry for entry in json.loads((await run(file, "--json")).stdout)}
    assert entries["sender-banned"]["state"] == "firing"
    assert entries["sender-banned"]["text"] == "shop, sender a: banned for 1 min."
    assert entries["dead-letters"]["state"] == "unknown"


async def test_a_test_message_arrives(settings_file: Callable[..., Path], receiver: Receiver) -> None:
    await receiver.up()
    done = await run(settings_file(), "--test")
    assert (done.returncode, done.stderr) == (0, "")
    assert "this is a test" in receiver.taken[0]["text"]


@pytest.mark.parametrize("mood", [403, "silence", "down"])
async def test_a_test_message_that_is_not_delivered_is_reported_without_the_address(
    settings_file: Callable[..., Path], receiver: Receiver, mood: int | str
) -> None:
    receiver.mood = mood
    if mood != "down":
        await receiver.up()
    done = await run(settings_file(), "--test")
    assert done.returncode == 1
    assert done.stderr.startswith("ackstream: the test message was not delivered, ")
    assert done.stderr.count("\n") == 1
    assert KEY not in done.stdout + done.stderr


async def test_nobody_to_tell_and_rules_that_do_not_exist(settings_file: Callable[..., Path]) -> None:
    done = await run(settings_file(deaf=True), "--test")
    assert done.returncode == 1
    assert "set alerts.webhook" in done.stderr
    assert "No receiver is notified" in (await run(settings_file(deaf=True))).stdout
    done = await run(settings_file('disabled_rules = ["nothing"]'))
    assert done.returncode == 1
    assert done.stderr == "ackstream: alerts.disabled_rules: there is no rule nothing: `ackstream alerts` lists them\n"
