# ruff: noqa: S608  (every value is bound; what is put in by text are names and expressions of this module)
"""How each rollup is made of the tables before it, as SQL. Pure.

A rebuild compares what the rollup should hold for some (source, UTC day) pairs with what it does hold and writes the
rows that differ: new values, or zeros where nothing is left. Bound: `pairs` Array(Tuple(String, Date)), `generation`.
"""

from dataclasses import dataclass
from typing import Final

from schemas.error_codes import number_problem_sql

# After so long an answer is none: WhatsApp's customer service window.
WINDOW_MS: Final = 24 * 3600 * 1000
# Middle of the bucket of a latency: buckets 5 % wide, so at most 2.5 % off.
_LATENCY_STEP: Final = 1.05


def _pairs(first: int = 0, last: int = 0) -> str:
    """The bound pairs, each with its neighbours from `first` to `last` days away, as the right side of IN.

    A subquery, because it becomes a set before anything is read: an array would be searched through for each row.
    """
    days = f"range({first}, {last + 1})"
    return f"""(SELECT pair.1, pair.2 + away FROM (SELECT arrayJoin({{pairs:Array(Tuple(String, Date))}}) AS pair)
        ARRAY JOIN {days} AS away)"""


@dataclass(slots=True, frozen=True)
class Rollup:
    """A table that is rebuilt by days; `name` as in the view rebuilds. `day` is the UTC day of its rows.

    `select` gives `keys` and `values`, by these names, for the bound pairs.
    """

    name: str
    table: str
    day: str
    keys: tuple[str, ...]
    values: tuple[str, ...]
    select: str

    @property
    def insert(self) -> str:
        """One statement: the rows that differ, for the bound pairs."""
        keys, values = ", ".join(self.keys), ", ".join(self.values)
        named = ", ".join(f"tupleElement(new, {place}) AS {name}" for place, name in enumerate(self.values, 1))
        return f"""
INSERT INTO {self.table} ({keys}, {values}, generation)
SELECT {keys}, {named}, {{generation:UInt64}} AS generation
FROM
(
    SELECT {keys}, anyIf(row, fresh) AS new, anyIf(row, NOT fresh) AS old
    FROM
    (
        SELECT {keys}, tuple({values}) AS row, true AS fresh FROM ({self.select})
        UNION ALL
        SELECT {keys}, tuple({values}) AS row, false AS fresh FROM {self.table} FINAL
        WHERE (source, {self.day}) IN {_pairs()}
    )
    GROUP BY {keys}
    HAVING new != old
)"""

    @property
    def written(self) -> str:
        """How many rows of the bound generation there are of each pair in `done` (name, source, day, changes)."""
        return f"""
    SELECT '{self.name}' AS name, source, {self.day} AS day, count() AS changes
    FROM {self.table}
    WHERE generation = {{generation:UInt64}}
        AND (source, {self.day}) IN (SELECT source, day FROM done WHERE name = '{self.name}')
    GROUP BY source, day"""


def note(rollups: list[Rollup]) -> str:
    """One statement: the bound `done` pairs of these rollups are as new as `changes` and the rows just written."""
    written = "".join(f"\n    UNION ALL{rollup.written}" for rollup in rollups)
    return f"""
INSERT INTO rebuilt_log (name, source, day, changes, rebuilt_at)
WITH done AS
(
    SELECT d.1 AS name, d.2 AS source, d.3 AS day, d.4 AS changes
    FROM (SELECT arrayJoin({{done:Array(Tuple(String, String, Date, UInt64))}}) AS d)
)
SELECT name, source, day, sum(changes), fromUnixTimestamp64Nano(toInt64({{generation:UInt64}}), 'UTC')
FROM
(
    SELECT name, source, day, changes FROM done{written}
)
GROUP BY name, source, day"""


_QUARTER = "toStartOfFifteenMinutes(toDateTime({}, 'UTC'))"
_IS_DELIVERED = "status IN ('delivered', 'read', 'played')"
_COHORTS = f"cohort_log FINAL WHERE (source, toDate(cohort_at)) IN {_pairs()}"

