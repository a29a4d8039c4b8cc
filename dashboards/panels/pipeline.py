"""Pipeline: is everything stored, understood and up to date. Pure."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Dashboard, Panel, Threshold
from dashboards.panels.dead import DEAD_COUNT, DEAD_NEWEST, DEAD_OVER_TIME
from dashboards.panels.ledger import LEDGER, RESIDUAL

_PRESENT: Final = "The present moment, whatever range is chosen."
_SAMPLED: Final = f"{sql.in_range('slot')} AND {sql.SOURCES}"
_RECENT: Final = "at >= now64(3, 'UTC') - toIntervalMinute(10)"
# What is answered so is our own trouble: the provider did nothing wrong and has to send the body again.
_OUR_FAULT: Final = "part IN ('not_stored', 'overloaded', 'internal')"

# --- the present moment ---

_STORE: Final = Panel(
    id="store-up",
    title="Bodies are stored",
    kind="stat",
    sql=f"""SELECT if(count() = 0, NULL, toUInt8(argMax(value, at))) AS up
FROM samples
WHERE name = 'store_up' AND {_RECENT}""",
    columns=(Column("up", "1 = yes"),),
    meaning="1 while Kafka acknowledges bodies in time, 0 while providers are told 503 or the edge does not answer at "
    f"all; empty when nothing was sampled for 10 minutes. {_PRESENT}",
    remediation="0: `make status` says whether Kafka or the edge is down. Providers repeat for hours to days, not for "
    "ever. Empty: the analytics worker is not running.",
    layer="samples",
    width=2,
    threshold=Threshold("up", "below", 1),
)

_STAGES: Final = Panel(
    id="stages",
    title="Work waiting, by stage",
    kind="table",
    sql=f"""SELECT part AS stage,
    toUInt64(argMaxIf(value, at, name = 'lag_records')) AS records,
    if(countIf(name = 'oldest_unfinished_seconds') = 0, NULL,
        argMaxIf(value, at, name = 'oldest_unfinished_seconds')) AS oldest,
    max(at) AS sampled_at
FROM samples
WHERE name IN ('lag_records', 'oldest_unfinished_seconds') AND {_RECENT}
GROUP BY stage
ORDER BY stage""",
    columns=(
        columns.text("stage", "Stage"),
        columns.count("records", "Records waiting"),
        Column("oldest", "Age of the oldest", "seconds", "cell"),
        Column("sampled_at", "Sampled", "time", "cell"),
    ),
    meaning="Records in Kafka that a stage has not finished, and how old the oldest of them is. normalise: bodies into "
    f"events; load: events into ClickHouse. {_PRESENT}",
    remediation="Older than a minute: that stage stands still or is too slow. See its log (`make status` names it); "
    "more workers: [streams] in the settings.",
    layer="samples",
    threshold=Threshold("oldest", "above", 60),
)

_LAYERS: Final = Panel(
    id="layers",
    title="Freshness of what dashboards read",
    kind="table",
    sql="""SELECT layer, nullIf(at, toDateTime64(0, 3, 'UTC')) AS complete_until,
    if(complete_until IS NULL, NULL, lag_seconds) AS lag, pending
FROM freshness
ORDER BY layer
LIMIT 20""",
    columns=(
        columns.text("layer", "Layer"),
        Column("complete_until", "Complete until", "time", "cell"),
        Column("lag", "Lag", "seconds", "cell"),
        columns.count("pending", "Waiting"),
    ),
    meaning="How far the copy and the rollups follow the tables that are loaded, and when the last sample was taken; "
    f"empty: never. `messages` and `delivery_rates` do not depend on them and are exact at once. {_PRESENT}",
    remediation="More than a minute and growing: the analytics worker is behind or down; see its log. After a replay "
    "of millions some minutes are normal.",
    layer="live",
    threshold=Threshold("lag", "above", 60),
)

# --- over time ---

_REFUSED: Final = Panel(
    id="refused-share",
    title="Refused by our fault",
    kind="stat",
    sql=f"""SELECT {sql.share("refused", "requests")} AS rate,
    toUInt64(sumIf(total, {_OUR_FAULT})) AS refused,
    toUInt64(sum(total)) AS requests
FROM sample_slots
WHERE name = 'requests' AND {_SAMPLED}""",
    columns=(
        Column("rate", "Refused / requests", "share"),
        Column("refused", "Refused", role="numerator"),
        Column("requests", "Requests", role="denominator"),
    ),
    meaning="Requests answered 503 or 500 (not_stored, overloaded, internal) / all requests to /webhooks and /sent. "
    "What passed while the analytics worker was away is not in it.",
    remediation="Above 1 %: Kafka is slow or away, or bursts exceed max_in_flight_bytes. Providers send these bodies "
    "again.",
    layer="samples",
    width=3,
    threshold=Threshold("rate", "above", 0.01),
)

_OUTCOMES: Final = Panel(
    id="requests-by-outcome",
    title="Requests by outcome",
    kind="stack",
    sql=f"""SELECT {sql.bucket("slot")} AS at, part AS series, toUInt64(sum(total)) AS requests
FROM sample_slots
WHERE name = 'requests' AND {_SAMPLED}
GROUP BY at, series
ORDER BY at, series""",
    columns=(
        Column("at", "At", "time", "x"),
        Column("series", "Outcome", "text", "series"),
        Column("requests", "Requests"),
    ),
    meaning="Requests to /webhooks and /sent by what they were answered; stored = 200. Counted from the edge's own "
    "counters every 10 seconds.",
    remediation="bad_credentials: the secret of a source differs from the provider's. unknown_source: a webhook "
    "address with a wrong name. not_stored, overloaded: see the lag beside it.",
    layer="samples",
)


def _sampled_line(identifier: str, title: str, name: str, value: Column, *, meaning: str, remediation: str) -> Panel:
    """A line a stage: the highest sample of each step, whole where it is a count."""
    highest = "toUInt64(max(highest))" if value.unit == "count" else "toFloat64(max(highest))"
    return Panel(
        id=identifier,
        title=title,
        kind="line",
        sql=f"""SELECT {sql.bucket("slot")} AS at, part AS series, {highest} AS {value.name}
