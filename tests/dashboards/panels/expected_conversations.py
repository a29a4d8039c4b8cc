"""What the panels of Conversations must answer, from single messages in plain Python."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.dashboards.panels.expected import Answer, Question, Row, share
from tests.dashboards.panels.model import QUARTER, Unit, bucket, utc

_HOUR = 3_600_000
_DAY = 24 * _HOUR
_TARGET = 300_000


@dataclass(slots=True, frozen=True)
class Turn:
    """What a customer began, and after how many ms it was answered, if it was."""

    source: str
    account: str
    country: str
    at: int
    response: int | None

    @property
    def slot(self) -> int:
        return self.at - self.at % QUARTER

    @property
    def in_target(self) -> bool:
        return self.response is not None and self.response <= _TARGET


def _asks(unit: Unit) -> bool:
    return unit.direction == "in" and unit.type not in ("reaction", "edit") and unit.origin != "history"


def _answers(unit: Unit) -> bool:
    return unit.direction == "out" and not unit.failed


def _written_at(unit: Unit) -> int:
    """By the clock of the customer's phone, unless that differs from ours by more than a day."""
    late = unit.inbound_at is None or unit.direction == "out" or abs(unit.inbound_at - unit.cohort_at) > _DAY
    return unit.cohort_at if late or unit.inbound_at is None else unit.inbound_at


def _wrote(unit: Unit) -> int:
    return unit.cohort_at if unit.inbound_at is None else unit.inbound_at


def _chats(units: Iterable[Unit]) -> dict[tuple[str, str], list[Unit]]:
    """Direct chats, their messages in order; of one millisecond the customer's first."""
    chats: dict[tuple[str, str], list[Unit]] = {}
    for unit in sorted(units, key=lambda u: (_written_at(u), u.direction == "out", u.account, u.country)):
        if not unit.is_group and unit.customer and (_asks(unit) or _answers(unit)):
            chats.setdefault((unit.source, unit.customer), []).append(unit)
    return chats


def turns(units: Iterable[Unit]) -> Iterator[Turn]:
    """Every turn of every conversation."""
    for chat in _chats(units).values():
        for place, unit in enumerate(chat):
            before = chat[place - 1] if place else None
            goes_on = before is not None and _asks(before) and _written_at(unit) - _written_at(before) <= _DAY
            if _asks(unit) and not goes_on:
                answers = (_written_at(later) - _written_at(unit) for later in chat[place:] if _answers(later))
                response = next(answers, None)
                kept = response if response is not None and response <= _DAY else None
                yield Turn(unit.source, unit.account, unit.country, _written_at(unit), kept)


def _of(units: Iterable[Unit], q: Question, *, before: bool = False) -> list[Turn]:
    start, end = (max(2 * q.start - q.end, 0), q.start) if before else (q.start, q.end)
    return [t for t in turns(units) if start <= t.slot < end and (not q.sources or t.source in q.sources)]


