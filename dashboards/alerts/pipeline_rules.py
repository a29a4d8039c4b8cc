"""Rules about the pipeline: dead letters, lag, stopped workers, storage in Kafka."""

# ruff: noqa: S608  (the statements contain constants only; the time is a bound parameter)

from typing import Final

from dashboards.alerts.rule import NOW, Rule
from schemas.tables import DEAD_LETTER_COUNT

_MINUTE: Final = 60.0

_DEAD_LETTERS: Final = Rule(
    id="dead-letters",
    title="Dead letters",
    meaning="Webhooks of the last hour, or parts of them, could not be parsed, so they are missing from all numbers. "
    "They are stored and can be replayed.",
    remediation="Pipeline lists their reasons and places. invalid_json or unknown_shape: the provider changed its "
    "format; look for a newer version of Ackstream. parser_error: a bug in Ackstream; report it.",
    sql=f"""SELECT source, toFloat64({DEAD_LETTER_COUNT}) AS value, arrayStringConcat(topK(1)(reason)) AS main_reason
FROM dead_letters
WHERE ifNull(received_at, stored_at) > {NOW} - toIntervalHour(1) AND ifNull(received_at, stored_at) <= {NOW}
GROUP BY source""",
    labels=("source",),
    summary="{source}: {value:,.0f} dead letters within an hour, mostly {main_reason}.",
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
    meaning="More than 5 % of a source's webhooks of the last hour could not be parsed. The numbers of this source are "
    "wrong until this ends.",
    remediation="The provider changed its format, or another system posts to this address. Check the reasons in "
    "Pipeline, then look for a newer version of Ackstream.",
    sql=f"""SELECT source, if(dead < 20, 0, dead / (dead + parsed)) AS value, dead, dead + parsed AS total
FROM
(
    SELECT source, sum(dead_letters) AS dead, sum(deliveries) AS parsed
    FROM
    (
        SELECT source, {DEAD_LETTER_COUNT} AS dead_letters, toUInt64(0) AS deliveries
        FROM dead_letters
        WHERE ifNull(received_at, stored_at) > {NOW} - toIntervalHour(1) AND ifNull(received_at, stored_at) <= {NOW}
        GROUP BY source
        UNION ALL
        SELECT source, toUInt64(0) AS dead_letters, a.deliveries AS deliveries
        FROM arrivals AS a
        WHERE slot > {NOW} - toIntervalHour(1) AND slot <= {NOW}
    )
    GROUP BY source
)""",
    labels=("source",),
    summary="{source}: {dead:,} of {total:,} webhooks or parts of the last hour are dead letters.",
    above=0.05,
    clear=0.02,
    for_seconds=5 * _MINUTE,
    keep_seconds=10 * _MINUTE,
    every_seconds=1 * _MINUTE,
    severity="critical",
    dashboard="pipeline",
    group=("source",),
)

_STAGE_LAGS: Final = Rule(
    id="pipeline-lags",
    title="Pipeline lag",
    meaning="The oldest record that a stage has not processed is older than five minutes, so dashboards are out of "
    "date. Nothing is lost: Kafka keeps the backlog.",
    remediation="Check `make status` and the logs: is the stage's worker running, is ClickHouse slow, is its disk "
    "full? A backlog after an outage shrinks without action; more workers (streams.*_workers) process it faster.",
    sql=f"""SELECT stage, if(oldest_at >= lag_at, oldest, 0) AS value, value AS oldest_seconds, records
FROM
(
    SELECT part AS stage,
        maxIf(at, name = 'lag_records') AS lag_at, argMaxIf(s.value, at, name = 'lag_records') AS records,
        maxIf(at, name = 'oldest_unfinished_seconds') AS oldest_at,
        argMaxIf(s.value, at, name = 'oldest_unfinished_seconds') AS oldest
    FROM samples AS s
    WHERE name IN ('lag_records', 'oldest_unfinished_seconds') AND at > {NOW} - toIntervalHour(1) AND at <= {NOW}
    GROUP BY stage
)""",
    labels=("stage",),
    summary="{stage}: backlog of {records:,.0f} records, the oldest is {oldest_seconds} old.",
    above=300.0,
    clear=60.0,
    for_seconds=1 * _MINUTE,
    keep_seconds=2 * _MINUTE,
    every_seconds=30.0,
    severity="critical",
    dashboard="pipeline",
)

