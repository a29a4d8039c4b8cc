"""Background tasks: a task that ends unexpectedly is reported once, with its reason; a requested end is not."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from schemas.process.backoff import Backoff
from schemas.process.tasks import EXIT_BROKEN, BrokenError, Tasks


async def raises() -> None:
    raise KeyError("+491510000042")


async def returns() -> None:
    return


async def is_cancelled_from_inside() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


@pytest.mark.parametrize(
    ("work", "reason"),
    [
        (raises, "KeyError at test_tasks.py:"),
        (returns, "it returned"),
        (is_cancelled_from_inside, "it was cancelled"),
    ],
)
async def test_an_endless_task_that_ends_is_a_failure(
    work: Callable[[], Coroutine[None, None, None]], reason: str
) -> None:
    reported: list[str] = []
    tasks = Tasks(reported.append)
    await asyncio.wait([tasks.start("keeper", work())])
    await asyncio.sleep(0)
    assert tasks.failed is not None
    assert tasks.failed.startswith(f"the task 'keeper' ended: {reason}")
    assert "491510000042" not in tasks.failed
    assert reported == [tasks.failed]


async def test_a_finite_task_may_return_and_may_not_raise() -> None:
    tasks = Tasks()
    await tasks.start("finite", returns(), endless=False)
    assert tasks.failed is None
    await asyncio.wait([tasks.start("finite", raises(), endless=False)])
    await asyncio.sleep(0)
    assert tasks.failed is not None


async def test_the_first_failure_is_the_reason() -> None:
    reported: list[str] = []
    tasks = Tasks(reported.append)
    await asyncio.wait([tasks.start("first", raises())])
    await asyncio.wait([tasks.start("second", raises())])
    await asyncio.sleep(0)
    assert len(reported) == 1
    assert "'first'" in reported[0]


async def test_a_requested_stop_is_no_failure_and_raises_nothing() -> None:
    tasks = Tasks()
    one = tasks.start("one", asyncio.sleep(600))
    two = tasks.start("two", asyncio.sleep(600))
    await tasks.stop(one)
    assert one.cancelled()
    assert not two.done()
    await tasks.stop()
    assert two.cancelled()
    assert tasks.failed is None


def test_a_broken_process_has_its_own_exit_code() -> None:
    assert BrokenError("the task 'x' ended").exit_code == EXIT_BROKEN == 70


def test_pauses_double_up_to_the_longest_and_start_again_after_a_success() -> None:
    backoff = Backoff(first=0.5, longest=3.0)
    assert [backoff.next() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    backoff.reset()
    assert backoff.next() == 0.5
    assert backoff.after(0) == 0.5
    assert backoff.after(1_000_000) == 3.0
