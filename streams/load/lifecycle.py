"""The lifecycle of a unit (source, message_id, participant) as a join-semilattice: states, and the rows of wa.messages.

ClickHouse applies the same algebra to the columns of `lifecycle_log` (schemas/clickhouse/0002_lifecycle.sql);
`schemas.lifecycle` lists the fields for both. A state is a flat list, so that it is one JSON array in the store and two
states join in one C loop: every value joins by min, those that need max are stored as their negative. That makes the
join associative, commutative and idempotent.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

import orjson

from schemas.lifecycle import COLUMNS, PUBLISHED, STATE_FIELDS, Kind, Rule
from schemas.parsing.times import to_iso

NEVER = 2**64 - 1  # the stamp, and the moment, of what is not known
UNTIMED = 10**13  # added to our received_at where the provider gave no time, so that any provider time wins

# A list of int, str and lists of both; no narrower type, because its values are read in the hottest loop.
State = list[Any]
Key = bytes

# What a field is before any event: the identity of its join.
_UNKNOWN: dict[Rule, Any] = {
    Rule.STAMP: NEVER,
    Rule.EVIDENCE: 9,
    Rule.ORIGIN: 3,
    Rule.FLAG: 0,  # -1 once set
    Rule.SMALLEST_WORD: "\uffff",
    Rule.KNOWN_WORD: [1, ""],
    Rule.PHONE_FIRST: [2, ""],
    Rule.TYPE_FIRST: [3, ""],
    Rule.RANKED_WORD: [9, NEVER, ""],
    Rule.STAMPED_WORD: [NEVER, ""],
    Rule.ERROR: [NEVER, "", ""],
    Rule.FIRST_MOMENT: NEVER,
    Rule.LAST_MOMENT: 0,  # the moment as a negative number
}
# Rules whose values are lists that end in a word.
_WORD_RULES = {
    Rule.KNOWN_WORD, Rule.PHONE_FIRST, Rule.TYPE_FIRST, Rule.RANKED_WORD, Rule.STAMPED_WORD,
}  # fmt: skip

# `has_members` (-1 once a member of the group is known) belongs to parent rows and is in no table.
AT = {name: place for place, name in enumerate(("has_members", *(field.name for field in STATE_FIELDS)))}
EMPTY: State = [0, *(_UNKNOWN[field.rule] for field in STATE_FIELDS)]
# What a member of a group takes from its parent row: the facts of the one sending, and of its deletion for all.
INHERITED = tuple(AT[field.name] for field in STATE_FIELDS if field.inherited)

_RANKED_WORDS = tuple((field.name, AT[field.name]) for field in STATE_FIELDS if field.rule is Rule.RANKED_WORD)
_STAMPED_WORDS = tuple((field.name, AT[field.name]) for field in STATE_FIELDS if field.rule is Rule.STAMPED_WORD)
_STATUS_PLACES = {name: AT[name] for name in ("pending", "sent", "delivered", "read", "played", "failed", "deleted")}
_OWN_PLACES = {"read": AT["own_read"], "played": AT["own_played"]}
_HAS_MEMBERS, _FIRST_SEEN, _IS_GROUP = AT["has_members"], AT["first_seen_at"], AT["is_group"]

_ORIGIN_RANK = {"api": 0, "echo": 1, "history": 2}
_ORIGINS = ("api", "echo", "history", "none")
_TYPE_RANK = {"unsupported": 1, "unknown": 2}
_DIRECTIONS = {0: "out", 1: "in", 2: "out", 3: "in"}
_RANKED = ("played", "read", "delivered", "failed", "sent", "pending")

# A published row: its columns in order, those that are the word of one field, and the facts that the others need.
_ROW: dict[str, Any] = dict.fromkeys(PUBLISHED)
_RULES = {field.name: field.rule for field in STATE_FIELDS}
_PUBLISHED_WORDS = tuple(
    (column.name, AT[column.made_of[0]])
    for column in COLUMNS
    if column.published and column.kind is Kind.WORD and len(column.made_of) == 1
    if _RULES[column.made_of[0]] in _WORD_RULES
)
_facts_of_row = itemgetter(
    *(
        AT[name]
        for name in (
            "pending", "sent", "delivered", "read", "played", "failed", "deleted", "own_read", "own_played",
            "direction", "origin", "provider", "error", "first_seen_at", "last_event_at", "is_group",
        )
    )
)  # fmt: skip

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def unit_key(source: str, message_id: str, participant: str) -> Key:
    """The key of a unit in the store, in `wa.state` and in `wa.messages`."""
    return orjson.dumps([source, message_id, participant])


def parent_key(key: Key) -> Key:
    """The key of the row with participant '' that the unit belongs to (itself outside groups)."""
    source, message_id, _ = orjson.loads(key)
    return unit_key(source, message_id, "")


def member_prefix(key: Key) -> bytes:
    """The beginning of the keys of all units of the same message."""
    source, message_id, _ = orjson.loads(key)
    return orjson.dumps([source, message_id])[:-1] + b","


def join(one: State, other: State) -> State:
    """The join of two states."""
    return list(map(min, one, other))


def event_to_state(event: Mapping[str, Any]) -> tuple[Key, State] | None:
    """The unit that a canonical event belongs to and the state of this event alone; None without a message id."""
    kind, message_id = event["kind"], event.get("message_id")
    if message_id is None or kind == "system":
        return None
    received, occurred = _ms(event["received_at"]), event.get("occurred_at")
    moment = received if occurred is None else _ms(occurred)
    stamp = received + UNTIMED if occurred is None else moment
    participant = event.get("participant") or ""
    state = EMPTY.copy()
    state[_FIRST_SEEN] = received
    state[AT["last_event_at"]] = -moment
    state[AT["provider"]] = event["provider"]
    state[AT["live"]] = 0 if event.get("historical") else -1
    state[_IS_GROUP] = -1 if event.get("is_group") or participant else 0
    if (account := event.get("account")) is not None:
        state[AT["account"]] = [0, account]
    if (to := event.get("to")) is not None:
        state[AT["recipient"]] = [0 if to.startswith("+") else 1, to]
    if (type_ := event.get("type")) is not None:
        state[AT["type"]] = [_TYPE_RANK.get(type_, 0), type_]
    rank = _add_kind(state, event, stamp)
    for name, place in _RANKED_WORDS:
        if (word := event.get(name)) is not None:
            state[place] = [rank, stamp, word]
    for name, place in _STAMPED_WORDS:
        if (word := event.get(name)) is not None:
            state[place] = [stamp, word]
    return unit_key(event["source"], message_id, participant), state


def _add_kind(state: State, event: Mapping[str, Any], stamp: int) -> int:
    """Adds what events of one kind alone set; the rank of the event's words, 3 for those of a provider."""
    kind = event["kind"]
    if kind == "status":
        _add_status(state, event, stamp)
        return 3
    if kind == "sent":
        rank = _ORIGIN_RANK.get(event.get("origin", ""), 3)
        if rank == 3 and event.get("historical"):
            rank = 2
        state[AT["sent"]] = stamp
        state[AT["direction"]] = 0
        state[AT["origin"]] = rank
        return rank
    state[AT["direction"]] = 1
    state[AT["origin"]] = 2 if event.get("origin") == "history" or event.get("historical") else 3
    return 3


