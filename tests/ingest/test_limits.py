"""Limits of sources, of clients that have proven nothing, of connections and of slow headers; honest clients pass."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from ipaddress import IPv4Network, IPv6Network
from math import ceil
from pathlib import Path
from time import monotonic, sleep

import pytest
from aiohttp import ClientSession, web

from deploy.local.kafka.broker import Broker
from ingest.http.app import create_app
from ingest.http.connection import Connection
from ingest.http.limits import Limits, client_address
from schemas.errors import ConfigError
from schemas.http_head_timer import HEAD_SECONDS
from schemas.settings.config import Config, parse
from tests.ingest.conftest import StartEdge
from tests.ingest.edge_process import SENT_TOKEN, EdgeProcess, Setting
from tests.support.waiting import until

BAD = {"X-Hub-Signature-256": "sha256=" + "0" * 64}


def test_a_source_may_burst_and_then_has_to_wait() -> None:
    limits = Limits({"shop": 5}, 0)
    waits = [limits.source_wait("shop") for _ in range(12)]
    assert waits[:10] == [0] * 10
    assert all(wait >= 1 for wait in waits[10:])
    assert limits.source_wait("another") == 0


@pytest.mark.parametrize(
    ("rate", "seconds", "passed"), [(0.2, 4.5, 1), (0.4, 2.7, 2), (2.5, 1.9, 5 + 4), (1e-9, 0.1, 1)]
)
def test_a_rate_is_exact(rate: float, seconds: float, passed: int) -> None:
    limits = Limits({"shop": rate}, 0)
    waits = []
    end = monotonic() + seconds
    while monotonic() < end:
        waits.append(limits.source_wait("shop"))
        sleep(0.01)
    assert waits.count(0) == passed
    assert max(waits) <= ceil(1 / rate)


def test_only_failures_count_against_a_client_and_one_success_clears_it() -> None:
    limits = Limits({}, 3)
    for _ in range(10):
        limits.record_outcome("192.0.2.1", 503)
    assert limits.unproven_wait("192.0.2.1") == 0
    for status in (401, 403, 404, 401):
        limits.record_outcome("192.0.2.1", status)
    assert limits.unproven_wait("192.0.2.1") == 20  # the next one of three in a minute
    assert limits.unproven_wait("192.0.2.2") == 0
    limits.record_outcome("192.0.2.1", 200)
    assert limits.unproven_wait("192.0.2.1") == 0
    for _ in range(10):
        limits.record_outcome("192.0.2.1", 401)  # forged bodies beside honest ones, through the same proxy
    assert limits.unproven_wait("192.0.2.1") == 0


def test_the_addresses_that_are_remembered_are_bounded() -> None:
    limits = Limits({}, 1, max_addresses=100)
    for status in (200, 401):
        limits.record_outcome("192.0.2.1", status)
    assert limits.unproven_wait("192.0.2.1") == 0
    for number in range(100):
        limits.record_outcome(f"10.0.0.{number}", 200)
    limits.record_outcome("192.0.2.1", 401)
    assert limits.unproven_wait("192.0.2.1") > 0


TRUSTED = (IPv4Network("10.0.0.0/8"), IPv6Network("2001:db8:ffff::/48"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.7", None, "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),  # not a trusted proxy: its header is ignored
        ("10.1.1.1", "198.51.100.1", "198.51.100.1"),
        ("10.1.1.1", "203.0.113.9, 198.51.100.1, 10.2.2.2", "198.51.100.1"),  # the client's own invention comes first
        ("10.1.1.1", None, "10.1.1.1"),
        ("10.1.1.1", "junk", None),
        ("2001:db8::7", None, "2001:db8::/64"),
        ("::ffff:192.0.2.7", None, "192.0.2.7"),
        ("2001:db8:ffff::1", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        (None, "198.51.100.1", None),
    ],
)
def test_the_client_that_a_request_counts_for(peer: str | None, forwarded: str | None, address: str | None) -> None:
    assert client_address(peer, forwarded, TRUSTED) == address


@pytest.mark.parametrize(
    "line", ['trusted_proxies = ["10.0.0.1/8"]', 'public_url = "hooks.example.com"', "source_per_second = inf"]
)
def test_wrong_settings_are_refused(line: str) -> None:
    with pytest.raises(ConfigError):
        parse(f"[ingest]\n{line}", Path("ackstream.toml"), {})


async def test_a_source_beyond_its_rate_gets_429_and_the_others_do_not(
    start_edge: StartEdge, http: ClientSession
) -> None:
    edge = start_edge(source_per_second=2).start().wait()
    statuses = []
    for _ in range(8):
        async with http.post(f"{edge.url}/webhooks/open", data=b"x") as answer:
            statuses.append(answer.status)
            if answer.status == 429:
                assert int(answer.headers["Retry-After"]) >= 1
                assert (await answer.json())["error"] == "too_many"
    assert statuses[:4] == [200] * 4
    assert 429 in statuses
    async with http.post(f"{edge.url}/webhooks/meta", data=b"x", headers=BAD) as answer:
        assert answer.status == 401


@pytest.fixture(scope="module")
def strict_edge(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeProcess]:
    """An edge where five failures a minute are too many; X-Forwarded-For names the client."""
    limits: dict[str, Setting] = {"strangers_per_minute": 5, "trusted_proxies": ["127.0.0.1/32"]}
    edge = EdgeProcess(tmp_path_factory.mktemp("strict"), kafka.bootstrap, limits)
    try:
        yield edge.start().wait()
    finally:
        edge.close()


Ask = Callable[..., Awaitable[int]]


@pytest.fixture
def ask(strict_edge: EdgeProcess, http: ClientSession) -> Ask:
    """Posts as a client, with a forged signature unless other headers are given; returns the status."""

    async def post(path: str, client: str, headers: dict[str, str] = BAD) -> int:
        sent = {**headers, "X-Forwarded-For": client}
        async with http.post(strict_edge.url + path, data=b"x", headers=sent) as answer:
            return answer.status

    return post


async def test_a_client_that_only_fails_is_answered_429_and_another_behind_the_proxy_is_not(
    ask: Ask, http: ClientSession, strict_edge: EdgeProcess
) -> None:
    assert [await ask("/webhooks/meta", "192.0.2.1") for _ in range(3)] == [401] * 3
    assert [await ask("/webhooks/nothing", "192.0.2.1") for _ in range(4)] == [404, 404, 429, 429]
    assert await ask("/webhooks/meta", "192.0.2.1") == 429
    assert await ask("/webhooks/open", "192.0.2.2") == 200
    async with http.get(f"{strict_edge.url}/metrics") as answer:
        assert 'outcome="too_many"' in await answer.text()


@pytest.mark.parametrize("split", [False, True])
async def test_forged_requests_do_not_shut_out_good_ones_of_the_same_address(
    split: bool, ask: Ask, signed: Callable[..., dict[str, str]], strict_edge: EdgeProcess
) -> None:
    client = f"192.0.2.{10 + split}"
    assert [await ask("/webhooks/meta", client) for _ in range(7)] == [401] * 5 + [429] * 2
    head = f"POST /webhooks/meta HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {client}\r\nContent-Length: 1\r\n"
    head += f"X-Hub-Signature-256: {signed(b'x')['X-Hub-Signature-256']}\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", strict_edge.port)
    writer.write(head.encode() + (b"" if split else b"x"))
    if split:
        await asyncio.sleep(0.1)
        writer.write(b"x")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    writer.close()
    assert await ask("/webhooks/meta", client) == 401  # proven from now on
    assert strict_edge.log.count("ingest.trusted_proxies") == 1


async def test_aborted_uploads_count_against_a_stranger(ask: Ask, strict_edge: EdgeProcess) -> None:
    head = b"POST /webhooks/open HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.20\r\nContent-Length: 9\r\n\r\nx"
    for _ in range(5):
        _, writer = await asyncio.open_connection("127.0.0.1", strict_edge.port)
        writer.write(head)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    async def limited() -> bool:
        return await ask("/webhooks/nothing", "192.0.2.20") == 429

    await until("the aborted uploads are counted", limited)


async def test_guesses_of_tokens_are_limited_from_a_known_address_too(
    ask: Ask, http: ClientSession, strict_edge: EdgeProcess
) -> None:
    client = "192.0.2.30"
    assert await ask("/webhooks/open", client) == 200
    wrong = {"Authorization": "Bearer guess"}
    assert [await ask("/sent/meta", client, wrong) for _ in range(6)] == [401] * 5 + [429]
    assert await ask("/sent/meta", client, {"Authorization": f"Bearer {SENT_TOKEN}"}) == 429
    query = {"hub.mode": "subscribe", "hub.verify_token": "guess", "hub.challenge": "1"}
    async with http.get(
        f"{strict_edge.url}/webhooks/meta", params=query, headers={"X-Forwarded-For": client}
    ) as answer:
        assert answer.status == 429
    assert await ask("/webhooks/meta", client) == 401


def test_an_address_with_accepted_and_too_many_failed_requests_is_reported_once() -> None:
    for order in ([200, 401, 401, 401, 401], [401, 401, 401, 200]):
        reports: list[str] = []
        limits = Limits({}, 3, on_shared=partial(reports.append, "shared"))
        for status in order + order:
            limits.record_outcome("192.0.2.1", status)
        assert reports == ["shared"]


@asynccontextmanager
async def listening(
    tmp_path: Path, kafka_port: int, max_connections: int, head_seconds: float = HEAD_SECONDS
) -> AsyncIterator[int]:
    """The port of an edge in this process, without a Kafka."""
    config = Config.model_validate({"data_dir": tmp_path, "kafka": {"bootstrap": f"127.0.0.1:{kafka_port}"}})
    runner = web.AppRunner(create_app(config, {}))
    await runner.setup()
    manager = runner.server
    assert manager is not None
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(manager, max_connections, loop=loop, head_seconds=head_seconds), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await runner.cleanup()


async def test_a_connection_whose_headers_never_end_is_closed(tmp_path: Path, unused_tcp_port: int) -> None:
    async with listening(tmp_path, unused_tcp_port, 100, head_seconds=0.3) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")  # kept alive, and then:
        await reader.readuntil(b"}")
        writer.write(b"GET /healthz HT")
        assert await reader.read() == b""
        writer.close()


async def test_one_connection_too_many_is_answered_503(tmp_path: Path, unused_tcp_port: int) -> None:
    async with listening(tmp_path, unused_tcp_port, 3) as port:
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = await reader.read()
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: " in head
        writer.close()
        opened[0][1].close()
        opened[0][0].feed_eof()

        async def accepted() -> bool:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
            return answer.startswith(b"HTTP/1.1 200 ")

        await until("there is room again", accepted)
        for _, each in opened[1:]:
            each.close()
