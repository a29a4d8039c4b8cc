"""The normalise worker stops when it understands nobody any more, says so, and goes on once that may be mended."""

import asyncio

from deploy.local.worker_lag import lags
from schemas.topics import DEAD, RAW
from streams.normalise.failure_rate import MIN_BODIES
from streams.replay.reader import ends
from streams.runtime.heartbeat import EXIT_CIRCUIT_OPEN
from tests.support.stack import Stack, put, wait_until

STRANGE = b'{"v": 9}'


def post(stack: Stack, bodies: int, source: str, auth: str) -> None:
    """Bodies on wa.raw, as the edge writes them."""
    headers = {"source": source, "provider": "wasender", "received_at": "2026-11-20T12:00:00.000Z", "auth": auth}
    put(stack, [(RAW.name, STRANGE, {**headers, "request_id": f"{source}-{number}"}) for number in range(bodies)])


def letters(stack: Stack) -> int:
    """How many dead letters there are on wa.dead."""
    return sum(asyncio.run(ends(stack.config, [DEAD.name])).values())


def test_it_stops_says_why_stays_so_over_restarts_and_goes_on_when_told(bare_kafka: Stack) -> None:
    stack, hostile, ours = bare_kafka, 3 * MIN_BODIES, 2 * MIN_BODIES
    post(stack, hostile, "open", "unsigned")
    stack.start("normalise")
    wait_until("whoever proves nothing stops nothing", lambda: letters(stack) == hostile)
    post(stack, ours, "wasender", "static;key=1")
    assert wait_until("the worker stops", lambda: stack.processes["normalise"].poll()) == EXIT_CIRCUIT_OPEN
    why = stack.heartbeat("normalise")["last_error"]
    assert "wasender" in why
    assert "streams.dead_share_limit = 0" in why
    before = letters(stack)
    assert before < hostile + MIN_BODIES

    stack.start("normalise")
    assert wait_until("the next one stops too", lambda: stack.processes["normalise"].poll()) == EXIT_CIRCUIT_OPEN
    assert stack.heartbeat("normalise")["last_error"] == why
    assert stack.logs("normalise").count(why) == 2
    assert letters(stack) == before
    assert lags(stack.broker.bootstrap)["normalise"] > 0

    stack.env["ACKSTREAM_STREAMS_DEAD_SHARE_LIMIT"] = "0"
    stack.start("normalise")
    wait_until("it goes on", lambda: lags(stack.broker.bootstrap)["normalise"] == 0)
    assert letters(stack) >= hostile + ours  # what was under way when it stopped may be there twice
    assert stack.heartbeat("normalise")["ready"]
