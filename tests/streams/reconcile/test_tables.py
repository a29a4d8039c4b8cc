"""The tables among themselves, on the engine: each row that is deleted, added or changed by hand is found and named."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from clickhouse_connect.driver import Client

from schemas.horizons import HOUR_MS
from streams.analytics.copy import catch_up
from streams.load.lifecycle import apply_events
from streams.reconcile import hashes
from streams.reconcile.events import Events
from streams.reconcile.expect import Unsettled
from streams.reconcile.model import SourceHour, Window
from streams.reconcile.unit_diff import DifferentUnit
from streams.reconcile.units import BucketSums, Units
from tests.support.engine import Engine
from tests.support.events import DAY, NOON, event

PHONE = "+5511955550001"
FROM_PHONE: dict[str, Any] = {"from": PHONE}
AT = SourceHour("shop", NOON - NOON % HOUR_MS)


def messages() -> list[dict[str, Any]]:
    """Ten messages: one to a group, one failed, one reported twice, one without a sent record, one of a customer."""
    events = [event("sent", message_id=f"m{n}", at=NOON + n * DAY, template="t", to=PHONE) for n in range(9)]
    events += [
        event("status", message_id=f"m{n}", status="delivered", at=NOON + n * DAY, request="s") for n in range(10)
    ]
    events += [event("status", message_id="m1", status="delivered", at=NOON + DAY, request="again")]
    events += [event("status", message_id="m3", status="read", at=NOON, participant=f"{PHONE[:-1]}{n}") for n in (2, 3)]
    events += [event("status", message_id="m4", status="failed", error_code="131026", error_title="no", request="f")]
    events += [event("inbound", message_id="in", text="hello", **FROM_PHONE), event("system", event="x", at=NOON)]
    return events


@pytest.fixture
def client(engine: Engine) -> Iterator[Client]:
    engine.load(messages())
    with engine.client() as client:
        catch_up(client)
        yield client


def read(client: Client) -> Units:
    units = Units(client, None)
    units.read(lambda _: None)
    return units


def problems(client: Client) -> Counter[str]:
    """What a look at the units finds, by kind."""
    units, found = read(client), Counter[str]()
    found["unit_lost"] = len(units.anomalies.events_without_unit)
    found["unit_extra"] = len(units.anomalies.units_without_events)
    buckets = units.entries.different(units.shown())
    if buckets:
        truth, shown = units.truth_rows(buckets), units.shown_rows(buckets)
        differing = [DifferentUnit(key, truth.get(key), shown.get(key, [])) for key in truth.keys() | shown.keys()]
        found["copy"] = sum(bool(one.copy_problem) for one in differing)
    for anomalies in Events(client, None).anomalies():
        found[anomalies.kind] += 1
    found["rates"] = sum(count for _, count in units.broken_rates())
    return +found


def test_tables_that_are_right_have_nothing(client: Client) -> None:
    assert not problems(client)
    assert Events(client, "shop").anomalies() == Events(client, "nobody").anomalies() == []
    units = read(client)
    assert sum(units.rows.counts) == 13
    assert (units.joined[AT], units.orphan[AT]) == (12, 1)


# What somebody does by hand, each to a message of its own, and what is to be found because of it.
_ALTER = "ALTER TABLE {} {} WHERE message_id = '{}'"
_COPY = "INSERT INTO {} SELECT * REPLACE ('{}' AS message_id) FROM (SELECT * FROM {} WHERE message_id = '{}')"
CHANGES: list[tuple[str, dict[str, int]]] = [
    (
        "ALTER TABLE delivery_log DELETE WHERE event_id IN (SELECT event_id FROM event_log WHERE message_id = 'm0')",
        {"event_extra": 2},
    ),
    (_ALTER.format("event_log", "DELETE", "m1") + " AND kind = 'status'", {"event_lost": 1}),
    (_ALTER.format("event_log", "DELETE", "m2"), {"event_lost": 2, "unit_extra": 1}),
    (_ALTER.format("event_log", "UPDATE status = 'read'", "m5") + " AND kind = 'status'", {"unit_lost": 1}),
    (_COPY.format("event_log", "m9", "event_log", "in"), {"event_extra": 1}),
    (
        "INSERT INTO delivery_log SELECT source, 'strange', 0, generateUUIDv4(), received_at FROM delivery_log LIMIT 1",
        {"event_lost": 1},
    ),
    (_ALTER.format("lifecycle_log", "DELETE", "m6"), {"unit_lost": 2, "copy": 1}),
    (_COPY.format("lifecycle_log", "m77", "lifecycle_log", "m7"), {"unit_extra": 1, "copy": 1}),
    (
        "INSERT INTO lifecycle_log SELECT * REPLACE (1 AS read) FROM lifecycle_log WHERE message_id = 'm7'",
        {"copy": 1},
    ),
    (_ALTER.format("cohort_log", "DELETE", "m3") + " AND participant = ''", {"copy": 1}),
    (_ALTER.format("cohort_log", "UPDATE template = 'u'", "m8"), {"copy": 1}),
    (_ALTER.format("cohort_log", "UPDATE counted = 0", "m0"), {"copy": 1}),
    (_ALTER.format("cohort_log", "UPDATE status = 'lost'", "m1"), {"copy": 1, "rates": 1}),
    (_COPY.format("cohort_log", "m88", "cohort_log", "m8"), {"copy": 1}),
]


def test_each_thing_that_somebody_changes_by_hand_is_found_beside_all_others(client: Client, engine: Engine) -> None:
    wanted = Counter[str]()
    for change, found in CHANGES:
        engine.run(change + (" SETTINGS mutations_sync = 2" if change.startswith("ALTER") else ""))
        wanted += Counter(found)
        assert problems(client) == wanted, change


def test_what_has_not_been_copied_yet_is_shown_all_the_same(client: Client, engine: Engine) -> None:
    engine.load([event("status", message_id="m7", status="read", at=NOON + 9 * DAY, request="later")])
    assert not problems(client)


def test_slices_cover_every_message_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read(client)
    monkeypatch.setattr("streams.reconcile.units.SLICE_EVENTS", 2)
    parts = read(client)
    assert len(list(parts.slices())) > 5
    assert not parts.rows.different(whole.rows)
    assert parts.joined == whole.joined


def test_a_row_of_wa_messages_has_the_hash_of_clickhouses_row(client: Client) -> None:
    units, published = read(client), BucketSums()
    _, rows = apply_events(messages(), lambda _: None, lambda _: [])
    for row in rows.values():
        row = orjson.loads(orjson.dumps(row))
        published.add(hashes.bucket_of(row["source"], row["message_id"]), hashes.of_row(row))
    # The parent of a group knows its members only in the state, so all rows are compared in their final state.
    assert sum(published.counts) == 13
    assert not units.rows.different(published)


def test_duplicates_belong_to_the_hour_of_the_repetition(client: Client, engine: Engine) -> None:
    engine.load([event("inbound", message_id="in", text="hello", received=NOON + HOUR_MS, request="late")])
    first = Events(client, None).first_deliveries(Window())
    deliveries = engine.rows("SELECT count() AS n FROM deliveries")[0]["n"]
    assert deliveries == len(messages()) + 1
    assert first == {AT: len(messages()) - 1}
    assert Events(client, None).first_deliveries(Window(to_ms=NOON)) == {}


def test_what_moves_is_known_by_message_and_by_event() -> None:
    unsettled = Unsettled()
    one = event("status", message_id="m1", status="read", at=NOON)
    unsettled.add(one)
    assert unsettled.has_message("shop", "m1")
    assert not unsettled.has_message("crm", "m1")
    assert one["event_id"] in unsettled.events
