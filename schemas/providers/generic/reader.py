"""Reads bodies by a mapping.

Nothing is guessed: a value without a meaning becomes `unknown` and is kept unchanged; an event that matches no rule, or
lacks a field that its rule needs, is rejected with the reason.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jmespath
from jmespath.visitor import TreeInterpreter

from schemas.events import FIELDS, STATES, STATUSES, TYPES, WRITTEN
from schemas.parsing.bodies import Elements, elements_of
from schemas.parsing.identity import chat_id, group_member, is_bsuid, is_group, is_lid, phone_or_id
from schemas.parsing.json_types import Json
from schemas.parsing.json_values import as_id, as_text
from schemas.parsing.results import Fields, Kind, Parsed, Rejected
from schemas.parsing.times import parse_epoch, parse_iso
from schemas.providers.generic.mapping import KIND_FIELDS, NEEDED, BodyMapping, Paths, Rule
from schemas.reasons import Reason

Read = Callable[[Json], Json]


class _Field(NamedTuple):
    """One field of an event: `find` returns the value at its path, `read` the canonical value of it."""

    name: str
    find: Read
    read: Read


_PER_SECOND = {"auto": None, "s": 1, "ms": 1_000, "us": 1_000_000}
_LONG = WRITTEN | {"media_url", "error_text", "error_title"}
_PARTIES: dict[str, Read] = {"from": phone_or_id, "to": phone_or_id, "chat_id": chat_id, "participant": group_member}
_LEFT_OUT_WHEN_FALSE = ("is_group", "forwarded", "historical", "reaction_removed")
_WORDS = {"status": STATUSES, "type": TYPES, "state": STATES}
_LACKS: dict[Kind, str] = {
    "status": "a status names no message or no status",
    "sent": "a sent message has no id",
    "system": "a system event has no name",
}


class Reader:
    """A provider's `parse` for one mapping. Every path is compiled once, when it is made."""

    def __init__(self, mapping: BodyMapping) -> None:
        self._events = _search(mapping.events)
        reads = _readers(mapping.time_unit)
        self._body = _fields(mapping.body, reads)
        self._rules = [_Rule(rule, mapping, reads) for rule in mapping.rules]

    def parse(self, body: bytes) -> Elements:
        """Every element of a body in its order. Never raises."""
        return elements_of(body, self._elements)

    def _elements(self, root: Json) -> Elements:
        found = self._events(root)
        if not isinstance(found, list | dict):
            yield Rejected(Reason.UNKNOWN_SHAPE, "the body has nothing at the mapping's path to the events", root)
            return
        # Long values are left out, because every event of the body repeats them.
        values = {field.name: field.read(field.find(root)) for field in self._body}
        shared = {name: value for name, value in values.items() if _is_short(value)}
        for raw in found if isinstance(found, list) else [found]:
            yield self._element(raw, shared)

    def _element(self, raw: Json, shared: Fields) -> Parsed | Rejected:
        if not isinstance(raw, dict):
            return Rejected(Reason.BAD_ELEMENT, "an event is not an object", raw)
        for rule in self._rules:
            if rule.when is None or _is_true(rule.when(raw)):
                return rule.read(raw, shared)
        return Rejected(Reason.UNKNOWN_SHAPE, "the event matches no rule of the mapping", raw)


