"""Deliveries by their arrival, through event_log and the product's own views: volumes, repeats, latency, freshness."""

import random
from collections import Counter
from typing import Any

import pytest

from schemas.parsing.times import parse_iso
from streams.analytics import rollups
from tests.streams.analytics.rollup_model import DAY, MIDNIGHT, QUARTER
from tests.streams.analytics.rollup_tables import Tables
from tests.support.events import event


def status(number: int, received: int, request: str = "r", index: int = 0, source: str = "shop") -> dict[str, Any]:
    return event(
        "status", message_id=f"m{number}", status="read", at=MIDNIGHT, received=received, request=request, index=index,
        source=source,
    )  # fmt: skip


def expected(arrivals: list[dict[str, Any]]) -> set[tuple[object, ...]]:
    """The rows of `arrivals`, from every distinct delivery in the order of arrival."""
    distinct = {(e["event_id"], e["request_id"], e["raw"]["index"]): e for e in arrivals}.values()
    at = {id(e): _ms(e) for e in distinct}
    deliveries: Counter[tuple[str, int, str]] = Counter()
    repeats: Counter[tuple[str, int, str]] = Counter()
    last: dict[tuple[str, int, str], int] = {}
    known: dict[str, int] = {}
    for e in sorted(distinct, key=lambda e: at[id(e)]):
        kind = "echo" if e["kind"] == "sent" and e.get("origin") == "echo" else e["kind"]
        row = e["source"], at[id(e)] // QUARTER * QUARTER, kind
        before = known.get(e["event_id"])
        deliveries[row] += 1
        repeats[row] += before is not None and at[id(e)] // DAY - before // DAY <= 1
        known[e["event_id"]] = last[row] = at[id(e)]
    return {(*row, count, repeats[row], last[row]) for row, count in deliveries.items()}


def _ms(e: dict[str, Any]) -> int:
    at = parse_iso(e["received_at"])
    assert at is not None
    return at


@pytest.mark.parametrize("seed", range(3))
def test_distinct_deliveries_and_repeats_whatever_is_inserted_how_often(tables: Tables, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    arrivals = [
        status(
            rng.randrange(40), MIDNIGHT + rng.randrange(-2 * DAY, 2 * DAY), f"r{rng.randrange(60)}", rng.randrange(3)
        )
        for _ in range(120)
    ]
    # received_at belongs to a request: one time for all that came in it.
    times = {e["request_id"]: e["received_at"] for e in arrivals}
    arrivals = [e | {"received_at": times[e["request_id"]]} for e in arrivals]
    done: list[dict[str, Any]] = []
    for batch in (arrivals[:50], arrivals[30:80], arrivals[80:], arrivals):  # the last one: a replay
        tables.engine.load(batch)
        done += batch
        rollups.catch_up(tables.client)
        assert tables.rows("arrivals") == expected(done)


def test_webhooks_echoes_and_our_own_records_stand_apart(tables: Tables) -> None:
    tables.engine.load([
        event("sent", message_id="a", at=MIDNIGHT, received=MIDNIGHT, request="a"),
        event("sent", message_id="b", at=MIDNIGHT, received=MIDNIGHT + 1, request="b", origin="echo"),
        event("inbound", message_id="c", at=MIDNIGHT, received=MIDNIGHT + 2, request="c", type="text"),
        event("system", event="connection", at=MIDNIGHT, received=MIDNIGHT + 3, request="d", state="connected"),
    ])  # fmt: skip
    rollups.catch_up(tables.client)
    found = {row[2]: int(str(row[5])) - MIDNIGHT for row in tables.rows("arrivals")}
    assert found == {"sent": 0, "echo": 1, "inbound": 2, "system": 3}


def test_a_repeat_after_two_midnights_is_not_called_one(tables: Tables) -> None:
    times = [MIDNIGHT - 1, MIDNIGHT + DAY, MIDNIGHT + 3 * DAY - 1, MIDNIGHT + 5 * DAY]
    tables.engine.load([status(1, at, f"r{number}") for number, at in enumerate(times)])
    rollups.catch_up(tables.client)
    # The second came two days after the first, if only a moment over one; the third on the day after the second.
    assert sorted((row[1], row[4]) for row in tables.rows("arrivals")) == [
        (at // QUARTER * QUARTER, again) for at, again in zip(times, [0, 0, 1, 0], strict=True)
    ]


def test_latency_is_that_of_the_first_insert(tables: Tables) -> None:
    now = tables.now()
    waits = [0, 3, 40, 1_500, 61_000, 86_400_000]
    arrivals = [status(number, now - wait, f"r{number}") for number, wait in enumerate(waits)]
    tables.engine.load([e | {"stored_at": e["received_at"]} for e in arrivals[:1]])
    tables.engine.load(arrivals[1:])
    stored = "SELECT toUnixTimestamp64Milli(stored_at) - toUnixTimestamp64Milli(received_at) FROM event_log ORDER BY 1"
    exact = [row[0] for row in tables.client.query(stored).result_rows]
    rollups.catch_up(tables.client)
    tables.engine.load(arrivals)  # a replay: later, and of no account
    rollups.catch_up(tables.client)
    found = "SELECT ms FROM (SELECT ms, deliveries FROM latency ORDER BY ms) ARRAY JOIN range(deliveries) AS each"
    middles = [row[0] for row in tables.client.query(found).result_rows]
    assert len(middles) == len(waits)
    for middle, ms in zip(middles, exact, strict=True):
        assert middle == pytest.approx(ms, rel=0.026, abs=1)
