"""The state of every unit, computed from all events at once in plain Python.

Written from the definitions of the contract: no partial states, no joins, nothing shared with the SQL that it checks.
Times are ms. Panels' answers are counted from `units(events)` by the tests themselves.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Event = dict[str, Any]
QUARTER = 900_000
_LADDER = ("pending", "sent", "failed", "delivered", "read", "played")  # failed: only when nothing above it is known
_ORIGINS = ("api", "echo", "history")
_PLACES = {"+49": "DE", "+55": "BR", "+977": "NP", "+1212": "US"}  # of the invented numbers that tests use


@dataclass(slots=True, frozen=True)
class Stamp:
    """The first time of a status: by the provider's clock, or by ours when the provider gave no time."""

    at: int
    ours: bool


@dataclass(slots=True, frozen=True, kw_only=True)
class Unit:
    """One row of `cohorts`; '' and None for what is not known."""

    source: str
    message_id: str
    participant: str
    provider: str
    account: str
    direction: str
    origin: str
    counted: bool
    is_group: bool
    customer: str
    country: str
    type: str
    template: str
    campaign: str
    category: str
    pricing_category: str
    pricing_type: str
    billable: int
    status: str
    times: dict[str, Stamp]
    cohort_at: int
    inbound_at: int | None
    error_code: str
    error_title: str

    @property
    def delivered(self) -> bool:
        return self.status in ("delivered", "read", "played")

    @property
    def read(self) -> bool:
        return self.status in ("read", "played")

    @property
    def failed(self) -> bool:
        return self.status == "failed"

    @property
    def pending(self) -> bool:
        return self.status in ("", "pending", "sent")

    @property
    def orphan(self) -> bool:
        return self.origin == "none"

    @property
    def slot(self) -> int:
        return self.cohort_at - self.cohort_at % QUARTER

    @property
    def time_to_live(self) -> int:
        return 600_000 if self.category.startswith("authentication") else 30 * 86_400_000

    @property
    def to_delivered(self) -> int | None:
        return self._since_sent([self.times.get("delivered")])

    @property
    def to_read(self) -> int | None:
        return self._since_sent([self.times.get("read"), self.times.get("played")])

    def _since_sent(self, ends: list[Stamp | None]) -> int | None:
        """Both ends by the provider's clock, else None; may be negative."""
        start = self.times.get("sent")
        known = [end.at for end in ends if end and not end.ours]
        return min(known) - start.at if known and start and not start.ours else None

    def within(self, start: int, end: int) -> bool:
        """Whether it belongs to the range: the quarter of an hour of its sending begins in it."""
        return start <= self.slot < end


def units(events: Iterable[Event]) -> list[Unit]:
    """The units of all events, parents of group messages included."""
    by_message: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        if event.get("message_id") and event["kind"] != "system":
            by_message[event["source"], event["message_id"]].append(event)
    return [unit for events in by_message.values() for unit in _of_message(events)]


def counted(events: Iterable[Event], *, groups: bool = False) -> list[Unit]:
    """The units that rates are made of: one-to-one ones, or those of groups."""
    return [unit for unit in units(events) if unit.counted and unit.is_group == groups]


def _of_message(events: list[Event]) -> Iterator[Unit]:
    members = sorted({event["participant"] for event in events if event.get("participant")})
    about_all = [event for event in events if not event.get("participant")]
    if about_all:
        yield _unit(about_all, about_all, "", is_parent=bool(members))
    for member in members:
        yield _unit(
            [event for event in events if event.get("participant") == member], about_all, member, is_parent=False
        )


def _unit(own: list[Event], about_all: list[Event], participant: str, *, is_parent: bool) -> Unit:
    """`own` = events of the unit itself; `about_all` = of the whole message, whose sending every member shares."""
    shared = own if own is about_all else own + about_all
    direction = _direction(shared)
    times = _times(own, shared, direction)
    recipient, sender = _person(own, "to"), _person([e for e in own if e["kind"] == "inbound"], "from")
    customer = {"out": recipient, "in": sender}.get(direction, "")
    priced = _earliest_value(shared, "pricing_type"), _earliest_value(shared, "billable")
    failure = min((_failure(e) for e in own if _status(e) == "failed"), default=(None, "", ""))
    return Unit(
        source=own[0]["source"],
        message_id=own[0]["message_id"],
        participant=participant,
        provider=min(event["provider"] for event in own),
        account=min((event["account"] for event in shared if event.get("account") is not None), default=""),
        direction=direction,
        origin=_origin(shared),
        counted=direction == "out" and not is_parent and not all(event.get("historical") for event in shared),
        is_group=bool(participant) or any(event.get("is_group") for event in own),
        customer=customer,
        country=next((place for prefix, place in _PLACES.items() if customer.startswith(prefix)), ""),
        type=min((e["type"] for e in shared if e.get("type")), key=_fullness_of_type, default=""),
        template=_word(shared, "template"),
        campaign=_word(shared, "campaign"),
        category=_word(shared, "category"),
        pricing_category=_earliest_value(shared, "pricing_category") or "",
        pricing_type=priced[0] or "",
        billable=-1 if priced[1] is None else int(priced[1]),
        status=next((word for word in reversed(_LADDER) if word in times), ""),
        times=times,
        cohort_at=_cohort(times, own),
        inbound_at=first.at if (first := _first([event for event in own if event["kind"] == "inbound"])) else None,
        error_code=failure[1],
        error_title=failure[2],
    )


