"""The truth of a run that is still being posted: messages are written out as soon as all of them is answered. Pure.

Memory holds the messages that are under way and the sums, however long the run is.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass, field, replace
from itertools import chain
from typing import Any

from deploy.simulator.facts import MINUTE, Fact, Request
from deploy.simulator.truth import EDGE, Counts, Group, Unit, counts_of, day, group_of, units_of
from deploy.simulator.truth_file import Dead, Deliveries, End, Events, Expected, Line, Rates

_CLOCKS_MS = 5 * MINUTE  # how far the clocks of the edge and of this process may stand apart


@dataclass(slots=True)
class _Message:
    """`left` = arrivals that are still to come; `maybe` = what each request told that was never answered 200."""

    left: int = 0
    told: list[Fact] = field(default_factory=list)
    maybe: list[list[Fact]] = field(default_factory=list)


class Book:
    """Hears of every request what became of it, and writes the lines of a truth file except its first."""

    def __init__(self, write: Callable[[Line], None]) -> None:
        self._write = write
        self._open: dict[tuple[str, ...], _Message] = defaultdict(_Message)
        self._rates: dict[Group, tuple[Counts, Counts]] = {}
        self._events: Counter[tuple[str, str]] = Counter()
        self._more_events: Counter[tuple[str, str]] = Counter()
        self._deliveries: Counter[str] = Counter()
        self._more_deliveries: Counter[str] = Counter()
        self._dead: Counter[tuple[str, str]] = Counter()
        self._more_dead: Counter[tuple[str, str]] = Counter()
        self.units = 0

    @property
    def under_way(self) -> int:
        """Messages of which something is still to come."""
        return len(self._open)

    def expect(self, facts: Iterable[Fact]) -> None:
        """Each of these will arrive once more: to be said before anything is said of the last arrival known so far."""
        for fact in facts:
            self._open[_key(fact)].left += 1

    def never(self, facts: Iterable[Fact]) -> None:
        """These were expected and will not be posted."""
        for fact in facts:
            self._one_less(_key(fact))

    def stored(self, request: Request, unsure: int = 0) -> None:
        """Answered 200, after `unsure` attempts with an answer that was lost: each of them may be stored too."""
        source = request.source
        self._deliveries[source] += len(request.facts)
        self._more_deliveries[source] += len(request.facts) * unsure
        for reason in request.dead:
            self._dead[source, reason] += 1
            self._more_dead[source, reason] += unsure
        for fact in request.facts:
            self._open[_key(fact)].told.append(fact)
        self.never(request.facts)

    def unsure(self, request: Request, attempts: int) -> None:
        """Never answered 200: every one of the attempts may be stored, and none may be."""
        source = request.source
        self._more_deliveries[source] += len(request.facts) * attempts
        for reason in request.dead:
            self._more_dead[source, reason] += attempts
        together: dict[tuple[str, ...], list[Fact]] = defaultdict(list)
        for fact in request.facts:
            together[_key(fact)].append(fact)
        for key, facts in together.items():
            if attempts:
                self._open[key].maybe.append(facts)
        self.never(request.facts)

    def close(self, began: int | None = None, ended: int | None = None) -> None:
        """Writes what is left, the sums and the end. Posted was within these, ms UTC; without them it is still to be.

        What the tables say of the day of its receipt is only known with them.
        """
        for key in list(self._open):
            self._finish(self._open.pop(key))
        for group, (least, most) in sorted(self._on_days(began, ended).items()):
            self._write(Rates(group, least, most))
        for (source, of), count in _sums(self._events, self._more_events):
            self._write(Events(source, of, count, count + self._more_events[source, of]))
        for source, count in _sums(self._deliveries, self._more_deliveries):
            self._write(Deliveries(source, count, count + self._more_deliveries[source]))
        for (source, reason), count in _sums(self._dead, self._more_dead):
            self._write(Dead(source, reason, count, count + self._more_dead[source, reason]))
        self._write(End(self.units, began, ended))

    def _one_less(self, key: tuple[str, ...]) -> None:
        message = self._open[key]
        message.left -= 1
        if message.left <= 0:
            self._finish(self._open.pop(key))

    def _finish(self, message: _Message) -> None:
        sure = {fact.identity: fact for fact in message.told}
        maybe = {fact.identity: fact for fact in chain(*message.maybe) if fact.identity not in sure}
        self._events.update((fact.source, fact.kind) for fact in sure.values())
        self._more_events.update((fact.source, fact.kind) for fact in maybe.values())
        if any(fact.message_id and fact.kind != "system" for fact in chain(message.told, *message.maybe)):
            for rows in _expected(message.told, message.maybe):
                self._unit(rows)

    def _unit(self, rows: list[Unit | None]) -> None:
        """`rows` = every row that is right; None among them: no row is."""
        known = [row for row in rows if row is not None]
        self._write(Expected(known[0], sure=len(known) == len(rows), others=tuple(known[1:])))
        self.units += 1
        shares = [_share(row) for row in rows]
        for group in {group for share in shares for group in share}:
            columns = list(zip(*(astuple(share.get(group, Counts())) for share in shares), strict=True))
            least, most = self._rates.setdefault(group, (Counts(), Counts()))
            least, most = least + Counts(*map(min, columns)), most + Counts(*map(max, columns))
            self._rates[group] = least, most

    def _on_days(self, began: int | None, ended: int | None) -> dict[Group, tuple[Counts, Counts]]:
        """The rates with the rows of an unknown day on the days on which everything was received."""
        if began is None or ended is None:
            return {group: pair for group, pair in self._rates.items() if group.cohort_day != "edge"}
        days = [day(ms) for ms in range(began - _CLOCKS_MS, ended + _CLOCKS_MS, 12 * 60 * MINUTE)]
        days = sorted({*days, day(ended + _CLOCKS_MS)})
        table = {group: pair for group, pair in self._rates.items() if group.cohort_day != "edge"}
        for group, (least, most) in self._rates.items():
            if group.cohort_day == "edge":
                for each in days:
                    there = replace(group, cohort_day=each)
                    before = table.get(there, (Counts(), Counts()))
                    table[there] = before[0] + (least if len(days) == 1 else Counts()), before[1] + most
        return table


def _key(fact: Fact) -> tuple[str, ...]:
    if fact.message_id and fact.kind != "system":
        return fact.source, fact.message_id
    return fact.source, fact.kind, str(fact.serial)


def _sums(sure: Counter[Any], more: Counter[Any]) -> Iterator[tuple[Any, int]]:
    return ((key, sure[key]) for key in sorted(sure.keys() | more.keys()) if sure[key] or more[key])


def _share(row: Unit | None) -> dict[Group, Counts]:
    if row is None or not row.counted:
        return {}
    return {group_of(row, "edge" if row.cohort_at == EDGE else day(row.cohort_at)): counts_of(row)}


def _expected(told: list[Fact], maybe: list[list[Fact]]) -> Iterator[list[Unit | None]]:
    """For each unit of a message every row that is right, the one of `told` alone first."""
    if not maybe:
        for unit in units_of(told):
            yield [unit]
        return
    # Of the members a parent's row knows only whether there are any, so one fact stands for them all.
    anybody = next((fact for fact in chain(told, *maybe) if fact.participant), None)
    for member in sorted({fact.participant for fact in chain(told, *maybe)}):
        rows: list[Unit | None] = []
        for facts in _possible(told, maybe, member, anybody):
            row = next((unit for unit in units_of(facts) if unit.participant == member), None)
            if row not in rows:
                rows.append(row)
        yield rows


def _possible(told: list[Fact], maybe: list[list[Fact]], member: str, anybody: Fact | None) -> list[list[Fact]]:
    """What may be known that bears on one unit: everything stored, with any of the requests that may be too."""
    sure = _bearing(told, member, anybody)
    choices: list[list[Fact]] = []
    for group in maybe:
        new = [fact for fact in _bearing(group, member, anybody) if not _in(fact, sure)]
        if new and not any(all(_in(fact, other) for fact in new) and len(new) == len(other) for other in choices):
            choices.append(new)
    known = [sure]
    for new in choices:
        known += [facts + new for facts in known]
    return known


def _bearing(facts: list[Fact], member: str, anybody: Fact | None) -> list[Fact]:
    """Those of the facts that one unit's row is made of."""
    own = [fact for fact in facts if fact.participant in ("", member)]
    if not member and anybody is not None and len(own) < len(facts):
        own.append(anybody)
    return own


def _in(fact: Fact, facts: list[Fact]) -> bool:
    return any(fact.identity == other.identity and fact.told == other.told for other in facts)
