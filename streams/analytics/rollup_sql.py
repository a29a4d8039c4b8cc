# ruff: noqa: S608  (every value is bound; what is put in by text are names and expressions of this module)
"""How each rollup is made of the tables before it, as SQL. Pure.

A rebuild is one statement for some pairs of a source and a UTC day. It finds out what differs from what the rollup
holds and writes that alone, for most of a day's rows stay as they are. Rows of a rebuild have two versions: the odd
one, 2 * generation + 1, for rows that are there, the even one below it for zeros where a row is no more; so a row that
is written both ways stays. Bound: `pairs` Array(Tuple(String, Date)), `generation` UInt64.
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
    return f"""(SELECT pair.1, pair.2 + away FROM (SELECT arrayJoin({{pairs:Array(Tuple(String, Date))}}) AS pair)
        ARRAY JOIN range({first}, {last + 1}) AS away)"""


def _quarter(moment: str) -> str:
    return f"toStartOfFifteenMinutes(toDateTime({moment}, 'UTC'))"


@dataclass(slots=True, frozen=True)
class Rollup:
    """A table that is rebuilt by days; `name` as in the view rebuilds. `insert` is the rebuild of the bound pairs."""

    name: str
    table: str
    insert: str

    @property
    def written(self) -> str:
        """How many rows of the bound generation there are of each pair in `done` (name, source, day, changes)."""
        return f"""
    SELECT '{self.name}' AS name, source, toDate(slot) AS day, count() AS changes
    FROM {self.table}
    WHERE version IN ({{generation:UInt64}} * 2, {{generation:UInt64}} * 2 + 1)
        AND (source, toDate(slot)) IN (SELECT source, day FROM done WHERE name = '{self.name}')
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


# A row that was written in both versions counts twice until it is merged, here as in changed_log.
_SETTINGS = "SETTINGS optimize_on_insert = 0"


def _by_checksum(
    name: str,
    table: str,
    *,
    rows: str,
    where: str,
    moment: str,
    content: str,
    keys: dict[str, str],
    values: dict[str, str],
) -> Rollup:
    """A rollup whose slots are looked at one by one: each row has the sum of the hashes of what it was made of.

    It is made of `rows`, by `moment`, as far as `where` says; `content` is all that matters of a row, never NULL.
    Hashing is several times cheaper than grouping, so only the slots whose sums differ are grouped.
    """
    slot = _quarter(moment)
    chosen = f"(source, toDate({moment})) IN {_pairs()} AND {where}"
    columns = ", ".join(("source", "slot", *keys, *values))
    named = ", ".join(f"{expression} AS {name}" for name, expression in (keys | values).items())
    zeros = ", ".join(f"defaultValueOfArgumentType({table}.{name})" for name in values)
    return Rollup(
        name,
        table,
        f"""
INSERT INTO {table} ({columns}, checksum, version)
WITH
    sipHash64({content}) AS hash,
    (
        SELECT groupArray((source, slot))
        FROM
        (
            SELECT source, slot
            FROM
            (
                SELECT source, {slot} AS slot, sum(hash) AS now, toUInt64(0) AS before
                FROM {rows}
                WHERE {chosen}
                GROUP BY source, slot
                UNION ALL
                SELECT source, slot, 0, sum(checksum)
                FROM {table} FINAL
                WHERE (source, toDate(slot)) IN {_pairs()}
                GROUP BY source, slot
            )
            GROUP BY source, slot
            HAVING sum(now) != sum(before)
        )
    ) AS changed
SELECT source, {slot} AS slot, {named}, sum(hash) AS checksum, {{generation:UInt64}} * 2 + 1 AS version
FROM {rows}
WHERE {chosen} AND (source, {slot}) IN (SELECT x.1, x.2 FROM (SELECT arrayJoin(changed) AS x))
GROUP BY {", ".join(("source", "slot", *keys))}
UNION ALL
SELECT source, slot, {", ".join(keys)}, {zeros}, 0, {{generation:UInt64}} * 2
FROM {table} FINAL
WHERE checksum != 0 AND (source, slot) IN (SELECT x.1, x.2 FROM (SELECT arrayJoin(changed) AS x))
{_SETTINGS}""",
    )