class _Rule:
    """One rule of a mapping, compiled."""

    def __init__(self, rule: Rule, mapping: BodyMapping, reads: dict[str, Read]) -> None:
        self.when = None if rule.when is None else _search(rule.when)
        self._kind = rule.kind
        self._fields = _fields(rule.fields, reads)
        self._allowed = KIND_FIELDS[rule.kind]
        values = {"status": mapping.values.status, "type": mapping.values.type, "state": mapping.values.state}
        self._words = {
            name: {word: word for word in _WORDS[name]} | {word.lower(): ours for word, ours in values[name].items()}
            for name in _WORDS
            if name in self._allowed
        }

    def read(self, raw: Json, shared: Fields) -> Parsed | Rejected:
        """The event, with the fields of its body where it has none of its own."""
        values = {name: read(find(raw)) for name, find, read in self._fields}
        own = {name: value for name, value in values.items() if value is not None}
        fields = {name: value for name, value in shared.items() if name in self._allowed} | own
        for name in self._words:
            fields |= self._word_fields(name, fields.get(name))
        problem = self._problem(fields, own)
        if problem is not None:
            return Rejected(Reason.BAD_ELEMENT, problem, raw)
        self._complete(fields)
        return Parsed(self._kind, fields, [raw, shared])

    def _word_fields(self, name: str, word: Json) -> Fields:
        """Our word for the provider's, and theirs where we have none."""
        known = self._words[name].get(word.lower() if isinstance(word, str) else "", "unknown")
        if word is None and (name, self._kind) != ("type", "inbound"):
            return {}
        return {name: known, f"raw_{name}": word if known == "unknown" or name == "state" else None}

    def _problem(self, fields: Fields, own: Fields) -> str | None:
        """Why the fields are not an event; None when they are."""
        for name in NEEDED[self._kind]:
            if fields.get(name) is None:
                return _LACKS[self._kind]
        # False does not count: it is also what a comparison gives when there is nothing to compare.
        has_facts = any(value is not False for name, value in own.items() if name != "type")
        if not has_facts and fields.get("type") in (None, "unknown"):
            return "the event has none of the fields of its rule"
        return None

    def _complete(self, fields: Fields) -> None:
        """Adds the fields that follow from others: is_group, the kind of the sender's id, the origin."""
        for name in _LEFT_OUT_WHEN_FALSE:
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


def _fields(paths: Paths, reads: dict[str, Read]) -> list[_Field]:
    return [_Field(name, _search(path), reads[name]) for name, path in paths.items()]


def _search(path: str) -> Read:
    """A function that returns the value at the path in any JSON value and never raises."""
    parsed = jmespath.compile(path).parsed
    names = _names(parsed)
    if names is not None:
        return partial(_walk, names)
    # One interpreter for all searches: making one takes as long as a search, and it keeps no state.
    interpreter = TreeInterpreter()

    def search(value: Json) -> Json:
        try:
            return interpreter.visit(parsed, value)
        except Exception:  # functions raise errors of many types on foreign values: the field is left out
            return None

    return search


def _names(parsed: Any) -> tuple[str, ...] | None:
    """The names in a path that consists of names only, such as a.b.c; None for any other path."""
    if parsed["type"] == "field":
        return (parsed["value"],)
    if parsed["type"] != "subexpression":
        return None
    parts = [_names(child) for child in parsed["children"]]
    return None if None in parts else tuple(name for part in parts if part for name in part)


def _walk(names: tuple[str, ...], value: Json) -> Json:
    """The value at a path of names; takes a sixth of the interpreter's time."""
    for name in names:
        if type(value) is not dict:
            return None
        value = value.get(name)
    return value


def _is_true(value: Json) -> bool:
    """As JMESPath defines it: 0 is true."""
    return not (value is None or value is False or value in ("", [], {}))


def _is_short(value: Json) -> bool:
    return isinstance(value, bool | float) or as_id(value) is not None


def _readers(time_unit: str) -> dict[str, Read]:
    reads: dict[str, Read] = {name: _reader(name, wanted) for name, wanted in FIELDS.items()}
    return reads | {"occurred_at": partial(_moment, per_second=_PER_SECOND[time_unit])}


def _reader(name: str, wanted: type) -> Read:
    if name in _PARTIES:
        return _PARTIES[name]
    if wanted is bool:
        return _boolean
    if wanted is str:
        return as_text if name in _LONG else as_id
    return _scalar


def _boolean(value: Json) -> bool | None:
    """A boolean, also as 0 or 1 or as text; None for anything else."""
    if isinstance(value, str):
        return {"true": True, "1": True, "false": False, "0": False}.get(value.lower())
    return bool(value) if isinstance(value, int) and value in (0, 1) else None


def _scalar(value: Json) -> Json:
    return value if isinstance(value, str | int | float) else None


def _moment(value: Json, per_second: int | None) -> int | None:
    moment = parse_epoch(value, per_second)
    return parse_iso(value) if moment is None else moment
