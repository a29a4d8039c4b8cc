"""Overview over data so small that the answers were counted by hand."""

from typing import Any

import pytest

from dashboards.catalogue import panel
from dashboards.panel import Panel
from tests.dashboards.panels.messages import FROM_CUSTOMER, HOUR, MINUTE, delivered, failed, message
from tests.dashboards.panels.model import QUARTER, utc
from tests.dashboards.panels.random_data import ms
from tests.dashboards.panels.tables import Tables
from tests.support.events import DAY, NOON, event

COUNTS = ("sent", "delivered", "read", "failed", "pending")


def counts(tables: Tables, **asked: Any) -> list[tuple[int, int]]:
    """The five numbers at the top, each with that of the period before."""
    rows = [tables.row(panel(name), **asked) for name in COUNTS]
    return [(row["messages"], row["messages_before"]) for row in rows]


def rate(tables: Tables, name: str, **asked: Any) -> tuple[float | None, int, int, float | None]:
    """Share, numerator, denominator and the share before."""
    row = tables.row(panel(name), **asked)
    by_role = {column.role: row[column.name] for column in panel(name).columns}
    return by_role["value"], by_role["numerator"], by_role["denominator"], by_role["before"]


def line(tables: Tables, wanted: Panel, value: str, **asked: Any) -> dict[tuple[str, str], Any]:
    """The drawn values by moment and series."""
    return {(f"{row['at']:%Y-%m-%dT%H:%M}", row["series"]): row[value] for row in tables.rows(wanted, **asked)}


def test_nothing_at_all(tables: Tables) -> None:
    assert counts(tables) == [(0, 0)] * 5
    for name in ("delivery-rate", "read-rate", "deliverability", "orphan-share"):
        assert rate(tables, name) == (None, 0, 0, None)
    for name in ("rates-over-time", "volumes-over-time", "campaigns", "inbound-over-time", "groups"):
        assert tables.rows(panel(name)) == []
    assert tables.row(panel("status-reconciliation")) == {
        "residual": 0,
        "sent": 0,
        "delivered": 0,
        "failed": 0,
        "pending": 0,
    }


def test_one_message(tables: Tables) -> None:
    tables.load(message("m", delivered=NOON + 1, read=NOON + 2, campaign="spring"))
    assert counts(tables) == [(1, 0), (1, 0), (1, 0), (0, 0), (0, 0)]
    (row,) = tables.rows(panel("campaigns"))
    assert {name: row[name] for name in ("campaign", "began", "sent", "delivery_rate", "read_rate")} == {
        "campaign": "spring", "began": utc(NOON), "sent": 1, "delivery_rate": 1, "read_rate": 1,
    }  # fmt: skip


def test_every_fate_once_and_the_two_terms_of_each_share(tables: Tables) -> None:
    tables.load([
        *message("waiting"),
        *message("queued", None), event("status", message_id="queued", status="pending", at=NOON),
        *delivered("there"),
        *message("seen", delivered=NOON + 1, read=NOON + 2),
        *message("seen at once", read=NOON + 2),
        *failed("lost", "131026"),
        *message("lost and found", failed=NOON + 1, delivered=NOON + 2, code="131026"),
    ])  # fmt: skip
    assert counts(tables) == [(7, 0), (4, 0), (2, 0), (1, 0), (2, 0)]
    assert rate(tables, "delivery-rate") == (4 / 7, 4, 7, None)
    assert rate(tables, "read-rate") == (0.5, 2, 4, None)
    assert rate(tables, "orphan-share") == (1 / 7, 1, 7, None)
    assert tables.row(panel("status-reconciliation")) == {
        "residual": 0,
        "sent": 7,
        "delivered": 4,
        "failed": 1,
        "pending": 2,
    }


def test_all_failed(tables: Tables) -> None:
    tables.load([*failed("a", "131026"), *failed("b", "131026")])
    assert counts(tables) == [(2, 0), (0, 0), (0, 0), (2, 0), (0, 0)]
    assert rate(tables, "delivery-rate") == (0, 0, 2, None)
    assert rate(tables, "read-rate") == (None, 0, 0, None)