OUTBOUND: Final = Rollup(
    name="outbound",
    table="outbound_log",
    day="toDate(slot)",
    keys=(
        "source", "slot", "account", "provider", "template", "campaign", "category", "country", "is_group",
        "pricing_category", "pricing_type", "error_code",
    ),
    values=(
        "sent", "delivered", "read", "failed", "orphan", "billable", "to_delivered_ms", "to_read_ms",
        "negative_delivered", "negative_read",
    ),
    # Billable: delivered, and the provider names a price that is not free and does not say that it bills nothing.
    select=f"""
SELECT source, {_QUARTER.format("cohort_at")} AS slot, account, provider, template, campaign, category, country,
    is_group, pricing_category, pricing_type, if(status = 'failed', c.error_code, '') AS error_code,
    count() AS sent,
    countIf({_IS_DELIVERED}) AS delivered,
    countIf(status IN ('read', 'played')) AS read,
    countIf(status = 'failed') AS failed,
    countIf(origin = 'none') AS orphan,
    countIf({_IS_DELIVERED} AND NOT startsWith(pricing_type, 'free')
        AND (c.billable = 1 OR (c.billable = -1 AND pricing_type != ''))) AS billable,
    arraySort(groupArrayIf(toUInt64(c.to_delivered_ms), c.to_delivered_ms >= 0)) AS to_delivered_ms,
    arraySort(groupArrayIf(toUInt64(c.to_read_ms), c.to_read_ms >= 0)) AS to_read_ms,
    countIf(c.to_delivered_ms < 0) AS negative_delivered,
    countIf(c.to_read_ms < 0) AS negative_read
FROM cohort_log AS c FINAL
WHERE (source, toDate(cohort_at)) IN {_pairs()} AND counted
GROUP BY source, slot, account, provider, template, campaign, category, country, is_group, pricing_category,
    pricing_type, error_code""",
)  # fmt: skip

INBOUND: Final = Rollup(
    name="inbound",
    table="inbound_log",
    day="toDate(slot)",
    keys=("source", "slot", "account", "country", "type", "is_group"),
    values=("messages",),
    select=f"""
SELECT source, {_QUARTER.format("cohort_at")} AS slot, account, country, type, is_group, count() AS messages
FROM {_COHORTS} AND direction = 'in'
GROUP BY source, slot, account, country, type, is_group""",
)

# A direct chat with a customer who is known; ids of customers are short, so the hash of one stands for it nowhere.
_DIRECT = "NOT c.is_group AND c.customer != ''"
# Reactions and edits ask nothing; what a history backfill brought was said before anybody looked at these numbers.
_ASKS = "direction = 'in' AND type NOT IN ('reaction', 'edit') AND origin != 'history'"


TURNS: Final = Rollup(
    name="turns",
    table="turn_log",
    day="toDate(slot)",
    keys=("source", "slot", "account", "country"),
    values=("turns", "answered", "response_ms"),
    # A message of a conversation is (ms, 0 theirs or 1 ours, account, country), sorted: of one moment theirs first.
    # `next` at each place is the first of ours from there on, or the last message of all when there is none.
    select=f"""
WITH
    conversations AS
    (
        SELECT source, customer,
            groupArray((toUnixTimestamp64Milli(cohort_at), direction = 'out', account, country)) AS found
        FROM cohort_log AS c FINAL
        WHERE (source, toDate(cohort_at)) IN {_pairs(-1, 1)} AND {_DIRECT}
            AND (({_ASKS}) OR (direction = 'out' AND status != 'failed'))
        GROUP BY source, customer
        HAVING countIf(direction = 'in' AND (source, toDate(cohort_at)) IN {_pairs()}) > 0
    ),
    begun AS
    (
        SELECT
            source,
            arraySort(found) AS said,
            arrayReverseFill(x -> x.2, said) AS next,
            arrayJoin(arrayFilter(
                i -> NOT said[i].2 AND (i = 1 OR said[i - 1].2 OR said[i].1 - said[i - 1].1 > {WINDOW_MS}),
                arrayEnumerate(said))) AS i,
            said[i] AS first,
            next[i].1 - first.1 AS waited,
            next[i].2 AND waited <= {WINDOW_MS} AS is_answered
        FROM conversations
    )
SELECT source, {_QUARTER.format("fromUnixTimestamp64Milli(first.1, 'UTC')")} AS slot, first.3 AS account,
    first.4 AS country, count() AS turns, countIf(is_answered) AS answered,
    arraySort(groupArrayIf(toUInt64(waited), is_answered)) AS response_ms
FROM begun
WHERE (source, toDate(slot)) IN {_pairs()}
GROUP BY source, slot, account, country""",
)

