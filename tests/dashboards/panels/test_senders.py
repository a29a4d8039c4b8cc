"""Senders: states and warnings, silences, shares of what lacks a word or a record; by hand and against plain Python."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import catalogue
from dashboards.panels import senders
from tests.dashboards.panels.compare import wrong
from tests.dashboards.panels.expected import Question, by, share
from tests.dashboards.panels.model import QUARTER, Unit, bucket, units, utc
from tests.dashboards.panels.random_data import random_search
from tests.dashboards.panels.tables import Row, Tables
from tests.support.events import event

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
START = round(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1000)


def rows(tables: Tables, identifier: str, **values: Any) -> list[Row]:
    return tables.rows(catalogue.panel(identifier), **values)


def state_event(at: int, state: str, word: str = "connection.update", **facts: Any) -> dict[str, Any]:
    return event("system", at=at, received=at, event=word, state=state, **{"account": "one", **facts})


# --- states ---


def test_the_last_reported_state_and_since_when_it_applies(tables: Tables) -> None:
    tables.load([
        state_event(START, "connected"), state_event(START + HOUR, "disconnected", raw_state="close"),
        state_event(START + 3 * HOUR, "disconnected", raw_state="refused"), state_event(START + 4 * HOUR, "unknown"),
        state_event(START, "connected", account="two"), state_event(START, "disconnected", account="two", source="crm"),
        state_event(START + HOUR, "connected", account="two", source="crm"),
    ])  # fmt: skip
    found = rows(tables, "senders-states")
    assert [(r["source"], r["account"], r["state"], r["provider_state"], r["since"], r["trouble"]) for r in found] == [
        ("shop", "one", "disconnected", "refused", utc(START + HOUR), 1),
        ("crm", "two", "connected", "", utc(START + HOUR), 0),
        ("shop", "two", "connected", "", utc(START), 0),
    ]
    assert rows(tables, "senders-in-trouble") == [{"senders": 1}]
    assert rows(tables, "senders-in-trouble", sources=["crm"]) == [{"senders": 0}]


def test_a_late_webhook_of_the_past_changes_no_state_and_a_repeat_no_time(tables: Tables) -> None:
    connected = [state_event(START + HOUR, "connected")]
    tables.load(connected, connected, [{**state_event(START, "banned"), "received_at": utc(START + DAY).isoformat()}])
    assert [(r["state"], r["since"]) for r in rows(tables, "senders-states")] == [("connected", utc(START + HOUR))]


def test_a_good_quality_does_not_lift_a_ban_and_a_template_is_no_state(tables: Tables) -> None:
    tables.load([
        state_event(START, "banned", "account_update", raw_state="DISABLED_UPDATE"),
        state_event(START + HOUR, "ok", "phone_number_quality_update", raw_state="UNFLAGGED"),
        state_event(START + HOUR, "ok", "account_review_update", raw_state="APPROVED"),
        state_event(START + 2 * HOUR, "limited", "message_template_status_update", raw_state="PAUSED"),
    ])  # fmt: skip
    assert [(r["topic"], r["state"]) for r in rows(tables, "senders-states")] == [
        ("Connection", "banned"),
        ("Quality", "ok"),
        ("Review", "ok"),
    ]
    assert rows(tables, "senders-in-trouble") == [{"senders": 1}]
    tables.load([state_event(START + 3 * HOUR, "ok", "account_update", raw_state="REINSTATE")])
    assert rows(tables, "senders-in-trouble") == [{"senders": 0}]


def test_warnings_are_those_of_the_range_the_newest_first_and_show_no_phone_number(tables: Tables) -> None:
    tables.load([
        state_event(START, "limited", "message_template_status_update", raw_state="PAUSED", reason_code="LOW_QUALITY"),
        state_event(START + HOUR, "unknown", "account_alerts", raw_state="+5511955550001 reported"),
        state_event(START + 2 * HOUR, "ok", "phone_number_quality_update", raw_state="UNFLAGGED"),
        state_event(START + 2 * HOUR, "connected"), state_event(START + 2 * HOUR, "unknown", "groups.update"),
        state_event(START + 3 * HOUR, "", "messages", error_code="131031", error_title="Locked"),
        state_event(START + DAY, "banned", "account_update"),
    ])  # fmt: skip
    found = rows(tables, "senders-warnings", start=START, end=START + DAY)
    assert [(r["event"], r["provider_state"], r["reason"], r["error_code"]) for r in found] == [
        ("messages", "", "", "131031"),
        ("phone_number_quality_update", "UNFLAGGED", "", ""),
        ("account_alerts", "+… reported", "", ""),
        ("message_template_status_update", "PAUSED", "LOW_QUALITY", ""),
    ]
    assert (
        rows(tables, "senders-warnings", start=START, end=START + DAY, mask=0)[2]["provider_state"]
        == "+5511955550001 reported"
    )
    assert len(rows(tables, "senders-warnings")) == 5


# --- silences ---


def hooks(now: int, ages: list[int], **facts: Any) -> list[dict[str, Any]]:
    """An inbound message received at each age before now; quarters are those of the engine."""
    source = facts.get("source", "shop")
    return [
        event("inbound", received=now - age, at=now - age, request=f"{source}{age}", message_id=f"{source}{age}",
              type="text", **{"from": "+4915550002", **facts})
        for age in ages
    ]  # fmt: skip


@pytest.fixture
def now(tables: Tables) -> int:
    """The start of a quarter of an hour, a few hours from the present moment at most 15 minutes."""
    at = tables.now()
    return at - at % QUARTER


def test_a_silence_is_measured_against_the_gaps_of_the_source_itself(tables: Tables, now: int) -> None:
    busy = hooks(now, [n * HOUR for n in range(2, 40)])
    nights = hooks(now, [n * 24 * HOUR + 2 * HOUR + m * HOUR for n in range(10) for m in range(12)], source="office")
    few = hooks(now, [3 * HOUR, 4 * HOUR], source="few")
    sent = event("sent", message_id="s", received=now, at=now, to="+4915550002", request="s")
    tables.load([*busy, *nights, *few, sent])
    found = {r["source"]: r for r in rows(tables, "senders-webhooks")}
    assert found.keys() == {"shop", "office", "few"}
    # From one webhook to the end of the quarter in which the next one came: an hour and a quarter.
    assert (found["shop"]["median_gap"], found["shop"]["usual_seconds"]) == (4500, 4500)
    assert (found["office"]["median_gap"], found["office"]["usual_seconds"]) == (4500, 13 * 3600 + 900)
    assert (found["few"]["median_gap"], found["few"]["usual_seconds"], found["few"]["overdue"]) == (None, None, None)
    for name in ("shop", "office"):
        row = found[name]
        assert row["last_received_at"] == utc(now - 2 * HOUR)
        assert 2 * 3600 <= row["silent_seconds"] <= 2 * 3600 + 1800
        assert row["overdue"] == row["silent_seconds"] - row["usual_seconds"]
    assert found["shop"]["overdue"] > 0 > found["office"]["overdue"]


def test_a_source_that_is_gone_stays_on_the_list_and_is_compared_with_its_last_days(tables: Tables, now: int) -> None:
    away = 20 * DAY
    tables.load(hooks(now, [away + n * MINUTE * 20 for n in range(30)]), hooks(now, [61 * DAY], source="forgotten"))
    (found,) = rows(tables, "senders-webhooks")
    assert found["usual_seconds"] == 2100, "20 minutes and a quarter are usual, 30 minutes the least that alarms"
    assert found["overdue"] >= 20 * 86_400 - 2100


def test_half_an_hour_is_never_unusual(tables: Tables, now: int) -> None:
    tables.load(hooks(now, [n * QUARTER for n in range(1, 30)]))
    (found,) = rows(tables, "senders-webhooks")
    assert found["usual_seconds"] == 1800


def test_gaps_from_before_the_last_fourteen_days_do_not_count(tables: Tables, now: int) -> None:
    recent = [n * 20 * MINUTE for n in range(1, 30)]
    tables.load(hooks(now, [*recent, 15 * DAY, 17 * DAY, 19 * DAY]))
    (found,) = rows(tables, "senders-webhooks")
    assert found["usual_seconds"] == 2100


# --- shares ---


def sent(name: str, at: int, **facts: Any) -> dict[str, Any]:
    return event("sent", message_id=name, at=at, to="+4915550002", **facts)


def status(name: str, at: int, word: str = "delivered", **facts: Any) -> dict[str, Any]:
    return event("status", message_id=name, at=at, status=word, **facts)


def test_silent_is_what_has_no_word_beyond_its_time_to_live(tables: Tables) -> None:
    now = tables.now()
    old, young = now - 31 * DAY, now - 29 * DAY
    tables.load([
        sent("1", old), sent("2", old), status("2", old), sent("3", old), status("3", old, "failed"),
        sent("4", young), sent("5", young, category="authentication"), sent("g", old, is_group=True),
    ])  # fmt: skip
    found = rows(tables, "silent-share", bucket="month")
    assert sum(r["pending_messages"] for r in found) == 2
    assert sum(r["messages"] for r in found) == 4
    assert sum(r["pending_messages"] for r in rows(tables, "pending-after-24-hours")) == 3


def test_ids_that_do_not_match_raise_both_shares(tables: Tables) -> None:
    now = tables.now()
    end = now - now % QUARTER
    start = end - 10 * DAY
    before, during = start - DAY, end - 2 * DAY
    good = [e for n in range(40) for e in (sent(f"b{n}", before), status(f"b{n}", before))]
    tables.load([
        *good,
        *(sent(f"record{n}", during) for n in range(15)), *(status(f"status{n}", during) for n in range(15)),
        # Nobody reports what this source sends: orphans alone are no sign.
        *(status(f"q{n}", during, source="quiet") for n in range(30)),
        # Phones that are off: no word alone is none either.
        *(sent(f"o{n}", during, source="off") for n in range(30)),
        # Too few, and too young.
        *(sent(f"f{n}", during, source="few") for n in range(9)),
        *(status(f"g{n}", during, source="few") for n in range(9)),
        *(sent(f"y{n}", now - 30 * MINUTE, source="young") for n in range(30)),
    ])  # fmt: skip
    found = {r["source"]: r for r in rows(tables, "message-id-mismatch", start=start, end=end)}
    assert found["shop"] == {
        "source": "shop", "orphan_rate": 0.5, "orphans": 15, "orphan_rate_before": 0.0,
        "pending_rate": 0.5, "pending_messages": 15, "pending_rate_before": 0.0, "messages": 30, "mismatch": 1,
    }  # fmt: skip
    assert {name: r["mismatch"] for name, r in found.items()} == {"shop": 1, "quiet": 0, "off": 0, "few": 0}
    assert found["quiet"]["orphan_rate_before"] is None
    # The records come again with the ids that the statuses carry: both halves of these messages find each other.
    tables.load([sent(f"status{n}", during) for n in range(15)])
    assert {r["source"]: r["orphans"] for r in rows(tables, "message-id-mismatch", start=start, end=end)}["shop"] == 0


# --- against plain Python ---

MOMENTS = [START + days * DAY + rest for days in (0, 1, 27, 28) for rest in (0, QUARTER - 1, 2 * HOUR, DAY - 1)]


def _line(units: list[Unit], q: Question, name: str, part: Any) -> list[Row]:
    found = by(q.sent(units), lambda u: (bucket(u.slot, q.zone, q.bucket), u.source))
    return [
        {"at": at, "series": source, "rate": share(sum(map(part, alike)), len(alike)), name: sum(map(part, alike)),
         "messages": len(alike)}
        for (at, source), alike in sorted(found.items())
    ]  # fmt: skip


def _ids(units: list[Unit], q: Question) -> list[Row]:
    rows = []
    before = by(q.sent(units, before=True), lambda u: u.source)
    for source, found in by(q.sent(units), lambda u: u.source).items():
        earlier = before.get(source, [])
        counts = [
            (sum(u.orphan for u in alike), sum(u.pending for u in alike), len(alike)) for alike in (found, earlier)
        ]
        (orphans, pending, messages), (orphans_before, pending_before, messages_before) = counts
        now = orphans / messages, pending / messages
        then = share(orphans_before, messages_before), share(pending_before, messages_before)
        rose = [new >= (old or 0) + 0.1 for new, old in zip(now, then, strict=True)]
        rows.append({
            "source": source, "orphan_rate": now[0], "orphans": orphans, "orphan_rate_before": then[0],
            "pending_rate": now[1], "pending_messages": pending, "pending_rate_before": then[1], "messages": messages,
            "mismatch": int(messages >= 20 and all(rose)),
        })  # fmt: skip
    return sorted(rows, key=lambda row: (-row["mismatch"], -row["messages"], row["source"]))


# Everything below was sent so long ago that it has outlived every time to live.
EXPECTED = {
    "silent-share": lambda found, q: _line(found, q, "pending_messages", lambda unit: unit.pending),
    "pending-after-24-hours": lambda found, q: _line(found, q, "pending_messages", lambda unit: unit.pending),
    "orphans-by-source": lambda found, q: _line(found, q, "orphans", lambda unit: unit.orphan),
    "message-id-mismatch": _ids,
}
BY_HAND = {"senders-in-trouble", "senders-states", "senders-warnings", "senders-webhooks"}


@st.composite
def _events(draw: st.DrawFn) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "message_id": f"m{draw(st.integers(1, 30))}",
        "source": draw(st.sampled_from(["shop", "crm"])),
        "at": draw(st.sampled_from(MOMENTS)),
        "is_group": draw(st.sampled_from([None, None, None, True])),
    }
    if draw(st.booleans()):
        campaign = draw(st.sampled_from([None, "spring"]))
        return event("sent", to="+4915550002", campaign=campaign, template=campaign and "offer", **facts)
    return event("status", status=draw(st.sampled_from(["sent", "delivered", "failed", "read"])), **facts)


@st.composite
def _questions(draw: st.DrawFn) -> dict[str, Any]:
    edges = [moment - moment % QUARTER for moment in MOMENTS]
    some = st.lists(st.sampled_from(edges), min_size=2, max_size=2, unique=True)
    start, end = draw(st.one_of(st.just((0, START + 100 * DAY)), some))
    return {
        "start": min(start, end),
        "end": max(start, end),
        "zone": draw(st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"])),
        "bucket": draw(st.sampled_from(["hour", "day", "month"])),
        "sources": draw(st.sampled_from([[], [], ["shop"], ["nobody"]])),
        "templates": draw(st.sampled_from([[], [], ["offer"]])),
        "campaigns": draw(st.sampled_from([[], [], ["spring"], [""]])),
    }


def test_every_panel_is_tried() -> None:
    assert EXPECTED.keys() | BY_HAND == {panel.id for panel in senders.DASHBOARD.panels}


@random_search(3)
@given(events=st.lists(_events(), min_size=20, max_size=90), asked=_questions())
def test_panels_answer_what_plain_python_counts(
    tables: Tables, events: list[dict[str, Any]], asked: dict[str, Any]
) -> None:
    tables.clear()
    tables.load(events, events[: len(events) // 3])
    assert not wrong(tables, units(events), EXPECTED, asked)


@pytest.mark.parametrize("identifier", sorted(EXPECTED.keys() | BY_HAND))
def test_nothing_is_an_answer_too(empty_tables: Tables, identifier: str) -> None:
    assert rows(empty_tables, identifier) == ([{"senders": 0}] if identifier == "senders-in-trouble" else [])