def test_list_health_leaves_out_what_says_nothing_about_the_number(tables: Tables) -> None:
    left_out = ["130472", "131049", "131050", "131042", "131047", "132001", "132999"]
    kept = ["131026", "131031", "131048", "99999", None]
    tables.load([
        one for code in [*left_out, *kept]
        for one in [*delivered(f"there {code}", campaign=str(code)), *failed(f"lost {code}", code, campaign=str(code))]
    ])  # fmt: skip
    for code in [*left_out, *kept]:
        deliverable = 1 if code in left_out else 2
        assert rate(tables, "deliverability", campaigns=[str(code)]) == (1 / deliverable, 1, deliverable, None), code
        assert rate(tables, "delivery-rate", campaigns=[str(code)]) == (0.5, 1, 2, None), code


def test_list_health_counts_a_policy_failure_that_was_delivered_after_all(tables: Tables) -> None:
    tables.load(message("m", failed=NOON + 1, delivered=NOON + 2, code="131049"))
    assert rate(tables, "deliverability") == (1, 1, 1, None)


def test_orphans_alone(tables: Tables) -> None:
    tables.load([*message("a", None, delivered=NOON), *message("b", None, read=NOON)])
    assert counts(tables) == [(2, 0), (2, 0), (1, 0), (0, 0), (0, 0)]
    assert rate(tables, "orphan-share") == (1, 2, 2, None)
    assert tables.rows(panel("campaigns")) == []


def test_members_of_a_group_stand_apart_and_its_parent_leaves(tables: Tables) -> None:
    tables.load([*delivered("direct"), event("sent", message_id="g", at=NOON, is_group=True, campaign="club")])
    assert counts(tables)[0] == (1, 0)
    (whole,) = tables.rows(panel("groups"))
    assert (whole["source"], whole["sent"], whole["pending"]) == ("shop", 1, 1)
    tables.load([
        event("status", message_id="g", status=status, at=NOON + 5, participant=f"+491555000{number}", is_group=True)
        for number, status in enumerate(["delivered", "delivered", "read", "sent"])
    ])  # fmt: skip
    assert counts(tables)[:2] == [(1, 0), (1, 0)]
    (members,) = tables.rows(panel("groups"))
    assert members.pop("provisional") in (0, 1)
    assert members == {
        "source": "shop", "sent": 4, "delivered": 3, "delivery_rate": 0.75, "read": 1, "read_rate": 1 / 3, "failed": 0,
        "pending": 1,
    }  # fmt: skip
    assert tables.row(panel("status-reconciliation"))["sent"] == 5


def test_history_and_answers_are_not_sent(tables: Tables) -> None:
    tables.load([
        event("sent", message_id="old", at=NOON, origin="history", historical=True),
        event("inbound", message_id="in", at=NOON, type="text", **FROM_CUSTOMER),
        event("inbound", message_id="in group", at=NOON, type="text", is_group=True, participant="+4915550003"),
        event("status", message_id="in", status="read", at=NOON + 1, from_me=False),
    ])  # fmt: skip
    assert counts(tables) == [(0, 0)] * 5
    assert tables.row(panel("received")) == {"received": 1, "received_before": 0}
    assert line(tables, panel("inbound-over-time"), "received") == {
        ("2026-11-20T00:00", "Direct"): 1,
        ("2026-11-20T00:00", "In groups"): 1,
    }


def test_a_read_a_month_late_raises_the_day_of_sending(tables: Tables) -> None:
    tables.load(delivered("m", NOON))
    tables.load(message("m", None, read=NOON + 30 * DAY))
    drawn = line(tables, panel("rates-over-time"), "rate")
    assert drawn == {("2026-11-20T00:00", "Delivered / sent"): 1, ("2026-11-20T00:00", "Read / delivered"): 1}


