"""Samples of the pipeline: readings of ingest's metrics, and the table's rows while parts stop and start."""

import asyncio
import signal
import time
from typing import Any

import orjson
import pytest
from clickhouse_connect import get_client

from schemas.metrics import INGEST_BYTES, INGEST_REQUESTS, INGEST_STORE_UP
from streams.analytics.samples import Sampler, run, store
from streams.analytics.scrape import Reading, increases, read
from streams.runtime.clickhouse import connect
from tests.support.stack import TOKEN, Stack
from tests.support.waiting import wait_until

BEARER = {"Authorization": f"Bearer {TOKEN}"}
SOURCES = ("shop", "desk")


def text(*lines: str, up: int = 1) -> str:
    kinds = f"# TYPE {INGEST_REQUESTS.name} counter\n# TYPE {INGEST_STORE_UP.name} gauge\n"
    return kinds + "\n".join([f"{INGEST_STORE_UP.name} {up}.0", *lines]) + "\n"


def requests(source: str, outcome: str, total: float, provider: str = "meta") -> str:
    return f'{INGEST_REQUESTS.name}{{source="{source}",provider="{provider}",outcome="{outcome}"}} {total}'


def test_counters_by_outcome_and_source_and_gauges() -> None:
    found = read(
        text(
            requests("shop", "stored", 5.0),
            requests("desk", "stored", 2.0),
            requests("", "unknown_source", 9.0),
            f'{INGEST_BYTES.name}{{source="shop",provider="meta"}} 1234.0',
        ),
        SOURCES,
    )
    assert found.totals == {
        ("requests", "stored", "shop"): 5.0,
        ("requests", "stored", "desk"): 2.0,
        ("requests", "unknown_source", ""): 9.0,
        ("bytes", "", "shop"): 1234.0,
    }
    assert found.gauges == {("store_up", "", ""): 1.0}


def test_labels_that_are_not_configured_become_one() -> None:
    foreign = [requests(f"s{number}", f"Made-Up-{number}", 1.0) for number in range(50)]
    assert read(text(*foreign), SOURCES).totals == {("requests", "other", ""): 50.0}


@pytest.mark.parametrize("answer", ["", "<html>", "up 1\n", '{"a": 1}', "a{b=\n", "\x00"])
def test_an_answer_that_is_not_from_ingest_is_no_reading(answer: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (whatever the parser finds first)
        read(answer, SOURCES)


def test_increases_over_a_restart_and_of_new_series() -> None:
    a, b, c, d = [("requests", word, "shop") for word in "abcd"]
    before, now = Reading({a: 5.0, b: 9.0, d: 1.0}, {}), Reading({a: 7.0, b: 2.0, c: 4.0, d: 1.0}, {})
    assert increases(before, now) == {a: 2.0, b: 2.0, c: 4.0}


def rows(stack: Stack) -> list[dict[str, Any]]:
    return stack.query("SELECT at, name, part, source, value FROM samples ORDER BY at, name, part, source")


def values(found: list[dict[str, Any]], name: str) -> dict[tuple[str, str], float]:
    return {(row["part"], row["source"]): row["value"] for row in found if row["name"] == name}


def test_events_are_sampled_and_unreachable_parts_give_no_samples(bare_kafka: Stack) -> None:
    stack = bare_kafka
    stack.start("clickhouse")
    with stack.environ():
        client = connect(stack.config.clickhouse)

    async def scenario() -> None:
        sampler = Sampler(stack.config)

        async def sample() -> list[dict[str, Any]]:
            """What one round puts into an empty table."""
            client.command("TRUNCATE TABLE samples")
            store(client, await sampler.take())
            sampler.stored()
            return rows(stack)

        try:
            found = await sample()
            assert values(found, "store_up") == {("", ""): 0.0}  # ingest does not run yet
            assert values(found, "lag_records") == {("normalise", ""): 0.0, ("load", ""): 0.0}
            assert values(found, "oldest_unfinished_seconds") == {("normalise", ""): 0.0, ("load", ""): 0.0}
            await asyncio.to_thread(start_ingest)
            first = await sample()
            assert values(first, "store_up") == {("", ""): 1.0}
            assert not values(first, "requests")  # counting starts with the first reading
            began = time.monotonic()
            for number in range(3):
                body = orjson.dumps({"message_id": f"m{number}"})
                assert (await asyncio.to_thread(stack.post, "/sent/meta", body, BEARER))[0] == 200
            assert (await asyncio.to_thread(stack.post, "/sent/meta", b"{}", {}))[0] == 401
            assert (await asyncio.to_thread(stack.post, "/sent/nobody", b"{}", BEARER))[0] == 404
            second = await sample()
            assert values(second, "requests") == {
                ("stored", "meta"): 3.0,
                ("bad_credentials", "meta"): 1.0,
                ("unknown_source", ""): 1.0,
            }
            assert values(second, "bytes")["", "meta"] > 0
            assert 0 < values(second, "sample_seconds")["", ""] <= time.monotonic() - began + 5
            assert values(second, "lag_records") == {("normalise", ""): 3.0, ("load", ""): 0.0}
            assert 0 < values(second, "oldest_unfinished_seconds")["normalise", ""] < 60
            assert not values(await sample(), "requests")  # nothing more happened
            stack.kill("ingest")
            await asyncio.to_thread(start_ingest)
            assert (await asyncio.to_thread(stack.post, "/sent/meta", b'{"message_id":"m9"}', BEARER))[0] == 200
            assert values(await sample(), "requests") == {("stored", "meta"): 1.0}  # over the restart
            stack.kill("kafka")
            found = await sample()
            assert not values(found, "lag_records")
            assert not values(found, "oldest_unfinished_seconds")
        finally:
            await sampler.close()

    def start_ingest() -> None:
        stack.start("ingest")
        wait_until("ingest stores", stack.stores)

    asyncio.run(scenario())
    client.close()


def test_the_loop_stores_samples_again_after_clickhouse_was_unreachable(bare_kafka: Stack) -> None:
    stack = bare_kafka
    stack.start("clickhouse")

    with stack.environ():
        options = stack.config.clickhouse.client_options()

    async def scenario() -> None:
        task = asyncio.create_task(run(stack.config, lambda: get_client(**options)))
        await asyncio.to_thread(wait_until, "a sample is stored", lambda: rows(stack))
        stack.kill("clickhouse", signal.SIGKILL)
        await asyncio.to_thread(stack.start_clickhouse, tables=True)
        before = len(rows(stack))
        await asyncio.to_thread(wait_until, "samples are stored again", lambda: len(rows(stack)) > before)
        task.cancel()
        async with asyncio.timeout(20):
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(scenario())
