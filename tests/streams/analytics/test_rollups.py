# ruff: noqa: S311, S608  (invented data; names of views and zones that are in this file)
"""Rollups equal their units, whatever changes in any order."""

import random
from dataclasses import replace
from typing import Any

import pytest

from tests.streams.analytics.rollup_model import DAY, HOUR, MIDNIGHT, QUARTER, Unit
from tests.streams.analytics.rollup_tables import Tables

PEOPLE = ("+4915550000001", "+4915550000002", "+9779800000003", "12345@lid", "")


def random_unit(rng: random.Random, identifier: str) -> Unit:
    """Any unit of few words and few moments around two midnights, so that rows are shared and days are changed."""
    at = MIDNIGHT + rng.choice([-DAY, 0, DAY]) + rng.choice([-1, 0, 1, 7 * HOUR, rng.randrange(DAY)])
    is_group = rng.random() < 0.1
    inbound = rng.random() < 0.4
    person = "" if is_group else rng.choice(PEOPLE)
    common: dict[str, Any] = {
        "source": rng.choice(["shop", "desk"]),
        "message_id": identifier,
        "at": at,
        "is_group": is_group,
        "customer": person,
        "country": {"+49": "DE", "+97": "NP"}.get(person[:3], ""),
        "account": rng.choice(["1", "2"]),
        "type": rng.choice(["text", "text", "reaction", "edit"]),
    }
    if inbound:
        inbound_at = rng.choice([None, at, at - 1, at + HOUR, at - DAY, at - DAY - 1])
        origin = rng.choice(["none", "none", "history"])
        return Unit(**common, direction="in", counted=False, origin=origin, status="", inbound_at=inbound_at)
    status = rng.choice(["pending", "sent", "delivered", "read", "played", "failed"])
    wait = rng.choice([-1000, 0, 1, 999, HOUR, 3 * DAY])
    return Unit(
        **common,
        origin=rng.choice(["api", "echo", "none"]),
        counted=rng.random() < 0.9,
        participant="member" if is_group else "",
        template=rng.choice(["", "welcome"]),
        campaign=rng.choice(["", "autumn"]),
        category=rng.choice(["", "marketing", "authentication"]),
        pricing_category=rng.choice(["", "utility"]),
        pricing_type=rng.choice(["", "regular", "free_entry_point"]),
        billable=rng.choice([-1, 0, 1]),
        status=status,
        delivered_at=at + wait if status == "delivered" else None,
        read_at=at + wait if status == "read" else None,
        played_at=at + wait if status == "played" else None,
        failed_at=at + 1000 if status == "failed" else None,
        error_code=rng.choice(["131026", "131026", "131049", ""]) if status == "failed" else "",
        to_delivered_ms=wait if status == "delivered" else None,
        to_read_ms=wait if status == "read" else None,
    )


@pytest.mark.parametrize("seed", range(4))
def test_every_rollup_equals_its_units_after_every_change(tables: Tables, seed: int) -> None:
    rng = random.Random(seed)
    identifiers = [f"m{number}" for number in range(60)]
    for _ in range(4):
        batch = [random_unit(rng, identifier) for identifier in rng.sample(identifiers, 25)]
        # The key of a unit never changes; everything else may.
        batch = [
            replace(unit, source=old.source, participant=old.participant)
            for unit in batch
            for old in [next((known for known in tables.units.values() if known.message_id == unit.message_id), unit)]
        ]
        tables.put(*batch)
        tables.settle()


def test_a_late_template_moves_its_message_to_another_row(tables: Tables) -> None:
    message = Unit(message_id="m", at=MIDNIGHT)
    tables.put(message)
    tables.settle()
    tables.put(replace(message, template="welcome", status="delivered", to_delivered_ms=5))
    tables.settle()
    assert tables.number("SELECT count() FROM outbound") == 1
    # The row without the template is there, with zeros, and no view shows it.
    assert (
        tables.number(
            "SELECT count() FROM outbound_log FINAL WHERE sent = 0 AND empty(to_delivered_ms) AND checksum = 0"
        )
        == 1
    )


def test_a_late_sent_record_moves_a_message_to_another_day(tables: Tables) -> None:
    message = Unit(message_id="m", at=MIDNIGHT, status="read", origin="none")
    tables.put(message)
    tables.settle()
    tables.put(replace(message, at=MIDNIGHT - 1, origin="api"))
    tables.settle()
    assert tables.number("SELECT count() FROM outbound") == 1


def test_a_day_that_lost_all_its_units_is_empty(tables: Tables) -> None:
    units = [Unit(message_id=f"m{number}", at=MIDNIGHT + number) for number in range(3)]
    asked = [Unit(message_id=f"i{number}", at=MIDNIGHT + number, direction="in", counted=False) for number in range(3)]
    tables.put(*units, *asked)
    tables.settle()
    tables.put(*(replace(unit, at=unit.at - 20 * DAY) for unit in (*units, *asked)))
    tables.settle()
    for table in ("outbound", "inbound", "turns"):
        assert tables.number(f"SELECT countIf(toDate(slot) = '2026-11-20') FROM {table}") == 0
    assert tables.number("SELECT countIf(toDate(slot) = '2026-11-20' AND checksum != 0) FROM customer_log FINAL") == 0