def _by_comparison(name: str, table: str, *, keys: tuple[str, ...], values: tuple[str, ...], select: str) -> Rollup:
    """A rollup of few rows, made as a whole and compared with what is there; `select` gives keys and values."""
    columns, row = ", ".join((*keys, *values)), f"tuple({', '.join(values)})"
    named = ", ".join(f"tupleElement(new, {place}) AS {name}" for place, name in enumerate(values, 1))
    return Rollup(
        name,
        table,
        f"""
INSERT INTO {table} ({columns}, version)
SELECT {", ".join(keys)}, {named}, {{generation:UInt64}} * 2 + 1 AS version
FROM
(
    SELECT {", ".join(keys)}, anyIf(row, fresh) AS new, anyIf(row, NOT fresh) AS old
    FROM
    (
        SELECT {", ".join(keys)}, {row} AS row, true AS fresh FROM ({select})
        UNION ALL
        SELECT {", ".join(keys)}, {row} AS row, false AS fresh FROM {table} FINAL
        WHERE (source, toDate(slot)) IN {_pairs()}
    )
    GROUP BY {", ".join(keys)}
    HAVING new != old
)""",
    )


def _known(column: str, none: str) -> str:
    """A Nullable column with a value that stands for NULL: the hash of NULL is NULL."""
    return f"ifNull({column}, {none})"


