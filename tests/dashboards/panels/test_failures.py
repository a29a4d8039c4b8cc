"""Failures over data so small that the answers were counted by hand."""

from typing import Any

from dashboards.catalogue import panel
from tests.dashboards.panels.messages import HOUR, MINUTE, SECOND, delivered, failed, message
from tests.dashboards.panels.model import utc
from tests.dashboards.panels.random_data import ms
from tests.dashboards.panels.tables import Tables
from tests.support.events import DAY, NOON, event

STATS = ("account-danger", "unknown-code-count", "no-code-count")


def rows(tables: Tables, name: str, *columns: str, **asked: Any) -> list[tuple[Any, ...]]:
    """The named columns of each row."""
    return [tuple(row[column] for column in columns) for row in tables.rows(panel(name), **asked)]


def stats(tables: Tables, **asked: Any) -> list[int]:
    """Failures of the account, with an unknown code, without a code."""
    return [tables.row(panel(name), **asked)["failures"] for name in STATS]


def test_nothing_failed(tables: Tables) -> None:
    tables.load(delivered("a", campaign="spring"))
    assert stats(tables) == [0, 0, 0]
    assert rows(tables, "failure-share", "rate", "failed", "sent") == [(0, 0, 1)]
    for name in ("failure-codes", "failure-trend", "unknown-codes", "failures-by-campaign", "failure-samples"):
        assert tables.rows(panel(name)) == [], name


def test_codes_with_their_class_and_share_of_all(tables: Tables) -> None:
    codes = ["131026", "131026", "131049", "132999", "70007", None]
    tables.load([
        *(one for n, code in enumerate(codes) for one in failed(f"m{n}", code)),
        *delivered("there"),
        *message("found", failed=NOON + 1, delivered=NOON + 2, code="131031"),
    ])  # fmt: skip
    assert rows(tables, "failure-codes", "code", "class", "failures", "failure_share", "all_failures") == [
        ("131026", "number", 2, 2 / 6, 6),
        ("", "none", 1, 1 / 6, 6),
        ("131049", "policy", 1, 1 / 6, 6),
        ("132999", "unknown", 1, 1 / 6, 6),
        ("70007", "unknown", 1, 1 / 6, 6),
    ]
    assert all(action.strip() for (action,) in rows(tables, "failure-codes", "action"))
    descriptions = dict(rows(tables, "failure-codes", "code", "description"))
    assert "undeliverable" in descriptions["131026"]
    assert descriptions["70007"] == ""
    assert rows(tables, "failure-share", "rate", "failed", "sent") == [(6 / 8, 6, 8)]
    assert stats(tables) == [0, 2, 1]


def test_an_account_in_danger_counts_groups_too(tables: Tables) -> None:
    tables.load([
        *failed("a", "131031"), *failed("b", "131042", campaign="spring"),
        event("status", message_id="g", status="failed", error_code="131031", at=NOON, participant="22@lid"),
    ])  # fmt: skip
    assert stats(tables) == [3, 0, 0]
    assert stats(tables, campaigns=["spring"]) == [1, 0, 0]
    assert rows(tables, "failure-codes", "code", "failures") == [("131031", 1), ("131042", 1)]
    assert rows(tables, "group-failure-codes", "code", "failures", "all_failures") == [("131031", 1, 1)]


def test_the_first_failure_is_the_one_that_counts(tables: Tables) -> None:
    tables.load([*message("m", failed=NOON + 9, code="131048"), *message("m", None, failed=NOON + 5, code="131026")])
    assert rows(tables, "failure-codes", "code", "failures") == [("131026", 1)]


def test_unknown_codes_stand_as_they_came(tables: Tables) -> None:
    odd = "it's \\ a \x00 code"
    tables.load([
        *failed("a", odd, NOON + HOUR), *failed("b", odd, NOON, source="crm"), *failed("c", "70007"),
        *failed("d", "131026"), *failed("e"),
    ])  # fmt: skip
    assert rows(tables, "unknown-codes", "code", "provider", "failures", "first_sent", "sources") == [
        (odd, "meta", 2, utc(NOON), "crm, shop"),
        ("70007", "meta", 1, utc(NOON), "shop"),
    ]
    assert rows(tables, "unknown-codes", "code", "failures", sources=["crm"]) == [(odd, 1)]


