"""Delivery for the demo: every answer is compared with the contract; only a busy or broken edge gets a retry."""

import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import aiohttp

from deploy.simulator.facts import Answer, Request
from deploy.simulator.poster import ANSWER_SECONDS, Attempt, Poster
from schemas.errors import Failure

# Enough for two busy cores; more would only make each answer slower.
CONCURRENCY = 32
# A broker restarts within seconds; an edge that does not answer for a minute is down.
GIVE_UP_SECONDS = 60.0
_PAUSE_SECONDS = 0.5


class PostError(Failure):
    """The edge cannot be used."""


async def check_ready(base_url: str) -> None:
    """Raises PostError unless /readyz of the edge returns 200."""
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


@dataclass(slots=True)
class DemoRun:
    """Posts all requests in order and collects the answers; `progress` is called with 1 for each answer."""

    base_url: str
    progress: Callable[[int], object] = lambda _count: None
    give_up_seconds: float = GIVE_UP_SECONDS
    answers: list[Answer] = field(default_factory=list)

    async def post(self, requests: tuple[Request, ...], rate: float | None) -> list[Answer]:
        """Posts everything, at most `rate` requests per second, or as fast as CONCURRENCY allows.

        Raises PostError when a request has no answer after `give_up_seconds`.
        """
        poster = Poster(self.base_url, self.deliver, max_requests=CONCURRENCY, open_loop=False)
        await poster.run(_schedule(requests, rate))
        return self.answers

    def deliver(self, request: Request, _due: float) -> "DemoDelivery":
        """The delivery of one request."""
        return DemoDelivery(self, request, time.monotonic() + self.give_up_seconds)


async def _schedule(requests: tuple[Request, ...], rate: float | None) -> AsyncIterator[tuple[float, Request]]:
    for number, request in enumerate(requests):
        yield (number / rate if rate else 0.0), request


@dataclass(slots=True)
class DemoDelivery:
    """One request; `deadline` by time.monotonic()."""

    run: DemoRun
    request: Request
    deadline: float
    tries: int = 0

    def attempting(self) -> None:
        """Counts the attempt."""
        self.tries += 1

    def after(self, attempt: Attempt) -> float | None:
        """Done at any answer except 429 and 503, and at these where the contract demands them."""
        status = attempt.status
        if status is not None and (status not in (429, 503) or status == self.request.expected_status):
            problem = problem_of(self.request, status, attempt.body)
            self.run.answers.append(Answer(self.request, status, attempt.request_id, self.tries, problem))
            self.run.progress(1)
            return None
        pause = _retry_after(attempt.retry_after)
        if status is None and self.request.expected_status == 413:
            pause = 0.0  # the edge may refuse by Content-Length and close before it has read the body
        if time.monotonic() + pause > self.deadline:
            raise PostError(f"{self.run.base_url} stopped answering: see `make status`, then run the demo again")
        return pause

    def cut_off(self) -> None:
        """Does nothing: the run ends with the error of another request."""


def _retry_after(value: str | None) -> float:
    return min(float(value), 10.0) if value and value.isdigit() else _PAUSE_SECONDS


def problem_of(request: Request, status: int, body: bytes) -> str:
    """How an answer differs from the contract; "" when it does not."""
    where = f"{request.method} {request.path.partition('?')[0]}"
    if status != request.expected_status:
        return f"{where} answered {status} instead of {request.expected_status}"
    if not request.path.startswith("/sent/") or status not in (200, 400):
        return ""
    try:
        answer = json.loads(body)
        refused = tuple(item["index"] for item in answer["refused"])
        accepted = answer["accepted"]
    except (ValueError, KeyError, TypeError):
        return f"{where} answered without accepted and refused"
    if accepted != len(request.facts) or refused != request.refused:
        return f"{where} accepted {accepted} and refused {refused}, not {len(request.facts)} and {request.refused}"
    return ""
