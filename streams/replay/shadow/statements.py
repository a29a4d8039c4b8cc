# ruff: noqa: S608  (only names of databases, which are checked to be identifiers, and texts of this module are inserted)
"""The SQL that completes a shadow and that compares it with the live tables.

`live` and `shadow` are names of databases. Statements run on `parts`, divided by a hash, so that sets fit into memory.
A body is covered when the replay has read it (`replayed`). Parameters: `part`, `parts` UInt64; of slices `first`,
`end` String (end '' = no end); `settled` Int64, nanoseconds.
"""

from collections.abc import Callable, Iterable
from typing import Final

from schemas.lifecycle import FACTS

_PART: Final = "sipHash64({id}) % {{parts:UInt64}} = {{part:UInt64}}"


def _part(column: str) -> str:
    return _PART.format(id=column)


def _covered(replayed: str) -> str:
    return f"(SELECT request_id FROM {replayed} WHERE {_part('request_id')})"


def messages_of_replay(live: str, shadow: str) -> Iterable[str]:
    """Stores which messages the replayed bodies are about."""
    yield f"""
INSERT INTO {shadow}.compared
SELECT DISTINCT source, message_id FROM {shadow}.lifecycle_log WHERE {_part("message_id")}"""
    yield f"""
INSERT INTO {shadow}.compared
SELECT DISTINCT source, assumeNotNull(message_id) FROM {live}.event_log
WHERE message_id IS NOT NULL AND {_part("request_id")} AND request_id IN {_covered(f"{shadow}.replayed")}"""


def carry(origin: str, target: str, replayed: str, compared: str | None) -> Iterable[str]:
    """Copies to `target` what `origin` has of bodies that are not covered; of the `compared` messages, None = all.

    First the events. Then further deliveries of events that `target` has: the row of an event that was delivered in two
    bodies names only one of them. Rows that exist already are skipped.
    """
    only = (
        ""
        if compared is None
        else f"""
    AND (message_id IN (SELECT message_id FROM {compared}) OR event_id IN (SELECT event_id FROM {target}.event_log))"""
    )
    yield f"""
INSERT INTO {target}.event_log
SELECT * FROM {origin}.event_log
WHERE {_part("request_id")} AND request_id NOT IN {_covered(replayed)}
    AND (event_id, request_id, raw.index) NOT IN
        (SELECT event_id, request_id, raw.index FROM {target}.event_log WHERE {_part("request_id")}){only}"""
    further = f"""
SELECT source, request_id, `index`, event_id, received_at FROM {origin}.delivery_log
WHERE {_part("request_id")} AND request_id NOT IN {_covered(replayed)}
    AND (event_id, request_id, `index`) NOT IN
        (SELECT event_id, request_id, `index` FROM {target}.delivery_log WHERE {_part("request_id")})"""
    facts = f"(SELECT * FROM {target}.event_log FINAL WHERE event_id IN (SELECT event_id FROM ({further})))"
    joined = f"({further}) AS d INNER JOIN {facts} AS e ON d.event_id = e.event_id"
    # Not to event_log, whose row is more complete. The time of storing is unknown here: the latest valid time is used,
    # so that the row of delivery_time_log with the real one wins.
    yield f"""
INSERT INTO {target}.event_feed
SELECT e.* REPLACE (
    d.request_id AS request_id, d.received_at AS received_at, 0 AS fullness,
    toDateTime64('2199-01-01 00:00:00', 3, 'UTC') AS stored_at,
    CAST((e.raw.topic, e.raw.partition, e.raw.offset, d.index),
        'Tuple(topic LowCardinality(String), partition Int32, offset Int64, `index` Int32)') AS raw)
FROM {joined}"""
    yield f"""
INSERT INTO {target}.touched_log
SELECT now64(9, 'UTC'), e.source, assumeNotNull(e.message_id) FROM {joined}
WHERE e.message_id IS NOT NULL AND e.kind IN ('inbound', 'sent', 'status')"""
    yield f"""
INSERT INTO {target}.delivery_log (source, request_id, `index`, event_id, received_at)
SELECT source, request_id, `index`, event_id, received_at FROM ({further})
WHERE event_id IN (SELECT event_id FROM {facts})"""


def carry_dead_letters(origin: str, target: str, replayed: str, table: str) -> Iterable[str]:
    """The same for dead letters, including those that a retry has resolved."""
    place = "raw.topic, raw.partition, raw.offset, raw.index"
    yield f"""
INSERT INTO {target}.{table}
SELECT * FROM {origin}.{table}
WHERE {_part("request_id")} AND request_id NOT IN {_covered(replayed)}
    AND ({place}, dead_offset) NOT IN
        (SELECT {place}, dead_offset FROM {target}.{table} WHERE {_part("request_id")})"""


