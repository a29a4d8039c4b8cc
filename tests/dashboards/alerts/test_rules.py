"""Each rule on the real engine, over data made by hand: bad when it says, quiet when not."""

from typing import Any

import orjson
import pytest

from dashboards.alerts.rule import Rule
from dashboards.alerts.rules import RULES
from dashboards.alerts.words import row
from tests.dashboards.panels.model import utc
from tests.dashboards.panels.tables import Tables
from tests.support.events import DAY, NOON, event

MINUTE, HOUR = 60_000, 3_600_000
BY_ID = {rule.id: rule for rule in RULES}
Events = list[dict[str, Any]]
Fates = list[str | None]


def look(tables: Tables, name: str, now: int = NOON) -> dict[tuple[str, ...], tuple[float, str]]:
    """By the words of the labels: the value and the summary, as the evaluator gets them from the read-only user."""
    rule = BY_ID[name]
    found = tables.reader.query(rule.sql, parameters={"now": utc(now)}).named_results()
    rows = [row(rule, columns) for columns in found]
    assert all(each.value is not None for each in rows)
    return {tuple(word for _, word in each.labels): (each.value or 0.0, each.summary) for each in rows}


def bad(tables: Tables, name: str, now: int = NOON) -> set[tuple[str, ...]]:
    """The labels of the rows that are bad."""
    return {labels for labels, (value, _) in look(tables, name, now).items() if value > BY_ID[name].above}


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_on_empty_tables_nothing_fires_but_what_misses_the_analytics_worker(tables: Tables, rule: Rule) -> None:
    fires = bad(tables, rule.id, tables.now())
    assert fires == {"analytics-stopped": {()}, "numbers-lag": {("copy",), ("rollup",)}}.get(rule.id, set())


def sends(count: int, at: int, fates: Fates, *, delay: int = MINUTE, **facts: Any) -> Events:
    """`count` sends from `at` on, a second apart, whose fates are those of the list in turn."""
    made: Events = []
    for place in range(count):
        fate, began = fates[place % len(fates)], at + place * 1000
        told = {"message_id": f"{at}-{place}-{facts}", "to": "+5511955550001", **facts}
        made.append(event("sent", at=began, received=began, category="marketing", **told))
        if fate:
            code: dict[str, Any] = {"error_code": "131026"} if fate == "failed" else {}
            made.append(event("status", at=began + delay, received=began + delay, status=fate, **told, **code))
    return made


WELL: Fates = [*["delivered"] * 24, *["read"] * 24, "failed", None]  # 96 % arrive, 2 % without a word
USUAL = NOON - 3 * DAY
RECENT = NOON - 3 * HOUR


def test_messages_against_their_own_past(tables: Tables) -> None:
    """Every source has sent as usual (WELL, 300 messages) unless it says otherwise."""
    usual = ("fell", "well", "few", "chance", "groups", "better", "mute", "mixed")
    tables.load(
        *(sends(300, USUAL, WELL, source=source) for source in usual),
        sends(100, RECENT, ["delivered", "failed"], source="fell"),
        sends(100, RECENT, WELL, source="well"),
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
        # Messages that take two hours have not arrived after one, whether they have since or not.
        sends(300, USUAL, ["delivered"], delay=2 * HOUR, source="slow"),
        sends(100, RECENT, ["delivered"], delay=2 * HOUR, source="slow"),
        sends(300, USUAL, ["delivered"], source="slower"),
        sends(100, RECENT, ["delivered"], delay=2 * HOUR, source="slower"),
        # Younger than an hour: nobody can tell yet.
        sends(100, NOON - 30 * MINUTE, [None], source="slow"),
        # No past to compare with.
        sends(199, USUAL, WELL, source="new"),
        sends(100, RECENT, ["failed"], source="new"),
    )
    fell = look(tables, "delivery-rate-fell")
    said = "fell, marketing: 50.0% of 100 messages delivered within an hour, usually 96.0%."
    assert fell["fell", "marketing"][1] == said
    assert not {("few", "marketing"), ("groups", "marketing"), ("new", "marketing")} & set(fell)
    assert bad(tables, "delivery-rate-fell") == {
        (source, "marketing") for source in ("fell", "mute", "mixed", "slower")
    }
    silent = look(tables, "silent-share-rose")
    assert silent["mute",][1] == "mute: 50.0% of 100 messages without a word after an hour, usually 2.0%."
    assert bad(tables, "silent-share-rose") == {("mute",), ("mixed",), ("slower",)}  # failed is a word
    assert bad(tables, "ids-do-not-match") == {("mixed",)}


