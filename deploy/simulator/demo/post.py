"""Posts the demo's requests over HTTP, as providers do. IO.

A 503, a 429 or a broken connection is tried again: the sender cannot know whether such a body was stored, so only
answered requests count, each by the request id of its answer.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
from yarl import URL

from deploy.simulator.facts import Answer, Request
from schemas.errors import Failure

# As many as keep two cores busy; providers use more, but the answers then only take longer.
CONCURRENCY = 32
# A broker that restarts is back after some seconds; who does not answer for a minute is down.
GIVE_UP_SECONDS = 60.0
ANSWER_SECONDS = 20.0
_PAUSE_SECONDS = 0.5


class PostError(Failure):
    """The edge cannot be used; the text is one sentence that says what to do."""


async def check_ready(base_url: str) -> None:
    """Raises PostError unless the edge says that it can store."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)) as session,
            session.get(f"{base_url}/readyz") as response,
        ):
            ready = response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        raise PostError(f"nothing answers at {base_url}: start the stack with `make up`") from None
    if not ready:
        raise PostError(f"{base_url} cannot store at present: see `make status`")


async def post_all(
    base_url: str, requests: tuple[Request, ...], rate: float | None, progress: Callable[[int], Any]
) -> list[Answer]:
    """Posts everything in order, at most `rate` requests a second; `progress` hears of each one that is answered.

    Raises PostError when one of them stays without an answer.
    """
    queue = iter(requests)
    began = time.monotonic()
    answers: list[Answer] = []
    paced = _paced(queue, rate, began)
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=CONCURRENCY)) as session:

        async def work() -> None:
            for request, due in paced:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                answers.append(await _post(session, base_url, request))
                progress(1)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(CONCURRENCY):
                    group.create_task(work())
        except BaseExceptionGroup as errors:
            # Every worker meets the same silence; one sentence about it is enough.
            raise errors.exceptions[0] from None
    return answers


def _paced(queue: Iterator[Request], rate: float | None, began: float) -> Iterator[tuple[Request, float]]:
    for number, request in enumerate(queue):
        yield request, began + number / rate if rate else began


async def _post(session: aiohttp.ClientSession, base_url: str, request: Request) -> Answer:
    tries, deadline = 0, time.monotonic() + GIVE_UP_SECONDS
    # The query is sent as it stands: it is part of what a handshake is about.
    url = URL(base_url + request.path, encoded=True)
    while True:
        tries += 1
        pause = _PAUSE_SECONDS
        try:
            async with session.request(
                request.method, url, data=request.body, headers=list(request.headers), allow_redirects=False
            ) as response:
                text = await response.text(errors="replace")
                if response.status not in (429, 503) or response.status == request.answer:
                    problem = _problem(request, response.status, text)
                    return Answer(request, response.status, response.headers.get("X-Request-Id", ""), tries, problem)
                pause = _retry_after(response.headers.get("Retry-After"))
        except (aiohttp.ClientError, TimeoutError):
            if request.answer == 413:
                # The edge may refuse by the announced length and close before it has read the body.
                pause = 0.0
        if time.monotonic() + pause > deadline:
            raise PostError(f"{base_url} stopped answering: see `make status`, then run the demo again")
        await asyncio.sleep(pause)


def _retry_after(value: str | None) -> float:
    return min(float(value), 10.0) if value and value.isdigit() else _PAUSE_SECONDS


def _problem(request: Request, status: int, text: str) -> str:
    """What is wrong with an answer; '' when it is the one that the contract demands."""
    where = f"{request.method} {request.path.partition('?')[0]}"
    if status != request.answer:
        return f"{where} answered {status} instead of {request.answer}"
    if not request.path.startswith("/sent/") or status not in (200, 400):
        return ""
    try:
        said = json.loads(text)
        refused = tuple(item["index"] for item in said["refused"])
        accepted = said["accepted"]
    except (ValueError, KeyError, TypeError):
        return f"{where} answered without accepted and refused"
    if accepted != len(request.facts) or refused != request.refused:
        return f"{where} accepted {accepted} and refused {refused}, not {len(request.facts)} and {request.refused}"
    return ""
