"""Parts that break: what can be recovered is recovered, anything else ends the process with the reason."""

import asyncio
import sqlite3
from pathlib import Path
from time import monotonic

import pytest
from aiohttp import ClientSession

from schemas.process.tasks import EXIT_BROKEN
from tests.ingest.conftest import StartEdge
from tests.ingest.edge_process import EdgeProcess
from tests.support.waiting import until

NO_KAFKA = "127.0.0.1:1"
# The edge with a clock that fails once a file exists; the spool asks it for the age of its oldest body.
WITH_FAILING_CLOCK = """
import sys
from pathlib import Path
from ingest.http.context import now_ms
from ingest.http.server import run
from schemas.errors import Failure
from schemas.settings import config

def clock():
    if Path(sys.argv[1]).exists():
        raise ValueError("+491510000042")
    return now_ms()

try:
    run(config.load(), 0, clock)
except Failure as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


def spool_file(edge: EdgeProcess) -> Path:
    (path,) = (edge.folder / ".ackstream" / "spool").glob("*.spool")
    return path


async def post(http: ClientSession, edge: EdgeProcess) -> int:
    async with http.post(f"{edge.url}/webhooks/open", data=b"x") as answer:
        return answer.status


async def test_a_broken_task_ends_the_process_with_its_reason(
    start_edge: StartEdge, http: ClientSession, tmp_path: Path
) -> None:
    edge = start_edge(bootstrap=NO_KAFKA)
    flag = tmp_path / "clock-fails"
    edge.start(command=["-c", WITH_FAILING_CLOCK, str(flag)])
    await asyncio.to_thread(edge.wait)
    assert await post(http, edge) == 200
    flag.touch()
    assert await asyncio.to_thread(edge.processes[0].wait, 60) == EXIT_BROKEN
    assert edge.log.splitlines()[-1].startswith("the task 'spool drain' ended: ValueError at ")
    assert '"message":"task_ended","task":"spool drain"' in edge.log
    assert "491510000042" not in edge.log


async def test_a_stalled_disk_is_answered_503_in_time(start_edge: StartEdge, http: ClientSession) -> None:
    edge = start_edge(bootstrap=NO_KAFKA, answer_within_seconds=1.0).start().wait()
    assert await post(http, edge) == 200
    other = sqlite3.connect(spool_file(edge), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # every write to the file waits
    try:
        began = monotonic()
        assert await asyncio.gather(*(post(http, edge) for _ in range(20))) == [503] * 20
        assert monotonic() - began < 2.5
        await asyncio.to_thread(edge.wait, "/readyz", 503)
    finally:
        other.execute("ROLLBACK")
        other.close()

    async def stored_again() -> bool:
        return await post(http, edge) == 200

    await until("bodies are stored again", stored_again)


@pytest.mark.parametrize("bootstrap", ["127.0.0.1:90x2", "kafka:0"])
def test_a_malformed_broker_address_is_refused_at_the_start(bootstrap: str, start_edge: StartEdge) -> None:
    (line,) = start_edge(bootstrap=bootstrap).failed_start().splitlines()
    assert line.startswith("ackstream: ")
    assert "kafka.bootstrap: " in line