def carry_times(origin: str, target: str) -> Iterable[str]:
    """Copies when each delivery was first stored: the target stored it later, and the promptest row wins."""
    key = "source, received_at, event_id, delivery"
    yield f"""
INSERT INTO {target}.delivery_time_log
SELECT * FROM {origin}.delivery_time_log
WHERE {_part("event_id")} AND ({key}) IN (SELECT {key} FROM {target}.delivery_time_log WHERE {_part("event_id")})
    AND ({key}, promptness) NOT IN
        (SELECT {key}, promptness FROM {target}.delivery_time_log WHERE {_part("event_id")})"""


# The word that distinguishes events of one kind when they are counted.
_WORD: Final = """multiIf(
    kind = 'status', if(status = 'unknown', concat('unknown ', ifNull(raw_status, '')), toString(ifNull(status, ''))),
    kind = 'system', toString(ifNull(event, '')), toString(ifNull(type, '')))"""
# The origin and the time of an event's row are no differences.
_NOT_CONTENT: Final = "event_id, request_id, received_at, raw, stored_at"

SLICE_END: Final = """
SELECT message_id FROM {shadow}.compared WHERE message_id > {{first:String}}
ORDER BY message_id LIMIT 1 OFFSET {{rows:UInt64}}"""
_SLICE: Final = "message_id >= {first:String} AND ({end:String} = '' OR message_id < {end:String})"


def _changing(live: str) -> str:
    """Messages with events that arrived during the comparison."""
    return f"(SELECT message_id FROM {live}.touched_log WHERE toUnixTimestamp64Nano(ts) > {{settled:Int64}})"


def _both(live: str, shadow: str, of: Callable[[str, int], str]) -> str:
    return f"{of(live, 0)}\n    UNION ALL\n    {of(shadow, 1)}"


def compare_units(live: str, shadow: str) -> str:
    """Stores the units of a slice that differ."""
    row = ", ".join(f"ifNull(toString({column}), '')" for column in FACTS)

    def of(database: str, side: int) -> str:
        return f"""SELECT source, message_id, participant, {side} AS side, [{row}] AS facts
    FROM {database}.units
    WHERE {_SLICE} AND (source, message_id) IN (SELECT source, message_id FROM {shadow}.compared WHERE {_SLICE})
        AND message_id NOT IN {_changing(live)}"""

    return f"""
INSERT INTO {shadow}.different_units
SELECT source, message_id, participant, anyIf(facts, side = 0) AS facts_before,
    anyIf(facts, side = 1) AS facts_after
FROM
(
    {_both(live, shadow, of)}
)
GROUP BY source, message_id, participant
HAVING facts_before != facts_after"""


def _compare_events(live: str, shadow: str, where_live: str, where_shadow: str) -> str:
    def of(database: str, side: int) -> str:
        return f"""SELECT event_id, source, {side} AS side, toString(kind) AS what, {_WORD} AS word,
        sipHash128(toString(tuple(* EXCEPT ({_NOT_CONTENT})))) AS content
    FROM {database}.events
    WHERE {where_shadow if side else where_live}"""

    return f"""
INSERT INTO {shadow}.different_events
SELECT of_source, change, of_kind, of_word, count()
FROM
(
    SELECT
        any(source) AS of_source,
        multiIf(max(side) = 0, 'removed', min(side) = 1, 'added', 'changed') AS change,
        argMax(what, side) AS of_kind, argMax(word, side) AS of_word
    FROM
    (
    {_both(live, shadow, of)}
    )
    GROUP BY event_id
    HAVING uniqExact(side) = 1 OR uniqExact(content) > 1
)
GROUP BY of_source, change, of_kind, of_word"""


def compare_events(live: str, shadow: str) -> str:
    """Counts the differing events of the messages of a slice."""
    where = (
        f"{_SLICE} AND (source, message_id) IN (SELECT source, message_id FROM {shadow}.compared WHERE {_SLICE}) "
        f"AND message_id NOT IN {_changing(live)}"
    )
    return _compare_events(live, shadow, where, where)


def compare_other_events(live: str, shadow: str) -> str:
    """The same for events without a message: those of the bodies, and those that only the shadow has."""
    mine = f"event_id IN (SELECT event_id FROM {shadow}.event_log WHERE message_id IS NULL)"
    covered = f"request_id IN (SELECT request_id FROM {shadow}.replayed)"
    live_rows = f"message_id IS NULL AND ({mine} OR {covered})"
    return _compare_events(live, shadow, live_rows, "message_id IS NULL")
