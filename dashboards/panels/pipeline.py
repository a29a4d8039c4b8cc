"""Pipeline: is everything that was received stored, parsed and up to date."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Dashboard, Panel, Threshold
from dashboards.panels import dead_letters
from dashboards.panels.reconciliation import LEDGER, RESIDUAL

_PRESENT: Final = "The present moment, whatever range is chosen."
_SAMPLED: Final = f"{sql.in_range('slot')} AND {sql.SOURCES}"
_RECENT: Final = "at >= now64(3, 'UTC') - toIntervalMinute(10)"
# Outcomes that are our fault: the provider did nothing wrong and has to send the body again.
_OUR_FAULT: Final = "part IN ('not_stored', 'overloaded', 'internal')"

# --- the present moment ---

_STORE: Final = Panel(
    id="store-up",
    title="Kafka accepts bodies",
    kind="stat",
    sql=f"""SELECT if(count() = 0, NULL, toUInt8(argMax(value, at))) AS up
FROM samples
WHERE name = 'store_up' AND {_RECENT}""",
    columns=(Column("up", "1 = yes"),),
    meaning="1 while Kafka acknowledges bodies in time; 0 while providers get 503 or ingest does not answer; empty "
    f"without a sample in the last 10 minutes. {_PRESENT}",
    remediation="0: `make status` shows whether Kafka or ingest is down. Providers repeat webhooks for hours to days, "
    "not for ever. Empty: the analytics worker is not running.",
    layer="samples",
    width=2,
    threshold=Threshold("up", "below", 1),
)

_STAGES: Final = Panel(
    id="stages",
    title="Backlog by stage",
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
        columns.count("records", "Backlog, records"),
        columns.seconds("oldest", "Age of the oldest record"),
        columns.time("sampled_at", "Sampled at"),
    ),
    meaning="Records in Kafka that a stage has not finished, and the age of the oldest one. normalise: bodies into "
    f"events; load: events into ClickHouse. {_PRESENT}",
    remediation="Older than a minute: the stage has stopped or is too slow. Check its log (`make status` names the "
    "file); for more workers see [streams] in the settings.",
    layer="samples",
    threshold=Threshold("oldest", "above", 60),
)

_LAYERS: Final = Panel(
    id="layers",
    title="Freshness of the dashboards",
    kind="table",
    sql="""SELECT layer, nullIf(at, toDateTime64(0, 3, 'UTC')) AS complete_until,
    if(complete_until IS NULL, NULL, lag_seconds) AS lag, pending
FROM freshness
ORDER BY layer
LIMIT 20""",
    columns=(
        columns.text("layer", "Layer"),
        columns.time("complete_until", "Complete until"),
        columns.seconds("lag", "Lag"),
        columns.count("pending", "Backlog"),
    ),
    meaning="How far the copy and the rollups are behind the loaded tables, and when the last sample was taken; empty: "
    f"never. `messages` and `delivery_rates` do not depend on them and are always exact. {_PRESENT}",
    remediation="More than a minute and rising: the analytics worker is slow or down; check its log. After a replay of "
    "millions of messages a lag of some minutes is normal.",
    layer="live",
    threshold=Threshold("lag", "above", 60),
)

# --- over time ---

_REFUSED: Final = Panel(
    id="refused-share",
    title="Requests refused with 5xx",
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
    meaning="Requests answered with 503 or 500 (not_stored, overloaded, internal) / all requests to /webhooks and "
    "/sent. Requests during a downtime of the analytics worker are not included.",
    remediation="Above 1 %: Kafka is slow or unreachable, or bursts exceed max_in_flight_bytes. Providers send these "
    "bodies again.",
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
        Column("at", "Time", "time", "x"),
        Column("series", "Outcome", "text", "series"),
        Column("requests", "Requests"),
    ),
    meaning="Requests to /webhooks and /sent by outcome; stored = answered with 200. Sampled from the counters of "
    "ingest every 10 seconds.",
    remediation="bad_credentials: the secret of a source differs from the provider's. unknown_source: a webhook "
    "address names a source that does not exist. not_stored, overloaded: check the backlog.",
    layer="samples",
)


def _sampled_line(identifier: str, title: str, name: str, value: Column, *, meaning: str, remediation: str) -> Panel:
    """One line per stage: the highest sample of each step, as an integer for counts."""
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
        columns=(Column("at", "Time", "time", "x"), Column("series", "Stage", "text", "series"), value),
        meaning=meaning,
        remediation=remediation,
        layer="samples",
    )


_LAG: Final = _sampled_line(
    "lag-over-time",
    "Backlog over time",
    "lag_records",
    Column("records", "Records"),
    meaning="The largest backlog of each stage in each hour, day or month. A peak during a burst is normal, as long as "
    "it falls again.",
    remediation="Rises without end: more data arrives than the stage can process; add workers ([streams] in the "
    "settings).",
)

_OLDEST: Final = _sampled_line(
    "oldest-over-time",
    "Age of the oldest record over time",
    "oldest_unfinished_seconds",
    Column("oldest", "Age", "seconds"),
    meaning="The highest age of the oldest unfinished record of each stage. It shows what an average hides: a single "
    "record that is stuck.",
    remediation="A straight line upwards: one record or partition is stuck; the log of that stage names it.",
)

_LATENCY: Final = Panel(
    id="queryable-after",
    title="Ingest latency, p95",
    kind="stat",
    sql=f"""SELECT if(count() = 0, NULL, quantileExactWeighted(0.95)(ms, deliveries)) AS p95
