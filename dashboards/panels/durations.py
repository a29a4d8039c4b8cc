"""How long deliveries and reads take, for the dashboard Delivery. Pure.

Durations are those of the provider's clock at both ends; negative ones are counted apart and in no percentile.
"""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Panel
from dashboards.panels.shapes import ONE_TO_ONE
from schemas.horizons import HORIZONS_MS

# How many of the horizons the end of a row's quarter of an hour is old: its youngest message is no younger.
_AGE: Final = " + ".join(
    f"(slot + toIntervalSecond({sql.SLOT_SECONDS + limit // 1000}) <= now('UTC'))" for limit in HORIZONS_MS
)


def _reached(word: str) -> str:
    """How many have been delivered, or read, within each horizon and ever. One by one: sumForEach takes longer."""
    within = (f"sum({word}_within[{place}])" for place, _ in enumerate(HORIZONS_MS, 1))
    return f"[{', '.join(within)}, sum(outbound.{word})]"


MATURITY: Final = Panel(
    id="maturity",
    title="Maturity",
    kind="table",
    sql=f"""SELECT
    ['1 hour', '24 hours', '7 days', '30 days', 'Now'][step] AS within,
    sumIf(units, age >= step OR step = 5) AS sent,
    sumIf(all_delivered[step], age >= step OR step = 5) AS delivered,
    {sql.share("delivered", "sent")} AS delivery_rate,
    sumIf(all_read[step], age >= step OR step = 5) AS read,
    {sql.share("read", "delivered")} AS read_rate
FROM
(
    SELECT {_AGE} AS age, sum(outbound.sent) AS units,
        {_reached("delivered")} AS all_delivered,
        {_reached("read")} AS all_read
    FROM outbound
    WHERE {sql.in_range("slot")} AND {sql.ONE_TO_ONE} AND {sql.FILTERS}
    GROUP BY age
)
ARRAY JOIN [1, 2, 3, 4, 5] AS step
GROUP BY step
ORDER BY step""",
    columns=(
        columns.text("within", "Within"),
        columns.SENT,
        columns.count("delivered", "Delivered"),
        Column("delivery_rate", "Delivered / sent", "share", "cell"),
        columns.count("read", "Read"),
        Column("read_rate", "Read / delivered", "share", "cell"),
    ),
    meaning="What was reached within 1 hour, 24 hours, 7 and 30 days of sending, and up to now. A row counts only "
    "messages whose quarter of an hour ended at least so long ago, so rows are comparable although young messages are "
    "still under way. Deliveries without a time of the provider at both ends, or with a negative one, count under Now "
    "alone. "
    f"{ONE_TO_ONE}",
    remediation="24 hours far below Now: phones are off for long or the provider is slow; do not judge a campaign on "
    "its first day.",
    layer="rollup",
)

_LEVELS: Final = "0.5, 0.95, 0.99"


def _percentiles(durations: str) -> str:
    """Aggregate over `outbound`: exact percentiles as an array of three, NULLs where nothing was timed."""
    found = f"quantilesExactLowArray({_LEVELS})({durations})"
    return f"arrayMap(ms -> if(sum(length({durations})) = 0, NULL, ms), {found})"


_ROLLUP: Final = f"""FROM outbound
    WHERE {sql.in_range("slot")} AND {sql.ONE_TO_ONE} AND {sql.FILTERS}"""

DURATIONS: Final = Panel(
    id="durations",
    title="Time to delivered and read",
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
    {_ROLLUP}
)
ARRAY JOIN
    ['Delivered', 'Read'] AS measure,
    all_reached AS reached,
    all_timed AS timed,
    all_negative AS negative,
    all_percentiles AS percentiles
WHERE reached > 0""",
    columns=(
        columns.text("measure", "Until"),
        Column("p50", "Half within", "ms", "cell"),
        Column("p95", "95 % within", "ms", "cell"),
        Column("p99", "99 % within", "ms", "cell"),
        columns.count("timed", "Timed"),
        columns.count("reached", "Reached"),
        columns.count("negative", "Negative"),
        columns.count("untimed", "Without a time"),
    ),
    meaning="From sent to delivered and to first read or played, exact, by the provider's clock at both ends (Meta's "
    "ticks once a second). Negative durations and messages without both times are counted, and in no percentile; "
    f"messages that were never reached are in none either. {ONE_TO_ONE}",
    remediation="95 % rises: the provider is slow or phones are off. Many negative: the sender's clock is wrong, or it "
    "reports messages later than it sends them.",
    layer="rollup",
)

DURATIONS_OVER_TIME: Final = Panel(
    id="durations-over-time",
    title="Time to delivered over time",
    kind="line",
    sql=f"""SELECT at, series, duration
FROM
(
    SELECT
        {sql.bucket("slot")} AS at,
        quantilesExactLowArray({_LEVELS})(to_delivered_ms) AS percentiles
    {_ROLLUP} AND notEmpty(to_delivered_ms)
    GROUP BY at
)
ARRAY JOIN ['50 %', '95 %', '99 %'] AS series, percentiles AS duration
ORDER BY at, series""",
    columns=(
        Column("at", "Sent at", "time", "x"),
        Column("series", "Share of messages", "text", "series"),
        Column("duration", "Delivered within", "ms"),
    ),
    meaning="Within what time 50, 95 and 99 % of the timed deliveries came, by the time of sending. Young messages "
    f"show their quick deliveries first, so the last points lie low and rise. {ONE_TO_ONE}",
    remediation="All three rise at once: the provider is slow. Only 99 % rises: some phones were off.",
    layer="rollup",
)


def durations_table(identifier: str, title: str, key: Column) -> Panel:
    """Percentiles of both durations, one row a value of the column `key` of `outbound`, in the order of most sent."""
    measures = (("delivered", "Delivered"), ("read", "Read"))
    selected = ",\n    ".join(
        f"sum(length(to_{name}_ms)) AS {name}_timed, {_percentiles(f'to_{name}_ms')} AS {name}_percentiles, "
        + ", ".join(f"{name}_percentiles[{place}] AS {name}_p{level}" for place, level in ((1, 50), (2, 95), (3, 99)))
        for name, _ in measures
    )
    names = ", ".join(f"{name}_timed, {name}_p50, {name}_p95, {name}_p99" for name, _ in measures)
    return Panel(
        id=identifier,
        title=title,
        kind="table",
        sql=f"""SELECT {key.name}, {names}
FROM
(
    SELECT {key.name}, sum(outbound.sent) AS sent,
    {selected}
    {_ROLLUP}
    GROUP BY {key.name}
)
ORDER BY sent DESC, {key.name}
LIMIT 100""",
        columns=(
            key,
            *(
                column
                for name, word in measures
                for column in (
                    columns.count(f"{name}_timed", f"{word}, timed"),
                    *(Column(f"{name}_p{level}", f"{word}, {level} %", "ms", "cell") for level in (50, 95, 99)),
                )
            ),
        ),
        meaning="Within what time 50, 95 and 99 % of the timed deliveries and readings came, exact, in the order of "
        f"the table beside it. A reading is as late as people are. {ONE_TO_ONE}",
        remediation="One row much slower than the others in delivered: its provider or its connection; see Senders.",
        layer="rollup",
    )
