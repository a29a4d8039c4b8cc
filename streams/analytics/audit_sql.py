"""The statements of the audit.

A message's rows in the copy are right when their number and their version are those of the truth, because the content
of a row is a function of the version. So sums of hashes are compared, and single messages only where the sums differ.
Messages that are not copied yet are left out. `waiting` is evaluated before the tables are opened, so a message that
arrives in between may be found as well, which does no harm.
"""

from typing import Final

BUCKETS: Final = 1024
# The truth is read in its stored order, so that grouping needs no memory; one core is enough.
SETTINGS: Final = {"optimize_aggregation_in_order": "1", "max_threads": "1"}

_KEY: Final = "reinterpretAsUInt128(sipHash128(source, message_id))"
_WAITING: Final = f"""
WITH
    (
        SELECT groupUniqArray({_KEY}) FROM touched_log WHERE ts IN (SELECT ts FROM waiting_blocks)
    ) AS waiting"""  # noqa: S608
_TRUTH: Final = f"""
    SELECT {_KEY} AS key, message_id, count() AS units, sum(n) AS version
    FROM (SELECT source, message_id, n FROM lifecycle_log FINAL)
    GROUP BY message_id, source
    HAVING key NOT IN (SELECT arrayJoin(waiting))"""  # noqa: S608
_COPIED: Final = """
    FROM (SELECT message_key AS key, message_id, version FROM cohort_log FINAL)
    WHERE key NOT IN (SELECT arrayJoin(waiting))"""

DIFFERING_BUCKETS: Final = f"""
{_WAITING}
SELECT bucket
FROM
(
    SELECT toUInt16(key % {BUCKETS}) AS bucket, sum(units * cityHash64(key, version)) AS true, 0 AS copied
    FROM ({_TRUTH})
    GROUP BY bucket
    UNION ALL
    SELECT toUInt16(key % {BUCKETS}) AS bucket, 0, sum(cityHash64(key, version))
    {_COPIED}
    GROUP BY bucket
)
GROUP BY bucket
HAVING sum(true) != sum(copied)"""  # noqa: S608

# `ahead`: the copy has a higher version than the truth, so the truth was emptied.
DIFFERING_MESSAGES: Final = f"""
{_WAITING}
SELECT message_id, max(copied) > max(true) AS ahead
FROM
(
    SELECT key, message_id, toInt64(units) AS rows, version AS true, 0 AS copied, version FROM ({_TRUTH})
    WHERE key % {BUCKETS} IN {{buckets:Array(UInt16)}}
    UNION ALL
    SELECT key, message_id, toInt64(-1), 0, version, version
    {_COPIED}
    AND key % {BUCKETS} IN {{buckets:Array(UInt16)}}
)
GROUP BY key, message_id
HAVING sum(rows) != 0 OR uniqExact(version) != 1
LIMIT {{limit:UInt64}}"""  # noqa: S608

_IDS: Final = "message_id IN (SELECT arrayJoin({ids:Array(String)}))"

# Makes the copy take these messages again; until then readers take them from the truth.
TOUCH: Final = f"""
INSERT INTO touched_log (ts, source, message_id)
SELECT now64(9, 'UTC'), source, message_id FROM lifecycle_log WHERE {_IDS} GROUP BY source, message_id"""  # noqa: S608

# A live row where the truth has none becomes a row `gone`.
REMOVE_STRAYS: Final = f"""
INSERT INTO cohort_log (source, cohort_at, message_id, participant, version, gone)
SELECT source, cohort_at, message_id, participant, version, 1
FROM cohort_log FINAL
WHERE {_IDS} AND (source, message_id, participant, toDate(cohort_at)) NOT IN
    (SELECT source, message_id, participant, toDate(cohort_at) FROM units WHERE {_IDS})"""  # noqa: S608
