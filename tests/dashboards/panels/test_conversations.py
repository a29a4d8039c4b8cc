"""Conversations: answers, who waits, whose window closes; by hand, and against plain Python over random events."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import catalogue
from dashboards.panels import conversations
from tests.dashboards.panels.compare import wrong
from tests.dashboards.panels.expected import Question
from tests.dashboards.panels.expected_conversations import EXPECTED, PRESENT
from tests.dashboards.panels.model import QUARTER, units, utc
from tests.dashboards.panels.random_data import random_search
from tests.dashboards.panels.tables import Row, Tables
from tests.support.events import event

ANA, BEN, LID = "+5511955550001", "+4915550002", "99887766554433@lid"
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
START = round(datetime(2026, 11, 2, 9, tzinfo=UTC).timestamp() * 1000)  # a Monday


def received(name: str, at: int, customer: str = ANA, **facts: Any) -> dict[str, Any]:
    return event("inbound", **{"message_id": name, "from": customer, "at": at, "received": at, "type": "text", **facts})


def sent(name: str, at: int, customer: str = ANA, **facts: Any) -> dict[str, Any]:
    return event("sent", **{"message_id": name, "to": customer, "at": at, "received": at, "type": "text", **facts})


def row(tables: Tables, identifier: str, **values: Any) -> Row:
    return tables.row(catalogue.panel(identifier), **values)


def rows(tables: Tables, identifier: str, **values: Any) -> list[Row]:
    return tables.rows(catalogue.panel(identifier), **values)


def test_the_first_response_counts_from_the_first_unanswered_message(tables: Tables) -> None:
    tables.load([
        received("a1", START), received("a2", START + MINUTE), sent("a3", START + 4 * MINUTE),
        sent("a4", START + 5 * MINUTE), received("a5", START + HOUR), sent("a6", START + HOUR + 6 * MINUTE),
        received("b1", START, BEN),
    ])  # fmt: skip
    assert row(tables, "first-response")["response"] == 4 * MINUTE
    assert row(tables, "first-response-p90")["response"] == 6 * MINUTE
    within = row(tables, "within-target")
    assert (within["rate"], within["in_target"], within["conversations"]) == (1 / 3, 1, 3)
    assert row(tables, "answered")["answered"] == 2


def test_the_edges_of_an_answer(tables: Tables) -> None:
    # How long the answer takes, whether that is within the target, whether it is an answer at all.
    cases = [(0, 1, 1), (5 * MINUTE, 1, 1), (5 * MINUTE + 1, 0, 1), (DAY, 0, 1), (DAY + 1, 0, 0), (-1, 0, 0)]
    tables.load(
        [received("q", START, source=f"wait {wait}") for wait, *_ in cases],
        [sent("a", START + wait, source=f"wait {wait}") for wait, *_ in cases],
    )
    for wait, in_target, answered in cases:
        chosen = {"sources": [f"wait {wait}"]}
        assert row(tables, "within-target", **chosen)["in_target"] == in_target, wait
        assert row(tables, "answered", **chosen)["answered"] == answered, wait


def test_what_is_no_answer_and_what_asks_nothing(tables: Tables) -> None:
    tables.load([
        received("q", START),
        sent("failed", START + MINUTE), event("status", message_id="failed", status="failed", at=START + 2 * MINUTE),
        sent("group", START + MINUTE, is_group=True), sent("other", START + MINUTE, BEN),
        sent("elsewhere", START + MINUTE, source="crm"),
        received("thumb", START + 3 * DAY, BEN, type="reaction"), received("edit", START + 3 * DAY, BEN, type="edit"),
        received("old", START + 4 * DAY, BEN, historical=True), received("all", START, BEN, is_group=True),
    ])  # fmt: skip
    found = row(tables, "answered")
    assert (found["rate"], found["answered"], found["conversations"]) == (0.0, 0, 1)


def test_a_day_without_an_answer_begins_a_new_conversation(tables: Tables) -> None:
    tables.load(
        [
            received("1", START),
            received("2", START + DAY),
            received("3", START + 2 * DAY + 1),
            received("4", START + 5 * DAY),
        ]
    )
    assert row(tables, "answered")["conversations"] == 3


def test_repeats_and_late_loads_change_nothing(tables: Tables) -> None:
    tables.load([sent("a", START + MINUTE)])
    tables.load([received("q", START), received("q", START)], [received("q", START), sent("a", START + MINUTE)])
    assert row(tables, "first-response")["response"] == MINUTE
    assert row(tables, "answered")["conversations"] == 1


def test_the_last_sunday_of_october_has_25_hours(tables: Tables) -> None:
    first = round(datetime(2026, 10, 24, 22, tzinfo=UTC).timestamp() * 1000)
    tables.load([received(f"q{n}", first + n * HOUR, f"+49155500{n:02}") for n in range(26)])
    found = rows(tables, "conversations-over-time", zone="Europe/Berlin")
    assert [(r["at"], r["conversations"]) for r in found if r["series"] == "Not answered"] == [
        (utc(first), 25),
        (utc(first + 25 * HOUR), 1),
    ]
    cells = {
        (r["weekday"], r["hour"]): r["conversations"] for r in rows(tables, "target-heatmap", zone="Europe/Berlin")
    }
    assert cells[7, 2] == 2  # clocks went back from three to two
    assert len(cells) == 25
    assert cells[1, 0] == 1


def test_the_period_before_is_as_long_and_touches(tables: Tables) -> None:
    tables.load(
        [received("q", START), sent("a", START + MINUTE)],
        [received("p", START - 1, BEN), sent("b", START - 1 + 2 * MINUTE, BEN)],
        [received("o", START - DAY - 1, LID), sent("c", START - DAY, LID)],
    )
    asked = {"start": START, "end": START + DAY}
    assert row(tables, "first-response", **asked) == {"response": MINUTE, "response_before": 2 * MINUTE}
    assert row(tables, "within-target", **asked)["rate_before"] == 1.0


# --- the present moment ---


@pytest.fixture
def now(tables: Tables) -> int:
    return tables.now()


def test_who_waits_now(tables: Tables, now: int) -> None:
    tables.load([
        received("a1", now - 30 * MINUTE), received("a2", now - 20 * MINUTE, account="42"),
        received("b1", now - 2 * HOUR, BEN), sent("b2", now - HOUR, BEN),
        received("c1", now - 50 * HOUR, LID), received("c2", now - 26 * HOUR, LID),
        received("d1", now - 8 * DAY, "+4915550004"),
        received("e1", now - HOUR, "+4915550005"), sent("e2", now - HOUR, "+4915550005"),
    ])  # fmt: skip
    first, second = rows(tables, "unanswered")
    waited = first.pop("waited")
    assert 30 * 60 <= waited < 30 * 60 + 300  # five minutes for the engine to come to it
    assert first == {
        "number": "+55…001", "messages": 2, "waiting_since": utc(now - 30 * MINUTE),
        "window_ends_at": utc(now - 20 * MINUTE + DAY), "source": "shop", "account": "42", "country": "BR",
    }  # fmt: skip
    assert (second["number"], second["messages"], second["country"]) == ("998…lid", 2, "")
    assert row(tables, "unanswered-count") == {"waiting_chats": 1}
    assert row(tables, "unanswered-count", sources=["crm"]) == {"waiting_chats": 0}


def test_the_window_runs_from_the_customers_clock_not_from_our_receipt_or_reading(tables: Tables, now: int) -> None:
    tables.load([
        received("late", now - 22 * HOUR, received=now - HOUR),
        event("status", message_id="late", status="read", from_me=False, at=now - 30 * MINUTE),
    ])  # fmt: skip
    (found,) = rows(tables, "expiring")
    assert (found["waiting_since"], found["window_ends_at"]) == (utc(now - 22 * HOUR), utc(now + 2 * HOUR))


def test_an_answer_that_failed_leaves_the_customer_waiting(tables: Tables, now: int) -> None:
    tables.load([received("q", now - HOUR), sent("a", now - 50 * MINUTE)])
    assert row(tables, "unanswered-count") == {"waiting_chats": 0}
    tables.load([event("status", message_id="a", to=ANA, status="failed", at=now - 40 * MINUTE)])
    assert row(tables, "unanswered-count") == {"waiting_chats": 1}
    tables.load([event("status", message_id="a", to=ANA, status="delivered", at=now - 30 * MINUTE)])
    assert row(tables, "unanswered-count") == {"waiting_chats": 0}


def test_windows_that_close_within_four_hours(tables: Tables, now: int) -> None:
    tables.load([
        received("early", now - 20 * HOUR + 10 * MINUTE, "+4915550001"),  # 4 h 10 min are left
        received("answered", now - 23 * HOUR, "+4915550002"), sent("x", now - 22 * HOUR, "+4915550002"),
        received("waits", now - 21 * HOUR, "+4915550003"),
        received("waits long", now - 30 * HOUR, "+4915550004"), received("and again", now - 22 * HOUR, "+4915550004"),
        received("closed", now - 24 * HOUR - MINUTE, "+4915550005"),
        received("thumb", now - 21 * HOUR, "+4915550006", type="reaction"),
    ])  # fmt: skip
    found = rows(tables, "expiring", mask=0)
    assert [(r["number"][-1], r["messages"], r["waiting_since"]) for r in found] == [
        ("4", 2, utc(now - 30 * HOUR)),
        ("3", 1, utc(now - 21 * HOUR)),
        ("2", 0, None),
    ]
    assert found[2]["waited"] is None
    assert row(tables, "expiring-count") == {"expiring_chats": 2}


# --- against plain Python ---

STEPS = [0, 1, MINUTE, 5 * MINUTE, 5 * MINUTE + 1, 2 * HOUR, DAY - 1, DAY, DAY + 1]


@st.composite
def _events(draw: st.DrawFn, base: int, days: int, unit: int) -> dict[str, Any]:
    kind = draw(st.sampled_from(["inbound", "inbound", "sent", "sent", "status"]))
    source = draw(st.sampled_from(["shop", "shop", "crm"]))
    customer = draw(st.sampled_from([ANA, ANA, BEN, LID, None]))
    at = base + draw(st.integers(0, days * 24)) * HOUR + draw(st.sampled_from(STEPS)) // unit * unit
    facts: dict[str, Any] = {
        "message_id": f"{kind == 'inbound'}{customer}{draw(st.integers(1, 6))}",
        "source": source,
        "account": f"{source}-1",
        "at": at,
        "received": at + draw(st.sampled_from([0, 0, HOUR, DAY, DAY + HOUR])),
        "is_group": draw(st.sampled_from([None, None, None, None, True])),
        "from" if kind == "inbound" else "to": customer,
    }
    if kind == "inbound":
        facts["type"] = draw(st.sampled_from(["text", "text", "image", "reaction", "edit"]))
        facts["historical"] = draw(st.sampled_from([None, None, None, True]))
    elif kind == "status":
        facts["status"] = draw(st.sampled_from(["failed", "delivered", "sent"]))
    return event(kind, **facts)


@st.composite
def _questions(draw: st.DrawFn) -> dict[str, Any]:
    edges = st.lists(st.integers(0, 4 * 24 * 4), min_size=2, max_size=2, unique=True)
    start, end = draw(st.one_of(st.just((0, START + 400 * DAY)), edges.map(lambda n: [START + k * QUARTER for k in n])))
    return {
        "start": min(start, end),
        "end": max(start, end),
        "zone": draw(st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"])),
        "bucket": draw(st.sampled_from(["hour", "day", "month"])),
        "sources": draw(st.sampled_from([[], [], ["shop"], ["nobody"]])),
        "mask": draw(st.sampled_from([0, 1])),
    }


def test_the_model_knows_every_panel() -> None:
    assert (EXPECTED | PRESENT).keys() == {panel.id for panel in conversations.DASHBOARD.panels}


@random_search(3)
@given(events=st.lists(_events(START, 3, 1), min_size=5, max_size=40), asked=_questions())
def test_panels_answer_what_plain_python_counts(
    tables: Tables, events: list[dict[str, Any]], asked: dict[str, Any]
) -> None:
    tables.clear()
    tables.load(events, events[: len(events) // 3])
    assert not wrong(tables, units(events), EXPECTED, asked)


@random_search(3)
@given(data=st.data(), mask=st.sampled_from([0, 1]), sources=st.sampled_from([[], ["shop"]]))
def test_panels_of_the_present_answer_what_plain_python_counts(
    tables: Tables, data: st.DataObject, mask: int, sources: list[str]
) -> None:
    tables.clear()
    # Half an hour away from every edge, so that nothing changes while the engine answers.
    base = tables.now() - 8 * DAY - HOUR // 2
    events = data.draw(st.lists(_events(base, 7, HOUR), min_size=5, max_size=40))
    tables.load(events)
    truth = units(events)
    question = Question(start=0, end=1, now=base + 8 * DAY + HOUR // 2, mask=mask, sources=sources)
    for identifier, answer in PRESENT.items():
        found = rows(tables, identifier, start=0, end=QUARTER, mask=mask, sources=sources)
        assert [{k: v for k, v in r.items() if k != "waited"} for r in found] == answer(truth, question), identifier


@pytest.mark.parametrize("identifier", sorted(EXPECTED | PRESENT))
def test_nothing_is_an_answer_too(empty_tables: Tables, identifier: str) -> None:
    question = Question(start=0, end=START, now=empty_tables.now())
    answer = (EXPECTED | PRESENT)[identifier]([], question)
    assert rows(empty_tables, identifier, start=0, end=START) == answer
