# ruff: noqa: S311  (invented data)
"""Numbers that are not in use: which facts are evidence, and which clear it."""

import random

import pytest

from tests.streams.analytics.rollup_model import DAY, HOUR, MIDNIGHT, Unit
from tests.streams.analytics.rollup_tables import Tables

LONG_AGO = MIDNIGHT - 60 * DAY
PEOPLE = [f"+49155500000{number:02d}" for number in range(12)]


def failed(customer: str, at: int, name: str, code: str = "131026") -> Unit:
    return Unit(
        message_id=f"{customer} {name}", customer=customer, at=at, status="failed", failed_at=at + 1000, error_code=code
    )


def silent(customer: str, at: int, name: str, category: str = "marketing") -> Unit:
    return Unit(message_id=f"{customer} {name}", customer=customer, at=at, category=category)


def read(customer: str, at: int, read_at: int) -> Unit:
    return Unit(message_id=f"{customer} read", customer=customer, at=at, status="read", read_at=read_at)


def wrote(customer: str, at: int) -> Unit:
    return Unit(message_id=f"{customer} in", customer=customer, at=at, direction="in", counted=False, status="")


def test_evidence_and_signs_of_life(tables: Tables) -> None:
    now = tables.now()
    fresh = now - 15 * 60_000
    one, two, cleared, written, since, again, other, mixed, young, login, delivered, lid = [*PEOPLE[:11], "77@lid"]
    tables.put(
        failed(one, LONG_AGO, "a"),
        *(failed(two, LONG_AGO + day * DAY, str(day)) for day in range(2)),
        *(failed(cleared, LONG_AGO + day * DAY, str(day)) for day in range(2)),
        read(cleared, LONG_AGO - DAY, LONG_AGO + 2 * DAY),  # an earlier message, read after the failures
        *(silent(written, LONG_AGO + day * DAY, str(day)) for day in range(3)),
        wrote(written, LONG_AGO + 5 * DAY),
        *(failed(since, LONG_AGO + day * DAY, str(day)) for day in range(3)),
        read(since, LONG_AGO, LONG_AGO + DAY // 2),  # clears the first of three
        *(failed(again, LONG_AGO + day * DAY, str(day)) for day in range(2)),
        wrote(again, LONG_AGO + DAY + 1000),  # in the very millisecond of the last failure: nothing is after it
        *(failed(other, LONG_AGO + day * DAY, str(day), code="131049") for day in range(5)),  # policy, not the number
        failed(mixed, LONG_AGO, "a"),
        silent(mixed, LONG_AGO + HOUR, "b"),
        *(silent(young, fresh - day * DAY, str(day)) for day in range(3)),  # may still arrive for weeks
        *(silent(login, fresh - day * HOUR, str(day), "authentication") for day in range(2)),
        *(failed(delivered, LONG_AGO + day * DAY, str(day)) for day in range(2)),
        Unit(
            message_id="d", customer=delivered, at=LONG_AGO, status="delivered", delivered_at=LONG_AGO + 9 * DAY
        ),  # exists, but is no sign of a person
        *(failed(lid, LONG_AGO + day * DAY, str(day)) for day in range(2)),
    )
    tables.settle()
    found = {row[1]: (row[4], row[5]) for row in tables.rows("number_evidence")}
    assert found == {two: (2, 0), since: (2, 0), mixed: (1, 1), login: (0, 2), delivered: (2, 0), lid: (2, 0)}


@pytest.mark.parametrize("seed", range(2))
def test_evidence_equals_the_model_after_random_events(tables: Tables, seed: int) -> None:
    rng = random.Random(seed)
    for batch in range(2):
        units = []
        for number in range(60):
            customer, at, name = rng.choice(PEOPLE), LONG_AGO + rng.randrange(20 * DAY), f"{batch} {number}"
            kind = rng.randrange(10)
            if kind < 4:
                units.append(failed(customer, at, name, rng.choice(["131026", "131026", "131021", "131049"])))
            elif kind < 9:
                units.append(silent(customer, at, name, rng.choice(["marketing", "authentication"])))
            else:
                units.append(wrote(customer, at))
        tables.put(*{unit.key: unit for unit in units}.values())
        tables.settle()
        assert tables.number("SELECT count() FROM number_evidence") > 0