def test_a_late_sent_record_moves_the_message_to_its_day(tables: Tables) -> None:
    tables.load(message("m", None, delivered=NOON + DAY))
    assert line(tables, panel("volumes-over-time"), "messages")["2026-11-21T00:00", "Delivered"] == 1
    tables.load(message("m", NOON, campaign="spring"))
    assert line(tables, panel("volumes-over-time"), "messages") == {
        ("2026-11-20T00:00", "Delivered"): 1,
        ("2026-11-20T00:00", "Failed"): 0,
        ("2026-11-20T00:00", "Pending"): 0,
    }
    assert rate(tables, "orphan-share") == (0, 0, 1, None)
    assert tables.row(panel("campaigns"))["campaign"] == "spring"


def test_everything_twice_is_everything_once(tables: Tables) -> None:
    events = [*delivered("a"), *failed("b", "131026"), *message("c", delivered=NOON + 1, read=NOON + 2)]
    tables.load(events)
    once = {
        name: tables.rows(panel(name))
        for name in ("sent", "delivery-rate", "volumes-over-time", "status-reconciliation")
    }
    tables.load(events, events)
    assert {name: tables.rows(panel(name)) for name in once} == once


def test_the_period_before_has_the_same_length_and_ends_where_the_range_begins(tables: Tables) -> None:
    start, end = NOON, NOON + 2 * HOUR
    moments = {
        "too early": start - 2 * HOUR - 1, "first before": start - 2 * HOUR, "last before": start - 1,
        "first": start, "last": end - 1, "too late": end,
    }  # fmt: skip
    tables.load([one for name, at in moments.items() for one in delivered(name, at)], message("one more", start - HOUR))
    assert counts(tables, start=start, end=end) == [(2, 3), (2, 2), (0, 0), (0, 0), (0, 1)]
    assert rate(tables, "delivery-rate", start=start, end=end) == (1, 2, 2, 2 / 3)
    assert tables.row(panel("status-reconciliation"), start=start, end=end)["sent"] == 2


def test_ends_of_a_range_within_a_quarter_share_nothing_and_leave_nothing_out(tables: Tables) -> None:
    tables.load([*delivered("a", NOON - 1), *delivered("b", NOON + 1), *delivered("c", NOON + QUARTER)])
    for beside in (1, 7 * MINUTE, QUARTER - 1):
        cut = NOON + beside
        for name, column in (("sent", "messages"), ("status-reconciliation", "sent")):
            early = tables.row(panel(name), start=NOON - DAY, end=cut)[column]
            late = tables.row(panel(name), start=cut, end=NOON + DAY)[column]
            assert (early, late) == (2, 1), (name, beside)


def test_filters_hold_for_all_but_what_customers_write(tables: Tables) -> None:
    tables.load([
        *delivered("a", campaign="spring", template="offer"),
        *delivered("b", campaign="summer", template="offer"),
        *delivered("c", campaign="it's \\ \x00 --", template="bill", source="crm"),
        event("inbound", message_id="i", at=NOON, type="text", source="crm", **FROM_CUSTOMER),
    ])  # fmt: skip
    asked: list[tuple[dict[str, list[str]], int, int]] = [
        ({}, 3, 1),
        ({"sources": ["crm"]}, 1, 1),
        ({"sources": ["shop"]}, 2, 0),
        ({"templates": ["offer"]}, 2, 1),
        ({"templates": ["offer"], "campaigns": ["summer"]}, 1, 1),
        ({"campaigns": ["it's \\ \x00 --"]}, 1, 1),
        ({"campaigns": ["spring", "it's \\ \x00 --"]}, 2, 1),
    ]
    for chosen, sent, received in asked:
        assert tables.row(panel("sent"), **chosen)["messages"] == sent, chosen
        assert tables.row(panel("status-reconciliation"), **chosen)["sent"] == sent, chosen
        assert tables.row(panel("received"), **chosen)["received"] == received, chosen


