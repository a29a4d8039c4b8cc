"""Each rule on a real ClickHouse over made-up data: it fires when it should, and not otherwise."""

from typing import Any

import orjson
import pytest

from dashboards.alerts.row_text import to_row
from dashboards.alerts.rule import Rule
from dashboards.alerts.rules import RULES
from streams.runtime.gaps import Gap, letter
from tests.dashboards.panels.model import utc
from tests.dashboards.panels.tables import Tables
from tests.support.events import DAY, NOON, event

MINUTE, HOUR = 60_000, 3_600_000
BY_ID = {rule.id: rule for rule in RULES}
Events = list[dict[str, Any]]
Outcomes = list[str | None]


def evaluate(tables: Tables, name: str, now: int = NOON) -> dict[tuple[str, ...], tuple[float, str]]:
    """Value and summary by the labels' texts, as the evaluator gets them with the read-only user."""
    rule = BY_ID[name]
    found = tables.reader.query(rule.sql, parameters={"now": utc(now)}).named_results()
    rows = [to_row(rule, columns) for columns in found]
    assert all(each.value is not None for each in rows)
    return {tuple(text for _, text in each.labels): (each.value or 0.0, each.summary) for each in rows}


def violating(tables: Tables, name: str, now: int = NOON) -> set[tuple[str, ...]]:
    """The labels of the rows above the threshold."""
    return {labels for labels, (value, _) in evaluate(tables, name, now).items() if value > BY_ID[name].above}


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_on_empty_tables_only_the_rules_about_the_analytics_worker_fire(empty_tables: Tables, rule: Rule) -> None:
    fires = violating(empty_tables, rule.id, empty_tables.now())
    assert fires == {"analytics-stopped": {()}, "numbers-lag": {("copy",), ("rollup",)}}.get(rule.id, set())


def sends(count: int, at: int, outcomes: Outcomes, *, delay: int = MINUTE, **facts: Any) -> Events:
    """`count` sends from `at` on, one per second, with the outcomes of the list in turn."""
    made: Events = []
    for place in range(count):
        outcome, began = outcomes[place % len(outcomes)], at + place * 1000
        message = {"message_id": f"{at}-{place}-{facts}", "to": "+5511955550001", **facts}
        made.append(event("sent", at=began, received=began, category="marketing", **message))
        if outcome:
            code: dict[str, Any] = {"error_code": "131026"} if outcome == "failed" else {}
            made.append(event("status", at=began + delay, received=began + delay, status=outcome, **message, **code))
    return made


NORMAL: Outcomes = [*["delivered"] * 24, *["read"] * 24, "failed", None]  # 96 % delivered, 2 % without a status
USUAL = NOON - 3 * DAY
RECENT = NOON - 3 * HOUR


