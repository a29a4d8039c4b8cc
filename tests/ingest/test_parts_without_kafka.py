"""Parts of the edge that need no Kafka: stored headers, request ids, memory budget, metrics, bodies in time."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from ingest.http.app import create_app
from ingest.http.authenticate import Source, webhook_headers
from ingest.http.context import APP_CONTEXT
from ingest.http.request_ids import request_id
from ingest.storage.memory_budget import REQUEST_OVERHEAD, Charge, MemoryBudget
from schemas import metrics
from schemas.authentication.request import Request, Verdict
from schemas.http_errors import HttpError
from schemas.process.logs import describe
from schemas.providers import registry
from schemas.providers.base import Provider
from schemas.settings.config import Config


def source(provider: Provider) -> Source:
    return Source("here", provider, ("s",))


def test_credentials_are_not_stored_even_if_a_provider_lists_them_as_proofs() -> None:
    careless = Provider(
        name="careless",
        verify=lambda _request, _secrets: Verdict("ok", "basic", "abcd"),
        parse=lambda _body: (),
        proof_headers=("authorization", "cookie", "x-proof"),
    )
    given = {"authorization": "Basic czpz", "cookie": "s=1", "x-proof": "p\udcff"}
    headers = webhook_headers(source(careless), Request(given, b"", now_ms=0), "id")
    assert not isinstance(headers, HttpError)
    assert [name for name, _ in headers] == ["source", "provider", "received_at", "request_id", "auth", "x-proof"]
    assert dict(headers)["x-proof"] == b"p\xff"


def test_every_provider_refuses_or_accepts_an_empty_request() -> None:
    for provider in registry.built_in().values():
        decided = webhook_headers(source(provider), Request({}, b"", now_ms=0), "id")
        assert isinstance(decided, HttpError | list)


def test_the_repr_of_a_source_has_no_secret() -> None:
    shown = repr(Source("here", registry.built_in()["meta"], ("first-secret",), ("second-secret",), ("third-secret",)))
    assert "-secret" not in shown


def test_request_ids_are_version_7_and_sort_by_time() -> None:
    ids = [request_id(ms) for ms in (0, 1, 1_763_640_000_123, 2**48 - 1) for _ in range(3)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}", each) for each in ids)
    assert [each[:12] for each in ids] == sorted(each[:12] for each in ids)


def test_the_memory_budget_takes_what_fits_and_is_given_all_of_it_back() -> None:
    budget = MemoryBudget(10)
    charge = Charge(budget)
    assert charge.add(6)
    assert not charge.add(5)
    assert charge.add(4)
    assert budget.used == 10
    assert charge.hand_over() == 10
    charge.release()
    assert budget.used == 10
    budget.give(10)
    assert budget.used == 0


def test_foreign_errors_are_described_without_their_text() -> None:
    with pytest.raises(KeyError) as caught:
        raise KeyError("+491510000042")
    assert re.fullmatch(r"KeyError at test_parts_without_kafka\.py:\d+", describe(caught.value))


def test_metrics_are_declared_once_and_named_by_their_type() -> None:
    names = [metric.name for metric in metrics.METRICS]
    assert len(names) == len(set(names))
    for metric in metrics.METRICS:
        assert metric.meaning
        assert metric.name.endswith("_total") == (metric.type == "counter")
        assert bool(metric.buckets) == (metric.type == "histogram")
    declared = {value for value in vars(metrics).values() if isinstance(value, metrics.Metric)}
    assert declared == set(metrics.METRICS)


@pytest.fixture
async def server(tmp_path: Path, unused_tcp_port: int) -> AsyncIterator[TestServer]:
    """The application in this process, without a Kafka and without a spool."""
    kafka = {"bootstrap": f"127.0.0.1:{unused_tcp_port}"}
    config = Config.model_validate({"data_dir": tmp_path, "kafka": kafka, "ingest": {"spool": False}})
    app = create_app(config, {"open": Source("open", registry.built_in()["zapini"])})
    server = TestServer(app)
    await server.start_server()
    yield server
    await server.close()


async def test_a_body_that_takes_too_long_is_refused(server: TestServer) -> None:
    server.app[APP_CONTEXT].body_seconds = 0.05
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"POST /webhooks/open HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
    assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
    writer.close()


async def test_a_full_budget_refuses_before_it_reads(server: TestServer) -> None:
    app: web.Application = server.app
    budget = app[APP_CONTEXT].budget
    assert budget.take(budget.limit - REQUEST_OVERHEAD - 3)
    async with ClientSession() as http:
        for body, error in ((b"1234", "overloaded"), (b"123", "not_stored")):
            async with http.post(server.make_url("/webhooks/open"), data=body) as answer:
                assert (answer.status, (await answer.json())["error"]) == (503, error)
    assert budget.used == budget.limit - REQUEST_OVERHEAD - 3
