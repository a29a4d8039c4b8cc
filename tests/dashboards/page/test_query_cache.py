"""Equal queries run once; their result is kept for a moment; a query without requests is cancelled."""

import asyncio
from typing import Any

import pytest

from dashboards.page.query_cache import QueryCache


class Query:
    """A query that ends when the test sets `go`."""

    def __init__(self) -> None:
        self.runs = 0
        self.cancelled = 0
        self.go = asyncio.Event()

    async def __call__(self) -> int:
        self.runs += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.runs


async def settle() -> None:
    """Lets the event loop run all tasks that can run."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_equal_queries_at_the_same_time_run_once() -> None:
    query, cache = Query(), QueryCache[int](60)
    waiting = [asyncio.create_task(cache.get("key", query)) for _ in range(10)]
    await settle()
    query.go.set()
    assert await asyncio.gather(*waiting) == [1] * 10


async def test_a_result_is_kept_for_its_time_and_not_longer() -> None:
    for seconds, expected in ((60.0, [1, 1]), (0.0, [1, 2])):
        query, cache = Query(), QueryCache[int](seconds)
        query.go.set()
        assert [await cache.get("key", query), await cache.get("key", query)] == expected


async def test_different_queries_all_run() -> None:
    query, cache = Query(), QueryCache[int](60)
    query.go.set()
    assert [await cache.get("one", query), await cache.get("two", query)] == [1, 2]


async def test_a_failure_is_raised_in_all_requests_and_not_kept() -> None:
    cache = QueryCache[Any](60)

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError

    for _ in range(2):
        found = await asyncio.gather(*(cache.get("key", fails) for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in found] == [ValueError] * 3


async def test_a_query_is_cancelled_with_its_last_request() -> None:
    query, cache = Query(), QueryCache[int](60)
    first, second = (asyncio.create_task(cache.get("key", query)) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    assert query.cancelled == 0
    second.cancel()
    await settle()
    assert query.cancelled == 1
    query.go.set()
    assert await cache.get("key", query) == 2
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_the_number_of_kept_results_is_bounded() -> None:
    query, cache = Query(), QueryCache[int](60)
    query.go.set()
    for number in range(300):
        await cache.get(number, query)
    assert await cache.get(299, query) == 300
    assert await cache.get(0, query) == 301