def test_midnight_is_that_of_the_zone(tables: Tables) -> None:
    midnight = ms("2026-11-20T18:15")  # in Kathmandu, 5:45 ahead
    tables.load([*delivered("a", midnight - 1), *delivered("b", midnight), *delivered("c", midnight + DAY - 1)])
    found = line(tables, panel("volumes-over-time"), "messages", zone="Asia/Kathmandu")
    assert {day: n for (day, series), n in found.items() if series == "Delivered"} == {
        "2026-11-19T18:15": 1,
        "2026-11-20T18:15": 2,
    }
    utc_days = line(tables, panel("volumes-over-time"), "messages")
    assert {day: n for (day, series), n in utc_days.items() if series == "Delivered"} == {
        "2026-11-20T00:00": 2,
        "2026-11-21T00:00": 1,
    }
    hours = line(tables, panel("volumes-over-time"), "messages", zone="Asia/Kathmandu", bucket="hour")
    assert [day for day, series in hours if series == "Delivered"] == [
        "2026-11-20T17:15", "2026-11-20T18:15", "2026-11-21T17:15",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "last", "hours"),
    [("2026-10-24T22:00", "2026-10-25T22:59:59.999", 25), ("2026-03-28T23:00", "2026-03-29T21:59:59.999", 23)],
)
def test_the_days_on_which_berlin_moves_its_clocks(tables: Tables, first: str, last: str, hours: int) -> None:
    start, end = ms(first), ms(last)
    inside = [delivered(f"h{number}", start + number * HOUR) for number in range(hours)]
    outside = [*delivered("end", end), *delivered("before", start - 1), *delivered("after", end + 1)]
    tables.load(outside, *inside)
    days = line(tables, panel("volumes-over-time"), "messages", zone="Europe/Berlin")
    assert [n for (_, series), n in days.items() if series == "Delivered"] == [1, hours + 1, 1]
    drawn = line(tables, panel("volumes-over-time"), "messages", zone="Europe/Berlin", bucket="hour")
    by_hour = [n for (_, series), n in drawn.items() if series == "Delivered"]
    assert by_hour == [1, *[1] * (hours - 1), 2, 1]
    months = line(tables, panel("volumes-over-time"), "messages", zone="Europe/Berlin", bucket="month")
    assert [n for (_, series), n in months.items() if series == "Delivered"] == [hours + 3]


def test_a_number_is_provisional_while_a_message_can_still_change(tables: Tables) -> None:
    ages = [
        ("authentication", 2 * QUARTER, 0), ("authentication", 0, 1), ("authentication_international", 2 * QUARTER, 0),
        ("marketing", 2 * QUARTER, 1), ("marketing", 30 * DAY - QUARTER, 1), ("marketing", 30 * DAY + QUARTER, 0),
        (None, 30 * DAY - QUARTER, 1), (None, 30 * DAY + QUARTER, 0),
    ]  # fmt: skip
    this_quarter = tables.now() // QUARTER * QUARTER
    tables.load([
        one for category, age, _ in ages
        for one in delivered(f"{category} {age}", this_quarter - age, category=category, campaign=f"{category} {age}")
    ])  # fmt: skip
    in_table = {row["campaign"]: row["provisional"] for row in tables.rows(panel("campaigns"))}
    for category, age, provisional in ages:
        name = f"{category} {age}"
        assert in_table[name] == provisional, name
        assert tables.row(panel("delivery-rate"), campaigns=[name])["provisional"] == provisional, name
        points = tables.rows(panel("rates-over-time"), campaigns=[name])
        assert {point["provisional"] for point in points} == {provisional}, name
    # Only the range itself can be young, the period before it does not matter.
    after = {"start": this_quarter + QUARTER, "end": this_quarter + 2 * QUARTER}
    assert tables.row(panel("delivery-rate"), **after)["provisional"] == 0


def test_the_newest_two_hundred_campaigns(tables: Tables) -> None:
    tables.load([one for n in range(205) for one in delivered(f"m{n}", NOON + n * QUARTER, campaign=f"c{n:03}")])
    rows = tables.rows(panel("campaigns"))
    assert [row["campaign"] for row in rows] == [f"c{n:03}" for n in range(204, 4, -1)]
