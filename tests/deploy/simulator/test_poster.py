"""Requests are posted at their due times and retried until 200; the truth contains what may be stored."""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random

import click
import pytest
from aiohttp import web

from deploy.cli.main import cli
from deploy.simulator import truth_file
from deploy.simulator.facts import Fact, Request
from deploy.simulator.poster import Poster
from deploy.simulator.provider_delivery import RETRIES, ProviderRun, pause
from deploy.simulator.run import schedule
from deploy.simulator.running_truth import RunningTruth
from deploy.simulator.stats import AnswerTimes
from deploy.simulator.stream import Part
from deploy.simulator.truth_file import Deliveries, Expected, Line
from schemas.errors import ConfigError
from tests.deploy.simulator.web_server import LostFirstConnection, serving


def request(number: int) -> Request:
    fact = Fact("status", "s", 1_795_000_000_000, 0, message_id=f"m{number}", status="sent")
    return Request("/webhooks/s", b'{"n":%d}' % number, (("X-Proof", "1"),), 0, facts=(fact,))


async def parts(due: list[tuple[float, Request]]) -> AsyncIterator[Part]:
    yield Part([fact for _, asked in due for fact in asked.facts], due)


async def posted(
    url: str,
    due: list[tuple[float, Request]],
    *,
    drain: float = 60,
    stop_on: asyncio.Event | None = None,
    give_up: bool = False,
) -> tuple[ProviderRun, list[Line]]:
    lines: list[Line] = []
    run = ProviderRun(RunningTruth(lines.append), speed=36_000, give_up=give_up)
    poster = Poster(url, run.deliver, on_late=run.late)
    running = asyncio.create_task(poster.run(schedule(parts(due), run.truth), drain))
    if stop_on is not None:
        await stop_on.wait()
        poster.stopped.set()
    await running
    run.truth.close(0, 0)
    return run, lines


async def test_a_slow_edge_does_not_slow_the_schedule() -> None:
    """There is no answer before the last request: a poster that waits for answers would never post it."""
    everything = asyncio.Event()
    seen: list[bytes] = []

    async def handler(asked: web.Request) -> web.Response:
        seen.append(await asked.read())
        if len(seen) == 150:
            everything.set()
        await everything.wait()
        return web.Response()

    async with serving(handler) as url:
        run, _ = await posted(url, [(number / 1000, request(number)) for number in range(150)])
    assert run.stats.answered == 150
    assert run.stats.retries == 0


async def test_nothing_is_posted_before_it_is_due() -> None:
    times: list[float] = []

    async def handler(_: web.Request) -> web.Response:
        times.append(time.monotonic())
        return web.Response()

    async with serving(handler) as url:
        began = time.monotonic()
        await posted(url, [(0.0, request(0)), (0.3, request(1))])
    assert times[1] - began >= 0.3


async def test_every_answer_but_200_is_retried_with_the_same_bytes() -> None:
    seen: dict[bytes, list[str]] = {}
    answers = [503, 401, 302, 429, 500, 204, 200]

    async def handler(asked: web.Request) -> web.Response:
        tries = seen.setdefault(await asked.read(), [])
        tries.append(asked.headers["X-Proof"])
        return web.Response(status=answers[len(tries) - 1])

    async with serving(handler) as url:
        run, lines = await posted(url, [(0.0, request(0))])
    assert seen == {b'{"n":0}': ["1"] * 7}
    assert run.stats.failures == Counter(["503", "401", "302", "429", "500", "204"])
    # A request that was answered 5xx may be stored, one that was refused is not.
    assert [(line.count, line.most) for line in lines if isinstance(line, Deliveries)] == [(1, 3)]


async def test_a_request_whose_connection_is_lost_may_be_stored_and_is_retried() -> None:
    async with serving(LostFirstConnection()) as url:
        run, lines = await posted(url, [(0.0, request(0))])
    assert (run.stats.answered, run.stats.retries) == (1, 1)
    assert [(line.count, line.most) for line in lines if isinstance(line, Deliveries)] == [(1, 2)]


async def test_a_run_that_gives_up_does_so_after_metas_last_retry() -> None:
    tries = 0

    async def handler(_: web.Request) -> web.Response:
        nonlocal tries
        tries += 1
        return web.Response(status=503)

    async with serving(handler) as url:
        run, lines = await posted(url, [(0.0, request(0))], give_up=True)
    assert tries == len(RETRIES) + 1
    assert (run.stats.given_up, run.stats.waiting, run.stats.answered) == (1, 0, 0)
    assert [line.sure for line in lines if isinstance(line, Expected)] == [False]


