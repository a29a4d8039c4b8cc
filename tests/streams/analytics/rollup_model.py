"""The expected rows of the rollups, counted one unit at a time in plain Python.

Units are rows of `cohorts` as a test makes them; nothing here is shared with the SQL. Times are ms.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

QUARTER = 900_000
HOUR = 3_600_000
DAY = 24 * HOUR
# 2026-11-20T00:00:00Z
MIDNIGHT = 1_795_132_800_000
HORIZONS = (HOUR, DAY, 7 * DAY, 30 * DAY)
NUMBER_CODES = ("131026", "131021")


@dataclass(slots=True, frozen=True, kw_only=True)
class Unit:
    """One unit; `*_at` None where nothing is known."""

    source: str = "shop"
    message_id: str
    participant: str = ""
    at: int
    direction: str = "out"
    origin: str = "api"
    counted: bool = True
    is_group: bool = False
    customer: str = "+4915550000001"
    country: str = "DE"
    account: str = "1"
    type: str = "text"
    template: str = ""
    campaign: str = ""
    category: str = ""
    pricing_category: str = ""
    pricing_type: str = ""
    billable: int = -1
    status: str = "sent"
    delivered_at: int | None = None
    read_at: int | None = None
    played_at: int | None = None
    failed_at: int | None = None
    inbound_at: int | None = None
    to_delivered_ms: int | None = None
    to_read_ms: int | None = None
    error_code: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.source, self.message_id, self.participant

    @property
    def slot(self) -> int:
        return self.at // QUARTER * QUARTER

    @property
    def written_at(self) -> int:
        """When the message was written: by the customer's phone, unless that is more than a day away."""
        by_phone = self.inbound_at if self.direction == "in" else None
        return by_phone if by_phone is not None and abs(by_phone - self.at) <= DAY else self.at

    @property
    def delivered(self) -> bool:
        return self.status in ("delivered", "read", "played")

    @property
    def read(self) -> bool:
        return self.status in ("read", "played")

    @property
    def pending(self) -> bool:
        return not self.delivered and self.status != "failed"

    @property
    def is_billable(self) -> bool:
        named = self.billable == 1 or (self.billable == -1 and self.pricing_type != "")
        return self.delivered and named and not self.pricing_type.startswith("free")


Row = tuple[object, ...]


def outbound(units: Iterable[Unit]) -> set[Row]:
    """The rows of `outbound`, in the order of its columns without the slot's type: slots in ms, lists as tuples."""
    groups: dict[Row, list[Unit]] = defaultdict(list)
    for unit in units:
        if unit.counted:
            error = unit.error_code if unit.status == "failed" else ""
            groups[
                unit.source, unit.slot, unit.account, "meta", unit.template, unit.campaign, unit.category, unit.country,
                int(unit.is_group), unit.pricing_category, unit.pricing_type, error,
            ].append(unit)  # fmt: skip
    return {(*words, *_outbound_values(found)) for words, found in groups.items()}


def _outbound_values(found: list[Unit]) -> Row:
    to_delivered = [unit.to_delivered_ms for unit in found if unit.to_delivered_ms is not None]
    to_read = [unit.to_read_ms for unit in found if unit.to_read_ms is not None]
    return (
        len(found),
        sum(unit.delivered for unit in found),
        sum(unit.read for unit in found),
        sum(unit.status == "failed" for unit in found),
        sum(unit.pending for unit in found),
        sum(unit.origin == "none" for unit in found),
        sum(unit.is_billable for unit in found),
        tuple(sorted(ms for ms in to_delivered if ms >= 0)),
        tuple(sorted(ms for ms in to_read if ms >= 0)),
        sum(ms < 0 for ms in to_delivered),
        sum(ms < 0 for ms in to_read),
        tuple(
            sum(unit.delivered and _soon(limit, unit.to_delivered_ms, unit.to_read_ms) for unit in found)
            for limit in HORIZONS
        ),
        tuple(sum(unit.read and _soon(limit, unit.to_read_ms) for unit in found) for limit in HORIZONS),
    )


def _soon(limit: int, *durations: int | None) -> bool:
    """The first of those that are known is within the limit, and not negative."""
    known = [ms for ms in durations if ms is not None]
    return bool(known) and 0 <= min(known) <= limit


def inbound(units: Iterable[Unit]) -> set[Row]:
    """The rows of `inbound`."""
    counts: dict[Row, int] = defaultdict(int)
    for unit in units:
        if unit.direction == "in":
            counts[unit.source, unit.slot, unit.account, unit.country, unit.type, int(unit.is_group)] += 1
    return {(*words, count) for words, count in counts.items()}


def turns(units: Iterable[Unit]) -> set[Row]:
    """The rows of `turns`: each customer's messages are read from the first to the last, as a person would."""
    chats: dict[tuple[str, str], list[Unit]] = defaultdict(list)
    for unit in units:
        asks = unit.direction == "in" and unit.type not in ("reaction", "edit") and unit.origin != "history"
        answers = unit.direction == "out" and unit.status != "failed"
        if not unit.is_group and unit.customer and (asks or answers):
            chats[unit.source, unit.customer].append(unit)
    found: dict[Row, list[int | None]] = defaultdict(list)
    for chat in chats.values():
        chat.sort(key=lambda unit: (unit.written_at, unit.direction == "out", unit.account, unit.country))
        for place, unit in enumerate(chat):
            if unit.direction == "out":
                continue
            before = chat[place - 1] if place else None
            if before is not None and before.direction == "in" and unit.written_at - before.written_at <= DAY:
                continue
            answer = next((later for later in chat[place:] if later.direction == "out"), None)
            waited = answer.at - unit.written_at if answer is not None and answer.at - unit.written_at <= DAY else None
            found[unit.source, unit.written_at // QUARTER * QUARTER, unit.account, unit.country].append(waited)
    rows: set[tuple[object, ...]] = set()
    for words, waits in found.items():
        answered = tuple(sorted(waited for waited in waits if waited is not None))
        rows.add((*words, len(waits), len(answered), answered))
    return rows


def evidence(units: Iterable[Unit], now: int) -> set[Row]:
    """The rows of `number_evidence`; None where a thing never happened."""
    people: dict[tuple[str, str], list[Unit]] = defaultdict(list)
    for unit in units:
        if not unit.is_group and unit.customer:
            people[unit.source, unit.customer].append(unit)
    rows: set[tuple[object, ...]] = set()
    for (source, customer), known in people.items():
        sent = [unit for unit in known if unit.counted]
        ours = [unit for unit in known if unit.direction == "out"]
        delivered = [at for unit in ours for at in (unit.delivered_at, unit.read_at, unit.played_at) if at is not None]
        read = [at for unit in ours for at in (unit.read_at, unit.played_at) if at is not None]
        wrote = [unit.at for unit in known if unit.direction == "in"]
        alive = max(read + wrote, default=0)
        failed = [unit.failed_at for unit in sent if unit.status == "failed" and unit.error_code in NUMBER_CODES]
        failures = [at for at in failed if at is not None and at > alive]
        silences = [unit.at for unit in sent if unit.pending and unit.at + _life(unit) <= now and unit.at > alive]
        if len(failures) + len(silences) >= 2:
            rows.add((
                source, customer, max(unit.country for unit in known), len(sent), len(failures), len(silences),
                min(failures + silences), max(failures + silences), max((unit.at for unit in sent), default=None),
                max(delivered, default=None), max(read, default=None), max(wrote, default=None),
            ))  # fmt: skip
    return rows


def _life(unit: Unit) -> int:
    return 600_000 if unit.category.startswith("authentication") else 30 * DAY
