"""What the panels of Numbers must answer, from single messages in plain Python."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.error_codes import NUMBER_PROBLEM
from schemas.parsing.times import parse_iso
from tests.dashboards.panels.expected import Answer, Question, Row, by, share
from tests.dashboards.panels.model import Unit, utc

_DAY = 86_400_000
_ORDER = ("high", "medium", "low")


@dataclass(slots=True, frozen=True)
class Number:
    """One number of one source with the evidence that nothing has cleared."""

    source: str
    customer: str
    country: str
    sends: int
    failed_at: list[int]
    silent_at: list[int]
    delivered_at: int | None
    last_sign: int | None

    @property
    def first(self) -> int:
        return min(self.failed_at + self.silent_at)

    @property
    def last(self) -> int:
        return max(self.failed_at + self.silent_at)

    @property
    def evidence(self) -> int:
        return len(self.failed_at) + len(self.silent_at)

    @property
    def confidence(self) -> str:
        failures, silent = len(self.failed_at), len(self.silent_at)
        if self.delivered_at is not None and self.delivered_at > self.last:
            return "low"
        if failures >= 3 and self.last - self.first >= 7 * _DAY:
            return "high"
        return "medium" if failures >= 2 or (failures >= 1 and silent >= 2) or silent >= 5 else "low"


def numbers(units: Iterable[Unit], q: Question) -> list[Number]:
    """Those whose newest evidence lies in the range."""
    direct = [unit for unit in units if not unit.is_group and unit.customer]
    found = (
        _number(source, customer, messages, q.now)
        for (source, customer), messages in by(direct, lambda unit: (unit.source, unit.customer)).items()
        if not q.sources or source in q.sources
    )
    quarter = 900_000
    return [n for n in found if n.evidence >= 2 and q.start <= n.last - n.last % quarter < q.end]


def _number(source: str, customer: str, messages: list[Unit], now: int) -> Number:
    sent = [unit for unit in messages if unit.counted]
    out = [unit for unit in messages if unit.direction == "out"]
    read = [unit.times[word].at for unit in out for word in ("read", "played") if word in unit.times]
    delivered = read + [unit.times["delivered"].at for unit in out if "delivered" in unit.times]
    inbound = [unit.cohort_at for unit in messages if unit.direction == "in"]
    cleared = max([*read, *inbound], default=0)
    failed = [u.times["failed"].at for u in sent if u.failed and u.error_code in NUMBER_PROBLEM]
    silent = [unit.cohort_at for unit in sent if unit.pending and unit.cohort_at + unit.time_to_live <= now]
    return Number(
        source=source,
        customer=customer,
        country=messages[0].country,
        sends=len(sent),
        failed_at=[at for at in failed if at > cleared],
        silent_at=[at for at in silent if at > cleared],
        delivered_at=max(delivered, default=None),
        last_sign=max([*delivered, *inbound], default=None),
    )


def recipients(units: Iterable[Unit], q: Question) -> list[tuple[str, str]]:
    """Source and customer of everybody to whom something was sent on a UTC day that the range touches."""
    first, last = q.start // _DAY, (q.end - 1) // _DAY
    sent = (unit for unit in units if unit.counted and not unit.is_group and unit.customer)
    return sorted({
        (unit.source, unit.customer)
        for unit in sent
        if first <= unit.cohort_at // _DAY <= last and (not q.sources or unit.source in q.sources)
    })  # fmt: skip


def _stat(confidence: str) -> Answer:
    return lambda units, q: [{"numbers": sum(number.confidence == confidence for number in numbers(units, q))}]


def _dead(found: Iterable[Number]) -> list[Number]:
    return [number for number in found if number.confidence != "low"]


def _wasted(units: list[Unit], q: Question) -> list[Row]:
    return [{"numbers": sum(number.evidence for number in _dead(numbers(units, q)))}]


def _share(units: list[Unit], q: Question) -> list[Row]:
    dead, whole = len(_dead(numbers(units, q))), len(recipients(units, q))
    return [{"rate": share(dead, whole), "dead": dead, "recipients": whole}]


def _masked(customer: str, mask: int) -> str:
    return customer if not mask else "…" if len(customer) < 9 else f"{customer[:3]}…{customer[-3:]}"


def _list(units: list[Unit], q: Question) -> list[Row]:
    found = sorted(
        numbers(units, q),
        key=lambda n: (_ORDER.index(n.confidence), -n.evidence, -n.last, n.source, n.customer),
    )
    return [
        {
            "number": _masked(number.customer, q.mask),
            "confidence": number.confidence,
            "undeliverable": len(number.failed_at),
            "silent": len(number.silent_at),
            "sends": number.sends,
            "first_evidence_at": utc(number.first),
            "last_evidence_at": utc(number.last),
            "last_activity_at": None if number.last_sign is None else utc(number.last_sign),
            "source": number.source,
            "country": number.country,
        }
        for number in found
    ]


def _tally(found: list[Number]) -> Row:
    counts = Counter(number.confidence for number in found)
    wasted = sum(number.evidence for number in _dead(found))
    return {**{word: counts[word] for word in _ORDER}, "wasted": wasted}


def _by_source(units: list[Unit], q: Question) -> list[Row]:
    reached = Counter(source for source, _ in recipients(units, q))
    rows = [
        {"source": source, **(tally := _tally(found)), "recipients": reached[source],
         "rate": share(tally["high"] + tally["medium"], reached[source])}
        for source, found in by_key(numbers(units, q), "source").items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (-row["high"] - row["medium"], -row["low"], row["source"]))


def _by_country(units: list[Unit], q: Question) -> list[Row]:
    rows = [{"country": key, **_tally(found)} for key, found in by_key(numbers(units, q), "country").items()]
    return sorted(rows, key=lambda row: (-row["high"] - row["medium"], -row["low"], row["country"]))


def by_key(found: Iterable[Number], name: str) -> dict[str, list[Number]]:
    groups: dict[str, list[Number]] = {}
    for number in found:
        groups.setdefault(getattr(number, name), []).append(number)
    return groups


def opt_outs(events: Iterable[Row], q: Question) -> list[Row]:
    """The panel of opt-outs from single events: everybody whose newest word, by its time, is no opt-in."""
    said: dict[tuple[str, str, str], list[tuple[int, bool]]] = {}
    for event in events:
        out, person, category = _word(event)
        if out is not None and person and (not q.sources or event["source"] in q.sources):
            at = parse_iso(event.get("occurred_at") or event["received_at"]) or 0
            said.setdefault((event["source"], person, category), []).append((at, out))
    rows = []
    for (source, person, category), words in said.items():
        back = max((at for at, out in words if not out), default=0)
        outs = [at for at, out in words if out and at >= back]
        if outs and q.start <= min(outs) < q.end:
            change = max(at for at, _ in words)
            rows.append((-min(outs), source, person, category, change))
    return [
        {
            "number": _masked(person, q.mask), "category": category, "since": utc(-since), "last_change": utc(change),
            "source": source,
        }
        for since, source, person, category, change in sorted(rows)
    ]  # fmt: skip


def _word(event: Row) -> tuple[bool | None, str | None, str]:
    """Whether the event is an opt-out (None = neither), of whom, and of what."""
    if event["kind"] == "status":
        refused = event.get("status") == "failed" and event.get("error_code") == "131050"
        return True if refused else None, event.get("participant") or event.get("to"), "marketing_messages"
    words = {"stop": True, "opted-out": True, "resume": False, "opted-in": False}
    out = words.get(event.get("raw_state", "")) if event["kind"] == "system" else None
    return out, event.get("from"), event.get("reason_code", "")


EXPECTED: dict[str, Answer] = {
    "numbers-high": _stat("high"),
    "numbers-medium": _stat("medium"),
    "numbers-wasted": _wasted,
    "numbers-share": _share,
    "dead-numbers": _list,
    "dead-numbers-by-source": _by_source,
    "dead-numbers-by-country": _by_country,
}
