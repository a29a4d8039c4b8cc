"""Bodies of a provider that is told in the settings: read by its mapping. Pure.

What the mapping does not cover is never guessed: a word without a meaning is `unknown` and kept, an event that no rule
takes, or that lacks what its rule needs, is rejected with the reason.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jmespath
from jmespath.visitor import TreeInterpreter

from schemas.events import FIELDS, STATES, STATUSES, TYPES, WRITTEN
from schemas.parsing.bodies import Elements, elements_of
from schemas.parsing.identity import chat_id, group_member, is_bsuid, is_group, is_lid, phone_or_id
from schemas.parsing.json_values import as_id, as_text
from schemas.parsing.results import Kind, Parsed, Rejected
from schemas.parsing.times import parse_epoch, parse_iso
from schemas.providers.generic.mapping import KIND_FIELDS, NEEDED, BodyMapping, Paths, Rule
from schemas.reasons import Reason

Fields = dict[str, Any]
Read = Callable[[Any], Any]
Fact = tuple[str, Read, Read]  # its name, what finds it, what reads it

_PER_SECOND = {"auto": None, "s": 1, "ms": 1_000, "us": 1_000_000}
_LONG = WRITTEN | {"media_url", "error_text", "error_title"}
_PARTIES: dict[str, Read] = {"from": phone_or_id, "to": phone_or_id, "chat_id": chat_id, "participant": group_member}
_SAID_WHEN_TRUE = ("is_group", "forwarded", "historical", "reaction_removed")
_WORDS = {"status": STATUSES, "type": TYPES, "state": STATES}
_LACKS: dict[Kind, str] = {
    "status": "a status names no message or no status",
    "sent": "a sent message names no id",
    "system": "a system event has no name",
}


class Reader:
    """`parse` of one mapping; every path is compiled once, here."""

    def __init__(self, mapping: BodyMapping) -> None:
        self._events = _search(mapping.events)
        reads = _readers(mapping.time_unit)
        self._body = _facts(mapping.body, reads)
        self._rules = [_Rule(rule, mapping, reads) for rule in mapping.rules]

    def parse(self, body: bytes) -> Elements:
        """Every element of a body in its order. Never raises."""
        return elements_of(body, self._elements)

    def _elements(self, root: Any) -> Elements:
        found = self._events(root)
        if not isinstance(found, list | dict):
            yield Rejected(Reason.UNKNOWN_SHAPE, "there is nothing at the mapping's path to the events", root)
            return
        # Bounded, since they are repeated in every event: a megabyte of name is no name.
        told = {name: read(search(root)) for name, search, read in self._body}
        shared = {name: value for name, value in told.items() if _is_short(value)}
        for raw in found if isinstance(found, list) else [found]:
            yield self._element(raw, shared)

    def _element(self, raw: Any, shared: Fields) -> Parsed | Rejected:
        if not isinstance(raw, dict):
            return Rejected(Reason.BAD_ELEMENT, "an event is no object", raw)
        for rule in self._rules:
            if rule.when is None or _is_true(rule.when(raw)):
                return rule.read(raw, shared)
        return Rejected(Reason.UNKNOWN_SHAPE, "no rule of the mapping takes the event", raw)


class _Rule:
    def __init__(self, rule: Rule, mapping: BodyMapping, reads: dict[str, Read]) -> None:
        self.when = None if rule.when is None else _search(rule.when)
        self._kind = rule.kind
        self._facts = _facts(rule.fields, reads)
        self._allowed = KIND_FIELDS[rule.kind]
        values = {"status": mapping.values.status, "type": mapping.values.type, "state": mapping.values.state}
        self._words = {
            name: {word: word for word in _WORDS[name]} | {word.lower(): ours for word, ours in values[name].items()}
            for name in _WORDS
            if name in self._allowed
        }

    def read(self, raw: Any, shared: Fields) -> Parsed | Rejected:
        told = {name: read(search(raw)) for name, search, read in self._facts}
        own = {name: value for name, value in told.items() if value is not None}
        fields = {name: value for name, value in shared.items() if name in self._allowed} | own
        for name in self._words:
            fields |= self._word(name, fields.get(name))
        problem = self._lacks(fields, own)
        if problem is not None:
            return Rejected(Reason.BAD_ELEMENT, problem, raw)
        self._complete(fields)
        return Parsed(self._kind, fields, [raw, shared])

    def _word(self, name: str, word: str | None) -> Fields:
        """Our word for the provider's, and theirs where there is none of ours."""
        known = self._words[name].get((word or "").lower(), "unknown")
        if word is None and (name, self._kind) != ("type", "inbound"):
            return {}
        return {name: known, f"raw_{name}": word if known == "unknown" or name == "state" else None}

    def _lacks(self, fields: Fields, own: Fields) -> str | None:
        for name in NEEDED[self._kind]:
            if fields.get(name) is None:
                return _LACKS[self._kind]
        # A comparison says false of nothing at all.
        told = any(value is not False for name, value in own.items() if name != "type")
        if not told and fields.get("type") in (None, "unknown"):
            return "nothing that its rule names is in the event"
        return None

    def _complete(self, fields: Fields) -> None:
        """What follows from the facts: groups from their ids, hidden ids from the sender, the origin."""
        for name in _SAID_WHEN_TRUE:
            if fields.get(name) is False:
                del fields[name]
        if is_group(fields.get("chat_id")) or "participant" in fields:
            fields["is_group"] = True
        sender = fields.get("from")
        if self._kind == "sent":
            fields["origin"] = "history" if "historical" in fields else "echo"
        elif self._kind == "inbound" and is_lid(sender):
            fields.setdefault("sender_lid", sender)
        elif self._kind == "inbound" and is_bsuid(sender):
            fields.setdefault("sender_bsuid", sender)


