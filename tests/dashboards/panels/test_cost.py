"""Cost: what is billed, at which price, and what is free; by hand, and against plain Python over random events."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import catalogue
from dashboards.panels import cost
from schemas.settings.costs import Rate
from schemas.settings.sections import Costs
from streams.analytics import rate_card
from tests.dashboards.panels import expected_cost
from tests.dashboards.panels.compare import wrong
from tests.dashboards.panels.expected import Question
from tests.dashboards.panels.model import QUARTER, units, utc
from tests.dashboards.panels.random_data import random_search
from tests.dashboards.panels.tables import Row, Tables
from tests.support.events import DAY, event

BRAZIL, GERMANY, LID = "+5511955550001", "+4915550002", "44556677@lid"


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def rate(valid_from: str, category: str, country: str, price: str) -> Rate:
    return Rate.model_validate({"from": valid_from, "category": category, "country": country, "price": price})


CARD = Costs(
    currency="EUR",
    rates=(
        rate("2026-01-01", "marketing", "*", "0.05"),
        rate("2026-11-01", "marketing", "*", "0.06"),
        rate("2026-11-01", "marketing", "BR", "0.0725"),
        rate("2026-10-01", "service", "*", "0.00000001"),
    ),
)


def paid(name: str, at: int, *, to: str = GERMANY, status: str = "delivered", **facts: Any) -> list[dict[str, Any]]:
    """A message that was sent and billed; `facts` go to either event as their fields belong."""
    pricing: dict[str, Any] = {"pricing_category": "marketing", "pricing_type": "regular", "billable": True} | {
        key: facts.pop(key) for key in ("pricing_category", "pricing_type", "billable") if key in facts
    }
    shared: dict[str, Any] = {"message_id": name, "to": to} | {
        key: facts.pop(key) for key in ("source", "account", "is_group", "participant") if key in facts
    }
    sent = {**shared, **facts}
    sent.pop("participant", None)
    return [event("sent", at=at, **sent), event("status", at=at + 1000, status=status, **shared, **pricing)]


def panel_rows(tables: Tables, identifier: str, **values: Any) -> list[Row]:
    return tables.rows(catalogue.panel(identifier), **values)


def test_a_price_changes_at_midnight_of_utc_and_a_country_of_its_own_comes_first(tables: Tables) -> None:
    rate_card.publish(tables.writer, CARD)
    midnight = ms("2026-11-01")
    tables.load(
        paid("before-de", midnight - 1),
        paid("before-br", midnight - 1, to=BRAZIL),
        paid("after-de", midnight),
        paid("after-br", midnight, to=BRAZIL),
        paid("after-unknown", midnight, to=LID),
    )
    # In Berlin all five went out on the first of November; prices are those of UTC's days all the same.
    (total,) = panel_rows(tables, "cost", zone="Europe/Berlin")
    assert total["amount"] == Decimal("0.05") * 2 + Decimal("0.06") * 2 + Decimal("0.0725")
    assert total["currency"] == "EUR"
    assert [
        (row["month"], row["country"], row["billable"], row["lowest_price"], row["highest_price"], row["amount"])
        for row in panel_rows(tables, "bill", zone="Europe/Berlin")
    ] == [
        ("2026-11", "", 1, Decimal("0.06"), Decimal("0.06"), Decimal("0.06")),
        ("2026-11", "BR", 1, Decimal("0.0725"), Decimal("0.0725"), Decimal("0.0725")),
        ("2026-11", "DE", 1, Decimal("0.06"), Decimal("0.06"), Decimal("0.06")),
        ("2026-10", "BR", 1, Decimal("0.05"), Decimal("0.05"), Decimal("0.05")),
        ("2026-10", "DE", 1, Decimal("0.05"), Decimal("0.05"), Decimal("0.05")),
    ]
    assert panel_rows(tables, "cost-over-time", zone="Europe/Berlin") == [
        {"at": utc(ms("2026-10-31T23:00")), "series": "marketing", "cost_sum": Decimal("0.2925")}
    ]


def test_where_the_card_has_no_price_there_are_volumes_and_no_money(tables: Tables) -> None:
    rate_card.publish(tables.writer, CARD)
    tables.load(
        paid("early", ms("2025-12-31T23:59:59")),
        paid("utility", ms("2026-11-05"), pricing_category="utility"),
        paid("known", ms("2026-11-05")),
    )
    (share,) = panel_rows(tables, "unpriced")
    assert share == {"rate": 2 / 3, "unpriced": 2, "billable": 3}
    bill = {(row["month"], row["category"]): row for row in panel_rows(tables, "bill")}
    assert bill["2026-11", "utility"]["amount"] is None
    assert bill["2026-11", "utility"]["unpriced"] == 1
    assert bill["2025-12", "marketing"]["lowest_price"] is None
    assert bill["2026-11", "marketing"]["amount"] == Decimal("0.06")
    assert [row["series"] for row in panel_rows(tables, "billable-over-time")] == ["marketing", "marketing", "utility"]
    assert [row["series"] for row in panel_rows(tables, "cost-over-time")] == ["marketing"]


def test_without_a_card_everything_is_counted_and_nothing_is_red(tables: Tables) -> None:
    tables.load(paid("m", ms("2026-11-05")))
    assert panel_rows(tables, "cost") == [{"amount": None, "amount_before": None, "currency": ""}]
    assert panel_rows(tables, "unpriced") == [{"rate": None, "unpriced": 1, "billable": 1}]
    assert panel_rows(tables, "rate-card") == []


def test_what_was_not_delivered_or_is_called_free_costs_nothing(tables: Tables) -> None:
    rate_card.publish(tables.writer, CARD)
    at = ms("2026-09-05")
    tables.load(
        paid("sent-only", at, status="sent"),
        paid("failed", at, status="failed"),
        paid("free", at, pricing_type="free_customer_service"),
        paid("entry", at, pricing_type="free_entry_point", billable=None),
        paid("reported-not-billable", at, billable=False),
        paid("not-reported", at, pricing_type=None, pricing_category=None, billable=None),
        paid("read", at, status="read"),
        paid("type-alone", at, billable=None),
    )
    assert panel_rows(tables, "billable") == [{"billable": 2, "billable_before": 0}]
    assert panel_rows(tables, "free-share") == [{"rate": 3 / 5, "free": 3, "delivered": 5}]
    assert {(row["category"], row["reason"], row["messages"]) for row in panel_rows(tables, "free-by-type")} == {
        ("marketing", "free_customer_service", 1),
        ("marketing", "free_entry_point", 1),
        ("marketing", "regular", 1),
        ("", "not reported", 1),
    }


def test_a_group_costs_by_member_and_a_repeat_costs_nothing(tables: Tables) -> None:
    rate_card.publish(tables.writer, CARD)
    at = ms("2026-11-05")
    members = [
        event(
            "status", at=at + 1000, message_id="g", participant=f"+49155500{n}", status="delivered", is_group=True,
            to=f"+49155500{n}", pricing_category="marketing", pricing_type="regular", billable=True,
        )
        for n in range(10, 15)
    ]  # fmt: skip
    sent = event("sent", at=at, message_id="g", to="120@g.us", is_group=True)
    tables.load([sent, *members], [*members, sent], members[:2])
    (total,) = panel_rows(tables, "cost")
    assert total["amount"] == 5 * Decimal("0.06")


def service(name: str, at: int, **facts: Any) -> list[dict[str, Any]]:
    return paid(name, at, pricing_category="service", **facts)


def test_the_first_thousand_service_messages_of_a_number_and_month_are_free(tables: Tables) -> None:
    rate_card.publish(tables.writer, CARD)
    first = ms("2026-11-03")
    batch = [found for n in range(1003) for found in service(f"n{n}", first + n * 60_000, account="one")]
    batch += [found for n in range(4) for found in service(f"other{n}", first + n, account="two")]
    batch += service("october", ms("2026-10-31T23:59:59.999"), account="one")
    batch += service("september", ms("2026-09-30T23:59:59.999"), account="one")
    tables.load(batch)
    assert panel_rows(tables, "service-allowance") == [
        {"month": "2026-11", "source": "shop", "account": "one", "used": 1003, "remaining": 0, "beyond": 3},
        {"month": "2026-11", "source": "shop", "account": "two", "used": 4, "remaining": 996, "beyond": 0},
        {"month": "2026-10", "source": "shop", "account": "one", "used": 1, "remaining": 999, "beyond": 0},
    ]
    # The last three of November; and September's, when there was no such rule but a provider that calls it regular.
    assert panel_rows(tables, "billable") == [{"billable": 4, "billable_before": 0}]
    (total,) = panel_rows(tables, "cost")
    assert total["amount"] == Decimal("0.00000003")
    # A range that begins in the middle of the month still knows what went before.
    late = first + 990 * 60_000
    assert panel_rows(tables, "billable", start=late - late % QUARTER, end=first + DAY) == [
        {"billable": 3, "billable_before": 0}
    ]
    assert panel_rows(tables, "free-by-type", start=late - late % QUARTER, end=first + DAY) == [
        {"month": "2026-11", "category": "service", "reason": "first 1,000 of the month", "messages": 10}
    ]


def test_messages_that_the_provider_calls_free_use_up_the_thousand_and_are_never_charged(tables: Tables) -> None:
    first = ms("2026-11-03")
    batch = [
        found
        for n in range(1002)
        for found in service(f"n{n}", first + n * 60_000, pricing_type="regular" if n >= 1000 else "free_tier")
    ]
    batch += service("free at the end", first + 1002 * 60_000, pricing_type="free_tier")
    tables.load(batch)
    assert panel_rows(tables, "billable") == [{"billable": 2, "billable_before": 0}]


def test_the_newest_card_holds_as_a_whole_and_an_empty_one_too(tables: Tables) -> None:
    assert rate_card.publish(tables.writer, CARD)
    assert not rate_card.publish(tables.writer, CARD)
    found = panel_rows(tables, "rate-card")
    assert [(row["category"], row["country"], row["begins"], row["price"]) for row in found] == [
        ("marketing", "*", "2026-11-01", Decimal("0.06")),
        ("marketing", "*", "2026-01-01", Decimal("0.05")),
        ("marketing", "BR", "2026-11-01", Decimal("0.0725")),
        ("service", "*", "2026-10-01", Decimal("0.00000001")),
    ]
    smaller = Costs(rates=(rate("2026-12-01", "utility", "DE", "1.5"),))
    assert rate_card.publish(tables.writer, smaller)
    assert [(row["category"], row["currency"]) for row in panel_rows(tables, "rate-card")] == [("utility", "USD")]
    assert rate_card.publish(tables.writer, Costs())
    assert panel_rows(tables, "rate-card") == []
    assert not rate_card.publish(tables.writer, Costs())
    assert rate_card.publish(tables.writer, smaller)


def test_in_force_is_the_newest_version_that_has_begun(tables: Tables) -> None:
    today = utc(tables.now()).date()
    days = [date(2020, 1, 1), today, date(2099, 1, 1)]
    rates = tuple(rate(str(day), "utility", "*", f"0.{place}") for place, day in enumerate(days, 1))
    rate_card.publish(tables.writer, Costs(rates=rates))
    assert [row["in_force"] for row in panel_rows(tables, "rate-card")] == [0, 1, 0]


# --- against plain Python ---

MOMENTS = [
    ms("2026-09-30T23:59:59.999"), ms("2026-10-01"), ms("2026-10-25T00:30"), ms("2026-10-25T01:30"),
    ms("2026-10-31T18:15"), ms("2026-10-31T23:59:59.999"), ms("2026-11-01"), ms("2026-11-05T12:00"),
]  # fmt: skip
_prices = st.sampled_from(["0", "0.00000001", "0.0625", "0.1", "123456.789"])
_cards = st.builds(
    lambda found: Costs(
        rates=tuple(
            rate(valid_from, category, country, price) for (valid_from, category, country), price in found.items()
        )
    ),
    st.dictionaries(
        st.tuples(
            st.sampled_from(["2026-01-01", "2026-10-01", "2026-10-25", "2026-11-01"]),
            st.sampled_from(["marketing", "service", "utility"]),
            st.sampled_from(["*", "*", "BR", "DE"]),
        ),
        _prices,
        max_size=6,
    ),
)


@st.composite
def _events(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["sent", "status", "status"]))
    shared: dict[str, Any] = {
        "message_id": draw(st.sampled_from([f"m{n}" for n in range(8)])),
        "source": draw(st.sampled_from(["shop", "shop", "crm"])),
        "account": draw(st.sampled_from(["one", "one", "two", None])),
        "at": draw(st.sampled_from(MOMENTS)),
        "to": draw(st.sampled_from([BRAZIL, GERMANY, LID, None])),
        "participant": draw(st.sampled_from([None, None, None, "+4915550009"])),
    }
    if kind == "sent":
        campaign, template = draw(st.sampled_from([(None, None), ("spring", "offer"), ("spring", "news")]))
        return event("sent", **shared, campaign=campaign, template=template)
    return event(
        "status",
        **shared,
        status=draw(st.sampled_from(["sent", "delivered", "delivered", "read", "failed"])),
        pricing_category=draw(st.sampled_from([None, "marketing", "service", "utility"])),
        pricing_type=draw(st.sampled_from([None, "regular", "regular", "free_customer_service"])),
        billable=draw(st.sampled_from([None, True, False])),
    )


@st.composite
def _questions(draw: st.DrawFn) -> dict[str, Any]:
    edges = [moment - moment % QUARTER for moment in MOMENTS]
    some = st.lists(st.sampled_from(edges), min_size=2, max_size=2, unique=True)
    start, end = draw(st.one_of(st.just((ms("2009-01-01"), ms("2100-01-01"))), some))
    return {
        "start": min(start, end),
        "end": max(start, end),
        "zone": draw(st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"])),
        "bucket": draw(st.sampled_from(["hour", "day", "month"])),
        "sources": draw(st.sampled_from([[], [], ["shop"], ["nobody"]])),
        "templates": draw(st.sampled_from([[], [], ["offer"], [""]])),
        "campaigns": draw(st.sampled_from([[], [], ["spring"]])),
    }


def test_the_model_knows_every_panel() -> None:
    known = expected_cost.expected((), "USD").keys()
    assert known | {"rate-card"} == {panel.id for panel in cost.DASHBOARD.panels}


@random_search(4)
@given(events=st.lists(_events(), max_size=40), card=_cards, asked=st.lists(_questions(), min_size=2, max_size=2))
def test_panels_answer_what_plain_python_counts(
    tables: Tables, events: list[dict[str, Any]], card: Costs, asked: list[dict[str, Any]]
) -> None:
    tables.clear()
    rate_card.publish(tables.writer, card)
    tables.load(events, events[: len(events) // 3])
    truth = units(events)
    answers = expected_cost.expected(card.rates, card.currency)
    for chosen in asked:
        assert not wrong(tables, truth, answers, chosen)


@pytest.mark.parametrize("identifier", sorted(expected_cost.expected((), "USD")))
def test_nothing_is_an_answer_too(empty_tables: Tables, identifier: str) -> None:
    question = Question(start=0, end=ms("2100-01-01"), now=empty_tables.now())
    answer = expected_cost.expected((), "USD")[identifier]([], question)
    assert panel_rows(empty_tables, identifier, start=0, end=question.end) == answer