def test_the_trend_is_by_class_in_days_of_the_zone(tables: Tables) -> None:
    midnight = ms("2026-11-20T18:15")
    tables.load([
        *failed("a", "131026", midnight - 1), *failed("b", "131021", midnight - DAY), *failed("c", "131031", midnight),
        *failed("d", "131045", midnight + DAY - 1), *failed("e", "131049", midnight), *delivered("f", midnight + DAY),
    ])  # fmt: skip
    assert rows(tables, "failure-trend", "at", "class", "failures", zone="Asia/Kathmandu") == [
        (utc(midnight - DAY), "number", 2),
        (utc(midnight), "account", 2),
        (utc(midnight), "policy", 1),
    ]


def test_where_it_fails_and_the_code_behind_most_of_it(tables: Tables) -> None:
    tables.load([
        *failed("a", "131026", campaign="spring"), *failed("b", "131026", campaign="spring"),
        *failed("c", "131049", campaign="spring", to="+97798555003"), *delivered("d", campaign="spring"),
        *failed("e", "131049", campaign="summer"), *delivered("f", campaign="autumn"),
    ])  # fmt: skip
    columns = ("failed", "sent", "failure_rate", "main_code", "main_failed")
    assert rows(tables, "failures-by-campaign", "campaign", *columns) == [
        ("spring", 3, 4, 3 / 4, "131026", 2),
        ("summer", 1, 1, 1, "131049", 1),
    ]
    assert rows(tables, "failures-by-country", "country", *columns) == [
        ("DE", 3, 5, 3 / 5, "131026", 2),
        ("NP", 1, 1, 1, "131049", 1),
    ]
    # Of two codes that fail alike the larger one is named, so that it is always the same one.
    assert rows(tables, "failures-by-source", "source", *columns) == [("shop", 4, 6, 4 / 6, "131049", 2)]


def test_samples_are_the_hundred_sent_last_with_people_left_out(tables: Tables) -> None:
    tables.load([
        one for n in range(103)
        for one in failed(f"m{n:03}", "131026", NOON + n * MINUTE, title="No luck", to="+5511955550001")
    ], failed("another day", "131026", NOON - DAY))  # fmt: skip
    found = tables.rows(panel("failure-samples"))
    assert [row["message"] for row in found] == [f"m{n:03}" for n in range(102, 2, -1)]
    assert found[0] == {
        "sent": utc(NOON + 102 * MINUTE),
        "failed_at": utc(NOON + 102 * MINUTE + 5 * SECOND), "source": "shop", "message": "m102", "recipient": "+55…001",
        "code": "131026", "title": "No luck", "class": "number", "template": "", "campaign": "",
    }  # fmt: skip


def test_people_are_left_out_wherever_a_provider_spells_them_and_shown_when_wanted(tables: Tables) -> None:
    texts = {
        "true_5511955550001@c.us_3EB0": ("+5511955550001", "number +5511955550001 is not on WhatsApp"),
        "wamid.1": ("+5511955550001", "error 131026 of 5511955550001"),
        "wamid.2": ("998877665544332@lid", None),
        "wamid.3": ("+49155", None),
        "wamid.4": (None, None),
    }
    tables.load([
        one for place, (name, (to, title)) in enumerate(texts.items())
        for one in failed(name, at=NOON - place * SECOND, to=to, title=title)
    ])  # fmt: skip
    assert rows(tables, "failure-samples", "message", "recipient", "title") == [
        ("true_…@c.us_3EB0", "+55…001", "number +… is not on WhatsApp"),
        ("wamid.1", "+55…001", "error 131026 of …"),
        ("wamid.2", "998…lid", ""),
        ("wamid.3", "…", ""),
        ("wamid.4", "", ""),
    ]
    assert rows(tables, "failure-samples", "message", "recipient", "title", mask=0) == [
        (name, to or "", title or "") for name, (to, title) in texts.items()
    ]


def test_a_failed_member_of_a_group_is_a_sample_too(tables: Tables) -> None:
    tables.load([
        event("sent", message_id="g", at=NOON, is_group=True, campaign="club"),
        event("status", message_id="g", status="failed", error_code="131026", participant="22@lid", to="22@lid"),
    ])  # fmt: skip
    assert rows(tables, "failure-samples", "message", "recipient", "campaign") == [("g", "…", "club")]
    assert tables.rows(panel("failure-codes")) == []