def _itself(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_NEVER = "toDateTime64(0, 3, 'UTC')"
_NO_MS = "-9223372036854775808"
_DELIVERED = "status IN ('delivered', 'read', 'played')"
_FAILED = "status = 'failed'"

OUTBOUND: Final = _by_checksum(
    "outbound",
    "outbound_log",
    rows="cohort_log AS c FINAL",
    where="counted",
    moment="cohort_at",
    content="account, provider, template, campaign, category, country, is_group, pricing_category, pricing_type, "
    "c.error_code, status, origin, c.billable, "
    f"{_known('c.to_delivered_ms', _NO_MS)}, {_known('c.to_read_ms', _NO_MS)}",
    keys=_itself("account", "provider", "template", "campaign", "category", "country", "is_group", "pricing_category")
    | {"pricing_type": "pricing_type", "error_code": f"if({_FAILED}, c.error_code, '')"},
    values={
        "sent": "count()",
        "delivered": f"countIf({_DELIVERED})",
        "read": "countIf(status IN ('read', 'played'))",
        "failed": f"countIf({_FAILED})",
        "orphan": "countIf(origin = 'none')",
        # Delivered, and the provider names a price that is not free and does not say that it bills nothing.
        "billable": f"countIf({_DELIVERED} AND NOT startsWith(pricing_type, 'free') "
        "AND (c.billable = 1 OR (c.billable = -1 AND pricing_type != '')))",
        "to_delivered_ms": "arraySort(groupArrayIf(toUInt64(c.to_delivered_ms), c.to_delivered_ms >= 0))",
        "to_read_ms": "arraySort(groupArrayIf(toUInt64(c.to_read_ms), c.to_read_ms >= 0))",
        "negative_delivered": "countIf(c.to_delivered_ms < 0)",
        "negative_read": "countIf(c.to_read_ms < 0)",
    },
)

INBOUND: Final = _by_checksum(
    "inbound",
    "inbound_log",
    rows="cohort_log FINAL",
    where="direction = 'in'",
    moment="cohort_at",
    content="account, country, type, is_group",
    keys=_itself("account", "country", "type", "is_group"),
    values={"messages": "count()"},
)

# A direct chat with a customer who is known.
_DIRECT = "NOT c.is_group AND c.customer != ''"
_PHONE = "match(c.customer, '^[+][1-9][0-9]{4,17}$')"
_NO_PHONE = "9223372036854775808"
_TIME_TO_LIVE = "toIntervalSecond(if(startsWith(category, 'authentication'), 600, 2592000))"
_PENDING = "counted AND status IN ('sent', 'pending', '')"


def _latest(*moments: str) -> str:
    """The latest of Nullable moments over the outbound messages of a group, the zero time when there is none."""
    known = ", ".join(_known(moment, _NEVER) for moment in moments)
    return f"maxIf(greatest({_NEVER}, {known}), direction = 'out')"


NUMBERS: Final = _by_checksum(
    "numbers",
    "number_log",
    rows="cohort_log AS c FINAL",
    where=_DIRECT,
    moment="cohort_at",
    content="c.customer, c.country, direction, counted, category, status, error_code, cohort_at, "
    + ", ".join(_known(moment, _NEVER) for moment in ("delivered_at", "read_at", "played_at", "failed_at")),
    keys={
        "customer_key": f"if({_PHONE}, toUInt64(substring(c.customer, 2)), bitOr(sipHash64(c.customer), {_NO_PHONE}))"
    },
    values={
        "customer": f"if(customer_key < {_NO_PHONE}, '', min(c.customer))",
        "country": "min(c.country)",
        "sends": "countIf(counted)",
        "last_sent_at": "maxIf(cohort_at, counted)",
        "last_delivered_at": _latest("delivered_at", "read_at", "played_at"),
        "last_read_at": _latest("read_at", "played_at"),
        "last_inbound_at": "maxIf(cohort_at, direction = 'in')",
        "undeliverable_at": "arraySort(groupArrayIf(assumeNotNull(failed_at), "
        f"counted AND {_FAILED} AND {number_problem_sql('error_code')}))",
        "pending": f"arraySort(groupArrayIf((cohort_at, cohort_at + {_TIME_TO_LIVE}), {_PENDING}))",
    },
)

_BUCKET = f"floor(log(greatest(4294967295 - promptness, 1)) / log({_LATENCY_STEP}))"
_MIDDLE = f"toUInt32(least(round(pow({_LATENCY_STEP}, {_BUCKET} + 0.5)), 4294967295))"
_LATENCY = f"sumMapIf([{_MIDDLE}], [toUInt64(1)], promptness > 0)"

ARRIVALS: Final = _by_checksum(
    "arrivals",
    "arrival_log",
    rows="delivery_time_log FINAL",
    where="1",
    moment="received_at",
    content="received_at, event_id, delivery, kind, promptness",
    keys=_itself("kind"),
    values={
        "deliveries": "count()",
        "last_received_at": "max(received_at)",
        "latency_ms": f"{_LATENCY}.1",
        "latency_deliveries": f"{_LATENCY}.2",
    },
)

REPEATS: Final = _by_comparison(
    "repeats",
    "repeat_log",
    keys=("source", "slot", "kind"),
    values=("repeats",),
    # Only the few events that came more than once have their deliveries put in order.
    select=f"""
WITH several AS
(
    SELECT source, event_id
    FROM delivery_time_log FINAL
    WHERE (source, toDate(received_at)) IN {_pairs(-1, 0)}
    GROUP BY source, event_id
    HAVING count() > 1
)
SELECT source, {_quarter("again.1")} AS slot, kind, count() AS repeats
FROM
(
    SELECT source, kind, arraySort(groupArray((received_at, delivery))) AS each,
        arrayJoin(arrayFilter(
            (x, before) -> toDate(x.1) - toDate(before.1) <= 1, arrayPopFront(each), arrayPopBack(each))) AS again
    FROM delivery_time_log FINAL
    WHERE (source, toDate(received_at)) IN {_pairs(-1, 0)} AND (source, event_id) IN several
    GROUP BY source, kind, event_id
)
WHERE (source, toDate(again.1)) IN {_pairs()}
GROUP BY source, slot, kind""",
)

# Reactions and edits ask nothing; what a history backfill brought was said before anybody looked at these numbers.
_ASKS = "direction = 'in' AND type NOT IN ('reaction', 'edit') AND origin != 'history'"

TURNS: Final = _by_comparison(
    "turns",
    "turn_log",
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
            AND (source, customer) IN
            (
                SELECT source, customer
                FROM cohort_log AS c FINAL
                WHERE (source, toDate(cohort_at)) IN {_pairs()} AND {_DIRECT} AND {_ASKS}
            )
        GROUP BY source, customer
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
SELECT source, {_quarter("fromUnixTimestamp64Milli(first.1, 'UTC')")} AS slot, first.3 AS account,
    first.4 AS country, count() AS turns, countIf(is_answered) AS answered,
    arraySort(groupArrayIf(toUInt64(waited), is_answered)) AS response_ms
FROM begun
WHERE (source, toDate(slot)) IN {_pairs()}
GROUP BY source, slot, account, country""",
)

ROLLUPS: Final = (OUTBOUND, INBOUND, NUMBERS, TURNS, ARRIVALS, REPEATS)
