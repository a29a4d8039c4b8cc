"""An operation is repeated until it works; its reason is reported meanwhile."""

import pytest

from schemas.process.backoff import Backoff
from streams.runtime.retries import Retries, retry


class Operation:
    """Raises these errors, one a call, and then returns how often it was called."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.calls


async def test_the_result_comes_after_the_last_failure_and_each_reason_is_reported() -> None:
    reports: list[str | None] = []
    result = await retry(Operation(OSError("a"), OSError("b")), (OSError,), str, reports.append)
    assert result == 3
    assert reports == ["a", "b", None]


async def test_an_unexpected_error_is_raised_at_once() -> None:
    operation = Operation(KeyError("a"))
    with pytest.raises(KeyError):
        await retry(operation, (OSError,), str, lambda _reason: None)
    assert operation.calls == 1


async def test_pauses_grow_and_start_again_after_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("asyncio.sleep", sleep)
    retries = Retries(lambda _reason: None)
    for _ in range(3):
        await retries.pause("a reason")
    retries.succeeded()
    await retries.pause("a reason")
    first = Backoff().first
    assert pauses == [first, 2 * first, 4 * first, first]
