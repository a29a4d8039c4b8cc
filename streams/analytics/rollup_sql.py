# ruff: noqa: S608  (every value is bound; what is put in by text are names and expressions of this module)
"""The rollups as SQL: how each is made of the tables before it."""

from typing import Final

from schemas.horizons import HORIZONS_MS
from streams.analytics.customer_sql import CUSTOMERS, DIRECT, PENDING, SUSPECTS
from streams.analytics.rebuild_sql import Rollup, by_checksum, by_comparison, itself, known, pairs, quarter

# A later message is no answer any more: WhatsApp's customer service window.
WINDOW_MS: Final = 24 * 3600 * 1000
# Latencies are stored as middles of buckets: 5 % wide, so at most 2.5 % off.
_LATENCY_STEP: Final = 1.05

_NO_MS = "-9223372036854775808"
_READ = "status IN ('read', 'played')"
_DELIVERED = "status IN ('delivered', 'read', 'played')"
_FAILED = "status = 'failed'"
# A message that was read was delivered: without a time of delivery the time of reading is the latest possible one.
_DELIVERED_AFTER = "least(ifNull(c.to_delivered_ms, c.to_read_ms), ifNull(c.to_read_ms, c.to_delivered_ms))"


def _within(reached: str, after: str) -> str:
    """How many `reached` it within each of the horizons; negative and unknown durations are within none."""
    counts = (f"countIf({reached} AND ifNull({after} BETWEEN 0 AND {limit}, 0))" for limit in HORIZONS_MS)
    return f"[{', '.join(counts)}]"


OUTBOUND: Final = by_checksum(
    "outbound",
    "outbound_log",
    rows="cohort_log AS c FINAL",
    where="counted",
    moment="cohort_at",
    # The number in front grows when a column is added: then every row is made again, once its day is due.
    content="2, account, provider, template, campaign, category, country, is_group, pricing_category, pricing_type, "
    "c.error_code, status, origin, c.billable, "
    f"{known('c.to_delivered_ms', _NO_MS)}, {known('c.to_read_ms', _NO_MS)}",
    keys=itself("account", "provider", "template", "campaign", "category", "country", "is_group", "pricing_category")
    | {"pricing_type": "pricing_type", "error_code": f"if({_FAILED}, c.error_code, '')"},
    values={
        "sent": "count()",
        "delivered": f"countIf({_DELIVERED})",
        "read": f"countIf({_READ})",
        "failed": f"countIf({_FAILED})",
        "pending": f"countIf({PENDING})",
        "orphan": "countIf(origin = 'none')",
        # Delivered, with a price type of the provider that is not free, and not marked as not billable.
        "billable": f"countIf({_DELIVERED} AND NOT startsWith(pricing_type, 'free') "
        "AND (c.billable = 1 OR (c.billable = -1 AND pricing_type != '')))",
        "to_delivered_ms": "arraySort(groupArrayIf(toUInt64(c.to_delivered_ms), c.to_delivered_ms >= 0))",
        "to_read_ms": "arraySort(groupArrayIf(toUInt64(c.to_read_ms), c.to_read_ms >= 0))",
        "negative_delivered": "countIf(c.to_delivered_ms < 0)",
        "negative_read": "countIf(c.to_read_ms < 0)",
        "delivered_within": _within(_DELIVERED, _DELIVERED_AFTER),
        "read_within": _within(_READ, "c.to_read_ms"),
    },
)

# Few rows of few columns: comparing a day as a whole costs less than sums of hashes.
OUTBOUND_DAYS: Final = by_comparison(
    "outbound_days",
    "outbound_day_log",
    keys=("source", "slot", "template", "campaign", "category", "is_group"),
    values=("sent", "delivered", "read", "failed", "orphan"),
    select=f"""
SELECT source, toStartOfDay(toDateTime(cohort_at, 'UTC')) AS slot, template, campaign, category, is_group,
    count() AS sent, countIf({_DELIVERED}) AS delivered, countIf({_READ}) AS read, countIf({_FAILED}) AS failed,
    countIf(origin = 'none') AS orphan
FROM cohort_log FINAL
WHERE counted AND (source, toDate(cohort_at)) IN {pairs()}
GROUP BY source, slot, template, campaign, category, is_group""",
)

INBOUND: Final = by_checksum(
    "inbound",
    "inbound_log",
    rows="cohort_log FINAL",
    where="direction = 'in'",
    moment="cohort_at",
    content="account, country, type, is_group",
    keys=itself("account", "country", "type", "is_group"),
    values={"messages": "count()"},
)

