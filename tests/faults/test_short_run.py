"""A short chaos run of fixed seed, and tests of the plan and the proxies."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.faults.plan import FAULT_TYPES, by_kind, locks, plan, skews
from tests.faults.proxy import Mode, Proxies
from tests.faults.report import lines
from tests.faults.run import Options, run

# Nine faults of eight kinds that spare the broker: each of its starts costs a slow machine half a minute.
SHORT = (40, 9, 45.0, 25.0)


@pytest.mark.service
@pytest.mark.timeout(900)  # 45 s of traffic, and what a machine at its limits takes to start and to catch up
def test_nothing_is_lost_and_nothing_counted_twice(tmp_path: Path) -> None:
    seed, faults, seconds, rate = SHORT
    options = Options(seed, faults, seconds, rate, tmp_path)
    result = run(options, print)
    printed = "\n".join(lines(options, result))
    assert result.successful, printed
    assert len(result.injected) == faults
    assert result.answered > 1000, printed
    assert result.units > 500, printed


def test_the_same_seed_plans_the_same_faults() -> None:
    assert plan(1, 60, 600) == plan(1, 60, 600)
    assert plan(1, 60, 600) != plan(2, 60, 600)


@pytest.mark.parametrize("seed", range(5))
def test_sixty_faults_include_every_type_at_most_twice(seed: int) -> None:
    faults = plan(seed, 60, 600)
    planned = Counter((fault.kind, fault.part) for fault in faults if fault.kind != "wrong clock")
    assert planned.keys() | {("wrong clock", "source")} == set(FAULT_TYPES)
    assert max(planned.values()) == 2
    assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)
    assert sum(count for _, count in by_kind(faults)) == 60
    assert len(skews(faults)) == 2 * sum(fault.kind == "wrong clock" for fault in faults)


def test_faults_take_their_locks_in_one_order() -> None:
    assert all(list(locks(fault)) == sorted(locks(fault)) for fault in plan(1, 60, 600))
    assert {lock for fault in plan(1, 60, 600) for lock in locks(fault)} >= {"ingest", "load", "kafka", "ingest-kafka"}


T = TypeVar("T")


class Echo:
    """A server that answers every line with itself, in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.server = self.wait(asyncio.start_server(self._answer, "127.0.0.1", 0))
        self.port: int = self.server.sockets[0].getsockname()[1]

    @staticmethod
    async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine in the server's thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)


async def requested(port: int, seconds: float) -> str:
    """The result of a request through the proxy: answer, silence or broken."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello\n")
        answer = await asyncio.wait_for(reader.readline(), seconds)
        writer.close()
    except TimeoutError:
        return "silence"
    except OSError:
        return "broken"
    return "answer" if answer == b"hello\n" else "broken"


@pytest.mark.parametrize(
    ("mode", "wanted"), [("pass", "answer"), ("cut", "broken"), ("stall", "silence"), ("slow", "answer")]
)
async def test_a_link_can_be_cut_stalled_and_slowed(mode: Mode, wanted: str) -> None:
    with Proxies() as proxies:
        proxy = proxies.to(Echo().port)
        await asyncio.to_thread(proxy.set, mode)
        began = time.monotonic()
        assert await requested(proxy.port, 1.0 if wanted == "silence" else 30.0) == wanted
        if mode == "slow":  # 0.1 s each way
            assert time.monotonic() - began > 0.19
        await asyncio.to_thread(proxy.set, "pass")
        assert await requested(proxy.port, 30.0) == "answer"


async def test_stalled_data_arrives_later_and_a_cut_connection_is_closed() -> None:
    with Proxies() as proxies:
        proxy = proxies.to(Echo().port)
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        await asyncio.to_thread(proxy.set, "stall")
        writer.write(b"late\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readline(), 0.5)
        await asyncio.to_thread(proxy.set, "pass")
        assert await asyncio.wait_for(reader.readline(), 30) == b"late\n"
        await asyncio.to_thread(proxy.set, "cut")
        assert await asyncio.wait_for(reader.read(), 30) == b""