@pytest.mark.parametrize("stops", [False, True])
async def test_a_request_without_an_answer_at_the_end_may_be_stored_and_one_never_sent_is_not(
    stops: bool,
) -> None:
    arrived = asyncio.Event()

    async def handler(asked: web.Request) -> web.Response:
        if await asked.read() == b'{"n":1}':
            arrived.set()
            await asyncio.Event().wait()
        return web.Response()

    due = [(0.0, request(0)), (0.0, request(1))] + ([(600.0, request(2))] if stops else [])
    async with serving(handler) as url:
        run, lines = await posted(url, due, drain=2.0, stop_on=arrived if stops else None)
    rows = {line.unit.message_id: line.sure for line in lines if isinstance(line, Expected)}
    assert rows["m0"]
    assert rows.keys() <= {"m0", "m1"}
    assert not rows.get("m1", False)
    assert ("m1" in rows) or not arrived.is_set()
    assert run.stats.sent == 2


async def test_without_a_connection_nothing_is_stored(unused_tcp_port_factory: Callable[[], int]) -> None:
    run, lines = await posted(f"http://127.0.0.1:{unused_tcp_port_factory()}", [(0.0, request(0))], drain=0.3)
    assert run.stats.failures.keys() == {"no connection"}
    assert [line for line in lines if isinstance(line, Expected | Deliveries)] == []


def test_the_pauses_increase_to_36_hours_in_total() -> None:
    rng = Random(1)  # noqa: S311
    pauses = [pause(retry, 1.0, rng) for retry in range(12)]
    assert pauses[0] == 0
    assert pauses[:9] == sorted(pauses[:9])
    assert 30 * 3600 < sum(pauses[:9]) < 42 * 3600
    assert all(0.8 * RETRIES[-1] <= each <= 1.2 * RETRIES[-1] for each in pauses[8:])
    assert pause(8, 3600, rng) == pytest.approx(20, rel=0.2)


def test_percentiles_are_exact_to_five_percent() -> None:
    times = AnswerTimes()
    for number in range(1, 1001):
        times.add(number / 1000)
    assert times.percentile(0.5) == pytest.approx(0.5, rel=0.06)
    assert times.percentile(0.99) == pytest.approx(0.99, rel=0.06)


SETTINGS = """
[ingest]
port = {port}
[sources.demo-meta]
provider = "meta"
secrets = [{{ env = "SECRET" }}]
sent_tokens = [{{ env = "SECRET" }}]
"""


def command(folder: Path, port: int, *more: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    settings, truth = folder / "ackstream.toml", folder / "truth.jsonl"
    settings.write_text(SETTINGS.format(port=port))
    done = subprocess.run(
        [
            sys.executable, "-m", "deploy.cli", "simulate", "--messages", "40", "--rate", "400", "--truth", str(truth),
            *more,
        ],
        env={"ACKSTREAM_CONFIG": str(settings), "SECRET": "invented"}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    return done, truth


async def test_the_command_ends_with_0_when_all_requests_were_answered_200(tmp_path: Path) -> None:
    bodies: list[bytes] = []

    async def handler(asked: web.Request) -> web.Response:
        body = await asked.read()
        bodies.append(body)
        return web.Response(status=200 if bodies.count(body) > 1 else 503)

    async with serving(handler) as url:
        done, truth = await asyncio.to_thread(command, tmp_path, int(url.rpartition(":")[2]))
    assert done.returncode == 0, done.stderr
    assert "503" in done.stdout
    lines = list(truth_file.read(truth))
    assert isinstance(lines[0], truth_file.Header)
    assert json.loads(truth.read_text().splitlines()[0])["sources"] == ["demo-meta"]
    assert all(line.sure for line in lines if isinstance(line, Expected))
    assert sum(isinstance(line, Expected) for line in lines) >= 40


async def test_the_command_ends_with_1_when_a_request_was_not_answered_200(tmp_path: Path) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=503)

    async with serving(handler) as url:
        done, truth = await asyncio.to_thread(command, tmp_path, int(url.rpartition(":")[2]), "--drain", "1s")
    assert done.returncode == 1
    assert "not answered 200 in time" in done.stderr
    units = [line for line in truth_file.read(truth) if isinstance(line, Expected)]
    assert units
    assert not any(line.sure for line in units)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--messages", "5", "--duration", "10s"), "not both"),
        (("--rotate",), "has one secret"),
        (("--sources", "nobody"), "no source nobody"),
        (("--skew", "else=5"), "not among the simulated"),
        (("--skew", "x"), "no skew such as"),
        (("--now", "yesterday"), "give a time"),
        (("--drain", "0"), "no duration"),
    ],
)
def test_wrong_usage_is_refused_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], sentence: str
) -> None:
    (tmp_path / "ackstream.toml").write_text(SETTINGS.format(port=1))
    monkeypatch.setenv("ACKSTREAM_CONFIG", str(tmp_path / "ackstream.toml"))
    monkeypatch.setenv("SECRET", "invented")
    with pytest.raises((ConfigError, click.UsageError), match=sentence):
        cli(["simulate", *more], standalone_mode=False)