_BUCKET = f"floor(log(greatest(4294967295 - promptness, 1)) / log({_LATENCY_STEP}))"
_MIDDLE = f"toUInt32(least(round(pow({_LATENCY_STEP}, {_BUCKET} + 0.5)), 4294967295))"
_LATENCY = f"sumMapIf([{_MIDDLE}], [toUInt64(1)], promptness > 0)"

ARRIVALS: Final = by_checksum(
    "arrivals",
    "arrival_log",
    rows="delivery_time_log FINAL",
    where="1",
    moment="received_at",
    content="received_at, event_id, delivery, kind, promptness",
    keys=itself("kind"),
    values={
        "deliveries": "count()",
        "last_received_at": "max(received_at)",
        "latency_ms": f"{_LATENCY}.1",
        "latency_deliveries": f"{_LATENCY}.2",
    },
)

REPEATS: Final = by_comparison(
    "repeats",
    "repeat_log",
    keys=("source", "slot", "kind"),
    values=("repeats",),
    # Only the few events that came more than once get their deliveries sorted.
    select=f"""
WITH several AS
(
    SELECT source, event_id
    FROM delivery_time_log FINAL
    WHERE (source, toDate(received_at)) IN {pairs(-1, 0)}
    GROUP BY source, event_id
    HAVING count() > 1
)
SELECT source, {quarter("again.1")} AS slot, kind, count() AS repeats
FROM
(
    SELECT source, kind, arraySort(groupArray((received_at, delivery))) AS each,
        arrayJoin(arrayFilter(
            (x, before) -> toDate(x.1) - toDate(before.1) <= 1, arrayPopFront(each), arrayPopBack(each))) AS again
    FROM delivery_time_log FINAL
    WHERE (source, toDate(received_at)) IN {pairs(-1, 0)} AND (source, event_id) IN several
    GROUP BY source, kind, event_id
)
WHERE (source, toDate(again.1)) IN {pairs()}
GROUP BY source, slot, kind""",
)

# Reactions and edits ask nothing; messages of a history backfill were written before these numbers existed.
_ASKS = "direction = 'in' AND type NOT IN ('reaction', 'edit') AND origin != 'history'"

# When a message was written. Messages of customers: by their phone, because a webhook may come hours late; without a
# time of the phone, or with one more than a day away, the copy's time. So everything that matters to a day is in the
# copy within two days of it.
_MOMENT = """if(direction = 'in' AND inbound_at BETWEEN cohort_at - INTERVAL 1 DAY AND cohort_at + INTERVAL 1 DAY,
                assumeNotNull(inbound_at), cohort_at)"""

TURNS: Final = by_comparison(
    "turns",
    "turn_log",
    keys=("source", "slot", "account", "country"),
    values=("turns", "answered", "response_ms"),
    # A message of a conversation is (ms, 0 theirs or 1 ours, account, country), sorted, so that theirs come first
    # in one moment. `next` at each place is the first of ours from there on, or the very last message without one.
    select=f"""
WITH
    conversations AS
    (
        SELECT source, customer,
            groupArray((toUnixTimestamp64Milli({_MOMENT}), direction = 'out', account, country)) AS found
        FROM cohort_log AS c FINAL
        WHERE (source, toDate(cohort_at)) IN {pairs(-2, 2)} AND {DIRECT}
            AND (({_ASKS}) OR (direction = 'out' AND status != 'failed'))
            AND (source, customer) IN
            (
                SELECT source, customer
                FROM cohort_log AS c FINAL
                WHERE (source, toDate(cohort_at)) IN {pairs(-1, 1)} AND {DIRECT} AND {_ASKS}
            )
        GROUP BY source, customer
    ),
    begun AS
    (
        SELECT
            source,
            arraySort(found) AS ordered,
            arrayReverseFill(x -> x.2, ordered) AS next,
            arrayJoin(arrayFilter(
                i -> NOT ordered[i].2 AND (i = 1 OR ordered[i - 1].2 OR ordered[i].1 - ordered[i - 1].1 > {WINDOW_MS}),
                arrayEnumerate(ordered))) AS i,
            ordered[i] AS first,
            next[i].1 - first.1 AS waited,
            next[i].2 AND waited <= {WINDOW_MS} AS is_answered
        FROM conversations
    )
SELECT source, {quarter("fromUnixTimestamp64Milli(first.1, 'UTC')")} AS slot, first.3 AS account,
    first.4 AS country, count() AS turns, countIf(is_answered) AS answered,
    arraySort(groupArrayIf(toUInt64(waited), is_answered)) AS response_ms
FROM begun
WHERE (source, toDate(slot)) IN {pairs()}
GROUP BY source, slot, account, country""",
)

ROLLUPS: Final[tuple[Rollup, ...]] = (OUTBOUND, OUTBOUND_DAYS, INBOUND, CUSTOMERS, SUSPECTS, TURNS, ARRIVALS, REPEATS)