_PHONE = "match(c.customer, '^[+][1-9][0-9]{4,17}$')"
_TIME_TO_LIVE = "toIntervalSecond(if(startsWith(category, 'authentication'), 600, 2592000))"
_NEVER = "toDateTime64(0, 3, 'UTC')"


def _latest(*moments: str) -> str:
    """The latest of Nullable moments over the outbound messages of a group, the zero time when there is none."""
    known = ", ".join(f"ifNull({moment}, {_NEVER})" for moment in moments)
    return f"maxIf(greatest({_NEVER}, {known}), direction = 'out')"


NUMBERS: Final = Rollup(
    name="numbers",
    table="number_log",
    day="day",
    keys=("source", "day", "customer_key"),
    values=(
        "customer", "country", "sends", "last_sent_at", "last_delivered_at", "last_read_at", "last_inbound_at",
        "undeliverable_at", "pending",
    ),
    select=f"""
WITH counted AND status = 'failed' AND {number_problem_sql("error_code")} AS blames_number
SELECT source, toDate(cohort_at) AS day,
    if({_PHONE}, toUInt64(substring(c.customer, 2)), bitOr(sipHash64(c.customer), 9223372036854775808)) AS customer_key,
    if(customer_key < 9223372036854775808, '', min(c.customer)) AS customer,
    min(c.country) AS country,
    countIf(counted) AS sends,
    maxIf(cohort_at, counted) AS last_sent_at,
    {_latest("delivered_at", "read_at", "played_at")} AS last_delivered_at,
    {_latest("read_at", "played_at")} AS last_read_at,
    maxIf(cohort_at, direction = 'in') AS last_inbound_at,
    arraySort(groupArrayIf(assumeNotNull(failed_at), blames_number)) AS undeliverable_at,
    arraySort(groupArrayIf((cohort_at, cohort_at + {_TIME_TO_LIVE}), counted AND status IN ('sent', 'pending', '')))
        AS pending
FROM cohort_log AS c FINAL
WHERE (source, toDate(cohort_at)) IN {_pairs()} AND {_DIRECT}
GROUP BY source, day, customer_key""",
)  # fmt: skip

_KNOWN_MS = "4294967295 - promptness"
_BUCKET = f"floor(log(greatest({_KNOWN_MS}, 1)) / log({_LATENCY_STEP}))"
_MIDDLE = f"toUInt32(least(round(pow({_LATENCY_STEP}, {_BUCKET} + 0.5)), 4294967295))"

ARRIVALS: Final = Rollup(
    name="arrivals",
    table="arrival_log",
    day="toDate(slot)",
    keys=("source", "slot", "kind"),
    values=("deliveries", "repeats", "last_received_at", "latency_ms", "latency_deliveries"),
    # Only the few events that came more than once have their deliveries put in order.
    select=f"""
WITH
    arrived AS
    (
        SELECT source, received_at, event_id, delivery, kind, promptness
        FROM delivery_time_log FINAL
        WHERE (source, toDate(received_at)) IN {_pairs(-1, 0)}
    ),
    several AS
    (
        SELECT source, kind, arraySort(groupArray((received_at, delivery))) AS at
        FROM arrived
        WHERE (source, event_id) IN (SELECT source, event_id FROM arrived GROUP BY source, event_id HAVING count() > 1)
        GROUP BY source, kind, event_id
    ),
    rows AS
    (
        SELECT source, received_at, kind, 1 AS delivered, 0 AS again, promptness FROM arrived
        UNION ALL
        SELECT
            source,
            arrayJoin(arrayFilter(
                (x, before) -> toDate(x.1) - toDate(before.1) <= 1, arrayPopFront(at), arrayPopBack(at)
            )).1 AS received_at,
            kind, 0, 1, 0
        FROM several
    )
SELECT source, {_QUARTER.format("received_at")} AS slot, kind, sum(delivered) AS deliveries, sum(again) AS repeats,
    max(received_at) AS last_received_at,
    sumMapIf([{_MIDDLE}], [toUInt64(1)], promptness > 0) AS took,
    took.1 AS latency_ms, took.2 AS latency_deliveries
FROM rows
WHERE (source, toDate(received_at)) IN {_pairs()}
GROUP BY source, slot, kind""",
)

ROLLUPS: Final = (OUTBOUND, INBOUND, TURNS, NUMBERS, ARRIVALS)