def test_recent_rates_are_compared_with_the_same_source_in_the_past(tables: Tables) -> None:
    """Every source has 300 earlier messages with the outcomes NORMAL unless stated otherwise."""
    usual = ("fell", "well", "few", "chance", "groups", "better", "mute", "mixed")
    tables.load(
        *(sends(300, USUAL, NORMAL, source=source) for source in usual),
        sends(100, RECENT, ["delivered", "failed"], source="fell"),
        sends(100, RECENT, NORMAL, source="well"),
        sends(49, RECENT, ["failed"], source="few"),
        sends(60, RECENT, [*["delivered"] * 11, "failed"], source="chance"),  # 92 % of 60
        sends(100, RECENT, ["failed"], source="groups", is_group=True),
        sends(100, RECENT, ["delivered"], source="better"),
        sends(100, RECENT, ["delivered", None], source="mute"),
        # Sent records with one id, statuses with another.
        sends(100, RECENT, [None], source="mixed"),
        [
            event("status", at=at, received=at, source="mixed", message_id=f"wamid-{at}", status="delivered")
            for at in range(RECENT, RECENT + 100)
        ],
        # Messages that take two hours are not delivered after one hour, even if they are delivered now.
        sends(300, USUAL, ["delivered"], delay=2 * HOUR, source="slow"),
        sends(100, RECENT, ["delivered"], delay=2 * HOUR, source="slow"),
        sends(300, USUAL, ["delivered"], source="slower"),
        sends(100, RECENT, ["delivered"], delay=2 * HOUR, source="slower"),
        # Younger than an hour: not comparable yet.
        sends(100, NOON - 30 * MINUTE, [None], source="slow"),
        # Too few earlier messages.
        sends(199, USUAL, NORMAL, source="new"),
        sends(100, RECENT, ["failed"], source="new"),
    )
    fell = evaluate(tables, "delivery-rate-fell")
    summary = "fell, marketing: 50.0% of 100 messages delivered within an hour, usually 96.0%."
    assert fell["fell", "marketing"][1] == summary
    assert not {("few", "marketing"), ("groups", "marketing"), ("new", "marketing")} & set(fell)
    assert violating(tables, "delivery-rate-fell") == {
        (source, "marketing") for source in ("fell", "mute", "mixed", "slower")
    }
    without_status = evaluate(tables, "without-status-rose")
    assert without_status["mute",][1] == "mute: 50.0% of 100 messages without a status after an hour, usually 2.0%."
    assert violating(tables, "without-status-rose") == {("mute",), ("mixed",), ("slower",)}  # failed is a status
    assert violating(tables, "ids-do-not-match") == {("mixed",)}


def webhooks(source: str, first: int, last: int, hours: range = range(24), each: int = 5 * MINUTE) -> Events:
    """A status every `each` ms from `first` to `last`, only in these hours of the day (UTC)."""
    return [
        event("status", at=at, received=at, source=source, message_id=f"{source}-{at}", status="sent", request=str(at))
        for at in range(first, last, each)
        if at // HOUR % 24 in hours
    ]


def test_a_source_is_silent_when_webhooks_always_arrived_in_these_hours_before(tables: Tables) -> None:
    began = NOON - 16 * DAY
    tables.load(
        webhooks("busy", began, NOON - 2 * HOUR),
        webhooks("well", began, NOON),
        webhooks("nights", began, NOON - 2 * HOUR, range(6, 10)),  # never a webhook at noon
        webhooks("young", NOON - 3 * HOUR, NOON - 2 * HOUR),
        webhooks("rare", began, NOON - 2 * HOUR, each=3 * HOUR),
    )
    found = evaluate(tables, "source-silent")
    assert {labels for labels, (value, _) in found.items() if value > 1} == {("busy",)}
    assert found["busy",][1] == "busy: no webhook for 2 h 5 min; at least 24 arrived in the same hours before."
    assert found["nights",][0] == found["young",][0] == found["rare",][0] == 0
    # An hour later "nights" is still silent as always.
    assert violating(tables, "source-silent", NOON + HOUR) == {("busy",), ("well",)}


def test_a_young_source_is_compared_with_the_day_before_and_sent_records_are_no_webhooks(tables: Tables) -> None:
    records = [
        event("sent", at=at, received=at, source="young", message_id=f"s{at}", request=str(at))
        for at in range(NOON - 2 * HOUR, NOON, 5 * MINUTE)
    ]
    tables.load(webhooks("young", NOON - 2 * DAY, NOON - 2 * HOUR), records)
    assert violating(tables, "source-silent") == {("young",)}


def session_states(source: str, account: str, *states: tuple[int, str]) -> Events:
    return [
        event("system", event="session", account=account, state=state, source=source, at=NOON + at, received=NOON + at)
        for at, state in states
    ]


