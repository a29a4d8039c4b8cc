# ruff: noqa: S608  (every value is bound; what is put in by text are names and expressions of this module)
"""The rollups of customers' numbers as SQL: facts about each number, made of the copy, and suspects, made of the facts.

`customer_log` has the facts that the messages of a slot give about a number, in the order of numbers; `suspect_log` has
a row for each number with two suspicions or more since its last sign of life. streams.analytics.rebuild_sql has the
common part.
"""

from typing import Final

from schemas.error_codes import number_problem_sql
from streams.analytics.rebuild_sql import Rollup, by_checksum, known, pairs

# A direct chat with a customer who is known.
DIRECT: Final = "NOT c.is_group AND c.customer != ''"
PENDING: Final = "counted AND status IN ('sent', 'pending', '')"

_NEVER = "toDateTime64(0, 3, 'UTC')"
_PHONE = "match(c.customer, '^[+][1-9][0-9]{4,17}$')"
_NO_PHONE = "9223372036854775808"
_TIME_TO_LIVE = "toIntervalSecond(if(startsWith(category, 'authentication'), 600, 2592000))"


def _latest(*moments: str) -> str:
    """The latest of Nullable moments over the outbound messages of a group, the zero time when there is none."""
    values = ", ".join(known(moment, _NEVER) for moment in moments)
    return f"maxIf(greatest({_NEVER}, {values}), direction = 'out')"


# The facts about a number in a slot.
_VALUES: Final = {
    "customer": f"if(customer_key < {_NO_PHONE}, '', min(c.customer))",
    "country": "min(c.country)",
    "sends": "countIf(counted)",
    "last_sent_at": "maxIf(cohort_at, counted)",
    "last_delivered_at": _latest("delivered_at", "read_at", "played_at"),
    "last_read_at": _latest("read_at", "played_at"),
    "last_inbound_at": "maxIf(cohort_at, direction = 'in')",
    "undeliverable_at": "arraySort(groupArrayIf(assumeNotNull(failed_at), "
    f"counted AND status = 'failed' AND {number_problem_sql('error_code')}))",
    "pending": f"arraySort(groupArrayIf((cohort_at, cohort_at + {_TIME_TO_LIVE}), {PENDING}))",
}

CUSTOMERS: Final = by_checksum(
    "customers",
    "customer_log",
    by_slot="customer_slot_log",
    rows="cohort_log AS c FINAL",
    where=DIRECT,
    moment="cohort_at",
    content="c.customer, c.country, direction, counted, category, status, error_code, cohort_at, "
    + ", ".join(known(moment, _NEVER) for moment in ("delivered_at", "read_at", "played_at", "failed_at")),
    keys={
        "customer_key": f"if({_PHONE}, toUInt64(substring(c.customer, 2)), bitOr(sipHash64(c.customer), {_NO_PHONE}))"
    },
    values=_VALUES,
    zeros={
        "customer": "''",
        "country": "''",
        "sends": "0",
        **dict.fromkeys(("last_sent_at", "last_delivered_at", "last_read_at", "last_inbound_at"), _NEVER),
        "undeliverable_at": "[]",
        "pending": "[]",
    },
)

_FACTS = ", ".join(_VALUES)
_SUSPICIOUS = "length(undeliverable_at) + length(pending) >= 2"

# Numbers that have a row on one of the days, and two suspicions on any day, and numbers that were suspected before. An
# unmerged version of a row counts twice here, which adds work and no suspect.
_CANDIDATES = f"""
    SELECT groupArray((source, customer_key))
    FROM
    (
        SELECT source, customer_key
        FROM
        (
            SELECT source, customer_key, suspicions FROM customer_slot_log WHERE suspicions > 0
            UNION ALL
            SELECT source, customer_key, 2 FROM suspect_log FINAL WHERE {_SUSPICIOUS}
        )
        WHERE (source, customer_key) IN
        (
            SELECT source, customer_key FROM customer_slot_log WHERE (source, toDate(slot)) IN {pairs()}
            UNION ALL
            SELECT source, customer_key FROM suspect_log WHERE (source, toDate(slot)) IN {pairs()}
        )
        GROUP BY source, customer_key
        HAVING sum(suspicions) >= 2
    )"""
_THESE = "(source, customer_key) IN (SELECT x.1, x.2 FROM (SELECT arrayJoin(candidates) AS x))"

# All facts about each number, then the suspicions that no sign of life has cleared. A server that dies may leave a row
# in customer_log alone, of a number that the slot no longer has: it counts only together with its counterpart.
_PRESENT = f"""
        SELECT source, customer_key, max(slot) AS last_slot,
            max(c.customer) AS customer, max(c.country) AS country, sum(c.sends) AS sends,
            max(c.last_sent_at) AS last_sent_at, max(c.last_delivered_at) AS last_delivered_at,
            max(c.last_read_at) AS last_read_at, max(c.last_inbound_at) AS last_inbound_at,
            arraySort(arrayFilter(x -> x > greatest(last_read_at, last_inbound_at),
                groupArrayArray(c.undeliverable_at))) AS undeliverable_at,
            arraySort(arrayFilter(x -> x.1 > greatest(last_read_at, last_inbound_at),
                groupArrayArray(c.pending))) AS pending
        FROM customer_log AS c FINAL
        WHERE {_THESE} AND checksum != 0 AND (source, slot, customer_key) IN
            (SELECT source, slot, customer_key FROM customer_slot_log WHERE {_THESE})
        GROUP BY source, customer_key
        HAVING {_SUSPICIOUS}"""

SUSPECTS: Final = Rollup(
    "suspects",
    "suspect_log",
    f"""
INSERT INTO suspect_log (source, customer_key, slot, {_FACTS}, version)
WITH ({_CANDIDATES}
) AS candidates
SELECT source, customer_key, if(found, new_slot, old_slot),
    {", ".join(f"tupleElement(new, {place})" for place, _ in enumerate(_VALUES, 1))}, {{generation:UInt64}} * 2 + 1
FROM
(
    SELECT source, customer_key, anyIf(facts, fresh) AS new, anyIf(facts, NOT fresh) AS old,
        anyIf(last_slot, fresh) AS new_slot, anyIf(last_slot, NOT fresh) AS old_slot, max(fresh) AS found
    FROM
    (
        SELECT source, customer_key, last_slot, tuple({_FACTS}) AS facts, true AS fresh
        FROM
        ({_PRESENT}
        )
        UNION ALL
        SELECT source, customer_key, slot, tuple({_FACTS}), false
        FROM suspect_log FINAL
        WHERE {_THESE}
    )
    GROUP BY source, customer_key
    HAVING new != old
)""",
)