def _add_status(state: State, event: Mapping[str, Any], stamp: int) -> None:
    word = event.get("status", "")
    by_us = event.get("from_me") is False
    place = _OWN_PLACES.get(word) if by_us else None
    if place is None:
        place = _STATUS_PLACES.get(word)
    if place is not None:
        state[place] = stamp
    if word == "failed":
        state[AT["error"]] = [stamp, event.get("error_code", ""), event.get("error_title", "")]
    state[AT["direction"]] = 9 if word == "deleted" else 3 if by_us else 2


class _Batch:
    """The states that a batch of events changes, over those that are stored."""

    def __init__(self, get: Callable[[Key], bytes | None]) -> None:
        self.states: dict[Key, State] = {}
        self._get = get

    def current(self, key: Key) -> State | None:
        """The state of a unit with what the batch has added so far."""
        if (state := self.states.get(key)) is None:
            stored = self._get(key)
            return None if stored is None else loads(stored)
        return state

    def add(self, key: Key, state: State) -> None:
        """Joins the state of an event into its unit."""
        known = self.current(key)
        self.states[key] = state if known is None else join(known, state)

    def mark_parent(self, key: Key) -> None:
        """Notes that the group has members. With every event again: after a crash the changelog may lack the mark."""
        parent = parent_key(key)
        marked = list(self.current(parent) or EMPTY)
        marked[_HAS_MEMBERS] = -1
        self.states[parent] = marked


