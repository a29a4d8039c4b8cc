"""Numbers: evidence, what clears it, how sure it is; by hand, and against plain Python over random events."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import catalogue
from dashboards.panels import numbers
from tests.dashboards.panels.compare import wrong
from tests.dashboards.panels.expected import Question
from tests.dashboards.panels.expected_numbers import EXPECTED, opt_outs
from tests.dashboards.panels.model import QUARTER, units, utc
from tests.dashboards.panels.random_data import random_search
from tests.dashboards.panels.tables import Row, Tables
from tests.support.events import DAY, event

BRAZIL, GERMANY, TWICE = "+5511955550001", "+4915550002", "+12125550003"
HOUR = 3_600_000


def failed(name: str, at: int, code: str = "131026", **facts: Any) -> list[dict[str, Any]]:
    shared = {"message_id": name, "to": BRAZIL, **facts}
    status = event("status", at=at, status="failed", error_code=code, **shared)
    return [event("sent", at=at - 1000, **shared), status]


def silent(name: str, at: int, **facts: Any) -> list[dict[str, Any]]:
    return [event("sent", **{"message_id": name, "to": BRAZIL, "at": at, **facts})]


def listed(tables: Tables, **values: Any) -> list[Row]:
    return tables.rows(catalogue.panel("dead-numbers"), **values)


@pytest.fixture
def old(tables: Tables) -> int:
    """A moment 100 days ago: whatever was sent then has outlived its time to live."""
    now = tables.now()
    return now - now % DAY - 100 * DAY


def test_one_failure_is_never_enough_nor_is_one_silence(tables: Tables, old: int) -> None:
    tables.load(failed("m1", old), silent("m2", old, to=GERMANY))
    assert listed(tables) == []
    assert tables.row(catalogue.panel("numbers-share")) == {"rate": 0.0, "dead": 0, "recipients": 2}


def test_three_failures_over_a_week_are_sure_and_a_millisecond_less_is_not(tables: Tables, old: int) -> None:
    tables.load(
        *(failed(f"a{n}", old + n * 7 * DAY // 2) for n in range(3)),
        *(failed(f"b{n}", old + n * (7 * DAY // 2) - (n == 2), to=GERMANY) for n in range(3)),
        failed("c1", old, to=TWICE),
        failed("c2", old + 30 * DAY, to=TWICE),
    )
    found = listed(tables, mask=0)
    assert [(row["number"], row["confidence"], row["undeliverable"]) for row in found] == [
        (BRAZIL, "high", 3),
        (GERMANY, "medium", 3),
        (TWICE, "medium", 2),
    ]
    assert found[0] == {
        "number": BRAZIL, "confidence": "high", "undeliverable": 3, "silent": 0, "sends": 3,
        "first_evidence_at": utc(old), "last_evidence_at": utc(old + 7 * DAY), "last_activity_at": None,
        "source": "shop", "country": "BR",
    }  # fmt: skip


def test_a_repeat_of_the_same_failure_is_no_second_piece(tables: Tables, old: int) -> None:
    once = failed("m1", old)
    tables.load(once, once, [once[1]])
    assert listed(tables) == []


# What happens after three failures (kind of event and its facts), and whether the failures still count.
AFTERWARDS: list[tuple[str, dict[str, Any], bool]] = [
    ("status", {"status": "read", "message_id": "m3", "to": BRAZIL}, False),
    ("status", {"status": "played", "message_id": "m3", "to": BRAZIL}, False),
    ("inbound", {"type": "text", "message_id": "i1", "from": BRAZIL}, False),
    ("status", {"status": "delivered", "message_id": "m3", "to": BRAZIL}, True),
    # Our own reading of a message proves nothing about the customer.
    ("status", {"status": "read", "from_me": False, "message_id": "i1"}, True),
    ("inbound", {"type": "text", "message_id": "i1", "from": GERMANY}, True),
    ("inbound", {"type": "text", "message_id": "i1", "from": BRAZIL, "source": "crm"}, True),
]


def test_a_read_or_a_message_discards_the_failures_before_it(tables: Tables, old: int) -> None:
    later = old + 8 * DAY
    cases = {f"shop-{number}": case for number, case in enumerate(AFTERWARDS)}
    before = [one for source in cases for n in range(3) for one in failed(f"f{n}", old + n * 3 * DAY, source=source)]
    after = [
        event(kind, at=later, received=later, **{"source": source, **facts})
        for source, (kind, facts, _) in cases.items()
    ]
    tables.load(before, after)
    still_listed = {source for source, (*_, counts) in cases.items() if counts}
    assert {row["source"] for row in listed(tables)} == still_listed
    tables.load([one for source in cases for one in failed("again1", later + DAY, source=source)])
    assert {row["source"] for row in listed(tables)} == still_listed, "a single failure afterwards does not count"
    tables.load([one for source in cases for one in failed("again2", later + 2 * DAY, source=source)])
    found = {row["source"]: row["undeliverable"] for row in listed(tables)}
    assert found == {source: 5 if source in still_listed else 2 for source in cases}


def test_a_delivery_since_says_that_the_number_exists(tables: Tables, old: int) -> None:
    evidence = [found for n in range(3) for found in failed(f"f{n}", old + n * 4 * DAY)]
    tables.load(evidence)
    assert listed(tables)[0]["confidence"] == "high"
    at = old + 9 * DAY
    shared: dict[str, Any] = {"message_id": "m", "to": BRAZIL}
    tables.load([event("sent", at=at - HOUR, **shared), event("status", at=at, status="delivered", **shared)])
    (row,) = listed(tables)
    assert (row["confidence"], row["last_activity_at"], row["sends"]) == ("low", utc(at), 4)
    assert tables.row(catalogue.panel("numbers-high")) == {"numbers": 0}


def test_silence_alone_is_low_until_it_is_five_messages(tables: Tables, old: int) -> None:
    tables.load(*(silent(f"m{n}", old + n * DAY) for n in range(4)))
    assert [(row["silent"], row["confidence"]) for row in listed(tables)] == [(4, "low")]
    tables.load(silent("m5", old + 5 * DAY))
    assert [(row["silent"], row["confidence"]) for row in listed(tables)] == [(5, "medium")]
    assert tables.row(catalogue.panel("numbers-wasted")) == {"numbers": 5}


def test_a_message_is_silent_only_beyond_its_time_to_live(tables: Tables) -> None:
    now = tables.now()
    tables.load([
        one
        for category, to, age in (("marketing", BRAZIL, 30 * DAY), ("authentication_otp", GERMANY, 600_000))
        for number, at in enumerate((now - age - HOUR, now - age + 300_000), 1)
        for one in silent(f"{to}{number}", at, to=to, category=category)
    ])  # fmt: skip
    assert listed(tables) == []
    tables.load(
        silent(f"{BRAZIL}3", now - 30 * DAY - 1000, to=BRAZIL),
        silent(f"{GERMANY}3", now - 601_000, to=GERMANY, category="authentication"),
    )
    assert [(row["silent"], row["confidence"]) for row in listed(tables)] == [(2, "low"), (2, "low")]


def test_what_does_not_blame_the_number_is_no_evidence(tables: Tables, old: int) -> None:
    others = [failed(f"m{code}", old + place, code) for place, code in enumerate(("131049", "130472", "131047"))]
    group = [failed(f"g{n}", old + n, is_group=True, participant=BRAZIL, to=BRAZIL) for n in range(3)]
    tables.load(*others, *group)
    assert listed(tables) == []


def test_numbers_are_masked_unless_the_configuration_says_otherwise(tables: Tables, old: int) -> None:
    tables.load(
        failed("m1", old), failed("m2", old + 1), failed("l1", old, to="1234@lid"), failed("l2", old, to="1234@lid")
    )
    assert {row["number"] for row in listed(tables)} == {"+55…001", "…"}
    assert {row["number"] for row in listed(tables, mask=0)} == {BRAZIL, "1234@lid"}


def test_a_message_that_fails_and_is_delivered_after_all_is_no_evidence(tables: Tables, old: int) -> None:
    tables.load(failed("m1", old), failed("m2", old + DAY))
    assert len(listed(tables)) == 1
    tables.load([event("status", message_id="m2", to=BRAZIL, at=old + 2 * DAY, status="delivered")])
    assert listed(tables) == []


# --- against plain Python ---

_MOMENT = 1_770_000_000_000 - 1_770_000_000_000 % DAY  # in February 2026: everything has outlived its time to live
MOMENTS = [_MOMENT + days * DAY + rest for days in (0, 1, 4, 7, 8) for rest in (0, QUARTER - 1, DAY - 1)]


@st.composite
def _events(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["sent", "status", "status", "status", "inbound", "system"]))
    customer = draw(st.sampled_from([BRAZIL, BRAZIL, GERMANY, "99887766554433@lid", None]))
    facts: dict[str, Any] = {
        "message_id": f"{customer}{draw(st.integers(1, 6))}{'i' if kind == 'inbound' else ''}",
        "source": draw(st.sampled_from(["shop", "shop", "shop", "crm"])),
        "at": draw(st.sampled_from(MOMENTS)),
        "is_group": draw(st.sampled_from([None, None, None, None, True])),
        "historical": draw(st.sampled_from([None, None, None, True])),
    }
    facts["to" if kind in ("sent", "status") else "from"] = customer
    if kind == "system":
        del facts["message_id"], facts["is_group"], facts["historical"]
        facts["raw_state"] = draw(st.sampled_from(["stop", "opted-out", "resume", "opted-in", "other"]))
        facts["reason_code"] = draw(st.sampled_from([None, "marketing_messages"]))
        return event("system", event=draw(st.sampled_from(["user_preferences", "user-event"])), **facts)
    if kind == "inbound":
        return event("inbound", type="text", **facts)
    if kind == "status":
        facts["status"] = draw(st.sampled_from(["pending", "sent", "failed", "failed", "failed", "delivered", "read"]))
        if facts["status"] == "failed":
            facts["error_code"] = draw(st.sampled_from(["131026", "131026", "131050", None]))
    return event(kind, **facts)


@st.composite
def _questions(draw: st.DrawFn) -> dict[str, Any]:
    edges = [moment - moment % QUARTER for moment in MOMENTS]
    some = st.lists(st.sampled_from(edges), min_size=2, max_size=2, unique=True)
    start, end = draw(st.one_of(st.just((0, _MOMENT + 1000 * DAY)), some))
    return {
        "start": min(start, end),
        "end": max(start, end),
        "sources": draw(st.sampled_from([[], [], ["shop"], ["nobody"]])),
        "mask": draw(st.sampled_from([0, 1])),
    }


def test_the_model_knows_every_panel() -> None:
    assert {*EXPECTED, "opt-outs"} == {panel.id for panel in numbers.DASHBOARD.panels}


@random_search(3)
@given(events=st.lists(_events(), min_size=8, max_size=60), asked=_questions())
def test_panels_answer_what_plain_python_counts(
    tables: Tables, events: list[dict[str, Any]], asked: dict[str, Any]
) -> None:
    tables.clear()
    tables.load(events, events[: len(events) // 3])
    assert not wrong(tables, units(events), EXPECTED, asked)
    question = Question(now=tables.now(), **asked)
    assert tables.rows(catalogue.panel("opt-outs"), **asked) == opt_outs(events, question)


def test_who_is_opted_out_is_listed_until_they_come_back(tables: Tables, old: int) -> None:
    stop: dict[str, Any] = {"event": "user_preferences", "raw_state": "stop", "reason_code": "marketing_messages"}
    tables.load([
        event("system", at=old, **{"from": BRAZIL, **stop}),
        event("system", at=old, **{"from": GERMANY, **stop}),
        event("system", at=old + DAY, **{"from": GERMANY, **stop, "raw_state": "resume"}),
        *failed("m1", old + DAY, "131050", to=TWICE),
    ])  # fmt: skip
    panel = catalogue.panel("opt-outs")
    shared = {"category": "marketing_messages", "source": "shop"}
    assert tables.rows(panel, mask=0) == [
        {"number": TWICE, "since": utc(old + DAY), "last_change": utc(old + DAY), **shared},
        {"number": BRAZIL, "since": utc(old), "last_change": utc(old), **shared},
    ]
    assert [row["number"] for row in tables.rows(panel, start=old, end=old + DAY)] == ["+55…001"]
    assert tables.rows(panel, sources=["crm"]) == []


@pytest.mark.parametrize("identifier", sorted(EXPECTED))
def test_nothing_is_an_answer_too(empty_tables: Tables, identifier: str) -> None:
    question = Question(start=0, end=_MOMENT, now=empty_tables.now())
    assert empty_tables.rows(catalogue.panel(identifier), start=0, end=_MOMENT) == EXPECTED[identifier]([], question)
