"""What the panels of Cost must answer, counted message by message."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from schemas.settings.costs import Rate
from tests.dashboards.panels.expected import Answer, Question, Row, by, share
from tests.dashboards.panels.model import Unit, bucket

_OCTOBER_2026 = 1_790_812_800_000  # 2026-10-01T00:00:00Z
_FREE = 1000


@dataclass(slots=True, frozen=True)
class Charge:
    """Messages that are paid for: they share everything that a price or a panel may depend on."""

    slot: int
    template: str
    campaign: str
    country: str
    category: str
    messages: int

    @property
    def day(self) -> date:
        return datetime.fromtimestamp(self.slot / 1000, UTC).date()

    @property
    def month(self) -> str:
        return _month(self.slot)

    def price(self, rates: Sequence[Rate]) -> Decimal | None:
        valid = [rate for rate in rates if rate.category == self.category and rate.valid_from <= self.day]
        for country in (self.country, "*"):
            versions = {rate.valid_from: rate.price for rate in valid if rate.country == country}
            if versions:
                return versions[max(versions)]
        return None


def _month(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m")


def _pays(unit: Unit) -> bool:
    billable = unit.billable == 1 or (unit.billable == -1 and unit.pricing_type != "")
    return unit.delivered and billable and not unit.pricing_type.startswith("free")


def _has_allowance(unit: Unit) -> bool:
    return unit.pricing_category == "service" and unit.slot >= _OCTOBER_2026


def _place(unit: Unit) -> tuple[int, str, str, str]:
    return unit.slot, unit.country, unit.template, unit.campaign


def charges(units: Iterable[Unit], q: Question, *, before: bool = False) -> list[Charge]:
    """What is paid for in the range, or in the period before it. One message at a time, in the order of sending."""
    units = list(units)
    chosen = q.sent(units, groups=None, before=before)
    found = [_charge(unit, 1) for unit in chosen if _pays(unit) and not _has_allowance(unit)]
    numbers = by((u for u in units if _uses_allowance(u, q)), lambda u: (u.source, u.account, _month(u.slot)))
    for sent in numbers.values():
        used = 0
        for _, alike in sorted(by(sent, _place).items()):
            beyond = max(used + len(alike) - _FREE, 0) - max(used - _FREE, 0)
            used += len(alike)
            paid = min(beyond, sum(map(_pays, alike)))
            if paid and alike[0] in chosen:
                found.append(_charge(alike[0], paid))
    return found


def _uses_allowance(unit: Unit, q: Question) -> bool:
    return (
        unit.counted
        and unit.delivered
        and _has_allowance(unit)
        and unit.slot < q.end
        and (not q.sources or unit.source in q.sources)
    )


def _charge(unit: Unit, messages: int) -> Charge:
    return Charge(unit.slot, unit.template, unit.campaign, unit.country, unit.pricing_category, messages)


def _cost(found: Iterable[Charge], rates: Sequence[Rate]) -> Decimal | None:
    priced = [(price, charge.messages) for charge in found if (price := charge.price(rates)) is not None]
    return sum((price * messages for price, messages in priced), Decimal()) if priced else None


def _count(found: Iterable[Charge]) -> int:
    return sum(charge.messages for charge in found)


def _unpriced(found: Iterable[Charge], rates: Sequence[Rate]) -> int:
    return sum(charge.messages for charge in found if charge.price(rates) is None)


def _groups(found: Iterable[Charge], key: Callable[[Charge], tuple[str, ...]]) -> dict[tuple[str, ...], list[Charge]]:
    groups: dict[tuple[str, ...], list[Charge]] = defaultdict(list)
    for charge in found:
        groups[key(charge)].append(charge)
    return groups


def expected(rates: Sequence[Rate], currency: str) -> dict[str, Answer]:
    """The answers by panel while this card is in force."""

    def money(*amounts: Decimal | None) -> str:
        return "" if all(amount is None for amount in amounts) else currency

    def cost(units: list[Unit], q: Question) -> list[Row]:
        now, before = _cost(charges(units, q), rates), _cost(charges(units, q, before=True), rates)
        return [{"amount": now, "amount_before": before, "currency": money(now, before)}]

    def unpriced(units: list[Unit], q: Question) -> list[Row]:
        found = charges(units, q)
        part, whole = _unpriced(found, rates), _count(found)
        return [{"rate": share(part, whole) if rates else None, "unpriced": part, "billable": whole}]

    def cost_over_time(units: list[Unit], q: Question) -> list[Row]:
        sums: dict[tuple[datetime, str], Decimal] = defaultdict(Decimal)
        for charge in charges(units, q):
            price = charge.price(rates)
            sums[bucket(charge.slot, q.zone, q.bucket), charge.category] += (price or Decimal()) * charge.messages
        return [{"at": at, "series": word, "cost_sum": total} for (at, word), total in sorted(sums.items()) if total]

    def bill(units: list[Unit], q: Question) -> list[Row]:
        rows: list[Row] = []
        for key, found in _groups(charges(units, q), lambda c: (c.month, c.category, c.country)).items():
            prices = [price for charge in found if (price := charge.price(rates)) is not None]
            rows.append({
                "month": key[0], "category": key[1], "country": key[2], "billable": _count(found),
                "lowest_price": min(prices, default=None), "highest_price": max(prices, default=None),
                "amount": (amount := _cost(found, rates)), "currency": money(amount),
                "unpriced": _unpriced(found, rates),
            })  # fmt: skip
        rows.sort(key=lambda row: (-row["billable"], row["category"], row["country"]))
        return sorted(rows, key=lambda row: row["month"], reverse=True)

    def campaigns(units: list[Unit], q: Question) -> list[Row]:
        found = _groups(charges(units, q), lambda c: (c.campaign, c.template, c.category))
        rows: list[Row] = [
            {
                "campaign": key[0], "template": key[1], "category": key[2], "billable": _count(alike),
                "amount": (amount := _cost(alike, rates)), "currency": money(amount),
                "unpriced": _unpriced(alike, rates),
            }
            for key, alike in found.items()
        ]  # fmt: skip
        words = ("campaign", "template", "category")
        return sorted(
            rows,
            key=lambda r: (r["amount"] is None, -(r["amount"] or 0), -r["billable"], *(r[word] for word in words)),
        )

    return {
        "cost": cost,
        "billable": _billable,
        "unpriced": unpriced,
        "free-share": _free_share,
        "cost-over-time": cost_over_time,
        "billable-over-time": _billable_over_time,
        "bill": bill,
        "cost-by-campaign": campaigns,
        "service-allowance": _allowance,
        "free-by-type": _free_by_type,
    }


def _billable(units: list[Unit], q: Question) -> list[Row]:
    return [{"billable": _count(charges(units, q)), "billable_before": _count(charges(units, q, before=True))}]


def _billable_over_time(units: list[Unit], q: Question) -> list[Row]:
    sums: Counter[tuple[datetime, str]] = Counter()
    for charge in charges(units, q):
        sums[bucket(charge.slot, q.zone, q.bucket), charge.category] += charge.messages
    return [{"at": at, "series": word, "messages_sum": total} for (at, word), total in sorted(sums.items())]


def _free_share(units: list[Unit], q: Question) -> list[Row]:
    priced = [u for u in q.sent(units, groups=None) if u.delivered and (u.pricing_type or _pays(u))]
    free = len(priced) - _count(charges(units, q))
    return [{"rate": share(free, len(priced)), "free": free, "delivered": len(priced)}]


def _free_by_type(units: list[Unit], q: Question) -> list[Row]:
    delivered = [unit for unit in q.sent(units, groups=None) if unit.delivered]
    counts = Counter(
        (_month(u.slot), u.pricing_category, u.pricing_type or "not reported") for u in delivered if not _pays(u)
    )
    for unit in filter(_pays, delivered):
        counts[_month(unit.slot), unit.pricing_category, "first 1,000 of the month"] += 1
    for charge in charges(units, q):
        counts[charge.month, charge.category, "first 1,000 of the month"] -= charge.messages
    rows: list[Row] = [
        {"month": month, "category": category, "reason": reason, "messages": count}
        for (month, category, reason), count in counts.items()
        if count
    ]
    rows.sort(key=lambda row: (-row["messages"], row["category"], row["reason"]))
    return sorted(rows, key=lambda row: row["month"], reverse=True)


def _allowance(units: list[Unit], q: Question) -> list[Row]:
    first = _month(q.start)
    used = Counter(
        (_month(u.slot), u.source, u.account) for u in units if _uses_allowance(u, q) and _month(u.slot) >= first
    )
    rows: list[Row] = [
        {
            "month": month, "source": source, "account": account, "used": count,
            "remaining": max(_FREE - count, 0), "beyond": max(count - _FREE, 0),
        }
        for (month, source, account), count in used.items()
    ]  # fmt: skip
    rows.sort(key=lambda row: (row["remaining"], -row["used"], row["source"], row["account"]))
    return sorted(rows, key=lambda row: row["month"], reverse=True)
