"""The tables on the real engine: the SQL algebra equals the one in Python, in any order and with any repetition."""

from itertools import chain, permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from schemas import events as canonical
from schemas.tables import migrations
from tests.streams.load.test_lifecycle import rows_of
from tests.support.engine import Engine
from tests.support.events import DAY, NOON, event, inserts

RATES = "SELECT * EXCEPT (provisional) FROM delivery_rates ORDER BY ALL"


def messages(engine: Engine) -> list[dict[str, Any]]:
    return engine.rows("SELECT * FROM messages ORDER BY source, message_id, participant")


def rate(engine: Engine) -> dict[str, Any]:
    (row,) = engine.rows("SELECT * FROM delivery_rates")
    return row


def test_every_field_of_an_event_is_a_column_and_every_column_a_field(engine: Engine) -> None:
    columns = {row["name"] for row in engine.rows("DESCRIBE TABLE events")}
    always = {"event_id", "kind", "source", "provider", "received_at", "request_id", "raw", "fullness"}
    assert columns - {"stored_at"} == always | set(canonical.FIELDS)


@settings(max_examples=settings().max_examples // 10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(inserts(sources=8, most=2))
def test_sql_and_python_make_the_same_rows_whatever_the_order(
    engine: Engine, blocks: list[list[dict[str, Any]]]
) -> None:
    engine.clear()
    for block in blocks:
        if block:
            engine.load(block)
    events = list(chain(*blocks))
    expected = sorted(rows_of(events).values(), key=lambda row: (row["source"], row["message_id"], row["participant"]))
    assert messages(engine) == expected
    for row in engine.rows("SELECT * FROM delivery_rates"):
        assert row["sent"] == row["delivered"] + row["failed"] + row["pending"]
        assert 0 <= row["read"] <= row["delivered"] <= row["sent"]
        assert row["orphan"] <= row["sent"]


def test_one_row_and_the_right_day_in_every_order_across_midnight_and_months(engine: Engine) -> None:
    midnight = NOON + DAY // 2

    def story(name: str) -> list[dict[str, Any]]:
        sent: dict[str, Any] = {"template": name, "campaign": "c", "category": "marketing"}
        return [
            event("sent", message_id=name, at=midnight - 1, received=NOON + 60 * DAY, **sent),
            event("status", message_id=name, status="sent", at=midnight, received=midnight + 100),
            event("status", message_id=name, status="delivered", at=midnight + 1, received=midnight + 200),
            event("status", message_id=name, status="read", at=NOON + 45 * DAY, received=NOON + 45 * DAY),
        ]

    orders = list(permutations(range(4)))
    messages_of = [story(f"m{number:02}") for number in range(len(orders))]
    for place in range(4):  # each message gets its events in an order of its own, over four INSERTs
        engine.load([one[order[place]] for one, order in zip(messages_of, orders, strict=True)])
    rows = engine.rows("SELECT * FROM delivery_rates ORDER BY template")
    assert [row["template"] for row in rows] == [f"m{number:02}" for number in range(len(orders))]
    for row in rows:
        assert row["cohort_day"] == "2026-11-20"
        assert (row["sent"], row["delivered"], row["read"], row["orphan"]) == (1, 1, 1, 0)


def test_an_event_that_arrives_again_is_one_event_and_a_counted_duplicate(engine: Engine) -> None:
    for request in ("r1", "r2", "r1"):
        engine.load([event("status", message_id="m", status="sent", at=NOON, request=request)])
    (count,) = engine.rows("SELECT count() AS n FROM events")
    (twice,) = engine.rows("SELECT uniqExact(request_id, `index`) - uniqExact(event_id) AS n FROM deliveries")
    assert (count["n"], twice["n"]) == (1, 1)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_fuller_arrival_of_an_event_wins_in_any_order(engine: Engine, order: tuple[int, int]) -> None:
    arrivals = [
        event("inbound", message_id="m", type="unsupported", error_code="131051", error_title="later", received=NOON),
        event("inbound", message_id="m", type="text", text="hello", received=NOON + 5, request="r2"),
    ]
    for place in order:
        engine.load([arrivals[place]])
    (row,) = engine.rows("SELECT type, text, request_id FROM events")
    assert row == {"type": "text", "text": "hello", "request_id": "r2"}


def test_a_group_message_counts_its_members_and_then_no_more_its_parent(engine: Engine) -> None:
    engine.load([event("sent", message_id="g", at=NOON, template="news", is_group=True)])
    assert (rate(engine)["sent"], rate(engine)["is_group"]) == (1, 1)
    engine.load(
        [
            event(
                "status",
                message_id="g",
                status="delivered",
                participant=f"+551195555000{n}",
                at=NOON + n,
                is_group=True,
            )
            for n in range(5)
        ]
    )
    row = rate(engine)
    assert (row["template"], row["sent"], row["delivered"], row["pending"], row["orphan"]) == ("news", 5, 5, 0, 0)


def test_history_alone_is_in_no_rate_until_a_live_event_comes(engine: Engine) -> None:
    engine.load([event("sent", message_id="h", at=NOON, origin="history", historical=True)])
    assert engine.rows("SELECT * FROM delivery_rates") == []
    engine.load([event("status", message_id="h", status="read", at=NOON + DAY)])
    assert (rate(engine)["sent"], rate(engine)["read"]) == (1, 1)


def test_inbound_messages_are_in_no_rate_and_orphans_are_counted(engine: Engine) -> None:
    engine.load([event("inbound", message_id="i", type="text", text="hi", at=NOON)])
    engine.load([event("status", message_id="i", status="read", from_me=False, at=NOON)])
    engine.load([event("status", message_id="o", status="delivered", at=NOON)])
    row = rate(engine)
    assert (row["sent"], row["delivered"], row["read"], row["orphan"]) == (1, 1, 0, 1)


@pytest.mark.parametrize(
    ("category", "days", "provisional"), [("marketing", 29, 1), ("marketing", 31, 0), ("authentication", 2, 0)]
)
def test_a_young_cohort_is_provisional(engine: Engine, category: str, days: int, provisional: int) -> None:
    (now,) = engine.rows("SELECT toUnixTimestamp64Milli(now64(3)) AS ms")
    engine.load([event("sent", message_id="m", at=now["ms"] - days * DAY, category=category)])
    assert rate(engine)["provisional"] == provisional


def test_rates_without_a_denominator_are_null(engine: Engine) -> None:
    engine.load([event("status", message_id="m", status="failed", at=NOON, error_code="131026")])
    row = rate(engine)
    assert (row["delivery_rate"], row["read_rate"], row["failure_rate"]) == (0, None, 1)


def test_migrations_that_were_cut_off_are_applied_again_from_their_start_and_change_no_row(engine: Engine) -> None:
    events = [
        event("sent", message_id="m", at=NOON, template="t"),
        event("status", message_id="g", status="delivered", participant="+5511955550001", at=NOON),
        event("system", event="session.status", state="qr", at=NOON),
    ]
    engine = Engine(engine.server, "cut_off", last=0)
    for migration in migrations():
        engine.apply(migration, upto=len(migration.statements) // 2)
        engine.apply(migration)
    engine.load(events)
    for migration in migrations():
        engine.apply(migration)
    assert messages(engine) == sorted(rows_of(events).values(), key=lambda row: row["message_id"])
    assert len(engine.rows("SELECT * FROM system_events")) == 1
    (rows,) = engine.rows("SELECT sum(n) AS n, uniqExact(message_id) AS messages FROM lifecycle_log")
    assert rows == {"n": 2, "messages": 2}


def test_the_views_have_plain_types(engine: Engine) -> None:
    for view in ("messages", "delivery_rates"):
        types = {row["name"]: row["type"] for row in engine.rows(f"DESCRIBE TABLE {view}")}
        assert not [name for name, kind in types.items() if "Aggregate" in kind]


def test_a_deletion_for_all_shows_at_every_member(engine: Engine) -> None:
    events = [
        event("inbound", message_id="g", type="text", text="hi", participant="+5511955550003", is_group=True, at=NOON),
        event("status", message_id="g", status="deleted", is_group=True, at=NOON + 5, from_me=False),
    ]
    engine.load(events)
    deleted = {row["participant"]: row["deleted_at"] for row in messages(engine)}
    assert deleted["+5511955550003"] == "2026-11-20T12:00:00.005Z"
    assert messages(engine) == sorted(rows_of(events).values(), key=lambda row: row["participant"])
