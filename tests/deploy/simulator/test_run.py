"""A simulation whose background task fails ends at once with the reason."""

import time
from collections.abc import Callable

import pytest

from deploy.simulator.facts import Account
from deploy.simulator.run import RunOptions, simulate
from deploy.simulator.schedule import Schedule
from deploy.simulator.stats import Stats
from deploy.simulator.stream import Script
from schemas.process.tasks import BrokenError
from tests.deploy.simulator.demo_traffic import ACCOUNTS, NOW

SECONDS = 30.0  # of the runs, if nothing failed


def script(accounts: tuple[Account, ...]) -> Script:
    return Script(accounts, seed=1, run="fails", now=NOW, schedule=Schedule(5, SECONDS), speed=3600.0)


def options(port: int, on_progress: Callable[[Stats], None]) -> RunOptions:
    return RunOptions(f"http://127.0.0.1:{port}", SECONDS, False, 0.05, on_progress)


def test_a_progress_display_that_fails_ends_the_run(unused_tcp_port_factory: Callable[[], int]) -> None:
    def fail(_stats: Stats) -> None:
        raise RuntimeError

    began = time.monotonic()
    with pytest.raises(BrokenError, match=r"'progress' ended: RuntimeError at test_run\.py"):
        simulate(script(ACCOUNTS), options(unused_tcp_port_factory(), fail), None)
    assert time.monotonic() - began < SECONDS


def test_a_generation_of_requests_that_fails_ends_the_run(unused_tcp_port_factory: Callable[[], int]) -> None:
    accounts = (Account("unknown", "demo-unknown", "secret", "token"),)
    with pytest.raises(BrokenError, match=r"'generator' ended: KeyError at profiles\.py"):
        simulate(script(accounts), options(unused_tcp_port_factory(), lambda _stats: None), None)