_RECORDS_DELETED: Final = Rule(
    id="records-deleted-unread",
    title="Records deleted before they were read",
    meaning="Kafka has deleted webhooks or events before a worker had read them: by its retention, by hand, or because "
    "a topic was made anew. They are missing from all numbers.",
    remediation="`ackstream check` lists the gaps. Replay what another copy of wa.raw still has; otherwise `ackstream "
    "check --accept-gap REASON` records that the loss is accepted, which ends this alert.",
    sql=f"""SELECT topic, toFloat64(sum(records)) AS value
FROM
(
    SELECT topic, records FROM gaps WHERE accepted_at IS NULL
    UNION ALL
    SELECT concat('the backlog of ', part) AS topic, toUInt64(argMax(s.value, at)) AS records
    FROM samples AS s
    WHERE name = 'deleted_unread_records' AND at > {NOW} - toIntervalHour(1) AND at <= {NOW}
    GROUP BY part
)
GROUP BY topic""",
    labels=("topic",),
    summary="{topic}: {value:,.0f} records were deleted before they were read.",
    above=0.0,
    clear=0.0,
    for_seconds=0.0,
    keep_seconds=5 * _MINUTE,
    every_seconds=1 * _MINUTE,
    severity="critical",
    dashboard="pipeline",
)

_RETENTION_NEAR: Final = Rule(
    id="retention-near",
    title="Unread records near Kafka's retention",
    meaning="The oldest record that a stage has not processed has used up more than half of Kafka's retention. When it "
    "reaches the end, Kafka deletes it unread.",
    remediation="Start the stage or make it faster (`make status`, streams.*_workers). Raising kafka.retention_days "
    "(`make up` applies it) gives it more time.",
    sql=f"""SELECT part AS stage, argMax(s.value, at) AS value
FROM samples AS s
WHERE name = 'retention_used' AND at > {NOW} - toIntervalHour(1) AND at <= {NOW}
GROUP BY stage""",
    labels=("stage",),
    summary="{stage}: the oldest unread record has used {value:.0%} of Kafka's retention.",
    above=0.5,
    clear=0.4,
    for_seconds=1 * _MINUTE,
    keep_seconds=5 * _MINUTE,
    every_seconds=1 * _MINUTE,
    severity="critical",
    dashboard="pipeline",
)

_NUMBERS_LAG: Final = Rule(
    id="numbers-lag",
    title="Dashboards lag behind the events",
    meaning="The copy or the rollups, which dashboards read, do not contain events that were stored more than ten "
    "minutes ago. `messages` and `delivery_rates` are exact.",
    remediation="Check with `make status` whether the analytics worker is running, and read its log. After a large "
    "replay it needs some time and catches up without action.",
    sql="""SELECT layer, toFloat64(f.lag_seconds) AS value,
    if(at < '2001-01-01', NULL, toFloat64(f.lag_seconds)) AS behind_seconds, pending
FROM freshness AS f
WHERE layer != 'samples'""",  # a copy that was never completed counts as infinitely old
    labels=("layer",),
    summary="{layer}: {pending:,} changes are missing, age of the oldest: {behind_seconds}.",
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
    title="Analytics worker stopped",
    meaning="The analytics worker samples the pipeline every ten seconds, but the last sample is older than three "
    "minutes. Dashboards are not updated, and lag is not measured.",
    remediation="Check `make status` and the log of the analytics worker; `make up` starts it.",
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
    meaning="Ingest does not answer, or Kafka does not acknowledge webhooks. Ingest then keeps them in its spool on "
    "disk. When the spool is full or switched off, it answers 503 and providers retry later, for a limited number of "
    "days.",
    remediation="Check with `make status` whether ingest and Kafka are running. Check Kafka's log and its disk.",
    sql=f"""SELECT 1 - argMax(s.value, at) AS value
FROM samples AS s
WHERE name = 'store_up' AND at > {NOW} - toIntervalMinute(2) AND at <= {NOW}
HAVING count() > 0""",
    labels=(),
    summary="Webhooks are not stored in Kafka: they are spooled on disk, rejected with 503, or not answered.",
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
    _STAGE_LAGS,
    _RECORDS_DELETED,
    _RETENTION_NEAR,
    _NUMBERS_LAG,
    _NO_SAMPLES,
    _CANNOT_STORE,
)
