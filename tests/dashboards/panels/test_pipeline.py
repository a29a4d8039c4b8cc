"""Pipeline: samples, lag, latency, repeats and dead letters, by hand."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from dashboards import catalogue
from dashboards.panels import pipeline
from tests.dashboards.panels.model import QUARTER, utc
from tests.dashboards.panels.tables import Row, Tables
from tests.support.events import event

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
START = round(datetime(2026, 10, 25, tzinfo=UTC).timestamp() * 1000)


def rows(tables: Tables, identifier: str, **values: Any) -> list[Row]:
    return tables.rows(catalogue.panel(identifier), **values)


def samples(tables: Tables, *found: tuple[int, str, str, str, float]) -> None:
    lines = [
        json.dumps({"at": utc(at).isoformat(), "name": name, "part": part, "source": source, "value": value})
        for at, name, part, source, value in found
    ]
    settings = {"date_time_input_format": "best_effort"}
    tables.engine.run("\n".join(lines).encode(), query="INSERT INTO samples FORMAT JSONEachRow", **settings)


# --- samples ---


@pytest.fixture
def now(tables: Tables) -> int:
    return tables.now()


@pytest.mark.parametrize(
    ("found", "up"),
    [
        ([], None),
        ([(11 * MINUTE, 1.0)], None),
        ([(MINUTE, 1.0)], 1),
        ([(2 * MINUTE, 1.0), (MINUTE, 0.0)], 0),
        ([(2 * MINUTE, 0.0), (MINUTE, 1.0)], 1),
    ],
)
def test_the_newest_word_on_the_store_counts_as_long_as_it_is_fresh(
    tables: Tables, now: int, found: list[tuple[int, float]], up: int | None
) -> None:
    samples(tables, *((now - age, "store_up", "", "", value) for age, value in found))
    assert rows(tables, "store-up") == [{"up": up}]


def test_work_waiting_by_stage_is_that_of_the_newest_sample(tables: Tables, now: int) -> None:
    samples(
        tables,
        (now - 2 * MINUTE, "lag_records", "normalise", "", 900), (now - MINUTE, "lag_records", "normalise", "", 7),
        (now - 2 * MINUTE, "oldest_unfinished_seconds", "normalise", "", 1.0),
        (now - MINUTE, "oldest_unfinished_seconds", "normalise", "", 61.5),
        (now - 3 * MINUTE, "lag_records", "load", "", 0), (now - 11 * MINUTE, "lag_records", "gone", "", 5),
    )  # fmt: skip
    assert rows(tables, "stages") == [
        {"stage": "load", "records": 0, "oldest": None, "sampled_at": utc(now - 3 * MINUTE)},
        {"stage": "normalise", "records": 7, "oldest": 61.5, "sampled_at": utc(now - MINUTE)},
    ]


def test_requests_by_outcome_are_sums_in_the_zones_buckets(tables: Tables) -> None:
    samples(
        tables,
        (START - HOUR * 2 - 1, "requests", "stored", "shop", 5),
        (START - HOUR * 2, "requests", "stored", "shop", 10),
        (START + 12 * HOUR, "requests", "stored", "crm", 1),
        (START + 12 * HOUR, "requests", "overloaded", "shop", 2),
        (START + 12 * HOUR, "requests", "unknown_source", "", 3),
        (START + 23 * HOUR - 1, "requests", "stored", "shop", 4),
        (START + 23 * HOUR, "requests", "internal", "shop", 6),
        (START + 12 * HOUR, "bytes", "", "shop", 99),
    )
    found = rows(tables, "requests-by-outcome", zone="Europe/Berlin")
    assert [(r["at"], r["series"], r["requests"]) for r in found] == [
        (utc(START - 26 * HOUR), "stored", 5),
        (utc(START - 2 * HOUR), "overloaded", 2),
        (utc(START - 2 * HOUR), "stored", 15),
        (utc(START - 2 * HOUR), "unknown_source", 3),
        (utc(START + 23 * HOUR), "internal", 6),
    ]
    assert rows(tables, "refused-share") == [{"rate": 8 / 31, "refused": 8, "requests": 31}]
    assert rows(tables, "refused-share", start=START, end=START + 13 * HOUR, sources=["shop"]) == [
        {"rate": 1.0, "refused": 2, "requests": 2}
    ]


def test_lag_over_time_is_the_worst_of_each_step(tables: Tables) -> None:
    for name, identifier, column in (
        ("lag_records", "lag-over-time", "records"),
        ("oldest_unfinished_seconds", "oldest-over-time", "oldest"),
    ):
        samples(
            tables,
            (START, name, "load", "", 3), (START + 1000, name, "load", "", 8), (START + HOUR, name, "load", "", 1),
            (START, name, "normalise", "", 2), (START + 2 * HOUR, name, "load", "", 7),
        )  # fmt: skip
        found = rows(tables, identifier, bucket="hour", start=START, end=START + 2 * HOUR)
        assert [(r["at"], r["series"], r[column]) for r in found] == [
            (utc(START), "load", 8),
            (utc(START), "normalise", 2.0),
            (utc(START + HOUR), "load", 1.0),
        ]


def test_layers_tell_how_far_they_are(tables: Tables) -> None:
    tables.load([event("sent", message_id="m", at=START)])
    found = {r["layer"]: r for r in rows(tables, "layers")}
    assert found.keys() == {"copy", "rollup", "samples"}
    assert found["samples"] == {"layer": "samples", "complete_until": None, "lag": None, "pending": 0}
    assert found["copy"]["pending"] == found["rollup"]["pending"] == 0
    samples(tables, (tables.now() - MINUTE, "store_up", "", "", 1))
    sampled = next(r for r in rows(tables, "layers") if r["layer"] == "samples")
    assert 60 <= sampled["lag"] < 360  # five minutes for the engine to come to it


# --- arrivals ---


def stored(name: str, received: int, latency: int, kind: str = "inbound", **facts: Any) -> dict[str, Any]:
    """An event that became queryable so many ms after its arrival."""
    request = facts.pop("request", name)
    stored_event = event(kind, message_id=name, received=received, request=request, at=START, **facts)
    return {**stored_event, "stored_at": utc(received + latency).isoformat()}


def test_latency_is_that_of_all_events_and_repeats_do_not_count(tables: Tables) -> None:
    batch = [stored(f"m{n}", START + n, (n + 1) * 100) for n in range(100)]
    tables.load(batch, [{**each, "stored_at": utc(START + DAY).isoformat()} for each in batch])
    (found,) = rows(tables, "queryable-after")
    assert found["p95"] == pytest.approx(9500, rel=0.03)
    line = {r["series"]: r["latency"] for r in rows(tables, "queryable-over-time")}
    assert line["Median"] == pytest.approx(5000, rel=0.04)
    assert line["99th percentile"] == pytest.approx(9900, rel=0.03)
    assert rows(tables, "queryable-after", sources=["crm"]) == [{"p95": None}]
    assert rows(tables, "queryable-after", start=START + QUARTER, end=START + DAY) == [{"p95": None}]


def test_events_stored_and_the_share_of_repeats(tables: Tables) -> None:
    tables.load([
        event("inbound", message_id="i", received=START, request="r1"),
        event("inbound", message_id="i", received=START + MINUTE, request="r2"),
        event("inbound", message_id="i", received=START + HOUR, request="r3"),
        event("status", message_id="m", status="sent", received=START, request="r4"),
        event("sent", message_id="m", received=START, request="r5"),
        event("sent", message_id="e", origin="echo", received=START, request="r6"),
        event("system", event="x", at=START, received=START, request="r7", source="crm"),
    ])  # fmt: skip
    tables.load([event("inbound", message_id="i", received=START, request="r1")])  # a replay: the same delivery
    found = rows(tables, "events-over-time", bucket="hour")
    assert [(r["at"], r["series"], r["events"]) for r in found] == [
        (utc(START), "echo", 1),
        (utc(START), "inbound", 2),
        (utc(START), "sent", 1),
        (utc(START), "status", 1),
        (utc(START), "system", 1),
        (utc(START + HOUR), "inbound", 1),
    ]
    assert [(r["series"], r["rate"], r["repeats"], r["events"]) for r in rows(tables, "repeats-share")] == [
        ("crm", 0.0, 0, 1),
        ("shop", 2 / 6, 2, 6),
    ]


# --- dead letters ---


def dead(tables: Tables, *found: dict[str, Any]) -> None:
    lines = [
        json.dumps({
            "source": "shop", "provider": "meta", "excerpt": "{}", "detail": "",
            "request_id": f"r{each['raw']}", **each,
            "raw": {"topic": "wa.raw", "partition": 1, "offset": each["raw"], "index": 0},
        })
        for each in found
    ]  # fmt: skip
    settings = {"date_time_input_format": "best_effort"}
    tables.engine.run("\n".join(lines).encode(), query="INSERT INTO dead_letter_log FORMAT JSONEachRow", **settings)


def test_dead_letters_once_each_by_reason_and_never_their_content(tables: Tables) -> None:
    at = utc(START).isoformat()
    letter = {"reason": "bad_element", "received_at": at, "detail": "5511955550001 is no object", "excerpt": "secret"}
    dead(tables, {**letter, "raw": 1}, {**letter, "raw": 2, "reason": "invalid_json", "source": "crm"})
    dead(tables, {**letter, "raw": 1}, {**letter, "raw": 3, "received_at": utc(START + DAY).isoformat()})
    assert rows(tables, "dead-letters") == [{"count": 3}]
    assert rows(tables, "dead-letters", sources=["crm"]) == [{"count": 1}]
    assert [(r["at"], r["series"], r["count"]) for r in rows(tables, "dead-letters-over-time")] == [
        (utc(START), "bad_element", 1),
        (utc(START), "invalid_json", 1),
        (utc(START + DAY), "bad_element", 1),
    ]
    newest = rows(tables, "dead-letters-newest")
    assert [(r["arrived_at"], r["position"]) for r in newest] == [
        (utc(START + DAY), 3),
        (utc(START), 1),
        (utc(START), 2),
    ]
    assert newest[0] == {
        "arrived_at": utc(START + DAY), "reason": "bad_element", "source": "shop", "provider": "meta",
        "problem": "… is no object", "topic": "wa.raw", "partition": 1, "position": 3, "element": 0,
    }  # fmt: skip


def test_a_body_that_lies_in_kafka_twice_is_one_letter_in_every_count(tables: Tables) -> None:
    at = utc(START).isoformat()
    spooled = {"reason": "bad_element", "received_at": at, "request_id": "same"}
    unknown = {"reason": "bad_envelope", "received_at": at, "request_id": ""}
    dead(tables, {**spooled, "raw": 1}, {**spooled, "raw": 2}, {**unknown, "raw": 3}, {**unknown, "raw": 4})
    assert rows(tables, "dead-letters") == [{"count": 3}]
    over_time = rows(tables, "dead-letters-over-time")
    assert {row["series"]: row["count"] for row in over_time} == {"bad_element": 1, "bad_envelope": 2}


def test_a_letter_without_a_time_of_arrival_stands_where_it_was_stored(tables: Tables) -> None:
    dead(tables, {"reason": "bad_envelope", "received_at": None, "raw": 1, "stored_at": utc(START).isoformat()})
    assert rows(tables, "dead-letters", start=START, end=START + HOUR) == [{"count": 1}]
    assert rows(tables, "dead-letters", start=START - HOUR, end=START) == [{"count": 0}]


# --- the ledger ---


def ledger(tables: Tables, *found: dict[str, Any]) -> None:
    lines = [json.dumps({"source": "shop", "checked_at": utc(START + DAY).isoformat(), **each}) for each in found]
    settings = {"date_time_input_format": "best_effort"}
    tables.engine.run("\n".join(lines).encode(), query="INSERT INTO ledger_log FORMAT JSONEachRow", **settings)


def test_the_ledger_adds_up_the_hours_as_they_were_last_checked(tables: Tables) -> None:
    hour = {"stored": 10, "understood": 9, "dead_bodies": 1, "split": 12, "loaded": 12, "events": 11, "duplicates": 1}
    ledger(
        tables,
        {"hour": START // 1000, **hour, "residual": 3, "kinds": "lost 3"},
        {"hour": START // 1000 + 3600, **hour, "spooled": 4, "joined": 5, "orphan": 2, "dead": 1, "waiting": 7},
        {"hour": START // 1000, **hour, "source": "crm", "residual": 1, "kinds": "copy 1"},
        {"hour": START // 1000 + 7200},
    )
    ledger(tables, {"hour": START // 1000, **hour, "checked_at": utc(START + 2 * DAY).isoformat()})
    found = rows(tables, "ledger")
    crm, shop = found
    assert [shop[name] for name in ("at", "source", "stored", "spooled", "loaded", "events", "duplicates")] == [
        utc(START), "shop", 20, 4, 24, 22, 2,
    ]  # fmt: skip
    assert [shop[name] for name in ("joined", "orphan", "dead", "waiting", "residual", "differences")] == [
        5,
        2,
        1,
        7,
        0,
        "",
    ]
    assert (crm["residual"], crm["differences"], shop["checked_at"]) == (1, "copy 1", utc(START + 2 * DAY))
    assert [row["stored"] for row in rows(tables, "ledger", bucket="hour", sources=["shop"])] == [10, 10]
    assert rows(tables, "residual") == [{"residual_sum": 1}]
    assert rows(tables, "residual", sources=["shop"]) == [{"residual_sum": 0}]
    assert rows(tables, "residual", start=START + DAY, end=START + 2 * DAY) == [{"residual_sum": None}]


# --- nothing ---

_NOTHING = {
    "store-up": [{"up": None}],
    "refused-share": [{"rate": None, "refused": 0, "requests": 0}],
    "queryable-after": [{"p95": None}],
    "dead-letters": [{"count": 0}],
    "residual": [{"residual_sum": None}],
}


@pytest.mark.parametrize("identifier", sorted({panel.id for panel in pipeline.DASHBOARD.panels} - {"layers"}))
def test_nothing_is_an_answer_too(empty_tables: Tables, identifier: str) -> None:
    assert rows(empty_tables, identifier) == _NOTHING.get(identifier, [])
