"""The lifecycle of a unit (source, message_id, participant) as a join-semilattice. Pure.

The same algebra stands in SQL (schemas/clickhouse/0002_lifecycle.sql), where the truth is made; here it makes the rows
of `wa.messages`. A state is a flat list, so that it is one JSON array in the store and two states join in two C loops:
the first MINIMA places join by min, the rest by max. That makes it associative, commutative and idempotent.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from schemas.parsing.times import to_iso

NEVER = 2**64 - 1  # "not known" for everything that joins by min
UNTIMED = 10**13  # added to our received_at where the provider gave no time, so that any provider time wins

PLACES = (
    "pending", "sent", "delivered", "read", "played", "failed", "deleted", "own_read", "own_played",
    "direction", "origin", "provider", "account", "recipient", "type", "template", "campaign", "category",
    "pricing_category", "error", "first_seen_at",
    "last_event_at", "live", "is_group", "has_members",
)  # fmt: skip
MINIMA = PLACES.index("last_event_at")
AT = {name: place for place, name in enumerate(PLACES)}

State = list[Any]
Key = bytes

_NO_WORD = [9, NEVER, ""]
EMPTY: State = [
    *[NEVER] * 9, 9, 3, "￿", [1, ""], [2, ""], [3, ""], _NO_WORD, _NO_WORD, _NO_WORD, [NEVER, ""],
    [NEVER, "", ""], NEVER, 0, 0, 0, 0,
]  # fmt: skip
_WORDS = {"pending": 0, "sent": 1, "delivered": 2, "read": 3, "played": 4, "failed": 5, "deleted": 6}
_OWN = {"read": AT["own_read"], "played": AT["own_played"]}
_ORIGIN_RANK = {"api": 0, "echo": 1, "history": 2}
_ORIGINS = ("api", "echo", "history", "none")
_TYPE_RANK = {"unsupported": 1, "unknown": 2}
_DIRECTIONS = {0: "out", 1: "in", 2: "out", 3: "in"}
_RANKED = ("played", "read", "delivered", "failed", "sent", "pending")
# What a member of a group has from its parent row: the facts of the one sending, and of its deletion for all.
INHERITED = tuple(
    AT[name]
    for name in (
        "sent",
        "deleted",
        "direction",
        "origin",
        "account",
        "type",
        "template",
        "campaign",
        "category",
        "pricing_category",
    )
)
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
    """What the keys of all units of the same message begin with."""
    source, message_id, _ = orjson.loads(key)
    return orjson.dumps([source, message_id])[:-1] + b","


def join(one: State, other: State) -> State:
    """The least state that holds both."""
    return [*map(min, one[:MINIMA], other[:MINIMA]), *map(max, one[MINIMA:], other[MINIMA:])]


def event_to_state(event: Mapping[str, Any]) -> tuple[Key, State] | None:
    """The unit that a canonical event speaks of and what it says; None for one that belongs to no message."""
    kind, message_id = event["kind"], event.get("message_id")
    if message_id is None or kind == "system":
        return None
    received, occurred = _ms(event["received_at"]), event.get("occurred_at")
    moment = received if occurred is None else _ms(occurred)
    stamp = received + UNTIMED if occurred is None else moment
    participant = event.get("participant") or ""
    state = EMPTY.copy()
    state[AT["first_seen_at"]] = received
    state[AT["last_event_at"]] = moment
    state[AT["provider"]] = event["provider"]
    state[AT["live"]] = int(not event.get("historical"))
    state[AT["is_group"]] = int(bool(event.get("is_group")) or participant != "")
    if (account := event.get("account")) is not None:
        state[AT["account"]] = [0, account]
    if (to := event.get("to")) is not None:
        state[AT["recipient"]] = [0 if to.startswith("+") else 1, to]
    if (sort := event.get("type")) is not None:
        state[AT["type"]] = [_TYPE_RANK.get(sort, 0), sort]
    if kind == "status":
        _status(state, event, stamp)
        rank = 3
    elif kind == "sent":
        rank = _ORIGIN_RANK.get(event.get("origin", ""), 3)
        if rank == 3 and event.get("historical"):
            rank = 2
        state[AT["sent"]] = stamp
        state[AT["direction"]] = 0
        state[AT["origin"]] = rank
    else:
        rank = 3
        state[AT["direction"]] = 1
        state[AT["origin"]] = 2 if event.get("origin") == "history" or event.get("historical") else 3
    for name in ("template", "campaign", "category"):
        if (word := event.get(name)) is not None:
            state[AT[name]] = [rank, stamp, word]
    if (pricing := event.get("pricing_category")) is not None:
        state[AT["pricing_category"]] = [stamp, pricing]
    return unit_key(event["source"], message_id, participant), state


def _status(state: State, event: Mapping[str, Any], stamp: int) -> None:
    word = event.get("status", "")
    by_us = event.get("from_me") is False
    place = _OWN.get(word) if by_us else None
    if place is None:
        place = _WORDS.get(word)
    if place is not None:
        state[place] = stamp
    if word == "failed":
        state[AT["error"]] = [stamp, event.get("error_code", ""), event.get("error_title", "")]
    state[AT["direction"]] = 9 if word == "deleted" else 3 if by_us else 2


def apply_events(
    events: Iterable[Mapping[str, Any]],
    get: Callable[[Key], bytes | None],
    scan: Callable[[bytes], Iterable[tuple[Key, bytes]]],
) -> tuple[dict[Key, State], dict[Key, dict[str, Any]]]:
    """Joins events into the stored states: (states to store, rows to publish), by key.

    Every unit touched gets a row, changed or not: a state never decides what is published. `get` reads a stored state,
    `scan` the stored ones whose key begins with a prefix.
    """
    states: dict[Key, State] = {}
    spoken: set[Key] = set()  # units without a participant that an event of this batch is about

    def current(key: Key) -> State | None:
        if (state := states.get(key)) is None:
            stored = get(key)
            return None if stored is None else loads(stored)
        return state

    for event in events:
        if (said := event_to_state(event)) is None:
            continue
        key, state = said
        known = current(key)
        states[key] = state if known is None else join(known, state)
        if event.get("participant"):
            # Marked again with every event: of a batch that a crash cut, the store may have what the changelog lacks.
            head = parent_key(key)
            marked = list(current(head) or EMPTY)
            marked[AT["has_members"]] = 1
            states[head] = marked
        else:
            spoken.add(key)
    shown = dict(states)
    for key in [key for key in spoken if states[key][AT["has_members"]]]:
        for member, value in scan(member_prefix(key)):
            shown.setdefault(member, loads(value))
    rows: dict[Key, dict[str, Any]] = {}
    for key, shown_state in shown.items():
        if shown_state[AT["first_seen_at"]] == NEVER:
            continue  # a parent of which nothing but its members is known
        source, message_id, participant = orjson.loads(key)
        parent = current(unit_key(source, message_id, "")) if participant else None
        rows[key] = row(source, message_id, participant, shown_state, parent)
    return states, rows


def loads(value: bytes) -> State:
    """A state as it is stored."""
    state: State = orjson.loads(value)
    return state


def dumps(state: State) -> bytes:
    """The stored form of a state."""
    return orjson.dumps(state)


def row(source: str, message_id: str, participant: str, state: State, parent: State | None = None) -> dict[str, Any]:
    """The row of the contract's `messages`, times as ISO text or null."""
    if participant:
        state = state.copy()
        state[AT["is_group"]] = 1
        if parent is not None:
            for place in INHERITED:
                state[place] = min(state[place], parent[place])
    (
        pending, sent, delivered, read, played, failed, deleted, own_read, own_played, direction_rank, origin,
        provider, account, recipient, sort, template, campaign, category, pricing, error, first_seen, last_event,
        _, is_group, _,
    ) = state  # fmt: skip
    direction = _DIRECTIONS.get(direction_rank, "")
    if direction == "in":
        read, played = min(read, own_read), min(played, own_played)
    if sent != NEVER:
        cohort = sent % UNTIMED
    else:
        known = [stamp % UNTIMED for stamp in (pending, delivered, read, played, failed, deleted) if stamp != NEVER]
        cohort = min(known, default=first_seen)
    ranked = zip(_RANKED, (played, read, delivered, failed, sent, pending), strict=True)
    status = next((word for word, stamp in ranked if stamp != NEVER), "")
    return {
        "source": source,
        "provider": provider,
        "account": account[1],
        "message_id": message_id,
        "participant": participant,
        "recipient": recipient[1],
        "direction": direction,
        "origin": _ORIGINS[origin],
        "type": sort[1],
        "template": template[2],
        "campaign": campaign[2],
        "category": category[2],
        "pricing_category": pricing[1],
        "sent_at": _time(sent),
        "delivered_at": _time(delivered),
        "read_at": _time(read),
        "played_at": _time(played),
        "failed_at": _time(failed),
        "deleted_at": _time(deleted),
        "error_code": error[1],
        "error_title": error[2],
        "status": status,
        "first_seen_at": to_iso(first_seen),
        "last_event_at": to_iso(last_event),
        "cohort_at": to_iso(cohort),
        "is_group": is_group,
    }


def _time(stamp: int) -> str | None:
    return None if stamp == NEVER else to_iso(stamp % UNTIMED)


def _ms(text: str) -> int:
    return (datetime.fromisoformat(text) - _EPOCH) // _MS