def apply_events(
    events: Iterable[Mapping[str, Any]],
    get: Callable[[Key], bytes | None],
    scan: Callable[[bytes], Iterable[tuple[Key, bytes]]],
) -> tuple[dict[Key, State], dict[Key, dict[str, Any]]]:
    """Joins events into the stored states: (states to store, rows to publish), by key.

    Every unit of an event gets a row, changed or not: a state never decides what is published. The members of a group
    get one when their parent row does. `get` reads a stored state, `scan` those whose key begins with a prefix.
    """
    batch = _Batch(get)
    parents: set[Key] = set()  # units without a participant that the batch has events of
    for event in events:
        if (found := event_to_state(event)) is None:
            continue
        key, state = found
        batch.add(key, state)
        if event.get("participant"):
            batch.mark_parent(key)
        else:
            parents.add(key)
    changed = dict(batch.states)
    for key in parents:
        if batch.states[key][_HAS_MEMBERS]:
            for member, value in scan(member_prefix(key)):
                changed.setdefault(member, loads(value))
    rows: dict[Key, dict[str, Any]] = {}
    for key, state in changed.items():
        if state[_FIRST_SEEN] == NEVER:
            continue  # a parent that has no event of its own
        source, message_id, participant = orjson.loads(key)
        parent = batch.current(unit_key(source, message_id, "")) if participant else None
        rows[key] = row(source, message_id, participant, state, parent)
    return batch.states, rows


def loads(value: bytes) -> State:
    """A state as it was stored; fields that did not exist then are unknown."""
    state: State = orjson.loads(value)
    if len(state) < len(EMPTY):
        state += EMPTY[len(state) :]
    return state


def dumps(state: State) -> bytes:
    """The stored form of a state."""
    return orjson.dumps(state)


def row(source: str, message_id: str, participant: str, state: State, parent: State | None = None) -> dict[str, Any]:
    """The unit's row on wa.messages: the columns of the view `messages`, times as ISO text or null."""
    if participant:
        state = state.copy()
        state[_IS_GROUP] = -1
        if parent is not None:
            for place in INHERITED:
                state[place] = min(state[place], parent[place])
    (
        pending, sent, delivered, read, played, failed, deleted, own_read, own_played,
        evidence, origin, provider, error, first_seen, last_event, is_group,
    ) = _facts_of_row(state)  # fmt: skip
    direction = _DIRECTIONS.get(evidence, "")
    if direction == "in":
        read, played = min(read, own_read), min(played, own_played)
    if sent != NEVER:
        cohort = sent % UNTIMED
    else:
        known = [stamp % UNTIMED for stamp in (pending, delivered, read, played, failed, deleted) if stamp != NEVER]
        cohort = min(known, default=first_seen)
    ranked = zip(_RANKED, (played, read, delivered, failed, sent, pending), strict=True)
    made = _ROW | {
        "source": source,
        "provider": provider,
        "message_id": message_id,
        "participant": participant,
        "direction": direction,
        "origin": _ORIGINS[origin],
        "sent_at": _time(sent),
        "delivered_at": _time(delivered),
        "read_at": _time(read),
        "played_at": _time(played),
        "failed_at": _time(failed),
        "deleted_at": _time(deleted),
        "error_code": error[1],
        "error_title": error[2],
        "status": next((word for word, stamp in ranked if stamp != NEVER), ""),
        "first_seen_at": to_iso(first_seen),
        "last_event_at": to_iso(-last_event),
        "cohort_at": to_iso(cohort),
        "is_group": -is_group,
    }
    for column, place in _PUBLISHED_WORDS:
        made[column] = state[place][-1]
    return made


def _time(stamp: int) -> str | None:
    return None if stamp == NEVER else to_iso(stamp % UNTIMED)


def _ms(text: str) -> int:
    return (datetime.fromisoformat(text) - _EPOCH) // _MS
