"""Rules about our own machinery: is everything understood, stored, counted, and in time. Pure."""

# ruff: noqa: S608  (no value is ever part of these texts: the moment is bound)

from typing import Final

from dashboards.alerts.rule import NOW, Rule
from schemas.tables import DEAD_LETTER_COUNT

_MINUTE: Final = 60.0

_DEAD_LETTERS: Final = Rule(
    id="dead-letters",
    title="Dead letters",
    meaning="Webhooks of the last hour, or parts of them, could not be understood: what they tell is in no number. "
    "They are kept, and can be sent through again.",
    remediation="Pipeline lists reasons and places. invalid_json or unknown_shape: the provider changed its format, "
    "look for a newer version. parser_error: a fault of ours, report it.",
    sql=f"""SELECT source, toFloat64({DEAD_LETTER_COUNT}) AS value, arrayStringConcat(topK(1)(reason)) AS main
FROM dead_letters
WHERE ifNull(received_at, stored_at) > {NOW} - toIntervalHour(1) AND ifNull(received_at, stored_at) <= {NOW}
GROUP BY source""",
    labels=("source",),
    summary="{source}: {value:,.0f} dead letters within an hour, mostly {main}.",
    above=0.0,
    clear=0.0,
    for_seconds=0.0,
    keep_seconds=5 * _MINUTE,
    every_seconds=1 * _MINUTE,
    severity="warning",
    dashboard="pipeline",
    group=("source",),
)

_MANY_DEAD_LETTERS: Final = Rule(
    id="many-dead-letters",
    title="Many dead letters",
    meaning="More than one in twenty of a source's webhooks of the last hour could not be understood: its numbers "
    "are wrong for as long as that lasts.",
    remediation="The provider has changed its format, or something else posts to this address: look at the reasons in "
    "Pipeline, then for a newer version.",
    sql=f"""SELECT source, if(dead < 20, 0, dead / (dead + understood)) AS value, dead, dead + understood AS all_of_them
FROM
(
    SELECT source, sum(died) AS dead, sum(came) AS understood
    FROM
    (
        SELECT source, {DEAD_LETTER_COUNT} AS died, toUInt64(0) AS came
        FROM dead_letters
        WHERE ifNull(received_at, stored_at) > {NOW} - toIntervalHour(1) AND ifNull(received_at, stored_at) <= {NOW}
        GROUP BY source
        UNION ALL
        SELECT source, toUInt64(0) AS died, a.deliveries AS came
        FROM arrivals AS a
        WHERE slot > {NOW} - toIntervalHour(1) AND slot <= {NOW}
    )
    GROUP BY source
)""",
    labels=("source",),
    summary="{source}: {dead:,} of {all_of_them:,} pieces of the last hour are dead letters.",
    above=0.05,
    clear=0.02,
    for_seconds=5 * _MINUTE,
    keep_seconds=10 * _MINUTE,
    every_seconds=1 * _MINUTE,
    severity="critical",
    dashboard="pipeline",
    group=("source",),
)

_LAG: Final = Rule(
    id="pipeline-lags",
    title="The pipeline lags",
    meaning="The oldest record that a stage has not finished is older than five minutes: dashboards show the past. "
    "Nothing is lost, Kafka keeps what waits.",
    remediation="`make status` and the logs: is the stage's worker up, is ClickHouse slow, is its disk full? A long "
    "queue after an outage shrinks by itself; more workers (streams.*_workers) shrink it faster.",
    sql=f"""SELECT stage, if(waits_at >= told_at, oldest, 0) AS value, value AS oldest_seconds, records
FROM
(
    SELECT part AS stage,
        maxIf(at, name = 'lag_records') AS told_at, argMaxIf(s.value, at, name = 'lag_records') AS records,
        maxIf(at, name = 'oldest_unfinished_seconds') AS waits_at,
        argMaxIf(s.value, at, name = 'oldest_unfinished_seconds') AS oldest
    FROM samples AS s
    WHERE name IN ('lag_records', 'oldest_unfinished_seconds') AND at > {NOW} - toIntervalHour(1) AND at <= {NOW}
    GROUP BY stage
)""",
    labels=("stage",),
    summary="{stage}: {records:,.0f} records wait, the oldest for {oldest_seconds}.",
    above=300.0,
    clear=60.0,
    for_seconds=1 * _MINUTE,
    keep_seconds=2 * _MINUTE,
    every_seconds=30.0,
    severity="critical",
    dashboard="pipeline",
)

_BEHIND: Final = Rule(
    id="numbers-lag",
    title="Numbers lag behind the events",
    meaning="The copy or the rollups that dashboards are made of lack events that were stored more than ten minutes "
    "ago. `messages` and `delivery_rates` are exact all the same.",
    remediation="`make status`: is the analytics worker up? Its log says what it waits for. After a large replay it "
    "needs a while and catches up by itself.",
    sql="""SELECT layer, toFloat64(f.lag_seconds) AS value,
    if(at < '2001-01-01', NULL, toFloat64(f.lag_seconds)) AS behind_seconds, pending
FROM freshness AS f
WHERE layer != 'samples'""",  # a copy that is not complete is as old as can be
    labels=("layer",),
    summary="The {layer} lacks {pending:,} changes, the oldest for {behind_seconds}.",
    above=600.0,
    clear=120.0,
    for_seconds=5 * _MINUTE,
    keep_seconds=2 * _MINUTE,
    every_seconds=1 * _MINUTE,
    severity="warning",
    dashboard="pipeline",
)

_NO_SAMPLES: Final = Rule(
    id="analytics-stopped",
    title="The analytics worker stands still",
    meaning="It takes a sample of the pipeline every ten seconds, and the last one is older than three minutes: "
    "dashboards are not brought up to date, and lag cannot be seen.",
    remediation="`make status`, then the log of the analytics worker; `make up` starts it.",
    sql=f"""SELECT toFloat64(dateDiff('second', max(at), {NOW})) AS value
FROM samples
WHERE name = 'store_up' AND at <= {NOW}""",
    labels=(),
    summary="No sample of the pipeline for more than three minutes.",
    above=180.0,
    clear=60.0,
    for_seconds=30.0,
    keep_seconds=0.0,
    every_seconds=30.0,
    severity="critical",
    dashboard="pipeline",
)

_CANNOT_STORE: Final = Rule(
    id="ingest-cannot-store",
    title="Ingest cannot store webhooks",
    meaning="Ingest does not answer, or Kafka does not acknowledge what it is given: bodies wait on its disk; past the "
    "bounds of the spool, or without one, providers get 503 and send again later, for days but not for ever.",
    remediation="`make status`: are ingest and Kafka up? Look at Kafka's log and at its disk.",
    sql=f"""SELECT 1 - argMax(s.value, at) AS value
FROM samples AS s
WHERE name = 'store_up' AND at > {NOW} - toIntervalMinute(2) AND at <= {NOW}
HAVING count() > 0""",
    labels=(),
    summary="Webhooks are not in Kafka: they wait on the disk, are refused with 503, or not answered at all.",
    above=0.5,
    clear=0.5,
    for_seconds=30.0,
    keep_seconds=1 * _MINUTE,
    every_seconds=15.0,
    severity="critical",
    dashboard="pipeline",
)

RULES: Final = (
    _DEAD_LETTERS,
    _MANY_DEAD_LETTERS,
    _LAG,
    _BEHIND,
    _NO_SAMPLES,
    _CANNOT_STORE,
)
