"""Delivery over data so small that the answers were counted by hand."""

from typing import Any

from dashboards.catalogue import panel
from tests.dashboards.panels.messages import HOUR, MINUTE, SECOND, delivered, failed, message
from tests.dashboards.panels.model import utc
from tests.dashboards.panels.random_data import ms
from tests.dashboards.panels.tables import Tables
from tests.support.events import DAY, NOON, event


def by_key(tables: Tables, name: str, *columns: str, **asked: Any) -> dict[Any, tuple[Any, ...]]:
    """The named columns by the first one."""
    key = panel(name).columns[0].name
    return {row[key]: tuple(row[column] for column in columns) for row in tables.rows(panel(name), **asked)}


def test_nothing_at_all(tables: Tables) -> None:
    for name in (
        "funnel",
        "cohort-days",
        "maturity",
        "durations",
        "durations-over-time",
        "delivery-heatmap",
        "by-source",
    ):
        assert tables.rows(panel(name)) == [], name


def test_the_funnel_holds_each_step_in_the_one_before(tables: Tables) -> None:
    tables.load([*message("a"), *failed("b"), *delivered("c"), *message("d", read=NOON + 1)])
    assert by_key(tables, "funnel", "messages", "sent") == {"Sent": (4, 4), "Delivered": (2, 4), "Read": (1, 4)}


def test_days_of_the_zone_newest_first(tables: Tables) -> None:
    midnight = ms("2026-10-24T22:00")  # of the day on which Berlin's clocks go back
    tables.load([
        *delivered("a", midnight - 1), *delivered("b", midnight), *message("c", midnight + 25 * HOUR - 1),
        *message("d", midnight + 25 * HOUR, read=NOON + 30 * DAY),
    ])  # fmt: skip
    rows = tables.rows(panel("cohort-days"), zone="Europe/Berlin", bucket="month")
    found = [(row["sent_on"], row["sent"], row["delivered"], row["delivery_rate"], row["read"]) for row in rows]
    assert found == [
        (utc(midnight + 25 * HOUR), 1, 1, 1, 1), (utc(midnight), 2, 1, 0.5, 0), (utc(midnight - DAY), 1, 1, 1, 0),
    ]  # fmt: skip


def test_durations_are_exact_and_negative_ones_stand_apart(tables: Tables) -> None:
    messages = [one for n in range(1, 201) for one in message(f"m{n}", delivered=NOON + n * SECOND)]
    tables.load([
        *messages,
        *message("clock wrong", delivered=NOON - 1),
        *message("seen", delivered=NOON, read=NOON + 10 * MINUTE),
        *message("seen at once", read=NOON + 20 * MINUTE),
        *message("no record", None, delivered=NOON),
        event("sent", message_id="no time", received=NOON + 5), *message("no time", None, delivered=NOON + 9),
        *message("under way"), *failed("lost"),
    ])  # fmt: skip
    columns = ("p50", "p95", "p99", "timed", "reached", "negative", "untimed")
    # 201 deliveries of 0, 1, 2 ... 200 s: of these the 101st, the 191st and the 199th.
    assert by_key(tables, "durations", *columns) == {
        "Delivered": (100 * SECOND, 190 * SECOND, 198 * SECOND, 201, 205, 1, 3),
        "Read": (10 * MINUTE, 20 * MINUTE, 20 * MINUTE, 2, 2, 0, 0),
    }
    drawn = by_key(tables, "durations-over-time", "series", "duration")
    assert list(drawn) == [utc(ms("2026-11-20T00:00"))]
    columns = (
        "delivered_timed",
        "delivered_p50",
        "delivered_p95",
        "delivered_p99",
        "read_timed",
        "read_p50",
        "read_p95",
    )
    assert by_key(tables, "times-by-source", *columns) == {
        "shop": (201, 100 * SECOND, 190 * SECOND, 198 * SECOND, 2, 10 * MINUTE, 20 * MINUTE),
    }  # fmt: skip


def test_a_table_of_times_knows_nothing_where_nothing_was_timed(tables: Tables) -> None:
    tables.load([*message("a", None, delivered=NOON), *message("b", campaign="spring", read=NOON + 1)])
    columns = ("delivered_timed", "delivered_p50", "delivered_p95", "delivered_p99", "read_timed", "read_p50")
    assert by_key(tables, "times-by-campaign", *columns) == {
        "": (0, None, None, None, 0, None), "spring": (0, None, None, None, 1, 1),
    }  # fmt: skip


