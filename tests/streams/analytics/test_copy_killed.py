"""A copy that is killed between any two of its statements, and one that a second copy runs beside."""

import subprocess
import sys

from streams.analytics.copy import Copy, Limits, catch_up
from tests.streams.load.test_lifecycle import rows_of
from tests.support.engine import Engine
from tests.support.events import DAY, NOON, event

SAME = (
    "SELECT * EXCEPT (country) FROM cohorts ORDER BY message_id, participant",
    "SELECT * EXCEPT (version, days) FROM units ORDER BY message_id, participant",
)


def test_a_copy_killed_before_any_of_its_statements_goes_on_where_it_ended(engine: Engine) -> None:
    events = [event("sent", message_id=f"m{number}", at=NOON) for number in range(5)]
    engine.load(events)
    for death in range(1, 100):
        # Each message moves to another day each time, into another month now and then.
        moved = [
            event("status", message_id=f"m{number}", status="sent", at=NOON - death * DAY - number)
            for number in range(5)
        ]
        engine.load(moved)
        events += moved
        command = [
            sys.executable,
            "-m",
            "tests.streams.analytics.dying_copy",
            str(engine.server.port),
            engine.database,
            str(death),
        ]
        ended = subprocess.run(command, timeout=120, check=False).returncode
        assert ended in (0, -9)
        shown = engine.rows("SELECT * FROM messages ORDER BY message_id")
        assert shown == sorted(rows_of(events).values(), key=lambda row: str(row["message_id"]))
        if ended == 0:
            break
    else:
        raise AssertionError("the copy never ends")
    assert death > 6
    left, right = (engine.rows(sql) for sql in SAME)
    assert left == right
    assert engine.rows("SELECT ids FROM copy_waiting") == [{"ids": []}]


def test_a_stalled_copy_that_writes_an_old_reading_changes_nothing(engine: Engine) -> None:
    engine.load([event("status", message_id="m", status="read", at=NOON + 40 * DAY)])
    with engine.client() as late, engine.client() as client:
        copy = Copy(late, Limits(settle_seconds=0.0))
        copy.pass_once()
        engine.run("CREATE TABLE kept AS cohort_log")
        engine.run("INSERT INTO kept SELECT * FROM cohort_log")
        for number in range(3):
            engine.load([event("sent", message_id="m", at=NOON - number * DAY, origin="api")])
            catch_up(client)
        engine.run("INSERT INTO cohort_log SELECT * FROM kept")
        assert [row["cohort_at"] for row in engine.rows("SELECT cohort_at FROM cohorts")] == [
            "2026-11-18T12:00:00.000Z"
        ]
        engine.run("OPTIMIZE TABLE cohort_log FINAL")
    left, right = (engine.rows(sql) for sql in SAME)
    assert left == right
    assert len(left) == 1
