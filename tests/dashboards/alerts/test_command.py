"""`ackstream alerts`: the state of the rules, and a test notification. No test here needs ClickHouse."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboards.alerts.builtin_rules import BUILTIN_RULES
from dashboards.alerts.row_text import to_row
from dashboards.alerts.rules import RULES
from dashboards.alerts.runner import evaluator_for
from dashboards.alerts.saved_state import SavedState, dump
from dashboards.alerts.state_file import StateFile
from schemas.settings.config import load
from tests.dashboards.alerts.conftest import SECRET, Receiver
from tests.support.cli import Done, run

BANNED = next(rule for rule in RULES if rule.id == "sender-banned")
WriteSettings = Callable[..., Path]


async def alerts(file: Path, *arguments: str) -> Done:
    """`ackstream alerts ...` in a thread, so that the receiver of this process can answer."""
    return await asyncio.to_thread(run, "alerts", *arguments, ACKSTREAM_CONFIG=str(file))


async def test_the_command_lists_all_rules_and_firing_alerts(write_settings: WriteSettings) -> None:
    file = write_settings()
    config = load(file, {})
    state_file, evaluator = StateFile(config.data_dir / "state"), evaluator_for(config, SavedState())
    with state_file.locked():
        columns = {"source": "shop", "sender": "a", "value": 1, "state": "banned", "since_seconds": 90.0}
        evaluator.record_rows(BANNED, [to_row(BANNED, columns)], 1_795_176_000.0)
        state_file.save(dump(evaluator.state))
    done = await alerts(file)
    assert (done.code, done.stderr) == (0, "")
    assert all(rule.id in done.stdout for rule in (*RULES, *BUILTIN_RULES))
    assert "Last evaluation: 2026-11-20 12:00:00 UTC." in done.stdout
    entries = {entry["rule"]: entry for entry in json.loads((await alerts(file, "--json")).stdout)}
    assert entries["sender-banned"]["state"] == "firing"
    assert entries["sender-banned"]["text"] == "shop, sender a: banned for 1 min."
    assert entries["dead-letters"]["state"] == "unknown"


async def test_a_test_notification_is_delivered(write_settings: WriteSettings, receiver: Receiver) -> None:
    await receiver.up()
    done = await alerts(write_settings(), "--test")
    assert (done.code, done.stderr) == (0, "")
    assert "this is a test" in receiver.accepted[0]["text"]


@pytest.mark.parametrize("mode", [403, "no answer", "down"])
async def test_a_failed_test_notification_is_reported_without_the_address(
    write_settings: WriteSettings, receiver: Receiver, mode: int | str
) -> None:
    receiver.mode = mode
    if mode != "down":
        await receiver.up()
    done = await alerts(write_settings(), "--test")
    assert done.code == 1
    assert done.stderr.startswith("ackstream: the test notification was not delivered, ")
    assert done.stderr.count("\n") == 1
    assert SECRET not in done.stdout + done.stderr


async def test_without_a_receiver_the_command_names_the_setting(write_settings: WriteSettings) -> None:
    file = write_settings(has_receiver=False)
    done = await alerts(file, "--test")
    assert done.code == 1
    assert "set alerts.webhook" in done.stderr
    assert "No notifications are sent" in (await alerts(file)).stdout


async def test_an_unknown_rule_in_the_settings_is_an_error(write_settings: WriteSettings) -> None:
    done = await alerts(write_settings('disabled_rules = ["nothing"]'))
    assert done.code == 1
    assert done.stderr == "ackstream: alerts.disabled_rules: there is no rule nothing: `ackstream alerts` lists them\n"
