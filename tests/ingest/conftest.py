"""Kafka for the tests of the edge, and processes of the edge on it."""

import hmac
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientTimeout

from deploy.admin.topics import ensure_topics_sync
from deploy.local.kafka.broker import Broker
from tests.ingest.process import META_SECRET, PARTITIONS, Edge, Raw

StartEdge = Callable[..., Edge]


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One broker with the topics for all tests; who stops or kills it brings it back.

    Nothing in it belongs to this folder: it can move to tests/conftest.py as it stands.
    """
    with Broker(tmp_path_factory.mktemp("kafka")) as broker:
        ensure_topics_sync(broker.bootstrap, PARTITIONS, 1, -1)
        yield broker


@pytest.fixture(scope="session")
def shared_edge(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """One process of the edge for the tests that only ask it something."""
    edge = Edge(tmp_path_factory.mktemp("edge"), kafka.bootstrap, {"max_body_bytes": 4 << 20, "spool": False})
    try:
        yield edge.start().wait()
    finally:
        edge.close()


@pytest.fixture
def start_edge(kafka: Broker, tmp_path: Path) -> Iterator[StartEdge]:
    """Makes edges of this test alone (`ingest` keys as arguments), ended with it."""
    made: list[Edge] = []

    def make(*, name: str = "edge", bootstrap: str = "", sources: str | None = None, **ingest: Any) -> Edge:
        more = {} if sources is None else {"sources": sources}
        port = ingest.pop("port", None)
        made.append(Edge(tmp_path / name, bootstrap or kafka.bootstrap, ingest, port=port, **more))
        return made[-1]

    yield make
    for edge in made:
        edge.close()


@pytest.fixture
async def raw(kafka: Broker) -> Raw:
    """`wa.raw` from now on."""
    return await Raw(kafka.bootstrap).mark()


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession(timeout=ClientTimeout(total=60), auto_decompress=False) as session:
        yield session


@pytest.fixture
def signed() -> Callable[..., dict[str, str]]:
    """Headers of a Meta request with a true signature."""

    def headers(body: bytes, secret: str = META_SECRET) -> dict[str, str]:
        return {"X-Hub-Signature-256": f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}"}

    return headers