def test_the_last_state_of_a_sender_counts_and_its_number_is_masked(tables: Tables) -> None:
    tables.load(
        session_states(
            "shop", "5511955550001", (-3 * HOUR, "connected"), (-2 * HOUR, "disconnected"), (-HOUR, "unknown")
        ),
        session_states("shop", "second", (-2 * HOUR, "disconnected"), (-HOUR, "connected")),
        session_states("hotel", "a", (-HOUR, "qr")),
        session_states("hotel", "b", (-HOUR, "limited"), (-2 * HOUR, "ok")),
        session_states("bank", "c", (-HOUR, "banned")),
        session_states("old", "d", (-40 * DAY, "disconnected")),
        session_states("ahead", "e", (HOUR, "disconnected")),
    )
    assert violating(tables, "sender-disconnected") == {("shop", "…0001"), ("hotel", "a")}
    assert evaluate(tables, "sender-disconnected")["shop", "…0001"][1] == "shop, sender …0001: disconnected for 2 h."
    assert violating(tables, "sender-banned") == {("hotel", "b"), ("bank", "c")}


def failures(source: str, code: str, at: int, count: int = 2) -> Events:
    facts: dict[str, Any] = {"source": source, "to": "+5511955550001"}
    made = []
    for place in range(count):
        identifier = f"{source}-{code}-{at}-{place}"
        made.append(event("sent", at=at, received=at, message_id=identifier, **facts))
        made.append(
            event(
                "status",
                at=at + 1000,
                received=at + 1000,
                message_id=identifier,
                status="failed",
                error_code=code,
                **facts,
            )
        )
    return made


def test_error_codes_about_the_account_and_unknown_error_codes(tables: Tables) -> None:
    tables.load(
        failures("shop", "131031", NOON - HOUR),
        failures("shop", "131026", NOON - HOUR),
        failures("shop", "999123", NOON - 20 * HOUR, 3),
        failures("hotel", "5511955550001", NOON - HOUR),
        failures("late", "131042", NOON - 5 * HOUR),
    )
    assert violating(tables, "account-at-risk") == {("shop", "131031")}
    assert violating(tables, "unknown-error-code") == {("meta", "999123"), ("meta", "…0001")}
    assert evaluate(tables, "unknown-error-code")["meta", "999123"] == (
        3.0, "meta: 3 messages failed with the unknown code 999123.",
    )  # fmt: skip
    assert violating(tables, "unknown-error-code", NOON + 5 * HOUR) == {("meta", "…0001")}


def add_dead_letters(tables: Tables, source: str, count: int, at: int, reason: str = "invalid_json") -> None:
    rows = [
        {
            "source": source, "provider": "meta", "received_at": utc(at).isoformat(), "detail": "",
            "request_id": f"r{at + place}",
            "raw": {"topic": f"wa.{source}", "partition": 0, "offset": at + place, "index": 0}, "reason": reason,
            "excerpt": "",
        }
        for place in range(count)
    ]  # fmt: skip
    body = b"\n".join(map(orjson.dumps, rows))
    tables.engine.run(
        body, query="INSERT INTO dead_letter_log FORMAT JSONEachRow", date_time_input_format="best_effort"
    )


def test_dead_letters_of_the_last_hour_fire_and_many_of_them_fire_another_rule(tables: Tables) -> None:
    tables.load(
        webhooks("shop", NOON - 50 * MINUTE, NOON, each=1500),  # 2,000
        webhooks("hotel", NOON - 50 * MINUTE, NOON, each=10_000),  # 300
    )
    add_dead_letters(tables, "shop", 30, NOON - 10 * MINUTE)
    add_dead_letters(tables, "hotel", 30, NOON - 10 * MINUTE, "unknown_shape")
    add_dead_letters(tables, "hotel", 100, NOON - 90 * MINUTE)
    add_dead_letters(tables, "few", 19, NOON - 10 * MINUTE)
    assert violating(tables, "dead-letters") == {("shop",), ("hotel",), ("few",)}
    assert (
        evaluate(tables, "dead-letters")["hotel",][1] == "hotel: 30 dead letters within an hour, mostly unknown_shape."
    )
    assert violating(tables, "many-dead-letters") == {("hotel",)}
    assert violating(tables, "dead-letters", NOON + HOUR) == set()