def test_maturity_compares_only_messages_that_are_old_enough(tables: Tables) -> None:
    now = tables.now()
    ages = {"half an hour": 30 * MINUTE, "two hours": 2 * HOUR, "two days": 2 * DAY, "forty days": 40 * DAY}
    messages = []
    for name, age in ages.items():
        messages += message(f"{name} quick", now - age, delivered=now - age + SECOND, read=now - age + MINUTE)
        messages += message(f"{name} never", now - age)
    old = now - 40 * DAY
    tables.load([
        *messages,
        *message("edge", old, delivered=old + HOUR, read=old + DAY),
        *message("past the edge", old, delivered=old + HOUR + 1, read=old + DAY + 1),
        *message("late", old, read=old + 30 * DAY),
        *message("too late", old, read=old + 30 * DAY + 1),
        *message("clock wrong", old, delivered=old - 1),
        *message("no record", None, read=old),
    ])  # fmt: skip
    found = by_key(tables, "maturity", "sent", "delivered", "delivery_rate", "read", "read_rate")
    assert found == {
        "1 hour": (12, 4, 4 / 12, 3, 3 / 4),
        "24 hours": (10, 4, 4 / 10, 3, 3 / 4),
        "7 days": (8, 3, 3 / 8, 3, 1),
        "30 days": (8, 4, 4 / 8, 4, 1),
        "Now": (14, 10, 10 / 14, 9, 9 / 10),
    }


def test_the_heatmap_is_in_the_hours_of_the_zone(tables: Tables) -> None:
    friday, saturday = ms("2026-11-20T18:15"), ms("2026-11-20T18:14:59.999") + 1 + HOUR
    tables.load(
        [*delivered("a", friday - 1), *delivered("b", friday), *message("c", friday), *delivered("d", saturday)]
    )
    cells = {
        (row["weekday"], row["hour"]): (row["delivery_rate"], row["delivered"], row["sent"])
        for row in tables.rows(panel("delivery-heatmap"), zone="Asia/Kathmandu")
    }
    assert cells == {(5, 23): (1, 1, 1), (6, 0): (0.5, 1, 2), (6, 1): (1, 1, 1)}
    volumes = {(row["weekday"], row["hour"]): row["sent"] for row in tables.rows(panel("volume-heatmap"))}
    assert volumes == {(5, 18): 3, (5, 19): 1}


def test_the_hour_that_berlin_lives_twice_is_one_cell(tables: Tables) -> None:
    tables.load([*delivered("first", ms("2026-10-25T00:30")), *message("second", ms("2026-10-25T01:30"))])
    (cell,) = tables.rows(panel("delivery-heatmap"), zone="Europe/Berlin")
    assert cell == {"hour": 2, "weekday": 7, "delivery_rate": 0.5, "delivered": 1, "sent": 2}
    assert len(tables.rows(panel("volumes-over-time"), zone="Europe/Berlin", bucket="hour")) == 2 * 3


def test_tables_show_each_name_and_none(tables: Tables) -> None:
    tables.load([
        *delivered("a", template="offer", campaign="spring", category="marketing"),
        *failed("b", template="offer", campaign="spring", category="marketing"),
        *delivered("c", template="code", category="authentication", to="+97798555003", source="crm"),
        *delivered("d", to="33@lid"),
        *message("e", to="+12125550004"), *message("f", to="+12125550005"), *message("g", to="+12125550005"),
    ])  # fmt: skip
    terms = ("sent", "delivered", "delivery_rate", "read", "read_rate", "failed", "pending")
    assert by_key(tables, "by-source", *terms) == {
        "shop": (6, 2, 2 / 6, 0, 0, 1, 3), "crm": (1, 1, 1, 0, 0, 0, 0),
    }  # fmt: skip
    assert by_key(tables, "by-template", "sent") == {"": (4,), "offer": (2,), "code": (1,)}
    assert list(by_key(tables, "by-template")) == ["", "offer", "code"]
    assert by_key(tables, "by-campaign", "sent", "failed") == {"": (5, 0), "spring": (2, 1)}
    assert by_key(tables, "by-category", "sent") == {"": (4,), "marketing": (2,), "authentication": (1,)}
    assert by_key(tables, "by-country", "sent") == {"US": (3,), "DE": (2,), "": (1,), "NP": (1,)}
    assert by_key(tables, "by-country", "sent", sources=["crm"]) == {"NP": (1,)}
    assert list(by_key(tables, "times-by-country")) == list(by_key(tables, "by-country"))


def test_groups_stand_in_a_table_of_their_own(tables: Tables) -> None:
    tables.load([
        *delivered("direct", campaign="club"),
        event("sent", message_id="g", at=NOON, is_group=True, campaign="club"),
        *(
            event("status", message_id="g", status="delivered", at=NOON + SECOND, participant=f"+491555000{n}")
            for n in range(3)
        ),
    ])  # fmt: skip
    assert by_key(tables, "group-campaigns", "sent", "delivered") == {"club": (3, 3)}
    assert by_key(tables, "by-campaign", "sent", "delivered") == {"club": (1, 1)}
    assert by_key(tables, "durations", "timed") == {"Delivered": (1,)}