def _facts(paths: Paths, reads: dict[str, Read]) -> list[Fact]:
    return [(name, _search(path), reads[name]) for name, path in paths.items()]


def _search(path: str) -> Read:
    """What finds the path's value in any JSON value; it never raises."""
    parsed = jmespath.compile(path).parsed
    names = _names(parsed)
    if names is not None:
        return partial(_walk, names)
    # One for all searches: to make it costs as much as a search, and it keeps nothing of one.
    interpreter = TreeInterpreter()

    def search(value: Any) -> Any:
        try:
            return interpreter.visit(parsed, value)
        except Exception:  # functions raise errors of many types on foreign values: then the fact is not there
            return None

    return search


def _names(parsed: Any) -> tuple[str, ...] | None:
    """The names of a path that is nothing but names, such as a.b.c, as most are; None for any other."""
    if parsed["type"] == "field":
        return (parsed["value"],)
    if parsed["type"] != "subexpression":
        return None
    parts = [_names(child) for child in parsed["children"]]
    return None if None in parts else tuple(name for part in parts if part for name in part)


def _walk(names: tuple[str, ...], value: Any) -> Any:
    """A sixth of the time that the interpreter takes."""
    for name in names:
        if type(value) is not dict:
            return None
        value = value.get(name)
    return value


def _is_true(value: Any) -> bool:
    """As JMESPath has it: 0 is true."""
    return not (value is None or value is False or value in ("", [], {}))


def _is_short(value: Any) -> bool:
    return isinstance(value, bool | float) or as_id(value) is not None


def _readers(time_unit: str) -> dict[str, Read]:
    reads: dict[str, Read] = {name: _reader(name, wanted) for name, wanted in FIELDS.items()}
    return reads | {"occurred_at": partial(_moment, per_second=_PER_SECOND[time_unit])}


def _reader(name: str, wanted: type) -> Read:
    if name in _PARTIES:
        return _PARTIES[name]
    if wanted is bool:
        return _said
    if wanted is str:
        return as_text if name in _LONG else as_id
    return _scalar


def _said(value: Any) -> bool | None:
    """Yes or no in the spellings of JSON; None for anything else."""
    if isinstance(value, str):
        return {"true": True, "1": True, "false": False, "0": False}.get(value.lower())
    return bool(value) if isinstance(value, int) and value in (0, 1) else None


def _scalar(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else None


def _moment(value: Any, per_second: int | None) -> int | None:
    moment = parse_epoch(value, per_second)
    return parse_iso(value) if moment is None else moment
