"""The circuit breaker of the normalise worker: it opens, stays open over restarts, and closes when settings change."""

import asyncio

from deploy.local.worker_lag import lags
from schemas.topics import DEAD, RAW
from streams.normalise.failure_rate import MIN_BODIES
from streams.replay.reader import ends
from streams.runtime.heartbeat import EXIT_CIRCUIT_OPEN
from tests.support.stack import Stack, put
from tests.support.waiting import wait_until

UNKNOWN_BODY = b'{"v": 9}'


def write_bodies(stack: Stack, count: int, source: str, auth: str) -> None:
    """Writes bodies to wa.raw as the edge does."""
    headers = {"source": source, "provider": "wasender", "received_at": "2026-11-20T12:00:00.000Z", "auth": auth}
    put(stack, [(RAW.name, UNKNOWN_BODY, {**headers, "request_id": f"{source}-{number}"}) for number in range(count)])


def dead_letters(stack: Stack) -> int:
    """How many records wa.dead has."""
    return sum(asyncio.run(ends(stack.config, [DEAD.name])).values())


def test_the_worker_stops_with_its_reason_until_the_settings_change(bare_kafka: Stack) -> None:
    stack, unsigned, authenticated = bare_kafka, 3 * MIN_BODIES, 2 * MIN_BODIES
    write_bodies(stack, unsigned, "open", "unsigned")
    stack.start("normalise")
    wait_until("bodies of unauthenticated senders are dead letters", lambda: dead_letters(stack) == unsigned)
    write_bodies(stack, authenticated, "wasender", "static;key=1")
    assert wait_until("the worker stops", lambda: stack.processes["normalise"].poll()) == EXIT_CIRCUIT_OPEN
    reason = stack.heartbeat("normalise")["last_error"]
    assert "wasender" in reason
    assert "streams.dead_share_limit = 0" in reason
    before = dead_letters(stack)
    assert before < unsigned + MIN_BODIES

    stack.start("normalise")
    assert wait_until("the next one stops too", lambda: stack.processes["normalise"].poll()) == EXIT_CIRCUIT_OPEN
    assert stack.heartbeat("normalise")["last_error"] == reason
    assert stack.logs("normalise").count(reason) == 2
    assert dead_letters(stack) == before
    normalise_lag = lags(stack.broker.bootstrap)["normalise"]
    assert normalise_lag is not None
    assert normalise_lag > 0

    stack.env["ACKSTREAM_STREAMS_DEAD_SHARE_LIMIT"] = "0"
    stack.start("normalise")
    wait_until("every body is processed", lambda: lags(stack.broker.bootstrap)["normalise"] == 0)
    assert dead_letters(stack) >= unsigned + authenticated  # those under way at the stop may be there twice
    assert stack.heartbeat("normalise")["ready"]