def _status(event: Event) -> str | None:
    return event.get("status") if event["kind"] == "status" else None


def _by_us(event: Event) -> bool:
    return event["kind"] == "status" and event.get("from_me") is False


def _stamp(event: Event) -> tuple[bool, int]:
    """Sorts provider times before our own, then by time."""
    occurred_at = event.get("occurred_at")
    return occurred_at is None, _ms(event["received_at"] if occurred_at is None else occurred_at)


def _ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def _first(events: list[Event]) -> Stamp | None:
    if not events:
        return None
    ours, at = min(map(_stamp, events))
    return Stamp(at, ours)


def _times(own: list[Event], shared: list[Event], direction: str) -> dict[str, Stamp]:
    """The first time of each status. Our own reading counts for the customer's messages only."""
    by_status = {word: [e for e in own if _status(e) == word] for word in (*_LADDER, "deleted")}
    by_status["sent"] = [event for event in shared if event["kind"] == "sent" or _status(event) == "sent"]
    by_status["deleted"] = [event for event in shared if _status(event) == "deleted"]
    for word in ("read", "played"):
        by_status[word] = [event for event in by_status[word] if direction == "in" or not _by_us(event)]
    return {word: stamp for word, events in by_status.items() if (stamp := _first(events))}


def _direction(events: list[Event]) -> str:
    """A sent record, or else an inbound message, proves it; a deletion proves nothing, both sides can do it."""
    kinds = {event["kind"] for event in events}
    if "sent" in kinds:
        return "out"
    if "inbound" in kinds:
        return "in"
    witnesses = [event for event in events if _status(event) != "deleted"]
    if any(not _by_us(event) for event in witnesses):
        return "out"
    return "in" if witnesses else ""


def _origin(events: list[Event]) -> str:
    origins = {event.get("origin") for event in events if event["kind"] == "sent"}
    if any(event["kind"] == "inbound" and event.get("historical") for event in events):
        origins.add("history")
    return next((word for word in _ORIGINS if word in origins), "none")


def _person(events: list[Event], field: str) -> str:
    """A phone before any other id, then the smaller of two."""
    return min(
        (e[field] for e in events if e.get(field)), key=lambda word: (not word.startswith("+"), word), default=""
    )


def _fullness_of_type(word: str) -> tuple[int, str]:
    return ("unsupported", "unknown").index(word) + 1 if word in ("unsupported", "unknown") else 0, word


def _word(events: list[Event], field: str) -> str:
    """That of the best sent record, or else of the provider; of equals the earliest, then the smaller."""
    known = [(_authority(e), _stamp(e), e[field]) for e in events if e.get(field) is not None]
    return str(min(known)[2]) if known else ""


def _authority(event: Event) -> int:
    return _ORIGINS.index(event.get("origin") or "api") if event["kind"] == "sent" else len(_ORIGINS)


def _earliest_value(events: list[Event], field: str) -> Any:
    known = [(_stamp(event), event[field]) for event in events if event.get(field) is not None]
    return min(known)[1] if known else None


def _failure(event: Event) -> tuple[Any, str, str]:
    return _stamp(event), event.get("error_code") or "", event.get("error_title") or ""


def _cohort(times: dict[str, Stamp], own: list[Event]) -> int:
    """The sending, else the first time of any status, else the first arrival."""
    if "sent" in times:
        return times["sent"].at
    if times:
        return min(stamp.at for stamp in times.values())
    return min(_ms(event["received_at"]) for event in own)


# --- moments and time zones ---


def utc(ms: int) -> datetime:
    """The moment as the tables hold it."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def bucket(ms: int, zone: str, step: str) -> datetime:
    """The start, in UTC, of the zone's hour, day or month in which the moment lies."""
    local = datetime.fromtimestamp(ms / 1000, ZoneInfo(zone))
    if step == "hour":
        return _start_of_hour(ms, zone)
    return first_moment(local.date().replace(day=1) if step == "month" else local.date(), zone)


def _start_of_hour(ms: int, zone: str) -> datetime:
    """Goes back quarter by quarter: no arithmetic on local times, which occur twice or never on some days."""
    at = datetime.fromtimestamp((ms - ms % QUARTER) / 1000, UTC)
    while at.astimezone(ZoneInfo(zone)).minute:
        at -= timedelta(minutes=15)
    return at


def first_moment(day: date, zone: str) -> datetime:
    """The first moment of a day of the zone, in UTC; not every day has a midnight."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    at = noon.replace(minute=noon.minute - noon.minute % 15, second=0, microsecond=0)
    while (at - timedelta(minutes=15)).astimezone(ZoneInfo(zone)).date() == day:
        at -= timedelta(minutes=15)
    return at
