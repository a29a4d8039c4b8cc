# ruff: noqa: S608  (names of this module alone become part of these texts)
"""The copy on the real engine: whatever is inserted and in whatever portions, it ends equal to the truth."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.analytics.audit import Audit
from streams.analytics.copy import Copy, Limits, catch_up, rebuild
from tests.streams.load.test_lifecycle import rows_of
from tests.support.engine import Engine
from tests.support.events import DAY, NOON, event, inserts

AT_ONCE = Limits(settle_seconds=0.0)
ORDER = "ORDER BY source, message_id, participant"
LIVE = f"SELECT * EXCEPT (country) FROM cohorts {ORDER}"
TRUE = f"SELECT * EXCEPT (version, days) FROM units {ORDER}"


def messages(engine: Engine) -> list[dict[str, Any]]:
    return engine.rows(f"SELECT * FROM messages {ORDER}")


def truth(*events: dict[str, Any]) -> list[dict[str, Any]]:
    key = lambda row: (row["source"], row["message_id"].encode(), row["participant"].encode())  # noqa: E731
    return sorted(rows_of(list(events)).values(), key=key)


def waiting(engine: Engine) -> list[str]:
    return sorted(engine.rows("SELECT ids FROM copy_waiting")[0]["ids"])


def sent(message_id: str, at: int = NOON, **fields: Any) -> dict[str, Any]:
    return event("sent", message_id=message_id, at=at, **fields)


@settings(max_examples=settings().max_examples * 6 // 100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(inserts(sources=5, most=5), st.lists(st.booleans(), min_size=5, max_size=5))
def test_the_copy_ends_equal_to_the_truth_and_never_shows_in_messages(
    engine: Engine, blocks: list[list[dict[str, Any]]], passes: list[bool]
) -> None:
    events: list[dict[str, Any]] = []
    engine.clear()
    with engine.client() as client:
        copy = Copy(client, AT_ONCE)
        for block, copies in zip(blocks, passes, strict=False):
            if block:
                engine.load(block)
            events += block
            assert messages(engine) == truth(*events)
            if copies:
                copy.pass_once()
                assert messages(engine) == truth(*events)
        catch_up(client)
        assert waiting(engine) == []
        assert messages(engine) == truth(*events)
        assert engine.rows(LIVE) == engine.rows(TRUE)
        assert Audit(client).pass_once() == 0


def test_a_unit_has_one_row_at_the_right_day_in_every_order_across_days_and_months(engine: Engine) -> None:
    events = [
        sent("m", NOON + 20 * DAY, template="t"),
        event("status", message_id="m", status="sent", at=NOON),
        event("status", message_id="m", status="read", at=NOON - 400 * DAY, received=NOON + 61 * DAY),
    ]
    with engine.client() as client:
        for order in permutations(events):
            engine.clear()
            for one in order:
                engine.load([one])
                catch_up(client)
                assert engine.rows(LIVE) == engine.rows(TRUE)
            assert [row["cohort_at"] for row in engine.rows("SELECT cohort_at FROM cohorts")] == [
                "2026-11-20T12:00:00.000Z"
            ]
            assert messages(engine) == truth(*events)


def test_a_parent_leaves_the_rates_when_a_member_comes_after_it_was_copied(engine: Engine) -> None:
    with engine.client() as client:
        engine.load([sent("g", template="news", is_group=True)])
        catch_up(client)
        assert engine.rows("SELECT participant, counted FROM cohorts") == [{"participant": "", "counted": 1}]
        engine.load([event("status", message_id="g", status="delivered", participant="+5511955550003", at=NOON + 1)])
        catch_up(client)
    assert engine.rows(f"SELECT participant, counted, template FROM cohorts {ORDER}") == [
        {"participant": "", "counted": 0, "template": "news"},
        {"participant": "+5511955550003", "counted": 1, "template": "news"},
    ]


def test_columns_of_the_copy_alone(engine: Engine) -> None:
    sender: dict[str, Any] = {"from": "+4930901820"}
    engine.load(
        [
            sent("m", to="+5511955550001"),
            event("status", message_id="m", status="sent", at=NOON + 5, pricing_type="regular", billable=True),
            event("status", message_id="m", status="sent", at=NOON + 4, pricing_type="free", billable=False),
            event("status", message_id="m", status="played", at=NOON + 7000),
            event("status", message_id="m", status="delivered", received=NOON + 9000),
            event("inbound", message_id="i", received=NOON + 3, type="text", at=NOON - 1, **sender),
            event("status", message_id="i", status="read", from_me=False, at=NOON + DAY),
        ]
    )
    with engine.client() as client:
        catch_up(client)
    columns = "customer, country, pricing_type, billable, to_delivered_ms, to_read_ms, inbound_at, direction"
    inbound, outbound = engine.rows(f"SELECT {columns} FROM cohorts ORDER BY message_id")
    assert outbound == {
        "customer": "+5511955550001", "country": "BR", "pricing_type": "free", "billable": 0,
        "to_delivered_ms": None, "to_read_ms": 7000, "inbound_at": None, "direction": "out",
    }  # fmt: skip
    assert inbound == {
        "customer": "+4930901820", "country": "DE", "pricing_type": "", "billable": -1,
        "to_delivered_ms": None, "to_read_ms": None, "inbound_at": "2026-11-20T11:59:59.999Z", "direction": "in",
    }  # fmt: skip


def test_blocks_and_rebuilds_larger_than_a_portion_are_copied_in_several(engine: Engine) -> None:
    small = Limits(settle_seconds=0.0, portion_rows=7, blocks=2)
    names = ["", " ", "'", "\\", "\x00", "ä", "\uffff", "\U0001f600", *map(str, range(30))]
    engine.load([sent(f"m{name}") for name in names])
    with engine.client() as client:
        catch_up(client, small)
        for size in (1, 30, 5, 4, 2):
            engine.load([event("status", message_id=f"m{name}", status="read", at=NOON + DAY) for name in names[:size]])
        engine.load([sent(f"n{name}") for name in names])
        catch_up(client, small)
        assert engine.rows(LIVE) == engine.rows(TRUE)
        assert len(engine.rows(LIVE)) == 2 * len(names)
        rebuild(client)
        assert engine.rows("SELECT * FROM cohorts") == []
        assert len(messages(engine)) == 2 * len(names)
        catch_up(client, small)
        assert engine.rows(LIVE) == engine.rows(TRUE)


def test_events_during_a_rebuild_are_in_messages_at_every_stage_of_it(engine: Engine) -> None:
    short = Limits(settle_seconds=0.0, portion_rows=2, pass_seconds=0.05)
    events = [sent(name) for name in "abcdefgh"]
    engine.load(events)
    with engine.client() as client:
        copy = Copy(client, short)
        for name in "hgfedcbaabcdefgh":
            events.append(event("status", message_id=name, status="delivered", at=NOON + len(events)))
            engine.load([events[-1]])
            assert messages(engine) == truth(*events)
            copy.pass_once()
            assert messages(engine) == truth(*events)
        catch_up(client, short)
    assert engine.rows(LIVE) == engine.rows(TRUE)


def test_messages_are_those_of_the_truth_when_the_copy_has_stood_still_for_days(engine: Engine) -> None:
    with engine.client() as client:
        engine.load([sent("m")])
        catch_up(client)
        engine.run("TRUNCATE TABLE copy_state")
        long_ago = "toUnixTimestamp64Nano(now64(9)) - 7 * 86400 * 1000000000"
        state = "INSERT INTO copy_state SELECT 0, fromUnixTimestamp64Nano({0}), fromUnixTimestamp64Nano({0}), 1, ''"
        engine.run(state.format(long_ago))
        events = [sent("m"), event("status", message_id="m", status="read", at=NOON + 1)]
        engine.load(events[1:])
        engine.run("TRUNCATE TABLE touched_log")  # as after its time to live
        assert messages(engine) == truth(*events)
        assert engine.rows("SELECT complete FROM copy_waiting") == [{"complete": 0}]
        catch_up(client)
    assert engine.rows("SELECT complete FROM copy_waiting") == [{"complete": 1}]
    assert engine.rows(LIVE) == engine.rows(TRUE)


def test_a_block_waits_again_when_more_of_it_becomes_visible(engine: Engine) -> None:
    engine.run("CREATE TABLE IF NOT EXISTS moment ENGINE = Memory AS SELECT now64(9, 'UTC') AS ts")
    for rows, ids in enumerate((["a"], ["a", "b"]), start=1):
        engine.run(f"INSERT INTO touched_log SELECT ts, 'shop', '{ids[-1]}' FROM moment")
        engine.run("INSERT INTO copy_state SELECT 0, now64(9), ts - INTERVAL 1 SECOND, 1, '' FROM moment")
        assert waiting(engine) == ids
        engine.run(f"INSERT INTO copied_log SELECT ts, {rows} FROM moment")
        assert waiting(engine) == []


def test_freshness_shows_the_oldest_block_that_is_not_copied(engine: Engine) -> None:
    ask = "SELECT layer, lag_seconds, pending, toUInt8(at = toDateTime64(0, 3)) AS never FROM copy_freshness"
    engine.load([sent("a"), sent("b")])
    assert [(row["pending"], row["never"]) for row in engine.rows(ask)] == [(2, 1)]
    with engine.client() as client:
        catch_up(client)
    assert engine.rows(ask) == [{"layer": "copy", "lag_seconds": 0, "pending": 0, "never": 0}]
    engine.load([sent("c")])
    (row,) = engine.rows(ask)
    assert (row["pending"], row["never"]) == (1, 0)
    (lag,) = engine.rows("SELECT dateDiff('millisecond', at, min(ts)) AS ms FROM copy_freshness, touched_log "
                         "WHERE message_id = 'c' GROUP BY at")  # fmt: skip
    assert lag["ms"] == 0


def test_cohort_times_over_ninety_years_fit_into_one_insert(engine: Engine) -> None:
    engine.load([sent(f"m{month}", 1_250_000_000_000 + month * 30 * DAY) for month in range(1080)])
    with engine.client() as client:
        catch_up(client)
    assert engine.rows("SELECT count() AS n, uniqExact(toYYYYMM(cohort_at)) > 1000 AS wide FROM cohorts") == [
        {"n": 1080, "wide": 1}
    ]


def test_a_condition_on_messages_reaches_the_keys(engine: Engine) -> None:
    engine.load([sent(f"m{number}") for number in range(2000)])
    with engine.client() as client:
        catch_up(client)
    engine.load([sent("late")])
    for view, table in (("units", "lifecycle_log"), ("messages", "lifecycle_log"), ("messages", "cohort_log")):
        ask = f"EXPLAIN indexes = 1, json = 1 SELECT status FROM {view} WHERE message_id = 'm77'"
        plan = engine.run(ask, default_format="TSVRaw")
        assert f".{table}" in plan
        assert '"message_id"' in plan or table == "cohort_log"
        assert "ids" in plan or table == "lifecycle_log"


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_system_events_are_shown_once_by_the_fuller_arrival(engine: Engine, order: tuple[int, ...]) -> None:
    events = [
        event("system", event="session.status", state="qr", at=NOON, received=NOON + 5),
        event("system", event="session.status", state="qr", at=NOON, received=NOON + 9, request="r2"),
        event("system", event="session.status", state="connected", account="77", received=NOON + DAY, request="r3"),
    ]
    for place in order:
        engine.load([events[place]])
    rows = engine.rows("SELECT state, account, occurred_at, received_at FROM system_events ORDER BY occurred_at")
    assert [tuple(row.values()) for row in rows] == [
        ("qr", "", "2026-11-20T12:00:00.000Z", "2026-11-20T12:00:00.005Z"),
        ("connected", "77", "2026-11-21T12:00:00.000Z", "2026-11-21T12:00:00.000Z"),
    ]
