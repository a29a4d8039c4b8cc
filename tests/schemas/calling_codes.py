"""The table of schemas/countries.py, made from the numbering plans that phonenumbers ships.

`python -m tests.schemas.calling_codes` prints it. Regular expressions of national numbers separate the countries that
share a calling code; these become automata, which are walked digit by digit until one country is left.
"""

import re
import textwrap
from collections import Counter
from functools import cache
from re import _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

PREFIX_DIGITS = 8
NATIONAL_DIGITS = 13  # more than any number has
NO_COUNTRY = "001"
TYPES = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip", "pager", "uan",
    "voicemail",
)  # fmt: skip
DIGITS = "0123456789"

States = frozenset[int]
SETTLED: States = frozenset({-1})  # the leading digits have decided


class Automaton:
    """Reads digits by a regular expression of digits, classes, groups, alternatives and bounded repeats."""

    def __init__(self, pattern: str) -> None:
        self._empty: list[list[int]] = []
        self._moves: list[list[tuple[frozenset[str], int]]] = []
        first = self._state()
        self._last = self._read(_parser.parse(pattern), first)
        self.start = self._closed({first})

    def step(self, states: States, digit: str) -> States:
        return self._closed({to for state in states for digits, to in self._moves[state] if digit in digits})

    def accepts(self, states: States) -> bool:
        return self._last in states

    def _state(self) -> int:
        self._empty.append([])
        self._moves.append([])
        return len(self._empty) - 1

    def _closed(self, states: set[int]) -> States:
        waiting = list(states)
        while waiting:
            more = set(self._empty[waiting.pop()]) - states
            states |= more
            waiting += more
        return frozenset(states)

    def _read(self, tree: Any, state: int) -> int:
        """The state after `tree` was read from `state` on."""
        for name, what in tree:
            state = getattr(self, f"_{str(name).lower()}")(what, state)
        return state

    def _literal(self, code: int, state: int) -> int:
        return self._move(frozenset(chr(code)), state)

    def _in(self, parts: Any, state: int) -> int:
        found: set[str] = set()
        for name, what in parts:
            kind = str(name)
            if kind == "RANGE":
                found |= {chr(code) for code in range(what[0], what[1] + 1)}
            else:
                found |= {chr(what)} if kind == "LITERAL" else set(DIGITS)  # the only category is \d
        return self._move(frozenset(found), state)

    def _move(self, digits: frozenset[str], state: int) -> int:
        to = self._state()
        self._moves[state].append((digits, to))
        return to

    def _subpattern(self, what: Any, state: int) -> int:
        return self._read(what[3], state)

    def _branch(self, what: Any, state: int) -> int:
        end = self._state()
        for tree in what[1]:
            begin = self._state()
            self._empty[state].append(begin)
            self._empty[self._read(tree, begin)].append(end)
        return end

    def _max_repeat(self, what: Any, state: int) -> int:
        least, most, tree = what
        for _ in range(least):
            state = self._read(tree, state)
        end = self._state()
        self._empty[state].append(end)
        for _ in range(most - least):
            state = self._read(tree, state)
            self._empty[state].append(end)
        return end


class Country(NamedTuple):
    name: str
    automaton: Automaton
    leads: bool  # its leading digits alone decide, whatever follows


class Plan:
    """The countries of one calling code, in the order in which they are asked."""

    def __init__(self, code: int) -> None:
        self.names = COUNTRY_CODE_TO_REGION_CODE[code]
        self._countries = [self._country(name) for name in self.names]
        self.start = tuple(country.automaton.start for country in self._countries)
        self.outcomes = cache(self._outcomes)

    @staticmethod
    def _country(name: str) -> Country:
        data = PhoneMetadata.metadata_for_region(name)
        assert data is not None, name
        if data.leading_digits is not None:
            return Country(name, Automaton(data.leading_digits), leads=True)
        kinds = [getattr(data, kind) for kind in TYPES]
        patterns = [kind.national_number_pattern for kind in kinds if kind is not None and kind.national_number_pattern]
        return Country(name, Automaton("|".join(f"(?:{pattern})" for pattern in patterns)), leads=False)

    def step(self, state: tuple[States, ...], digit: str) -> tuple[States, ...]:
        after = []
        for country, states in zip(self._countries, state, strict=True):
            now = states if states == SETTLED else country.automaton.step(states, digit)
            after.append(SETTLED if country.leads and country.automaton.accepts(now) else now)
        return tuple(after)

    def _outcomes(self, state: tuple[States, ...], left: int) -> Counter[str]:
        """How many numbers of at most `left` more digits belong to each country."""
        if SETTLED in state:
            return Counter({self.names[state.index(SETTLED)]: 1})
        found: Counter[str] = Counter()
        for country, states in zip(self._countries, state, strict=True):
            if not country.leads and country.automaton.accepts(states):
                found[country.name] += 1
                break
        if left and any(state):
            for digit in DIGITS:
                found += self.outcomes(self.step(state, digit), left - 1)
        return found


def table() -> dict[str, str]:
    """Prefix -> country; the longest prefix of a number decides, and none is there without need."""
    found: dict[str, str] = {}
    for code, names in COUNTRY_CODE_TO_REGION_CODE.items():
        if names != (NO_COUNTRY,):
            found[str(code)] = names[0]
        if len(names) > 1:
            plan = Plan(code)
            _emit(_costs(plan, plan.start, str(code)), str(code), names[0], found)
    return found


class Node(NamedTuple):
    """`costs` = entries needed below a prefix when its numbers count for a country by default."""

    costs: dict[str, int]
    only: str | None  # the one country below it
    children: "dict[str, Node]"


def _costs(plan: Plan, state: tuple[States, ...], prefix: str) -> Node:
    outcomes = plan.outcomes(state, NATIONAL_DIGITS)
    if len(outcomes) < 2 or len(prefix) == PREFIX_DIGITS:
        only = max(outcomes, key=outcomes.__getitem__, default=None)
        return Node({name: int(only not in (None, name)) for name in plan.names}, only, {})
    children = {digit: _costs(plan, plan.step(state, digit), prefix + digit) for digit in DIGITS}
    sums = {name: sum(child.costs[name] for child in children.values()) for name in plan.names}
    least = min(sums.values())
    return Node({name: min(cost, least + 1) for name, cost in sums.items()}, None, children)


def _emit(node: Node, prefix: str, default: str, found: dict[str, str]) -> None:
    if not node.children:
        if node.only not in (None, default):
            found[prefix] = str(node.only)
        return
    sums = {name: sum(child.costs[name] for child in node.children.values()) for name in node.costs}
    best = min(sums, key=sums.__getitem__)
    if sums[default] > sums[best] + 1:
        default = found[prefix] = best
    for digit, child in node.children.items():
        _emit(child, prefix + digit, default, found)


def text(prefixes: dict[str, str]) -> str:
    """The table as it stands in schemas/countries.py."""
    by_country: dict[str, list[str]] = {}
    for prefix, name in prefixes.items():
        by_country.setdefault(name, []).append(prefix)
    words = [f"{name} {' '.join(sorted(found))}" for name, found in sorted(by_country.items())]
    return "\n".join(textwrap.wrap(re.sub(r"\s+", " ", " ".join(words)), 118))


if __name__ == "__main__":
    print(text(table()))  # noqa: T201
