"""Kafka unavailable, with a spool: every body is answered 200, and everything answered 200 reaches Kafka."""

import asyncio
import os
import resource
import signal
from collections import Counter
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiokafka import ConsumerRecord

from deploy.admin.topics import ensure_topics
from deploy.local.kafka.broker import Broker
from ingest.storage import spool_folder
from tests.ingest.conftest import StartEdge
from tests.ingest.edge_process import PARTITIONS, EdgeProcess, RawTopic, headers
from tests.ingest.test_outages import gauge, limit_records, post, stopped
from tests.support.waiting import until

MIB = 1024 * 1024
QUICK = {"spool_after_seconds": 0.3}


def held(edge: EdgeProcess) -> int:
    """Bodies in the spool, read from its files."""
    return spool_folder.held(edge.folder / ".ackstream" / "spool").records


async def flood(http: ClientSession, edge: EdgeProcess, count: int, size: int = 700) -> dict[str, bytes]:
    """Posts bodies at once; returns those answered 200 by request id."""
    bodies = [b"%06d " % number + b"x" * size for number in range(count)]
    answers = await asyncio.gather(*(post(http, edge, body) for body in bodies))
    return {request_id: body for body, (status, _, request_id) in zip(bodies, answers, strict=True) if status == 200}


async def connected(http: ClientSession, edge: EdgeProcess) -> EdgeProcess:
    """Returns when the edge uses Kafka: with a spool it is ready before."""

    async def store_up() -> bool:
        return await gauge(http, edge, "ingest_store_up") == 1

    await until("it uses Kafka", store_up)
    return edge


def by_id(records: list[ConsumerRecord]) -> dict[str, bytes]:
    return {headers(record)["request_id"]: record.value for record in records}


async def drained(raw: RawTopic, wanted: dict[str, bytes]) -> list[ConsumerRecord]:
    """The records of wa.raw, as soon as all of `wanted` are among them.

    Fails when no record came for WAIT_SECONDS: how long all of them take depends on the disk.
    """
    records = await raw.records()
    while not wanted.items() <= by_id(records).items():
        before = len(records)

        async def more(known: int = before) -> list[ConsumerRecord] | None:
            found = await raw.records()
            return found if len(found) > known else None

        records = await until("everything answered is in Kafka", more)
    return records


async def test_no_body_is_refused_or_lost_while_the_broker_is_stopped(
    kafka: Broker, start_edge: StartEdge, http: ClientSession, raw: RawTopic
) -> None:
    edge = await connected(http, start_edge(**QUICK).start().wait())
    direct = await flood(http, edge, 20)
    with stopped(kafka):
        waiting = await flood(http, edge, 300)
        assert len(waiting) == 300
        at_once = await flood(http, edge, 300)  # Kafka is known to be unavailable now
        assert len(at_once) == 300
        assert held(edge) >= 300
        assert edge.status("/readyz") == 200
        assert await gauge(http, edge, "ingest_spool_records") == held(edge)
        assert await gauge(http, edge, "ingest_spool_bytes") > 600 * held(edge)
    wanted = direct | waiting | at_once
    records = await drained(raw, wanted)
    ways = Counter("spooled" in headers(record) for record in records)
    assert ways[True] >= 300
    one = next(record for record in records if "spooled" not in headers(record))
    other = next(record for record in records if "spooled" in headers(record))
    assert set(headers(other)) - set(headers(one)) == {"spooled"}
    assert other.timestamp <= one.timestamp + 60_000

    async def empty() -> bool:
        return held(edge) == 0 and await gauge(http, edge, "ingest_spool_oldest_seconds") == 0

    await until("the spool is empty", empty)
    assert not list((edge.folder / ".ackstream" / "spool").glob("*.spool"))


async def test_memory_stays_bounded_while_bodies_arrive_faster_than_the_disk_is(
    kafka: Broker, start_edge: StartEdge, http: ClientSession, raw: RawTopic
) -> None:
    # Time enough for a slow disk: no accepted body is answered 503 for being too late.
    edge = start_edge(max_in_flight_bytes=32 * MIB, answer_within_seconds=60.0, **QUICK).start().wait()
    wanted: dict[str, bytes] = {}
    peak = 0

    async def client() -> None:
        nonlocal peak
        for _ in range(5):
            status, error, request_id = await post(http, edge, b"x" * 2 * MIB)
            # A body that is still on its way may be given up for another one.
            assert status == 200 or (status, error) in ((503, "overloaded"), (408, "slow_body"))
            if status == 200:
                wanted[request_id] = b"x" * 2 * MIB
            peak = max(peak, edge.memory())

    with stopped(kafka):
        await asyncio.gather(*(client() for _ in range(50)))
    assert wanted
    assert peak < 300 * MIB
    await drained(raw, wanted)
    assert edge.memory() < 300 * MIB


async def test_bodies_of_a_killed_process_are_sent_by_the_next_one(
    kafka: Broker, start_edge: StartEdge, http: ClientSession, raw: RawTopic
) -> None:
    edge = start_edge(**QUICK).start().wait()
    with stopped(kafka):
        wanted = await flood(http, edge, 200)
        os.kill(edge.pid, signal.SIGKILL)
        edge.processes.pop().wait()
    assert len(wanted) == 200
    edge.start().wait()
    await drained(raw, wanted)


