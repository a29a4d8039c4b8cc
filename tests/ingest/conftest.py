"""Kafka for the tests of the edge, and processes of the edge on it."""

import hmac
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientTimeout

from deploy.admin.topics import ensure_topics_sync
from deploy.local.kafka.broker import Broker
from tests.ingest.edge_process import META_SECRET, PARTITIONS, SOURCES, EdgeProcess, RawTopic, Setting

StartEdge = Callable[..., EdgeProcess]


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One broker with the topics for all tests; a test that stops or kills it starts it again."""
    with Broker(tmp_path_factory.mktemp("kafka")) as broker:
        ensure_topics_sync(broker.bootstrap, PARTITIONS, 1, -1)
        yield broker


@pytest.fixture(scope="session")
def shared_edge(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeProcess]:
    """One process of the edge for the tests that only send requests to it."""
    edge = EdgeProcess(tmp_path_factory.mktemp("edge"), kafka.bootstrap, {"max_body_bytes": 4 << 20, "spool": False})
    try:
        yield edge.start().wait()
    finally:
        edge.close()


@pytest.fixture
def start_edge(kafka: Broker, tmp_path: Path) -> Iterator[StartEdge]:
    """Makes edges of this test alone (keys of `ingest` as arguments); they end with it."""
    made: list[EdgeProcess] = []

    def make(
        *,
        name: str = "edge",
        bootstrap: str = "",
        sources: str = SOURCES,
        port: int | None = None,
        **ingest: Setting,
    ) -> EdgeProcess:
        made.append(EdgeProcess(tmp_path / name, bootstrap or kafka.bootstrap, ingest, sources, port))
        return made[-1]

    yield make
    for edge in made:
        edge.close()


@pytest.fixture
async def raw(kafka: Broker) -> RawTopic:
    """The records of `wa.raw` from now on."""
    return await RawTopic(kafka.bootstrap).mark()


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession(timeout=ClientTimeout(total=60), auto_decompress=False) as session:
        yield session


@pytest.fixture
def signed() -> Callable[..., dict[str, str]]:
    """Makes the headers of a Meta request with a valid signature."""

    def headers(body: bytes, secret: str = META_SECRET) -> dict[str, str]:
        return {"X-Hub-Signature-256": f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}"}

    return headers
