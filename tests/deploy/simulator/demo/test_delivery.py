"""The demo's delivery: which requests are retried, and which answers differ from the contract."""

import asyncio
import socket
import time
from collections.abc import Callable

import pytest
from aiohttp import web

from deploy.simulator.demo import delivery
from deploy.simulator.facts import Answer, Fact, Request
from tests.deploy.simulator.web_server import LostFirstConnection, serving

FACT = Fact("sent", "s", 1, 0, message_id="m", origin="api")
HOOK = Request("/webhooks/s", b"{}", (("X-Proof", "1"),), 0)


async def posted(
    url: str,
    requests: tuple[Request, ...],
    rate: float | None,
    progress: Callable[[int], object],
    give_up_seconds: float = delivery.GIVE_UP_SECONDS,
) -> list[Answer]:
    return await delivery.DemoRun(url, progress, give_up_seconds).post(requests, rate)


async def test_bytes_headers_and_query_arrive_as_they_are() -> None:
    seen: list[tuple[str, str, bytes, str]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.method, request.raw_path, await request.read(), request.headers.get("X-Proof", "")))
        return web.Response(headers={"X-Request-Id": "abc"})

    asked = Request("/webhooks/s?a=1%2B2&hub.challenge=7", b'{"a":"\\u00e9"}', (("X-Proof", "1"),), 0)
    async with serving(handler) as url:
        (answer,) = await posted(url, (asked,), None, lambda _: None)
    assert seen == [("POST", "/webhooks/s?a=1%2B2&hub.challenge=7", b'{"a":"\\u00e9"}', "1")]
    assert (answer.status, answer.request_id, answer.tries, answer.problem) == (200, "abc", 1, "")


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_edge_gets_a_retry_after_the_time_of_its_header(status: int) -> None:
    times: list[float] = []

    async def handler(_: web.Request) -> web.Response:
        times.append(time.monotonic())
        busy = len(times) == 1
        return web.Response(status=status if busy else 200, headers={"Retry-After": "1"})

    async with serving(handler) as url:
        (answer,) = await posted(url, (HOOK,), None, lambda _: None)
    assert (answer.status, answer.tries) == (200, 2)
    assert times[1] - times[0] >= 1


async def test_a_broken_connection_is_retried() -> None:
    async with serving(LostFirstConnection()) as url:
        (answer,) = await posted(url, (HOOK,), None, lambda _: None)
    assert (answer.status, answer.tries, answer.problem) == (200, 2, "")


async def test_a_status_that_the_contract_does_not_allow_is_a_problem() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=401)

    forged = Request("/webhooks/s", b"", (), 0, expected_status=401)
    async with serving(handler) as url:
        answers = await posted(url, (HOOK, forged), None, lambda _: None)
    problems = {answer.request.expected_status: answer.problem for answer in answers}
    assert problems == {200: "POST /webhooks/s answered 401 instead of 200", 401: ""}


@pytest.mark.parametrize(
    ("body", "good"),
    [
        ({"accepted": 1, "refused": [{"index": 1, "reason": "r"}]}, True),
        ({"accepted": 2, "refused": []}, False),
        ({"accepted": 1, "refused": [{"index": 0, "reason": "r"}]}, False),
        ({"stored": True}, False),
    ],
)
async def test_the_answer_to_sent_records_is_checked(body: dict[str, object], good: bool) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response(body)

    asked = Request("/sent/s", b"[]", (), 0, facts=(FACT,), refused=(1,))
    async with serving(handler) as url:
        (answer,) = await posted(url, (asked,), None, lambda _: None)
    assert (answer.problem == "") is good


async def test_the_rate_is_an_upper_bound() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response()

    counts: list[int] = []
    async with serving(handler) as url:
        began = time.monotonic()
        await posted(url, (HOOK,) * 11, 50.0, counts.append)
    assert time.monotonic() - began >= 0.2
    assert sum(counts) == 11


async def test_requests_are_concurrent_up_to_the_limit() -> None:
    concurrent = most = 0
    full = asyncio.Event()

    async def handler(_: web.Request) -> web.Response:
        nonlocal concurrent, most
        concurrent += 1
        most = max(most, concurrent)
        if concurrent == delivery.CONCURRENCY:
            full.set()
        await asyncio.wait_for(full.wait(), 10)
        concurrent -= 1
        return web.Response()

    async with serving(handler) as url:
        answers = await posted(url, (HOOK,) * (2 * delivery.CONCURRENCY), None, lambda _: None)
    assert len(answers) == 2 * delivery.CONCURRENCY
    assert most == delivery.CONCURRENCY


async def test_an_edge_that_stops_answering_ends_the_demo_with_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can take the port
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(delivery.PostError, match="stopped answering: see `make status`"):
            await posted(url, (HOOK,) * 3, None, lambda _: None, give_up_seconds=0.1)
        with pytest.raises(delivery.PostError, match="start the stack with `make up`"):
            await delivery.check_ready(url)


async def test_an_edge_that_cannot_store_is_not_posted_to() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=503)

    async with serving(handler) as url:
        with pytest.raises(delivery.PostError, match="cannot store"):
            await delivery.check_ready(url)
