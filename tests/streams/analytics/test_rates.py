"""`delivery_rates` and look-ups in `messages` equal the truth, whatever the copy and the rollups have done so far."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from clickhouse_connect.driver import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.analytics import copy, rollups
from streams.analytics.copy import Copy, Limits
from streams.analytics.rollups import Rollups
from tests.support.engine import Engine
from tests.support.events import DAY, NOON, event, inserts

AT_ONCE = Limits(settle_seconds=0.0)
RATES = (
    "SELECT * EXCEPT (delivery_rate, read_rate, failure_rate, provisional, pending) FROM delivery_rates ORDER BY ALL"
)
TRUE_RATES = """
SELECT source, toDate(cohort_at) AS cohort_day, template, campaign, category, count() AS sent,
    countIf(status IN ('delivered', 'read', 'played')) AS delivered, countIf(status IN ('read', 'played')) AS read,
    countIf(status = 'failed') AS failed, countIf(origin = 'none') AS orphan, is_group
FROM units
WHERE counted
GROUP BY source, cohort_day, template, campaign, category, is_group
ORDER BY ALL"""
# Units of the truth that `messages` does not show in the same way when it is asked for one id or one source at a time.
DIFFERENT = """
SELECT source, message_id, participant FROM
(
    SELECT source, message_id, participant, status, cohort_at FROM messages WHERE {which}
    UNION ALL
    SELECT source, message_id, participant, status, cohort_at FROM units WHERE {which}
)
GROUP BY source, message_id, participant, status, cohort_at
HAVING count() != 2"""


def check(engine: Engine) -> None:
    assert engine.rows(RATES) == engine.rows(TRUE_RATES)


def catch_up(client: Client) -> None:
    copy.catch_up(client)
    rollups.catch_up(client)


def stale(engine: Engine) -> int:
    """Days of the rollup that the view does not read."""
    due = "SELECT countIf(changes != rebuilt_changes) AS n FROM rollup_days WHERE name = 'outbound_days'"
    return int(engine.rows(due)[0]["n"])


@settings(max_examples=settings().max_examples * 4 // 100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(inserts(sources=4, most=4), st.lists(st.sampled_from(["", "copy", "rollups", "both"]), min_size=4, max_size=4))
def test_rates_and_look_ups_equal_the_truth_between_any_passes(
    engine: Engine, blocks: list[list[dict[str, Any]]], passes: list[str]
) -> None:
    engine.clear()
    with engine.client() as client:
        copying, rolling = Copy(client, AT_ONCE), Rollups(client)
        for block, chosen in zip(blocks, passes, strict=False):
            if block:
                engine.load(block)
            check(engine)
            if chosen in ("copy", "both"):
                copying.pass_once()
            if chosen in ("rollups", "both"):
                rolling.pass_once()
            check(engine)
        catch_up(client)
        assert stale(engine) == 0
        check(engine)
    one = next(event["message_id"] for block in blocks for event in block if event.get("message_id"))
    for which in (f"message_id = '{one}'", "source = 'shop-0'"):
        assert engine.rows(DIFFERENT.format(which=which)) == []


def test_a_unit_is_found_by_its_id_at_the_day_where_it_is_after_every_move(engine: Engine) -> None:
    """Its rows of earlier days and versions are in other granules than its last one."""
    others = [event("sent", message_id=f"o{number}", at=NOON + number * 60_000) for number in range(9000)]
    engine.load(others)
    with engine.client() as client:
        for at in (NOON + 40 * DAY, NOON + 2 * DAY, NOON + 1, NOON):
            engine.load([event("sent", message_id="m", at=at, received=NOON + 50 * DAY)])
            copy.catch_up(client)
            found = engine.rows("SELECT toUnixTimestamp64Milli(cohort_at) AS at FROM messages WHERE message_id = 'm'")
            assert found == [{"at": at}]
            assert engine.rows(
                "SELECT toUnixTimestamp64Milli(cohort_at) AS at FROM cohorts WHERE message_id = 'm'"
            ) == (found)


class CutError(Exception):
    """The process ended here."""


class Mortal:
    """A client that ends before statement number `death`."""

    def __init__(self, client: Client, death: int) -> None:
        self._client = client
        self._left = death

    def query(self, *arguments: Any, **named: Any) -> Any:
        """As the client's."""
        return self._sent(self._client.query, *arguments, **named)

    def command(self, *arguments: Any, **named: Any) -> Any:
        """As the client's."""
        return self._sent(self._client.command, *arguments, **named)

    def _sent(self, send: Any, *arguments: Any, **named: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            raise CutError
        return send(*arguments, **named)


def mortal(client: Client, death: int) -> Any:
    """For the place of a client."""
    return Mortal(client, death)


@pytest.mark.parametrize(
    ("loop", "deaths"),
    [(lambda client: Copy(client, AT_ONCE), range(1, 6)), (Rollups, range(2, 12, 2))],
    ids=["copy", "rollups"],
)
def test_rates_equal_the_truth_wherever_a_pass_was_cut(engine: Engine, loop: Any, deaths: range) -> None:
    with engine.client() as client:
        engine.load([event("status", message_id=f"m{n}", status="read", at=NOON + n % 3 * DAY) for n in range(9)])
        catch_up(client)
        for death in deaths:
            # Late sent records move units to earlier days, where units are already.
            moved = event("sent", message_id=f"m{death % 9}", at=NOON - death * DAY, template=f"t{death % 2}")
            engine.load([moved])
            if loop is Rollups:
                copy.catch_up(client)
            try:
                loop(mortal(client, death)).pass_once()
            except CutError:
                check(engine)
            check(engine)
        catch_up(client)
        assert stale(engine) == 0
        check(engine)


def test_rates_of_many_messages_that_are_not_copied_are_read_from_the_truth(engine: Engine) -> None:
    """More than are looked up for the days at which the copy has them."""
    few = [event("status", message_id=f"m{n}", status="read", at=NOON + n % 3 * DAY) for n in range(9)]
    engine.load(few)
    with engine.client() as client:
        catch_up(client)
    engine.load([event("sent", message_id=f"m{number}", at=NOON - DAY) for number in range(5_001)])
    check(engine)


def test_rates_equal_the_truth_at_every_stage_of_a_rebuild_of_the_copy(engine: Engine) -> None:
    engine.load([event("status", message_id=f"m{n}", status="read", at=NOON + n % 3 * DAY) for n in range(9)])
    with engine.client() as client:
        catch_up(client)
        copy.rebuild(client)
        check(engine)
        for death in range(4, 16, 2):
            engine.load([event("sent", message_id=f"m{death % 9}", at=NOON - death * DAY)])
            with suppress(CutError):
                Copy(mortal(client, death), Limits(settle_seconds=0.0, portion_rows=3)).pass_once()
            check(engine)
        catch_up(client)
        check(engine)


def test_no_unit_is_missing_or_counted_twice_while_units_move_between_days(engine: Engine) -> None:
    """Readers beside a writer, the copy and the rollups, with the pauses that the processes have."""
    engine.load([event("status", message_id=f"m{n}", status="read", at=NOON + n % 5 * DAY) for n in range(50)])
    with engine.client() as client:
        catch_up(client)

    def work() -> None:
        with engine.client() as client:
            copying, rolling = Copy(client), Rollups(client)
            for number in range(100, 0, -20):
                moved = range(number % 50, 50, 3)
                at = NOON + (number - 200) * DAY
                engine.load([event("sent", message_id=f"m{n}", at=at - n % 2 * DAY) for n in moved])
                copying.pass_once()
                rolling.pass_once()

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        while not working.done():
            assert engine.rows("SELECT sum(r.sent) AS n, sum(r.read) AS read FROM delivery_rates AS r") == [
                {"n": 50, "read": 50}
            ]
        working.result()
    check(engine)
