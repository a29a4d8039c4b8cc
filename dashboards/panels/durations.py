"""How long deliveries and reads take, for the dashboard Delivery.

A duration uses the provider's time at both ends. Negative durations are counted separately and are in no percentile.
"""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Panel
from dashboards.panels.factories import ONE_TO_ONE
from schemas.horizons import HORIZONS_MS

# How many horizons the youngest possible message of a slot has passed.
_HORIZONS_PASSED: Final = " + ".join(
    f"(slot + toIntervalSecond({sql.SLOT_SECONDS + limit // 1000}) <= now('UTC'))" for limit in HORIZONS_MS
)


def _reached(status: str) -> str:
    """Array: messages that were delivered, or read, within each horizon and until now. sumForEach would be slower."""
    within = (f"sum({status}_within[{position}])" for position, _ in enumerate(HORIZONS_MS, 1))
    return f"[{', '.join(within)}, sum(outbound.{status})]"


MATURITY: Final = Panel(
    id="maturity",
    title="Rates by age of the message",
    kind="table",
    sql=f"""SELECT
    ['1 hour', '24 hours', '7 days', '30 days', 'Now'][step] AS within,
    sumIf(units, passed >= step OR step = 5) AS sent,
    sumIf(all_delivered[step], passed >= step OR step = 5) AS delivered,
    {sql.share("delivered", "sent")} AS delivery_rate,
    sumIf(all_read[step], passed >= step OR step = 5) AS read,
    {sql.share("read", "delivered")} AS read_rate
FROM
(
    SELECT {_HORIZONS_PASSED} AS passed, sum(outbound.sent) AS units,
        {_reached("delivered")} AS all_delivered,
        {_reached("read")} AS all_read
    FROM outbound
    WHERE {sql.in_range("slot")} AND {sql.ONE_TO_ONE} AND {sql.FILTERS}
    GROUP BY passed
)
ARRAY JOIN [1, 2, 3, 4, 5] AS step
GROUP BY step
ORDER BY step""",
    columns=(
        columns.text("within", "Within"),
        columns.SENT,
        columns.count("delivered", "Delivered"),
        columns.share("delivery_rate", "Delivered / sent"),
        columns.count("read", "Read"),
        columns.share("read_rate", "Read / delivered"),
    ),
    meaning="Messages delivered and read within 1 hour, 24 hours, 7 days and 30 days of sending, and until now. A row "
    "counts only messages that are old enough (the 15 minutes in which they were sent ended at least that long ago), "
    "so recent messages do not lower its rates. Deliveries without the provider's time at both ends, and negative "
    f"durations, count in the row Now only. {ONE_TO_ONE}",
    remediation="24 hours far below Now: phones stay off for long, or the provider is slow. Do not rate a campaign on "
    "its first day.",
    layer="rollup",
)

_LEVELS: Final = (50, 95, 99)
_FRACTIONS: Final = ", ".join(str(level / 100) for level in _LEVELS)


def _percentiles(durations: str) -> str:
    """Aggregate over `outbound`: an array of three exact percentiles; NULLs when no message has a duration."""
    exact = f"quantilesExactLowArray({_FRACTIONS})({durations})"
    return f"arrayMap(ms -> if(sum(length({durations})) = 0, NULL, ms), {exact})"


_FROM_ROLLUP: Final = f"""FROM outbound
    WHERE {sql.in_range("slot")} AND {sql.ONE_TO_ONE} AND {sql.FILTERS}"""

