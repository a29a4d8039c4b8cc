"""The truth of a run while it is posted: a message is written out once all requests about it are answered.

Memory contains the open messages and the sums, however long the run is.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass, field, replace
from itertools import chain
from typing import TypeVar

from deploy.simulator.facts import MINUTE, Fact, Request
from deploy.simulator.truth import EDGE, Counts, Group, Unit, counts_of, day, group_of, units_of
from deploy.simulator.truth_file import DeadLetters, Deliveries, End, Events, Expected, Line, Rates

_CLOCKS_MS = 5 * MINUTE  # how much the clocks of the edge and of this process may differ

MessageKey = tuple[str, ...]
K = TypeVar("K", str, tuple[str, str])


@dataclass(slots=True)
class _Message:
    """`expected`: arrivals still to come; `maybe`: the facts of each request that was never answered 200."""

    expected: int = 0
    stored: list[Fact] = field(default_factory=list)
    maybe: list[list[Fact]] = field(default_factory=list)


class RunningTruth:
    """Collects the outcome of every request and writes the lines of a truth file except the first."""

    def __init__(self, write: Callable[[Line], None]) -> None:
        self._write = write
        self._open: dict[MessageKey, _Message] = defaultdict(_Message)
        self._rates: dict[Group, tuple[Counts, Counts]] = {}
        self._events: Counter[tuple[str, str]] = Counter()
        self._maybe_events: Counter[tuple[str, str]] = Counter()
        self._deliveries: Counter[str] = Counter()
        self._maybe_deliveries: Counter[str] = Counter()
        self._dead: Counter[tuple[str, str]] = Counter()
        self._maybe_dead: Counter[tuple[str, str]] = Counter()
        self.units = 0

    @property
    def open_messages(self) -> int:
        """Messages about which a request is not answered yet."""
        return len(self._open)

    def expect(self, facts: Iterable[Fact]) -> None:
        """Announces one arrival of each fact. A message is closed when as many have arrived as are announced so far."""
        for fact in facts:
            self._open[_key(fact)].expected += 1

    def cancel(self, facts: Iterable[Fact]) -> None:
        """Takes one announced arrival of each fact back."""
        for fact in facts:
            self._arrived(_key(fact))

    def stored(self, request: Request, lost_answers: int = 0) -> None:
        """The request was answered 200, after `lost_answers` attempts that may be stored as well."""
        source = request.source
        self._deliveries[source] += len(request.facts)
        self._maybe_deliveries[source] += len(request.facts) * lost_answers
        for reason in request.dead_letters:
            self._dead[source, reason] += 1
            self._maybe_dead[source, reason] += lost_answers
        for fact in request.facts:
            self._open[_key(fact)].stored.append(fact)
        self.cancel(request.facts)

    def maybe_stored(self, request: Request, attempts: int) -> None:
        """The request was never answered 200: any number of the `attempts` may be stored, also none."""
        source = request.source
        self._maybe_deliveries[source] += len(request.facts) * attempts
        for reason in request.dead_letters:
            self._maybe_dead[source, reason] += attempts
        together: dict[MessageKey, list[Fact]] = defaultdict(list)
        for fact in request.facts:
            together[_key(fact)].append(fact)
        for key, facts in together.items():
            if attempts:
                self._open[key].maybe.append(facts)
        self.cancel(request.facts)

    def close(self, began: int | None = None, ended: int | None = None) -> None:
        """Writes the open messages, the sums and the end.

        `began` and `ended` of posting, ms UTC; None: nothing was posted yet. Without them the rates of rows on
        the day of their receipt are left out.
        """
        for key in list(self._open):
            self._finish(self._open.pop(key))
        for group, (least, most) in sorted(self._on_days(began, ended).items()):
            self._write(Rates(group, least, most))
        for (source, of), count in _sums(self._events, self._maybe_events):
            self._write(Events(source, of, count, count + self._maybe_events[source, of]))
        for source, count in _sums(self._deliveries, self._maybe_deliveries):
            self._write(Deliveries(source, count, count + self._maybe_deliveries[source]))
        for (source, reason), count in _sums(self._dead, self._maybe_dead):
            self._write(DeadLetters(source, reason, count, count + self._maybe_dead[source, reason]))
        self._write(End(self.units, began, ended))

    def _arrived(self, key: MessageKey) -> None:
        message = self._open[key]
        message.expected -= 1
        if message.expected <= 0:
            self._finish(self._open.pop(key))

    def _finish(self, message: _Message) -> None:
        sure = {fact.identity: fact for fact in message.stored}
        maybe = {fact.identity: fact for fact in chain(*message.maybe) if fact.identity not in sure}
        self._events.update((fact.source, fact.kind) for fact in sure.values())
        self._maybe_events.update((fact.source, fact.kind) for fact in maybe.values())
        if any(fact.message_id and fact.kind != "system" for fact in chain(message.stored, *message.maybe)):
            for rows in _expected(message.stored, message.maybe):
                self._unit(rows)

    def _unit(self, rows: list[Unit | None]) -> None:
        """`rows`: every row that is correct; None among them: that there is no row is correct."""
        known = [row for row in rows if row is not None]
        self._write(Expected(known[0], sure=len(known) == len(rows), others=tuple(known[1:])))
        self.units += 1
        counts = [_counts(row) for row in rows]
        for group in {group for each in counts for group in each}:
            columns = list(zip(*(astuple(each.get(group, Counts())) for each in counts), strict=True))
            least, most = self._rates.setdefault(group, (Counts(), Counts()))
            least, most = least + Counts(*map(min, columns)), most + Counts(*map(max, columns))
            self._rates[group] = least, most

    def _on_days(self, began: int | None, ended: int | None) -> dict[Group, tuple[Counts, Counts]]:
        """The rates; rows whose day is that of receipt are on each day of the posting."""
        if began is None or ended is None:
            return {group: pair for group, pair in self._rates.items() if group.cohort_day != "edge"}
        days = [day(ms) for ms in range(began - _CLOCKS_MS, ended + _CLOCKS_MS, 12 * 60 * MINUTE)]
        days = sorted({*days, day(ended + _CLOCKS_MS)})
        table = {group: pair for group, pair in self._rates.items() if group.cohort_day != "edge"}
        for group, (least, most) in self._rates.items():
            if group.cohort_day == "edge":
                for each in days:
                    on_day = replace(group, cohort_day=each)
                    before = table.get(on_day, (Counts(), Counts()))
                    table[on_day] = before[0] + (least if len(days) == 1 else Counts()), before[1] + most
        return table


def _key(fact: Fact) -> MessageKey:
    if fact.message_id and fact.kind != "system":
        return fact.source, fact.message_id
    return fact.source, fact.kind, str(fact.serial)


def _sums(sure: Counter[K], maybe: Counter[K]) -> Iterator[tuple[K, int]]:
    return ((key, sure[key]) for key in sorted(sure.keys() | maybe.keys()) if sure[key] or maybe[key])


def _counts(row: Unit | None) -> dict[Group, Counts]:
    if row is None or not row.counted:
        return {}
    return {group_of(row, "edge" if row.cohort_at == EDGE else day(row.cohort_at)): counts_of(row)}


def _expected(stored: list[Fact], maybe: list[list[Fact]]) -> Iterator[list[Unit | None]]:
    """For each unit of a message every row that is correct, first the one that follows from `stored` alone."""
    if not maybe:
        for unit in units_of(stored):
            yield [unit]
        return
    # The row of a parent depends only on whether there are members, so one fact represents them all.
    anybody = next((fact for fact in chain(stored, *maybe) if fact.participant), None)
    for member in sorted({fact.participant for fact in chain(stored, *maybe)}):
        rows: list[Unit | None] = []
        for facts in _possible(stored, maybe, member, anybody):
            row = next((unit for unit in units_of(facts) if unit.participant == member), None)
            if row not in rows:
                rows.append(row)
        yield rows


def _possible(stored: list[Fact], maybe: list[list[Fact]], member: str, anybody: Fact | None) -> list[list[Fact]]:
    """The sets of facts about one unit that may be stored: `stored` with any combination of `maybe`."""
    sure = _about_unit(stored, member, anybody)
    choices: list[list[Fact]] = []
    for group in maybe:
        new = [fact for fact in _about_unit(group, member, anybody) if not _in(fact, sure)]
        if new and not any(all(_in(fact, other) for fact in new) and len(new) == len(other) for other in choices):
            choices.append(new)
    known = [sure]
    for new in choices:
        known += [facts + new for facts in known]
    return known


def _about_unit(facts: list[Fact], member: str, anybody: Fact | None) -> list[Fact]:
    """Those of the facts that one unit's row depends on."""
    own = [fact for fact in facts if fact.participant in ("", member)]
    if not member and anybody is not None and len(own) < len(facts):
        own.append(anybody)
    return own


def _in(fact: Fact, facts: list[Fact]) -> bool:
    return any(fact.identity == other.identity and fact.details == other.details for other in facts)