def test_nothing_is_written_where_nothing_changed(tables: Tables) -> None:
    tables.put(*(Unit(message_id=f"m{number}", at=MIDNIGHT + number * QUARTER) for number in range(50)))
    tables.settle()
    before = tables.number("SELECT max(version) FROM outbound_log")
    tables.put(replace(tables.units["shop", "m7", ""], status="delivered"))
    tables.settle()
    assert tables.number(f"SELECT uniqExact(slot) FROM outbound_log WHERE version > {before}") == 1
    assert tables.number(f"SELECT count() FROM inbound_log WHERE version > {before}") == 0


def asked(at: int, identifier: str, **more: Any) -> Unit:
    return Unit(message_id=identifier, at=at, direction="in", counted=False, origin="none", status="", **more)


def test_answers_across_midnight_and_at_the_edges_of_24_hours(tables: Tables) -> None:
    late = MIDNIGHT - 1
    people = [f"+491555000000{number}" for number in range(8)]
    tables.put(
        asked(late, "i0", customer=people[0]),
        Unit(message_id="o0", at=late + DAY, customer=people[0]),  # answered at the last moment
        asked(late, "i1", customer=people[1]),
        Unit(message_id="o1", at=late + DAY + 1, customer=people[1]),  # one too late
        asked(late, "i2", customer=people[2]),
        Unit(message_id="o2", at=late, customer=people[2]),  # the same millisecond: theirs first
        asked(late, "i3", customer=people[3]),
        asked(late + DAY, "i3b", customer=people[3]),  # still the same turn
        asked(late + 2 * DAY + 1, "i3c", customer=people[3]),  # a new one
        asked(late, "i4", customer=people[4]),
        Unit(message_id="o4", at=late + HOUR, customer=people[4], status="failed", failed_at=late + HOUR),
        asked(late, "i5", customer=people[5], type="reaction"),
        asked(late, "i6", customer=people[6]),
        Unit(message_id="o6", at=late + 5, customer=people[6]),
        asked(late + 9, "i6b", customer=people[6]),
        Unit(message_id="o6b", at=late + 12, customer=people[6]),
    )
    tables.settle()
    found = tables.client.query(
        "SELECT sum(t.turns), sum(t.answered), arraySort(groupArrayArray(response_ms)) FROM turns AS t"
    )
    assert found.first_row == (8, 4, [0, 3, 5, DAY])


def test_a_webhook_that_came_hours_late_counts_from_when_the_customer_wrote(tables: Tables) -> None:
    # The receipt lies on the next day.
    late = replace(asked(MIDNIGHT, "i"), at=MIDNIGHT + HOUR, inbound_at=MIDNIGHT - 3 * HOUR)
    tables.put(late, Unit(message_id="o", at=MIDNIGHT + 2 * HOUR))
    tables.settle()
    assert tables.rows("turns") == {("shop", MIDNIGHT - 3 * HOUR, "1", "DE", 1, 1, (5 * HOUR,))}


def test_an_answer_that_comes_the_next_day_changes_the_day_before(tables: Tables) -> None:
    tables.put(asked(MIDNIGHT - HOUR, "i"))
    tables.settle()
    tables.put(Unit(message_id="o", at=MIDNIGHT + HOUR))
    tables.settle()
    assert tables.rows("turns") == {("shop", MIDNIGHT - HOUR, "1", "DE", 1, 1, (2 * HOUR,))}


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Asia/Kathmandu", "2026-11-20"),
        ("Europe/Berlin", "2026-03-29"),  # 23 hours
        ("Europe/Berlin", "2026-10-25"),  # 25 hours
        ("America/St_Johns", "2026-11-01"),
        ("Australia/Lord_Howe", "2026-04-05"),  # half an hour back
    ],
)
def test_days_of_any_zone_are_sums_of_slots(tables: Tables, zone: str, day: str) -> None:
    noon = tables.number(f"SELECT toUnixTimestamp(toDateTime('{day} 12:00:00', '{zone}')) * 1000")
    tables.put(*(Unit(message_id=f"m{number}", at=noon + number * 420_001) for number in range(-500, 500)))
    tables.settle()
    rolled = f"SELECT toStartOfDay(slot, '{zone}') AS d, sum(o.sent) FROM outbound AS o GROUP BY d ORDER BY d"
    direct = f"SELECT toStartOfDay(cohort_at, '{zone}') AS d, count() FROM cohorts GROUP BY d ORDER BY d"
    assert tables.client.query(rolled).result_rows == tables.client.query(direct).result_rows


def test_percentiles_are_those_of_the_units(tables: Tables) -> None:
    rng = random.Random(1)
    tables.put(
        *(
            Unit(
                message_id=f"m{number}",
                at=MIDNIGHT + rng.randrange(3 * DAY),
                template=rng.choice("ab"),
                status="read",
                to_read_ms=int(rng.lognormvariate(9, 2)),
                to_delivered_ms=rng.choice([None, -5, rng.randrange(10_000)]),
            )
            for number in range(2000)
        )
    )
    tables.settle()
    for column in ("to_read_ms", "to_delivered_ms"):
        rolled = f"SELECT template, quantilesExactLowArray(0.5, 0.95, 0.99)({column}) FROM outbound GROUP BY template"
        direct = (
            f"SELECT template, quantilesExactLowIf(0.5, 0.95, 0.99)(assumeNotNull({column}), {column} >= 0) "
            "FROM cohorts GROUP BY template"
        )
        found, wanted = (sorted(map(tuple, tables.client.query(sql).result_rows)) for sql in (rolled, direct))
        assert found == wanted