def webhooks(source: str, first: int, last: int, hours: range = range(24), each: int = 5 * MINUTE) -> Events:
    """A status every `each` ms from `first` to `last`, in these hours of the day (UTC) alone."""
    return [
        event("status", at=at, received=at, source=source, message_id=f"{source}-{at}", status="sent", request=str(at))
        for at in range(first, last, each)
        if at // HOUR % 24 in hours
    ]


def test_a_source_is_silent_when_it_never_was_at_this_time_of_the_week(tables: Tables) -> None:
    began = NOON - 16 * DAY
    tables.load(
        webhooks("busy", began, NOON - 2 * HOUR),
        webhooks("well", began, NOON),
        webhooks("nights", began, NOON - 2 * HOUR, range(6, 10)),  # at noon it is always silent
        webhooks("young", NOON - 3 * HOUR, NOON - 2 * HOUR),
        webhooks("rare", began, NOON - 2 * HOUR, each=3 * HOUR),
    )
    found = look(tables, "source-silent")
    assert {labels for labels, (value, _) in found.items() if value > 1} == {("busy",)}
    assert found["busy",][1] == "busy: no webhook for 2 h 5 min; at this time of the week at least 24 came so far."
    assert found["nights",][0] == found["young",][0] == found["rare",][0] == 0
    # An hour later the one that ends at ten is still as it always is.
    assert bad(tables, "source-silent", NOON + HOUR) == {("busy",), ("well",)}


def test_a_young_source_is_compared_with_yesterday_and_sent_records_are_no_webhooks(tables: Tables) -> None:
    records = [
        event("sent", at=at, received=at, source="young", message_id=f"s{at}", request=str(at))
        for at in range(NOON - 2 * HOUR, NOON, 5 * MINUTE)
    ]
    tables.load(webhooks("young", NOON - 2 * DAY, NOON - 2 * HOUR), records)
    assert bad(tables, "source-silent") == {("young",)}


def told(source: str, account: str, *states: tuple[int, str]) -> Events:
    return [
        event("system", event="session", account=account, state=state, source=source, at=NOON + at, received=NOON + at)
        for at, state in states
    ]


def test_the_last_state_of_a_sender_counts_and_its_number_is_not_told(tables: Tables) -> None:
    tables.load(
        told("shop", "5511955550001", (-3 * HOUR, "connected"), (-2 * HOUR, "disconnected"), (-HOUR, "unknown")),
        told("shop", "second", (-2 * HOUR, "disconnected"), (-HOUR, "connected")),
        told("hotel", "a", (-HOUR, "qr")),
        told("hotel", "b", (-HOUR, "limited"), (-2 * HOUR, "ok")),
        told("bank", "c", (-HOUR, "banned")),
        told("old", "d", (-40 * DAY, "disconnected")),
        told("ahead", "e", (HOUR, "disconnected")),
    )
    assert bad(tables, "sender-disconnected") == {("shop", "…0001"), ("hotel", "a")}
    assert look(tables, "sender-disconnected")["shop", "…0001"][1] == "shop, sender …0001: disconnected for 2 h."
    assert bad(tables, "sender-banned") == {("hotel", "b"), ("bank", "c")}


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


def test_codes_of_the_account_and_codes_that_nobody_knows(tables: Tables) -> None:
    tables.load(
        failures("shop", "131031", NOON - HOUR),
        failures("shop", "131026", NOON - HOUR),
        failures("shop", "999123", NOON - 20 * HOUR, 3),
        failures("hotel", "5511955550001", NOON - HOUR),
        failures("late", "131042", NOON - 5 * HOUR),
    )
    assert bad(tables, "account-in-danger") == {("shop", "131031")}
    assert bad(tables, "unknown-error-code") == {("meta", "999123"), ("meta", "…0001")}
    assert look(tables, "unknown-error-code")["meta", "999123"] == (
        3.0, "meta: 3 messages failed with the unknown code 999123.",
    )  # fmt: skip
    assert bad(tables, "unknown-error-code", NOON + 5 * HOUR) == {("meta", "…0001")}


