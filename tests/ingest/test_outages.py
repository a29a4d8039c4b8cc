"""Kafka slow, killed or not yet started, without a spool: answers are true, memory is bounded, storing resumes."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import ClientSession
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.admin.topics import ensure_topics
from deploy.local.kafka.broker import Broker
from schemas.topics import RAW
from tests.ingest.conftest import StartEdge
from tests.ingest.edge_process import PARTITIONS, EdgeProcess, RawTopic, headers
from tests.support.waiting import until

MIB = 1024 * 1024


async def post(http: ClientSession, edge: EdgeProcess, body: bytes) -> tuple[int, str, str]:
    """Status, error code and request id of one unsigned webhook."""
    async with http.post(f"{edge.url}/webhooks/open", data=body) as answer:
        error = await answer.json() if answer.status != 200 else {}
        if answer.status == 503:
            assert int(answer.headers["Retry-After"]) > 0
        return answer.status, error.get("error", ""), answer.headers.get("X-Request-Id", "")


def stores(http: ClientSession, edge: EdgeProcess) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return (await post(http, edge, b"again?"))[0] == 200

    return check


@contextmanager
def stopped(broker: Broker) -> Iterator[None]:
    """The broker keeps its connections and answers nothing, as one in a long pause would."""
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(broker.pid, signal.SIGCONT)


async def gauge(http: ClientSession, edge: EdgeProcess, name: str) -> float:
    async with http.get(f"{edge.url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


async def test_time_and_memory_stay_bounded_while_the_broker_is_stopped_and_storing_resumes(
    kafka: Broker, start_edge: StartEdge, http: ClientSession
) -> None:
    edge = start_edge(spool=False, answer_within_seconds=1.5, max_in_flight_bytes=16 * MIB).start().wait()
    assert (await post(http, edge, b"before"))[0] == 200
    at_rest = edge.memory()
    peak = 0
    seen: Counter[tuple[int, str]] = Counter()

    async def client() -> None:
        nonlocal peak
        for _ in range(5):
            status, error, _ = await post(http, edge, b"x" * MIB)
            seen[status, error] += 1
            peak = max(peak, edge.memory())

    with stopped(kafka):
        async with asyncio.timeout(60):
            await asyncio.gather(*(client() for _ in range(60)))
        await asyncio.to_thread(edge.wait, "/readyz", 503)
        assert edge.status("/healthz") == 200
    # What is still on its way may be given up (408) for another body, instead of refusing that one.
    assert set(seen) <= {(503, "not_stored"), (503, "overloaded"), (408, "slow_body")}
    assert seen[503, "overloaded"] + seen[408, "slow_body"] > 0
    assert seen[503, "not_stored"] > 0
    # 300 MiB were sent. In memory: the budget, its copies in batches and requests, and the sockets' buffers.
    assert peak - at_rest < 100 * MIB
    await until("it stores again", stores(http, edge))
    await asyncio.to_thread(edge.wait)

    async def empty() -> bool:
        return await gauge(http, edge, "ingest_in_flight_bytes") == 0

    await until("nothing is charged any more", empty)
    assert await gauge(http, edge, "ingest_store_up") == 1


async def test_a_record_that_was_answered_503_may_be_stored_late_and_is_counted(
    kafka: Broker, start_edge: StartEdge, http: ClientSession, raw: RawTopic
) -> None:
    edge = start_edge(spool=False, answer_within_seconds=0.5).start().wait()
    with stopped(kafka):
        status, _, request_id = await post(http, edge, b"on its way")
        assert status == 503

    async def late() -> bool:
        return await gauge(http, edge, "ingest_late_records_total") == 1

    await until("the late record is counted", late)
    assert [headers(record)["request_id"] for record in await raw.records()] == [request_id]


async def test_it_stops_in_time_while_a_write_to_a_stopped_broker_is_in_flight(
    kafka: Broker, start_edge: StartEdge, http: ClientSession
) -> None:
    edge = start_edge(spool=False, answer_within_seconds=0.5).start().wait()
    with stopped(kafka):
        assert (await post(http, edge, b"never answered"))[0] == 503
        assert await asyncio.to_thread(edge.close) == [0]
    await asyncio.to_thread(start_edge(name="after").start().wait)


async def test_a_body_that_kafka_refuses_does_not_block_its_partition(
    kafka: Broker, start_edge: StartEdge, http: ClientSession, raw: RawTopic
) -> None:
    edge = start_edge(spool=False).start().wait()
    # Each partition gets a record first: only then does the broker know this producer's sequence numbers there.
    for _ in range(PARTITIONS):
        assert (await post(http, edge, b"-1"))[0] == 200
    await limit_records(kafka, 100_000)
    try:
        for _ in range(2):
            assert (await post(http, edge, b"z" * MIB))[:2] == (503, "not_stored")
        await asyncio.to_thread(edge.wait)
        for number in range(4 * PARTITIONS):
            assert (await post(http, edge, b"%d" % number))[0] == 200
    finally:
        await ensure_topics(kafka.bootstrap, PARTITIONS, 1, -1)
    stored = sorted(int(record.value) for record in await raw.records())
    assert stored == [-1] * PARTITIONS + list(range(4 * PARTITIONS))
    assert await gauge(http, edge, "ingest_kafka_errors_total") >= 2


async def limit_records(broker: Broker, size: int) -> None:
    """Lets `wa.raw` take records of at most `size` bytes; `ensure_topics` restores the limit."""
    client = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await client.start()
    try:
        configs = {"max.message.bytes": str(size)}
        await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, RAW.name, configs=configs)])
    finally:
        await client.close()


async def test_after_the_restart_of_a_killed_broker_storing_resumes_and_no_200_is_lost(
    kafka: Broker, start_edge: StartEdge, http: ClientSession, raw: RawTopic
) -> None:
    edge = start_edge(spool=False, answer_within_seconds=2).start().wait()
    answered: list[str] = []
    refused = 0
    over = asyncio.Event()

    async def client() -> None:
        nonlocal refused
        while not over.is_set():
            status, _, request_id = await post(http, edge, b"y" * 500)
            if status == 200:
                answered.append(request_id)
            else:
                assert status == 503
                refused += 1
                await asyncio.sleep(0.05)

    async def some(count: int) -> None:
        async def enough() -> bool:
            return len(answered) >= count

        await until(f"{count} are answered", enough)

    clients = [asyncio.create_task(client()) for _ in range(8)]
    await some(100)
    await asyncio.to_thread(kafka.kill)

    async def refusals() -> bool:
        return refused > 0

    await until("bodies are refused", refusals)
    await asyncio.to_thread(kafka.restart)
    await some(len(answered) + 100)
    over.set()
    await asyncio.gather(*clients)
    stored = Counter(headers(record)["request_id"] for record in await raw.records())
    assert set(answered) <= set(stored)
    assert set(stored.values()) == {1}


async def test_it_starts_without_kafka_and_without_the_topic(
    start_edge: StartEdge, http: ClientSession, tmp_path: Path
) -> None:
    broker = Broker(tmp_path / "kafka")
    edge = start_edge(bootstrap=broker.bootstrap, spool=False).start().wait("/healthz")
    assert edge.status("/readyz") == 503
    assert (await post(http, edge, b"x"))[:2] == (503, "not_stored")
    with broker:

        async def reported() -> bool:
            return "the topic wa.raw does not exist: run `ackstream up`" in edge.log

        await until("the missing topic is reported", reported)
        assert edge.status("/readyz") == 503
        assert (await post(http, edge, b"x"))[:2] == (503, "not_stored")
        await ensure_topics(broker.bootstrap, PARTITIONS, 1, -1)
        await asyncio.to_thread(edge.wait)
        mark = await RawTopic(broker.bootstrap).mark()
        assert (await post(http, edge, b"at last"))[0] == 200
        assert [record.value for record in await mark.records()] == [b"at last"]
        edge.close()