def add_sample(tables: Tables, ago: int, **values: float) -> None:
    """Samples taken `ago` ms before noon; NAME__PART for the sample of a part."""
    rows = [
        {"at": utc(NOON - ago).isoformat(), "name": name.partition("__")[0], "part": name.partition("__")[2],
         "source": "", "value": value}
        for name, value in values.items()
    ]  # fmt: skip
    body = b"\n".join(map(orjson.dumps, rows))
    tables.engine.run(body, query="INSERT INTO samples FORMAT JSONEachRow", date_time_input_format="best_effort")


def test_lag_is_the_age_of_the_oldest_record_in_the_last_sample(tables: Tables) -> None:
    add_sample(tables, 60_000, lag_records__load=900, oldest_unfinished_seconds__load=700)
    add_sample(tables, 60_000, lag_records__normalise=900, oldest_unfinished_seconds__normalise=700)
    add_sample(tables, 10_000, lag_records__load=950, oldest_unfinished_seconds__load=750)
    add_sample(tables, 10_000, lag_records__normalise=0)  # everything is processed: no oldest record
    assert violating(tables, "pipeline-lags") == {("load",)}
    assert evaluate(tables, "pipeline-lags")["load",] == (
        750,
        "load: backlog of 950 records, the oldest is 12 min old.",
    )
    # Without new samples (Kafka is unreachable) the last ones count.
    assert violating(tables, "pipeline-lags", NOON + 20 * MINUTE) == {("load",)}


def test_deleted_records_and_a_backlog_near_the_retention_fire(tables: Tables) -> None:
    letters = [
        letter(Gap("wa.raw", 3, 120, 130, None, NOON - HOUR)),
        letter(Gap("wa.events", 0, 7, 12, NOON - 2 * HOUR, NOON - HOUR)),
    ]
    tables.engine.run(b"\n".join(map(orjson.dumps, letters)), query="INSERT INTO dead_letter_log FORMAT JSONEachRow")
    assert violating(tables, "dead-letters") == set()
    assert violating(tables, "records-deleted-unread") == {("wa.raw",), ("wa.events",)}
    tables.engine.run(
        "INSERT INTO accepted_gap_log (topic, partition, first_offset, end_offset, reason, accepted_by) "
        "VALUES ('wa.raw', 3, 120, 130, 'a test', 'ana'), ('wa.events', 0, 7, 11, 'shorter than it is now', 'ana')"
    )
    assert violating(tables, "records-deleted-unread") == {("wa.events",)}
    add_sample(
        tables, 10_000, deleted_unread_records__normalise=4, retention_used__normalise=0.6, retention_used__load=0.1
    )
    assert violating(tables, "records-deleted-unread") == {("wa.events",), ("the backlog of normalise",)}
    assert evaluate(tables, "retention-near")["normalise",][1] == (
        "normalise: the oldest unread record has used 60% of Kafka's retention."
    )
    assert violating(tables, "retention-near") == {("normalise",)}


def test_ingest_that_cannot_store_and_a_stopped_analytics_worker_fire(tables: Tables) -> None:
    add_sample(tables, 15_000, store_up=1)
    add_sample(tables, 5_000, store_up=0)
    assert violating(tables, "ingest-cannot-store") == {()}
    assert violating(tables, "analytics-stopped") == set()
    add_sample(tables, 1_000, store_up=1)
    assert violating(tables, "ingest-cannot-store") == set()
    assert evaluate(tables, "ingest-cannot-store", NOON + 10 * MINUTE) == {}
    assert violating(tables, "analytics-stopped", NOON + 10 * MINUTE) == {()}


def test_numbers_lag_when_the_copy_was_never_completed(tables: Tables) -> None:
    tables.load(sends(2, NOON, ["delivered"]))
    assert set(evaluate(tables, "numbers-lag")) == {("copy",), ("rollup",)}
    assert violating(tables, "numbers-lag") == set()
    tables.engine.run("TRUNCATE TABLE copy_state")
    assert violating(tables, "numbers-lag") == {("copy",), ("rollup",)}
    assert evaluate(tables, "numbers-lag")["copy",][1] == "copy: 2 changes are missing, age of the oldest: –."