FROM latency
WHERE {sql.in_range("slot")} AND {sql.SOURCES}""",
    columns=(Column("p95", "95th percentile", "ms"),),
    meaning="Time from the arrival of a body to its events in ClickHouse, 95th percentile, with an error of at most "
    "2.5 %. Repeated deliveries and replays are not included.",
    remediation="Above 10 seconds: check which stage has a backlog, and whether ClickHouse is busy.",
    layer="rollup",
    width=2,
    threshold=Threshold("p95", "above", 10_000),
)

_LATENCY_OVER_TIME: Final = Panel(
    id="queryable-over-time",
    title="Ingest latency over time",
    kind="line",
    sql=f"""SELECT at, ['Median', '95th percentile', '99th percentile'][position] AS series,
    percentiles[position] AS latency
FROM
(
    SELECT {sql.bucket("slot")} AS at, quantilesExactWeighted(0.5, 0.95, 0.99)(ms, deliveries) AS percentiles
    FROM latency
    WHERE {sql.in_range("slot")} AND {sql.SOURCES}
    GROUP BY at
)
ARRAY JOIN [1, 2, 3] AS position
ORDER BY at, series""",
    columns=(
        Column("at", "Received at", "time", "x"),
        Column("series", "Percentile", "text", "series"),
        Column("latency", "Latency", "ms"),
    ),
    meaning="Time from the arrival of a body to its events in ClickHouse, by time of arrival, with an error of at most "
    "2.5 %.",
    remediation="Only the 99th percentile rises: restarts or single slow inserts. All rise: the pipeline has reached "
    "its capacity.",
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
    meaning="Events of all bodies that were parsed and loaded, repeated deliveries included, by arrival: messages, "
    "statuses, system events, echoes of messages sent from a phone, and records from /sent.",
    remediation="One kind stops while others continue: the subscription to that event has ended at the provider.",
    layer="rollup",
)

_REPEATS: Final = Panel(
    id="repeats-share",
    title="Repeated deliveries / events",
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
        Column("rate", "Repeated / events", "share"),
        Column("repeats", "Repeated deliveries", role="numerator"),
        Column("events", "Events", role="denominator"),
    ),
    meaning="Events that had already been delivered on the same UTC day or the day before / all events. Repeated "
    "deliveries change no other number; some providers deliver everything two or three times.",
    remediation="Rises suddenly: the provider does not get its 200 in time; check the requests by outcome.",
    layer="rollup",
)

DASHBOARD: Final = Dashboard(
    id="pipeline",
    title="Pipeline",
    purpose="Is everything that was received stored, parsed and up to date?",
    panels=(
        _STORE,
        _REFUSED,
        _LATENCY,
        dead_letters.COUNT,
        RESIDUAL,
        _STAGES,
        _LAYERS,
        _OUTCOMES,
        _VOLUME,
        _LAG,
        _OLDEST,
        _LATENCY_OVER_TIME,
        _REPEATS,
        dead_letters.OVER_TIME,
        LEDGER,
        dead_letters.LATEST,
    ),
)
