"""One question asked by many: asked once, kept for a moment, dropped when nobody waits."""

import asyncio
from typing import Any

import pytest

from dashboards.page.query_cache import Answers


class Asked:
    """A question that answers when it is told to."""

    def __init__(self) -> None:
        self.times = 0
        self.cancelled = 0
        self.go = asyncio.Event()

    async def __call__(self) -> int:
        self.times += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.times


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_same_question_at_once_is_asked_once() -> None:
    asked, answers = Asked(), Answers[int](60)
    waiting = [asyncio.create_task(answers.get("key", asked)) for _ in range(10)]
    await settle()
    asked.go.set()
    assert await asyncio.gather(*waiting) == [1] * 10


async def test_an_answer_is_kept_for_its_time_and_not_longer() -> None:
    for seconds, expected in ((60.0, [1, 1]), (0.0, [1, 2])):
        asked, answers = Asked(), Answers[int](seconds)
        asked.go.set()
        assert [await answers.get("key", asked), await answers.get("key", asked)] == expected


async def test_other_questions_are_asked() -> None:
    asked, answers = Asked(), Answers[int](60)
    asked.go.set()
    assert [await answers.get("one", asked), await answers.get("two", asked)] == [1, 2]


async def test_a_failure_reaches_everybody_and_is_not_kept() -> None:
    answers = Answers[Any](60)

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError

    for _ in range(2):
        found = await asyncio.gather(*(answers.get("key", fails) for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in found] == [ValueError] * 3


async def test_a_question_ends_with_the_last_who_waits_for_it() -> None:
    asked, answers = Asked(), Answers[int](60)
    first, second = (asyncio.create_task(answers.get("key", asked)) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    assert asked.cancelled == 0
    second.cancel()
    await settle()
    assert asked.cancelled == 1
    asked.go.set()
    assert await answers.get("key", asked) == 2
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_no_more_than_a_number_of_answers_is_kept() -> None:
    asked, answers = Asked(), Answers[int](60)
    asked.go.set()
    for number in range(300):
        await answers.get(number, asked)
    assert await answers.get(299, asked) == 300
    assert await answers.get(0, asked) == 301