def dead(tables: Tables, source: str, count: int, at: int, reason: str = "invalid_json") -> None:
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


def test_dead_letters_of_the_last_hour_and_when_they_are_many(tables: Tables) -> None:
    tables.load(
        webhooks("shop", NOON - 50 * MINUTE, NOON, each=1500),  # 2,000
        webhooks("hotel", NOON - 50 * MINUTE, NOON, each=10_000),  # 300
    )
    dead(tables, "shop", 30, NOON - 10 * MINUTE)
    dead(tables, "hotel", 30, NOON - 10 * MINUTE, "unknown_shape")
    dead(tables, "hotel", 100, NOON - 90 * MINUTE)
    dead(tables, "few", 19, NOON - 10 * MINUTE)
    assert bad(tables, "dead-letters") == {("shop",), ("hotel",), ("few",)}
    assert look(tables, "dead-letters")["hotel",][1] == "hotel: 30 dead letters within an hour, mostly unknown_shape."
    assert bad(tables, "many-dead-letters") == {("hotel",)}
    assert bad(tables, "dead-letters", NOON + HOUR) == set()


def sample(tables: Tables, ago: int, **values: float) -> None:
    """Samples of one moment, so many ms before noon; NAME__PART for a part."""
    rows = [
        {"at": utc(NOON - ago).isoformat(), "name": name.partition("__")[0], "part": name.partition("__")[2],
         "source": "", "value": value}
        for name, value in values.items()
    ]  # fmt: skip
    body = b"\n".join(map(orjson.dumps, rows))
    tables.engine.run(body, query="INSERT INTO samples FORMAT JSONEachRow", date_time_input_format="best_effort")


def test_lag_is_the_age_of_the_oldest_record_as_last_seen(tables: Tables) -> None:
    sample(tables, 60_000, lag_records__load=900, oldest_unfinished_seconds__load=700)
    sample(tables, 60_000, lag_records__normalise=900, oldest_unfinished_seconds__normalise=700)
    sample(tables, 10_000, lag_records__load=950, oldest_unfinished_seconds__load=750)
    sample(tables, 10_000, lag_records__normalise=0)  # all is done: no oldest record
    assert bad(tables, "pipeline-lags") == {("load",)}
    assert look(tables, "pipeline-lags")["load",] == (750, "load: 950 records wait, the oldest for 12 min.")
    # Kafka is away, so nothing is sampled: what was known last still holds.
    assert bad(tables, "pipeline-lags", NOON + 20 * MINUTE) == {("load",)}


def test_ingest_that_cannot_store_and_an_analytics_worker_that_stands_still(tables: Tables) -> None:
    sample(tables, 15_000, store_up=1)
    sample(tables, 5_000, store_up=0)
    assert bad(tables, "ingest-cannot-store") == {()}
    assert bad(tables, "analytics-stopped") == set()
    sample(tables, 1_000, store_up=1)
    assert bad(tables, "ingest-cannot-store") == set()
    assert look(tables, "ingest-cannot-store", NOON + 10 * MINUTE) == {}
    assert bad(tables, "analytics-stopped", NOON + 10 * MINUTE) == {()}


def test_numbers_lag_once_the_copy_is_not_there(tables: Tables) -> None:
    tables.load(sends(2, NOON, ["delivered"]))
    assert set(look(tables, "numbers-lag")) == {("copy",), ("rollup",)}
    assert bad(tables, "numbers-lag") == set()
    tables.engine.run("TRUNCATE TABLE copy_state")
    assert bad(tables, "numbers-lag") == {("copy",), ("rollup",)}
    assert look(tables, "numbers-lag")["copy",][1] == "The copy lacks 2 changes, the oldest for –."
