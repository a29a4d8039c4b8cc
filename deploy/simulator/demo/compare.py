"""Table against truth, number by number. Pure."""

from collections import Counter
from dataclasses import astuple, dataclass, fields
from typing import Any

from deploy.simulator.facts import Answer
from deploy.simulator.truth import EDGE, TIMES, Counts, Group, Truth, Unit

Row = dict[str, Any]
Key = tuple[str, str, str]
WORDS = ("direction", "origin", "type", "template", "campaign", "category", "status", "error_code")
_CLOCKS_MS = 5 * 60 * 1000  # how far the clocks of the demo and of the edge may stand apart


@dataclass(slots=True, frozen=True)
class Totals:
    """What the demo's sources hold at one moment, of this run and of all others."""

    rates: dict[Group, Counts]
    shown: dict[Group, Counts]  # the same in the tables that dashboards read
    events: Counter[tuple[str, str]]
    deliveries: int
    dead: int


@dataclass(slots=True, frozen=True)
class Difference:
    """One number or word that is not what it must be; without both values `what` says it all."""

    what: str
    truth: Any = None
    table: Any = None


@dataclass(slots=True, frozen=True)
class Posted:
    """The window in which everything was posted, ms: what the edge received, it received in there."""

    began: int
    ended: int


def grown(before: dict[Group, Counts], after: dict[Group, Counts]) -> dict[Group, Counts]:
    """What one run added to rates; rows without change are left out."""
    change = {group: after.get(group, Counts()) - before.get(group, Counts()) for group in before.keys() | after.keys()}
    return {group: counts for group, counts in change.items() if counts}


def answers(given: list[Answer]) -> list[Difference]:
    """Answers that the contract does not allow, each kind once."""
    problems = Counter(answer.problem for answer in given if answer.problem)
    return [Difference(f"{problem}, {times} times") for problem, times in problems.items()]


def units(truth: dict[Key, Unit], table: dict[Key, Row], posted: Posted) -> list[Difference]:
    """Unit by unit: missing, too many, and every column."""
    found = []
    for key in sorted(truth.keys() | table.keys()):
        name = " ".join(_shown(key))
        if key not in table:
            found.append(Difference(f"{name}: the row is missing"))
        elif key not in truth:
            found.append(Difference(f"{name}: there is a row too many"))
        else:
            found += [
                Difference(f"{name}: {column}", wanted, got)
                for column, wanted, got in columns(truth[key], table[key], posted)
            ]
    return found


def _shown(key: Key) -> tuple[str, ...]:
    """A member of a group may be a phone: only its last digits are shown."""
    source, message_id, participant = key
    return (source, message_id, f"…{participant[-4:]}") if participant else (source, message_id)


def columns(unit: Unit, row: Row, posted: Posted) -> list[tuple[str, Any, Any]]:
    """(column, truth, table) of each column of one row that differs."""
    wrong = []
    for name in WORDS:
        wanted, got = getattr(unit, name), row[name]
        if wanted != got:
            wrong.append((name, wanted, got))
    if unit.is_group != bool(row["is_group"]):
        wrong.append(("is_group", unit.is_group, bool(row["is_group"])))
    for name in TIMES:
        wanted, got = getattr(unit, name), row[name]
        if wanted == EDGE:
            if got is None or not posted.began - _CLOCKS_MS <= got <= posted.ended + _CLOCKS_MS:
                wrong.append((name, "the time of arrival", got))
        elif wanted != got:
            wrong.append((name, wanted, got))
    return wrong


def rates(name: str, truth: dict[Group, Counts], table: dict[Group, Counts]) -> list[Difference]:
    """Row by row of the view `name`, every number."""
    found = []
    for group in sorted(truth.keys() | table.keys()):
        wanted, got = truth.get(group, Counts()), table.get(group, Counts())
        for column, ours, theirs in zip(fields(Counts), astuple(wanted), astuple(got), strict=True):
            if ours != theirs:
                found.append(Difference(f"{name} {group_words(group)}: {column.name}", ours, theirs))
    return found


def group_words(group: Group) -> str:
    """A group for people."""
    words = " / ".join(word or "-" for word in (group.template, group.campaign, group.category))
    return f"{group.source} {group.cohort_day} {words}{' group' if group.is_group else ''}"


def events(truth: Truth, before: Totals, after: Totals) -> list[Difference]:
    """Distinct events by source and kind."""
    found = []
    for key in sorted(truth.events.keys() | after.events.keys()):
        got = after.events[key] - before.events[key]
        if truth.events[key] != got:
            found.append(Difference(f"events {' '.join(key)}", truth.events[key], got))
    return found


def deliveries(
    truth: Truth, given: list[Answer], arrivals: Counter[str], distinct: int, dead: Counter[tuple[str, str]]
) -> list[Difference]:
    """What every answered request left behind: arrivals, repetitions, dead letters."""
    found = []
    wrong = [
        answer for answer in given
        if answer.request_id and arrivals[answer.request_id] != len(answer.request.facts)
    ]  # fmt: skip
    for answer in wrong:
        path, got = answer.request.path, arrivals[answer.request_id]
        found.append(Difference(f"{path} request {answer.request_id}: events", len(answer.request.facts), got))
    repeated = arrivals.total() - distinct
    if repeated != truth.repeated:
        found.append(Difference("repeated deliveries", truth.repeated, repeated))
    return found + [
        Difference(f"dead letters {' '.join(key)}", truth.dead[key], dead[key])
        for key in sorted(truth.dead.keys() | dead.keys())
        if truth.dead[key] != dead[key]
    ]