async def test_a_running_process_takes_over_the_bodies_of_its_killed_sibling(
    kafka: Broker, start_edge: StartEdge, raw: RawTopic
) -> None:
    edge = start_edge(processes=2, **QUICK).start(0).start(1).wait()
    wanted: dict[str, bytes] = {}
    with stopped(kafka):
        for _ in range(10):  # each on a connection of its own, so that both processes get some
            async with ClientSession() as fresh:
                wanted |= await flood(fresh, edge, 20)
        victim = edge.processes.pop()
        victim.kill()
        victim.wait()
    assert len(wanted) == 200
    await drained(raw, wanted)
    await until("nothing is left", lambda: asyncio.to_thread(lambda: held(edge) == 0))


async def test_no_body_is_lost_when_the_process_is_killed_while_it_drains(
    kafka: Broker, start_edge: StartEdge, http: ClientSession, raw: RawTopic
) -> None:
    edge = start_edge(max_in_flight_bytes=512 * MIB, **QUICK).start().wait()
    with stopped(kafka):
        wanted = await flood(http, edge, 30, MIB)
    assert len(wanted) == 30

    async def some() -> bool:
        return 0 < held(edge) < 25

    await until("some are drained", some)
    os.kill(edge.pid, signal.SIGKILL)
    edge.processes.pop().wait()
    left = held(edge)
    edge.start().wait()
    records = await drained(raw, wanted)
    assert left > 0
    assert set(by_id(records).values()) == set(wanted.values())


async def test_it_answers_before_kafka_was_ever_available_and_stores_afterwards(
    start_edge: StartEdge, http: ClientSession, tmp_path: Path
) -> None:
    broker = Broker(tmp_path / "kafka")
    edge = start_edge(bootstrap=broker.bootstrap, **QUICK).start().wait()
    wanted = await flood(http, edge, 50)
    assert len(wanted) == 50
    with broker:
        await ensure_topics(broker.bootstrap, PARTITIONS, 1, -1)
        mark = RawTopic(broker.bootstrap)
        await drained(mark, wanted)
        edge.close()


async def test_a_stop_while_kafka_is_unavailable_answers_and_keeps_every_body(
    kafka: Broker, start_edge: StartEdge, http: ClientSession, raw: RawTopic
) -> None:
    edge = await connected(http, start_edge(spool_after_seconds=2.0).start().wait())
    with stopped(kafka):
        under_way = asyncio.create_task(flood(http, edge, 40))

        async def taken() -> bool:
            return await gauge(http, edge, "ingest_in_flight_bytes") > 0

        await until("bodies are under way", taken)
        assert await asyncio.to_thread(edge.close) == [0]
        wanted = await under_way
    assert len(wanted) == 40
    edge.processes.clear()
    await asyncio.to_thread(edge.start().wait)
    await drained(raw, wanted)


@pytest.mark.parametrize("limit", [{"spool_max_bytes": MIB}, {"spool_max_age_hours": 0.0004}])
async def test_beyond_its_limits_bodies_are_answered_503_until_kafka_is_back(
    limit: dict[str, float], kafka: Broker, start_edge: StartEdge, http: ClientSession, raw: RawTopic
) -> None:
    edge = await connected(http, start_edge(**QUICK, **limit).start().wait("/healthz"))
    wanted: dict[str, bytes] = {}
    with stopped(kafka):

        async def full() -> bool:
            answered = await flood(http, edge, 20, 50_000)
            wanted.update(answered)
            return len(answered) < 20

        await until("a body is refused", full)
        assert (await post(http, edge, b"z" * 100_000))[:2] == (503, "not_stored")
        assert edge.status("/readyz") == 503
    await drained(raw, wanted)
    await until("it takes bodies again", lambda: asyncio.to_thread(lambda: edge.status("/readyz") == 200))


async def test_no_body_is_answered_200_while_the_disk_cannot_be_written(
    kafka: Broker, start_edge: StartEdge, http: ClientSession, raw: RawTopic
) -> None:
    edge = start_edge(**QUICK).start().wait()
    _, hard = resource.prlimit(edge.pid, resource.RLIMIT_FSIZE)
    wanted: dict[str, bytes] = {}
    with stopped(kafka):
        wanted |= await flood(http, edge, 10)
        assert len(wanted) == 10
        resource.prlimit(edge.pid, resource.RLIMIT_FSIZE, (200_000, hard))  # no file may grow beyond this

        async def refused() -> bool:
            answered = await flood(http, edge, 20, 20_000)
            wanted.update(answered)
            return not answered

        await until("bodies are refused", refused)
        resource.prlimit(edge.pid, resource.RLIMIT_FSIZE, (hard, hard))

        async def accepted() -> bool:
            answered = await flood(http, edge, 5)
            wanted.update(answered)
            return len(answered) == 5

        await until("the disk is used again", accepted)
    await drained(raw, wanted)


async def test_a_body_that_kafka_refuses_delays_no_other(
    kafka: Broker, start_edge: StartEdge, http: ClientSession, raw: RawTopic
) -> None:
    edge = await connected(http, start_edge(**QUICK).start().wait())
    await limit_records(kafka, 100_000)
    try:
        assert (await post(http, edge, b"z" * MIB))[0] == 200
        wanted = await flood(http, edge, 50)
        assert len(wanted) == 50
        await drained(raw, wanted)
        assert held(edge) == 1
        assert "message.max.bytes" in edge.log or await gauge(http, edge, "ingest_spool_records") == 1
    finally:
        await ensure_topics(kafka.bootstrap, PARTITIONS, 1, -1)
    await until("it is taken in the end", lambda: asyncio.to_thread(lambda: held(edge) == 0))
