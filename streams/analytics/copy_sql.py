"""The statements of the copy.

Times are nanoseconds since 1970: all nine digits of its time identify a block of touched_log, and a client's datetime
keeps only six.
"""

from typing import Final

from schemas.countries import country_sql
from schemas.lifecycle import COLUMNS

# Columns of the view `units` and of cohort_log alike. The copy adds the place, the country and the mark `gone`.
_PLACE: Final = ("source", "cohort_at")
_SAME: Final = ", ".join([column.name for column in COLUMNS if column.name not in _PLACE] + ["version"])

# The progress of the copy, and the start of the oldest INSERT of events that still runs (now, if there is none): its
# rows may be visible in one table and not yet in the next. One second is added, because `elapsed` is rounded.
STATE: Final = """
WITH
    (
        SELECT (count(), max(toInt64(elapsed * 1000000000)))
        FROM system.processes
        WHERE query_kind IN ('Insert', 'AsyncInsertFlush') AND match(query, 'event_(log|feed)')
    ) AS running,
    (SELECT argMax((rebuild, touched_before, complete, message_id), (rebuild, at)) FROM copy_state) AS state
SELECT
    state.1 AS rebuild, toUnixTimestamp64Nano(state.2) AS touched_before, state.3 AS complete, state.4 AS message_id,
    toUnixTimestamp64Nano(now64(9, 'UTC')) AS now,
    if(running.1 = 0, now, now - 1000000000 - running.2) AS settled_before"""

SET_STATE: Final = """
INSERT INTO copy_state (rebuild, at, touched_before, complete, message_id)
SELECT {rebuild:UInt64}, now64(9, 'UTC'), fromUnixTimestamp64Nano({touched_before:Int64}, 'UTC'), {complete:UInt8},
    {message_id:String}"""

# The oldest first.
BLOCKS: Final = """
SELECT toUnixTimestamp64Nano(ts) AS block, rows FROM waiting_blocks ORDER BY block LIMIT {limit:UInt32}"""

MARK: Final = """
INSERT INTO copied_log (ts, rows)
SELECT fromUnixTimestamp64Nano(done.1, 'UTC'), done.2
FROM (SELECT arrayJoin({done:Array(Tuple(Int64, UInt64))}) AS done)"""

# The first message after a slice that begins with `first` and has about `rows` rows.
SLICE_END: Final = """
SELECT message_id FROM lifecycle_log WHERE message_id > {first:String}
ORDER BY message_id LIMIT 1 OFFSET {rows:UInt64}"""

# For each unit its row at the day of its cohort, and a row `gone` at each other day that may have been that day.
_COPY: Final = """
INSERT INTO cohort_log (source, cohort_at, country, gone, {same})
SELECT source, if(day = toDate(cohort_at), cohort_at, toDateTime64(day, 3, 'UTC')), {country},
    day != toDate(cohort_at), {same}
FROM units
ARRAY JOIN days AS day
WHERE {which}"""

_TOUCHED: Final = """
message_id IN
(
    SELECT message_id
    FROM touched_log
    WHERE toUnixTimestamp64Nano(ts) IN {blocks:Array(Int64)}
        AND ts BETWEEN fromUnixTimestamp64Nano({oldest:Int64}, 'UTC') AND fromUnixTimestamp64Nano({newest:Int64}, 'UTC')
        AND cityHash64(message_id) % {parts:UInt64} = {part:UInt64}
)"""


def _copy(which: str) -> str:
    return _COPY.format(same=_SAME, country=country_sql("customer"), which=which)


# The messages of `blocks`, or of `parts` equal parts of them the one with the number `part`.
COPY_BLOCKS: Final = _copy(_TOUCHED)
COPY_SLICE: Final = _copy("message_id >= {first:String} AND message_id < {end:String}")
COPY_REST: Final = _copy("message_id >= {first:String}")
