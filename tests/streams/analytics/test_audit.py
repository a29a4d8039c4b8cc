"""The audit repairs what no counter records, and leaves a right copy alone."""

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver import Client

from streams.analytics.audit import REPAIRED_MESSAGES, Audit
from streams.analytics.copy import catch_up
from tests.support.engine import Engine
from tests.support.events import DAY, NOON, event

LIVE = "SELECT * EXCEPT (country) FROM cohorts ORDER BY message_id, participant"
TRUE = "SELECT * EXCEPT (version, days) FROM units ORDER BY message_id, participant"


@pytest.fixture
def engine(engine: Engine) -> Engine:
    """Twenty messages, one of them to a group, all copied."""
    events = [event("sent", message_id=f"m{number}", at=NOON + number * DAY) for number in range(20)]
    events += [
        event("status", message_id="m3", status="read", at=NOON, participant=f"+551195555000{n}") for n in range(3)
    ]
    engine.load(events)
    with engine.client() as client:
        catch_up(client)
    return engine


@pytest.fixture
def client(engine: Engine) -> Iterator[Client]:
    with engine.client() as client:
        yield client


def repaired(engine: Engine, client: Client, most: int = REPAIRED_MESSAGES) -> int:
    """How many messages the audit found; afterwards everything is as it must be. Above `most` it makes a new copy."""
    found = Audit(client, most).pass_once()
    assert len(engine.rows("SELECT * FROM messages")) == 23
    catch_up(client)
    assert engine.rows(LIVE) == engine.rows(TRUE)
    assert Audit(client).pass_once() == 0
    return found


def test_a_right_copy_is_left_alone_and_so_are_messages_that_are_not_copied_yet(engine: Engine, client: Client) -> None:
    engine.load([event("status", message_id="m1", status="read", at=NOON)])
    assert Audit(client).pass_once() == 0
    assert len(engine.rows("SELECT * FROM touched_log WHERE message_id = 'm1'")) == 2


def test_a_hole_is_filled(engine: Engine, client: Client) -> None:
    engine.run("ALTER TABLE cohort_log DELETE WHERE message_id IN ('m7', 'm3') SETTINGS mutations_sync = 2")
    assert repaired(engine, client) == 2


def test_a_unit_at_two_days_is_at_one_day_again(engine: Engine, client: Client) -> None:
    engine.run(
        "INSERT INTO cohort_log SELECT * REPLACE (cohort_at - INTERVAL 50 DAY AS cohort_at) FROM cohort_log "
        "WHERE message_id IN ('m5', 'm3') AND NOT gone"
    )
    assert len(engine.rows("SELECT * FROM messages")) == 28
    assert repaired(engine, client) == 2


def test_an_outdated_row_is_copied_again(engine: Engine, client: Client) -> None:
    engine.load([event("status", message_id="m9", status="read", at=NOON)])
    engine.run("TRUNCATE TABLE touched_log")
    assert repaired(engine, client) == 1


def test_a_member_that_the_truth_does_not_have_is_removed(engine: Engine, client: Client) -> None:
    engine.run("INSERT INTO cohort_log SELECT * REPLACE ('x' AS participant) FROM cohort_log WHERE message_id = 'm5'")
    assert repaired(engine, client) == 1


def test_an_emptied_copy_is_made_again_and_readers_miss_nothing(engine: Engine, client: Client) -> None:
    engine.run("TRUNCATE TABLE cohort_log")
    assert repaired(engine, client, most=20) == 20


def test_a_copy_of_a_truth_that_was_emptied_is_made_again(engine: Engine, client: Client) -> None:
    for table in ("event_log", "lifecycle_log", "touched_log", "copied_log"):
        engine.run(f"TRUNCATE TABLE {table}")
    engine.load([event("sent", message_id="m1", at=NOON - DAY)])
    catch_up(client)
    assert Audit(client).pass_once() > 0
    assert len(engine.rows("SELECT * FROM messages")) == 1
    catch_up(client)
    assert [row["cohort_at"] for row in engine.rows("SELECT cohort_at FROM cohorts")] == ["2026-11-19T12:00:00.000Z"]
    assert Audit(client).pass_once() == 0


def test_the_audit_waits_for_a_rebuild(engine: Engine, client: Client) -> None:
    engine.run("INSERT INTO copy_state SELECT 5, now64(9), now64(9), 0, 'm2'")
    engine.run("TRUNCATE TABLE cohort_log")
    audit = Audit(client)
    assert audit.pass_once() == 0
    assert audit.pause < 3600
