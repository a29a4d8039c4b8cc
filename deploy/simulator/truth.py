"""The truth: every unit's row and every rate that the tables must contain, computed from all facts at once.

Written against the contract alone and as simple as possible: no joins of partial states, no dependence on order, no
code in common with what it checks.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import Literal

from deploy.simulator.facts import Fact

# The body contains no time, so the row contains the time of receipt, which only the edge knows.
EDGE = -1
_RANK = ("pending", "sent", "failed", "delivered", "read", "played")  # `failed` only when nothing above it is known


@dataclass(slots=True, frozen=True)
class Unit:
    """The expected row of one unit. Times: ms, EDGE, or None for absent; texts: '' for absent."""

    source: str
    message_id: str
    participant: str
    direction: str
    origin: str
    type: str
    template: str
    campaign: str
    category: str
    status: str
    sent_at: int | None
    delivered_at: int | None
    read_at: int | None
    played_at: int | None
    failed_at: int | None
    deleted_at: int | None
    error_code: str
    is_group: bool
    cohort_at: int
    counted: bool  # whether the rates include the unit

    @property
    def key(self) -> tuple[str, str, str]:
        """(source, message id, participant): unique among units."""
        return self.source, self.message_id, self.participant


# The columns of a unit that contain a time.
TIME_COLUMNS = ("sent_at", "delivered_at", "read_at", "played_at", "failed_at", "deleted_at", "cohort_at")


@dataclass(slots=True, frozen=True, order=True)
class Group:
    """The key of one row of `delivery_rates`; `cohort_day` is UTC."""

    source: str
    cohort_day: str
    template: str
    campaign: str
    category: str
    is_group: bool


@dataclass(slots=True)
class Counts:
    """The numbers of one row of `delivery_rates`."""

    sent: int = 0
    delivered: int = 0
    read: int = 0
    failed: int = 0
    pending: int = 0
    orphan: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(*(mine - theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    def __bool__(self) -> bool:
        return any(astuple(self))


@dataclass(slots=True)
class Truth:
    """Everything that the tables must contain of one run."""

    units: dict[tuple[str, str, str], Unit]
    rates: dict[Group, Counts]
    events: Counter[tuple[str, str]]  # distinct events by (source, kind)
    deliveries: int  # arrivals of events, repetitions included
    dead_letters: Counter[tuple[str, str]]  # dead letters by (source, reason)

    @property
    def repeated(self) -> int:
        """Deliveries of events that had been delivered before."""
        return self.deliveries - self.events.total()


def truth_of_facts(facts: Iterable[Fact], dead_letters: Iterable[tuple[str, str]]) -> Truth:
    """The truth about everything that was accepted: `facts` with repetitions, `dead_letters` as (source, reason)."""
    by_message: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    identities: dict[object, tuple[str, str]] = {}
    deliveries = 0
    for fact in facts:
        deliveries += 1
        identities[fact.identity] = (fact.source, fact.kind)
        if fact.message_id and fact.kind != "system":
            by_message[fact.source, fact.message_id].append(fact)
    units = [unit for about in by_message.values() for unit in units_of(about)]
    return Truth(
        units={unit.key: unit for unit in units},
        rates=rates(units),
        events=Counter(identities.values()),
        deliveries=deliveries,
        dead_letters=Counter(dead_letters),
    )


def units_of(facts: list[Fact]) -> list[Unit]:
    """The rows of one message; `facts` are all facts about it."""
    members = sorted({fact.participant for fact in facts} - {""})
    about_all = [fact for fact in facts if not fact.participant]
    rows = [_unit(about_all, about_all, "", is_parent=bool(members))] if about_all else []
    return rows + [
        _unit([fact for fact in facts if fact.participant == member], about_all, member, is_parent=False)
        for member in members
    ]


def _unit(own: list[Fact], about_all: list[Fact], participant: str, *, is_parent: bool) -> Unit:
    """`own`: facts of the unit itself; `about_all`: of the whole message; every member inherits its sending."""
    everything = own if own is about_all else own + about_all
    record = [fact for fact in everything if fact.kind == "sent"]
    direction = _direction(everything)
    reads = [fact for fact in own if direction == "in" or not fact.own]
    times = {
        "pending": _earliest(own, "pending"),
        "sent": _first([fact.at for fact in everything if fact.kind == "sent" or fact.status == "sent"]),
        "failed": _earliest(own, "failed"),
        "delivered": _earliest(own, "delivered"),
        "read": _earliest(reads, "read"),
        "played": _earliest(reads, "played"),
    }
    deleted = _earliest(own, "deleted")
    origin = next((name for name in ("api", "echo", "history") if any(fact.origin == name for fact in record)), "none")
    historic = next((fact for fact in about_all if fact.details.get("historical") and fact.kind == "inbound"), None)
    failure = min((fact for fact in own if fact.status == "failed"), key=lambda fact: fact.at or 0, default=None)
    return Unit(
        source=everything[0].source, message_id=everything[0].message_id, participant=participant,
        direction=direction,
        origin="history" if historic and origin == "none" else origin,
        type=_first_text(everything, "type"),
        template=_first_text(record, "template"), campaign=_first_text(record, "campaign"),
        category=_first_text(record, "category"),
        status=next((name for name in reversed(_RANK) if times[name] is not None), ""),
        sent_at=times["sent"], delivered_at=times["delivered"], read_at=times["read"], played_at=times["played"],
        failed_at=times["failed"], deleted_at=deleted,
        error_code=failure.details.get("code", "") if failure else "",
        is_group=bool(participant) or any(fact.details.get("group") or _to_group(fact) for fact in own),
        cohort_at=_cohort(times, deleted),
        counted=direction == "out" and not is_parent and not all(fact.details.get("historical") for fact in everything),
    )  # fmt: skip


def _to_group(fact: Fact) -> bool:
    """Whether a sent record is to a group; only a JID shows it by its form."""
    return str(fact.details.get("to", "")).endswith("@g.us")


def _direction(facts: list[Fact]) -> str:
    """Given by a sent record or an inbound message, else by a status other than a deletion, which both sides can do."""
    if any(fact.kind == "sent" for fact in facts):
        return "out"
    if any(fact.kind == "inbound" for fact in facts):
        return "in"
    statuses = [fact for fact in facts if fact.status != "deleted"]
    if any(not fact.own for fact in statuses):
        return "out"
    return "in" if statuses else ""


def _first(times: list[int | None]) -> int | None:
    known = [time for time in times if time is not None]
    return min(known) if known else EDGE if times else None


def _earliest(facts: list[Fact], status: str) -> int | None:
    return _first([fact.at for fact in facts if fact.status == status])


def _first_text(facts: list[Fact], name: Literal["type", "template", "campaign", "category"]) -> str:
    return next((fact.details[name] for fact in facts if fact.details.get(name)), "")


def _cohort(times: dict[str, int | None], deleted: int | None) -> int:
    if times["sent"] is not None:
        return times["sent"]
    known = [time for time in (*times.values(), deleted) if time is not None and time != EDGE]
    return min(known) if known else EDGE


def day(ms: int) -> str:
    """The UTC day, `2026-11-20`."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")


def rates(units: Iterable[Unit]) -> dict[Group, Counts]:
    """The rows of `delivery_rates` for these units."""
    table: dict[Group, Counts] = defaultdict(Counts)
    for unit in units:
        if unit.counted:
            table[group_of(unit, day(unit.cohort_at))] += counts_of(unit)
    return dict(table)


def group_of(unit: Unit, cohort_day: str) -> Group:
    """The row of `delivery_rates` that counts a unit."""
    return Group(unit.source, cohort_day, unit.template, unit.campaign, unit.category, unit.is_group)


def counts_of(unit: Unit) -> Counts:
    """The numbers that one counted unit adds to its row."""
    return Counts(
        sent=1,
        delivered=unit.status in ("delivered", "read", "played"),
        read=unit.status in ("read", "played"),
        failed=unit.status == "failed",
        pending=unit.status in ("pending", "sent", ""),
        orphan=unit.origin == "none",
    )