def percentile(found: Iterable[Turn], level: float) -> int | None:
    """Of those that were answered; the median is the lower of two middles, as quantileExactLow defines it."""
    known = sorted(turn.response for turn in found if turn.response is not None)
    if not known:
        return None
    return known[(len(known) - 1) // 2 if level == 0.5 else min(int(level * len(known)), len(known) - 1)]


def _response(level: float) -> Answer:
    return lambda units, q: [
        {"response": percentile(_of(units, q), level), "response_before": percentile(_of(units, q, before=True), level)}
    ]


def _is_open(found: Iterable[Turn], ms: int, now: int) -> int:
    return int(any((turn.slot + QUARTER + ms) // 1000 > now // 1000 for turn in found))


def _share(name: str, wanted: Callable[[Turn], bool], ms: int) -> Answer:
    def rows(units: list[Unit], q: Question) -> list[Row]:
        now, earlier = _of(units, q), _of(units, q, before=True)
        part = sum(map(wanted, now))
        return [
            {
                "rate": share(part, len(now)),
                name: part,
                "conversations": len(now),
                "rate_before": share(sum(map(wanted, earlier)), len(earlier)),
                "provisional": _is_open(now, ms, q.now),
            }
        ]

    return rows


def _groups(found: Iterable[Turn], key: Callable[[Turn], Any]) -> list[tuple[Any, list[Turn]]]:
    groups: dict[Any, list[Turn]] = {}
    for turn in found:
        groups.setdefault(key(turn), []).append(turn)
    return sorted(groups.items())


def _buckets(units: list[Unit], q: Question) -> list[tuple[datetime, list[Turn]]]:
    return _groups(_of(units, q), lambda turn: bucket(turn.slot, q.zone, q.bucket))


def _response_over_time(units: list[Unit], q: Question) -> list[Row]:
    return [
        {"at": at, "series": word, "response": percentile(found, level)}
        for at, found in _buckets(units, q)
        for word, level in (("90th percentile", 0.9), ("Median", 0.5))
        if any(turn.response is not None for turn in found)
    ]


def _in_target(found: list[Turn]) -> Row:
    part = sum(turn.in_target for turn in found)
    return {"rate": share(part, len(found)), "in_target": part, "conversations": len(found)}


def _target_over_time(units: list[Unit], q: Question) -> list[Row]:
    return [
        {"at": at, **_in_target(found), "provisional": _is_open(found, _TARGET, q.now)}
        for at, found in _buckets(units, q)
    ]


def _volume(units: list[Unit], q: Question) -> list[Row]:
    return [
        {"at": at, "series": word, "conversations": sum((turn.response is not None) == wanted for turn in found)}
        for at, found in _buckets(units, q)
        for word, wanted in (("Answered", True), ("Not answered", False))
    ]


def _heatmap(units: list[Unit], q: Question) -> list[Row]:
    def place(turn: Turn) -> tuple[int, int]:
        local = datetime.fromtimestamp(turn.slot / 1000, ZoneInfo(q.zone))
        return local.isoweekday(), local.hour

    found = _groups(_of(units, q), place)
    return [{"hour": hour, "weekday": weekday, **_in_target(alike)} for (weekday, hour), alike in found]


def _by_source(units: list[Unit], q: Question) -> list[Row]:
    rows = []
    for (source, account), found in _groups(_of(units, q), lambda turn: (turn.source, turn.account)):
        answered, in_target = sum(t.response is not None for t in found), sum(t.in_target for t in found)
        rows.append({
            "source": source, "account": account, "conversations": len(found),
            "answered": answered, "answered_rate": share(answered, len(found)),
            "in_target": in_target, "target_rate": share(in_target, len(found)),
            "median": percentile(found, 0.5), "p90": percentile(found, 0.9),
        })  # fmt: skip
    return sorted(rows, key=lambda row: -row["conversations"])


# --- the present moment ---


@dataclass(slots=True, frozen=True)
class Chat:
    """A chat in which a customer wrote; `waiting` = times that no answer follows."""

    source: str
    customer: str
    account: str
    country: str
    waiting: list[int]
    closes_at: int


def _present(units: Iterable[Unit], q: Question) -> Iterator[Chat]:
    for (source, customer), chat in _chats(u for u in units if u.cohort_at >= q.now - 7 * _DAY).items():
        chat = [unit for unit in chat if unit.origin != "history"]
        asked = sorted(_wrote(unit) for unit in chat if _asks(unit))
        answered = max((unit.cohort_at for unit in chat if _answers(unit)), default=0)
        if asked and (not q.sources or source in q.sources):
            country = max(unit.country for unit in chat)
            waiting = [at for at in asked if at > answered]
            yield Chat(source, customer, max(chat, key=_wrote).account, country, waiting, asked[-1] + _DAY)


def _row(chat: Chat, q: Question) -> Row:
    masked = "…" if len(chat.customer) < 9 else f"{chat.customer[:3]}…{chat.customer[-3:]}"
    return {
        "number": masked if q.mask else chat.customer,
        "messages": len(chat.waiting),
        "waiting_since": utc(chat.waiting[0]) if chat.waiting else None,
        "window_ends_at": utc(chat.closes_at),
        "source": chat.source,
        "account": chat.account,
        "country": chat.country,
    }


def _soon(chat: Chat, q: Question) -> bool:
    return q.now < chat.closes_at <= q.now + 4 * _HOUR


def _unanswered(units: list[Unit], q: Question) -> list[Row]:
    found = [chat for chat in _present(units, q) if chat.waiting]
    found.sort(key=lambda chat: (chat.closes_at <= q.now, chat.waiting[0], chat.source, chat.customer))
    return [_row(chat, q) for chat in found]


def _expiring(units: list[Unit], q: Question) -> list[Row]:
    found = [chat for chat in _present(units, q) if _soon(chat, q)]
    found.sort(key=lambda chat: (not chat.waiting, chat.closes_at, chat.source, chat.customer))
    return [_row(chat, q) for chat in found]


def _unanswered_count(units: list[Unit], q: Question) -> list[Row]:
    return [{"waiting_chats": sum(bool(c.waiting) and c.closes_at > q.now for c in _present(units, q))}]


def _expiring_count(units: list[Unit], q: Question) -> list[Row]:
    return [{"expiring_chats": sum(bool(chat.waiting) and _soon(chat, q) for chat in _present(units, q))}]


EXPECTED: dict[str, Answer] = {
    "first-response": _response(0.5),
    "first-response-p90": _response(0.9),
    "within-target": _share("in_target", lambda turn: turn.in_target, _TARGET),
    "answered": _share("answered", lambda turn: turn.response is not None, _DAY),
    "response-over-time": _response_over_time,
    "target-over-time": _target_over_time,
    "conversations-over-time": _volume,
    "target-heatmap": _heatmap,
    "conversations-by-source": _by_source,
}
# Without the column `waited`, which runs on while the answer is made.
PRESENT: dict[str, Answer] = {
    "unanswered-count": _unanswered_count,
    "expiring-count": _expiring_count,
    "unanswered": _unanswered,
    "expiring": _expiring,
}