FROM sample_slots
WHERE name = '{name}' AND {sql.in_range("slot")}
GROUP BY at, series
ORDER BY at, series""",
        columns=(Column("at", "At", "time", "x"), Column("series", "Stage", "text", "series"), value),
        meaning=meaning,
        remediation=remediation,
        layer="samples",
    )


_LAG: Final = _sampled_line(
    "lag-over-time",
    "Records waiting over time",
    "lag_records",
    Column("records", "Records"),
    meaning="The most records that waited for each stage in each step. A burst is no trouble as long as it goes away.",
    remediation="Grows without end: more comes in than the stage can do; add workers ([streams] in the settings).",
)

_OLDEST: Final = _sampled_line(
    "oldest-over-time",
    "Oldest unfinished record over time",
    "oldest_unfinished_seconds",
    Column("oldest", "Age", "seconds"),
    meaning="The highest age that the oldest unfinished record of each stage reached in each step. It sees what an "
    "average hides: one record that is stuck.",
    remediation="A straight line upwards: one record or partition is stuck; the log of that stage names it.",
)

_LATENCY: Final = Panel(
    id="queryable-after",
    title="POST to queryable, 95th percentile",
    kind="stat",
    sql=f"""SELECT if(count() = 0, NULL, quantileExactWeighted(0.95)(ms, deliveries)) AS p95
FROM latency
WHERE {sql.in_range("slot")} AND {sql.SOURCES}""",
    columns=(Column("p95", "95th percentile", "ms"),),
    meaning="From the arrival of a body to its events in ClickHouse, for 95 of 100 events; at most 2.5 % off. Repeats "
    "and replays do not count.",
    remediation="Above 10 seconds: see which stage waits, and whether ClickHouse is busy.",
    layer="rollup",
    width=2,
    threshold=Threshold("p95", "above", 10_000),
)

_LATENCY_OVER_TIME: Final = Panel(
    id="queryable-over-time",
    title="POST to queryable over time",
    kind="line",
    sql=f"""SELECT at, ['Median', '95th percentile', '99th percentile'][place] AS series, percentiles[place] AS latency
FROM
(
    SELECT {sql.bucket("slot")} AS at, quantilesExactWeighted(0.5, 0.95, 0.99)(ms, deliveries) AS percentiles
    FROM latency
    WHERE {sql.in_range("slot")} AND {sql.SOURCES}
    GROUP BY at
)
ARRAY JOIN [1, 2, 3] AS place
ORDER BY at, series""",
    columns=(
        Column("at", "Received at", "time", "x"),
        Column("series", "Percentile", "text", "series"),
        Column("latency", "Latency", "ms"),
    ),
    meaning="From the arrival of a body to its events in ClickHouse, by the time of arrival; at most 2.5 % off.",
    remediation="The 99th percentile alone rises: restarts or single slow inserts. All rise: the pipeline is at its "
    "limit.",
    layer="rollup",
)

_VOLUME: Final = Panel(
    id="events-over-time",
    title="Events stored over time",
    kind="stack",
    sql=f"""SELECT {sql.bucket("slot")} AS at, kind AS series, sum(arrivals.deliveries) AS events
FROM arrivals
WHERE {sql.in_range("slot")} AND {sql.SOURCES}
GROUP BY at, series
ORDER BY at, series""",
    columns=(
        Column("at", "Received at", "time", "x"),
        Column("series", "Kind", "text", "series"),
        Column("events", "Events"),
    ),
    meaning="Every event of every body that was understood and inserted, repeats included, by its arrival: messages, "
    "statuses, notices of the system, echoes of what a phone sent, and what came through /sent.",
    remediation="One kind stops while others go on: that event is no longer subscribed to at the provider.",
    layer="rollup",
)

_REPEATS: Final = Panel(
    id="repeats-share",
    title="Repeats / events",
    kind="line",
    sql=f"""SELECT {sql.bucket("slot")} AS at, source AS series, {sql.share("repeats", "events")} AS rate,
    sum(arrivals.repeats) AS repeats,
    sum(arrivals.deliveries) AS events
FROM arrivals
WHERE {sql.in_range("slot")} AND {sql.SOURCES}
GROUP BY at, series
ORDER BY at, series""",
    columns=(
        Column("at", "Received at", "time", "x"),
        Column("series", "Source", "text", "series"),
        Column("rate", "Repeats / events", "share"),
        Column("repeats", "Repeats", role="numerator"),
        Column("events", "Events", role="denominator"),
    ),
    meaning="Events that had been delivered before, on the same UTC day or the day before / all. They change no number "
    "anywhere; some providers tell everything two or three times.",
    remediation="Rises suddenly: the provider does not get its 200 in time; see the requests by outcome.",
    layer="rollup",
)

DASHBOARD: Final = Dashboard(
    id="pipeline",
    title="Pipeline",
    purpose="Is everything stored, understood and up to date?",
    panels=(
        _STORE,
        _REFUSED,
        _LATENCY,
        DEAD_COUNT,
        RESIDUAL,
        _STAGES,
        _LAYERS,
        _OUTCOMES,
        _VOLUME,
        _LAG,
        _OLDEST,
        _LATENCY_OVER_TIME,
        _REPEATS,
        DEAD_OVER_TIME,
        LEDGER,
        DEAD_NEWEST,
    ),
)