DURATIONS: Final = Panel(
    id="durations",
    title="Time to delivery and to read",
    kind="table",
    sql=f"""SELECT measure,
    percentiles[1] AS p50, percentiles[2] AS p95, percentiles[3] AS p99,
    timed, reached, negative,
    reached - timed - negative AS untimed
FROM
(
    SELECT
        [sum(outbound.delivered), sum(outbound.read)] AS all_reached,
        [sum(length(to_delivered_ms)), sum(length(to_read_ms))] AS all_timed,
        [sum(negative_delivered), sum(negative_read)] AS all_negative,
        [{_percentiles("to_delivered_ms")}, {_percentiles("to_read_ms")}] AS all_percentiles
    {_FROM_ROLLUP}
)
ARRAY JOIN
    ['Delivered', 'Read'] AS measure,
    all_reached AS reached,
    all_timed AS timed,
    all_negative AS negative,
    all_percentiles AS percentiles
WHERE reached > 0""",
    columns=(
        columns.text("measure", "Status"),
        columns.milliseconds("p50", "Median"),
        columns.milliseconds("p95", "95th percentile"),
        columns.milliseconds("p99", "99th percentile"),
        columns.count("timed", "With duration"),
        columns.count("reached", "All"),
        columns.count("negative", "Negative duration"),
        columns.count("untimed", "Time missing"),
    ),
    meaning="Time from sent to delivered, and from sent to first read or played: exact percentiles by the provider's "
    "clock (Meta's has a resolution of 1 second). Negative durations and messages that lack one of the two times are "
    f"counted, but are in no percentile; neither are messages that did not reach the status. {ONE_TO_ONE}",
    remediation="The 95th percentile rises: the provider is slow, or phones are off. Many negative durations: the "
    "clock of the sending application is wrong, or it reports messages later than it sends them.",
    layer="rollup",
)

DURATIONS_OVER_TIME: Final = Panel(
    id="durations-over-time",
    title="Time to delivery over time",
    kind="line",
    sql=f"""SELECT at, series, duration
FROM
(
    SELECT
        {sql.bucket("slot")} AS at,
        quantilesExactLowArray({_FRACTIONS})(to_delivered_ms) AS percentiles
    {_FROM_ROLLUP} AND notEmpty(to_delivered_ms)
    GROUP BY at
)
ARRAY JOIN ['Median', '95th percentile', '99th percentile'] AS series, percentiles AS duration
ORDER BY at, series""",
    columns=(
        Column("at", "Sent at", "time", "x"),
        Column("series", "Percentile", "text", "series"),
        Column("duration", "Time to delivery", "ms"),
    ),
    meaning="Median, 95th and 99th percentile of the time to delivery, by time of sending. Fast deliveries are known "
    f"first, so the most recent points are too low and rise later. {ONE_TO_ONE}",
    remediation="All three rise at once: the provider is slow. Only the 99th percentile rises: some phones were off.",
    layer="rollup",
)


def durations_table(identifier: str, title: str, key: Column) -> Panel:
    """Percentiles of both durations by the values of the column `key` of `outbound`, in the order of most sent."""
    statuses = (("delivered", "Delivered"), ("read", "Read"))
    selected = ",\n    ".join(
        f"sum(length(to_{name}_ms)) AS {name}_timed, {_percentiles(f'to_{name}_ms')} AS {name}_percentiles, "
        + ", ".join(f"{name}_percentiles[{position}] AS {name}_p{level}" for position, level in enumerate(_LEVELS, 1))
        for name, _ in statuses
    )
    names = ", ".join(f"{name}_timed, {name}_p50, {name}_p95, {name}_p99" for name, _ in statuses)
    return Panel(
        id=identifier,
        title=title,
        kind="table",
        sql=f"""SELECT {key.name}, {names}
FROM
(
    SELECT {key.name}, sum(outbound.sent) AS sent,
    {selected}
    {_FROM_ROLLUP}
    GROUP BY {key.name}
)
ORDER BY sent DESC, {key.name}
LIMIT 100""",
        columns=(
            key,
            *(
                column
                for name, title in statuses
                for column in (
                    columns.count(f"{name}_timed", f"{title}, with duration"),
                    *(columns.milliseconds(f"{name}_p{level}", f"{title}, p{level}") for level in _LEVELS),
                )
            ),
        ),
        meaning="Median (p50), 95th and 99th percentile of the time to delivery and of the time to read, exact, in the "
        f"order of the table beside it. The time to read depends on the recipients. {ONE_TO_ONE}",
        remediation="Deliveries of one row much slower than the others: check its provider and its connection in "
        "Senders.",
        layer="rollup",
    )
