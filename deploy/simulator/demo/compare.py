"""Compares tables with the truth, number by number."""

from collections import Counter
from dataclasses import astuple, dataclass, fields

from deploy.simulator.facts import Answer
from deploy.simulator.truth import EDGE, TIME_COLUMNS, Counts, Group, Truth, Unit
from streams.reconcile.unit_diff import shown_key
from streams.reconcile.units import UnitKey

Row = dict[str, object]
Value = object  # of a column
TEXT_COLUMNS = ("direction", "origin", "type", "template", "campaign", "category", "status", "error_code")
_CLOCKS_MS = 5 * 60 * 1000  # how much the clocks of the demo and of the edge may differ


@dataclass(slots=True, frozen=True)
class Totals:
    """Contents of the tables for the demo's sources at one moment, of this run and of all others."""

    rates: dict[Group, Counts]
    shown: dict[Group, Counts]  # the same in the tables that dashboards read
    events: Counter[tuple[str, str]]
    deliveries: int
    dead_letters: int


@dataclass(slots=True, frozen=True)
class Difference:
    """One number or text that differs from the truth; without both values `what` is the whole sentence."""

    what: str
    truth: Value = None
    table: Value = None


@dataclass(slots=True, frozen=True)
class Posted:
    """When the first and the last request were posted, ms: the times of receipt are between them."""

    began: int
    ended: int


def added(before: dict[Group, Counts], after: dict[Group, Counts]) -> dict[Group, Counts]:
    """The numbers that one run added to rates; rows without change are left out."""
    change = {group: after.get(group, Counts()) - before.get(group, Counts()) for group in before.keys() | after.keys()}
    return {group: counts for group, counts in change.items() if counts}


def answers(received: list[Answer]) -> list[Difference]:
    """Answers that the contract does not allow, each kind once with its number."""
    problems = Counter(answer.problem for answer in received if answer.problem)
    return [Difference(f"{problem}, {times} times") for problem, times in problems.items()]


def units(truth: dict[UnitKey, Unit], table: dict[UnitKey, Row], posted: Posted) -> list[Difference]:
    """Compares units: missing rows, unexpected rows, and every column."""
    found = []
    for key in sorted(truth.keys() | table.keys()):
        name = shown_key(key)
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


def columns(unit: Unit, row: Row, posted: Posted) -> list[tuple[str, Value, Value]]:
    """(column, truth, table) of each column in which the row differs from the unit."""
    wrong: list[tuple[str, Value, Value]] = []
    for name in TEXT_COLUMNS:
        wanted, got = getattr(unit, name), row[name]
        if wanted != got:
            wrong.append((name, wanted, got))
    if unit.is_group != bool(row["is_group"]):
        wrong.append(("is_group", unit.is_group, bool(row["is_group"])))
    for name in TIME_COLUMNS:
        wanted, got = getattr(unit, name), row[name]
        if wanted == EDGE:
            if not isinstance(got, int) or not posted.began - _CLOCKS_MS <= got <= posted.ended + _CLOCKS_MS:
                wrong.append((name, "the time of receipt", got))
        elif wanted != got:
            wrong.append((name, wanted, got))
    return wrong


def rates(name: str, truth: dict[Group, Counts], table: dict[Group, Counts]) -> list[Difference]:
    """Compares every number of the rates; `name` is that of the table."""
    found = []
    for group in sorted(truth.keys() | table.keys()):
        wanted, got = truth.get(group, Counts()), table.get(group, Counts())
        for column, ours, theirs in zip(fields(Counts), astuple(wanted), astuple(got), strict=True):
            if ours != theirs:
                found.append(Difference(f"{name} {group_text(group)}: {column.name}", ours, theirs))
    return found


def group_text(group: Group) -> str:
    """A group in a readable form."""
    names = " / ".join(name or "-" for name in (group.template, group.campaign, group.category))
    return f"{group.source} {group.cohort_day} {names}{' group' if group.is_group else ''}"


def events(truth: Truth, before: Totals, after: Totals) -> list[Difference]:
    """Compares the numbers of distinct events by source and kind."""
    found = []
    for key in sorted(truth.events.keys() | after.events.keys()):
        got = after.events[key] - before.events[key]
        if truth.events[key] != got:
            found.append(Difference(f"events {' '.join(key)}", truth.events[key], got))
    return found


def deliveries(
    truth: Truth, received: list[Answer], arrivals: Counter[str], distinct: int, dead_letters: Counter[tuple[str, str]]
) -> list[Difference]:
    """Compares what the answered requests caused: arrivals, repetitions, dead letters."""
    found = []
    wrong = [
        answer for answer in received
        if answer.request_id and arrivals[answer.request_id] != len(answer.request.facts)
    ]  # fmt: skip
    for answer in wrong:
        path, got = answer.request.path, arrivals[answer.request_id]
        found.append(Difference(f"{path} request {answer.request_id}: events", len(answer.request.facts), got))
    repeated = arrivals.total() - distinct
    if repeated != truth.repeated:
        found.append(Difference("repeated deliveries", truth.repeated, repeated))
    return found + [
        Difference(f"dead letters {' '.join(key)}", truth.dead_letters[key], dead_letters[key])
        for key in sorted(truth.dead_letters.keys() | dead_letters.keys())
        if truth.dead_letters[key] != dead_letters[key]
    ]
