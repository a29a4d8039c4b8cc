-- Fast exact views: `delivery_rates` reads finished days from a rollup, `messages` reads less of what the copy lacks.

-- Counted outbound units by UTC day: rollup 'outbound_days'.
CREATE TABLE IF NOT EXISTS outbound_day_log
(
    source LowCardinality(String),
    -- The first moment of the day.
    slot DateTime('UTC') CODEC(Delta, ZSTD),
    template LowCardinality(String),
    campaign LowCardinality(String),
    category LowCardinality(String),
    is_group UInt8,
    sent UInt64,
    delivered UInt64,
    read UInt64,
    failed UInt64,
    orphan UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (source, slot, template, campaign, category, is_group);

CREATE MATERIALIZED VIEW IF NOT EXISTS outbound_day_changes_mv TO changed_log AS
SELECT 'outbound_days' AS layer, source, toDate(slot) AS day, count() AS changes
FROM outbound_day_log
GROUP BY source, day;

-- rebuild_days of 0006 with 'outbound_days', under another name: a process of an earlier version, which does not know this
-- rollup, would note it as rebuilt.
CREATE OR REPLACE VIEW rollup_days AS
WITH
    [
        ('cohorts', 'outbound', 0), ('cohorts', 'outbound_days', 0), ('cohorts', 'inbound', 0),
        ('cohorts', 'customers', 0),
        ('cohorts', 'turns', -2), ('cohorts', 'turns', -1), ('cohorts', 'turns', 0), ('cohorts', 'turns', 1),
        ('cohorts', 'turns', 2),
        ('deliveries', 'arrivals', 0), ('deliveries', 'repeats', 0), ('deliveries', 'repeats', 1),
        ('customers', 'suspects', 0),
        ('outbound', 'outbound', 0), ('outbound_days', 'outbound_days', 0), ('inbound', 'inbound', 0),
        ('customers', 'customers', 0), ('turns', 'turns', 0), ('arrivals', 'arrivals', 0), ('repeats', 'repeats', 0),
        ('suspects', 'suspects', 0)
    ] AS reach
SELECT
    seen.name AS name, seen.source AS source, seen.day AS day, seen.changes AS changes,
    done.changes AS rebuilt_changes, done.rebuilt_at AS rebuilt_at
FROM
(
    SELECT concerned.2 AS name, source, toDate(c.day + concerned.3) AS day, sum(c.changes) AS changes
    FROM changed_log AS c
    ARRAY JOIN arrayFilter(x -> x.1 = layer, reach) AS concerned
    GROUP BY name, source, day
) AS seen
LEFT JOIN
(
    SELECT toString(r.name) AS name, source, day, max(r.changes) AS changes, max(r.rebuilt_at) AS rebuilt_at
    FROM rebuilt_log AS r
    WHERE r.name != ''
    GROUP BY name, source, day
) AS done
ON seen.name = done.name AND seen.source = done.source AND seen.day = done.day;

CREATE OR REPLACE VIEW rebuild_days AS SELECT * FROM rollup_days WHERE name != 'outbound_days';

-- As in 0010, with all rollups.
CREATE OR REPLACE VIEW freshness AS
WITH
    toDateTime64(now64(3, 'UTC'), 3, 'UTC') AS now,
    (SELECT countIf(changes > rebuilt_changes) FROM rollup_days) AS due,
    (SELECT toDateTime64(max(rebuilt_at), 3, 'UTC') FROM rebuilt_log WHERE name = '') AS last_complete,
    (SELECT at FROM copy_freshness) AS copied_at,
    (SELECT max(slot) FROM sample_slot_log WHERE name = 'store_up') AS last_slot,
    (SELECT max(at) FROM samples WHERE name = 'store_up' AND at >= last_slot) AS sampled_at
SELECT layer, at, lag_seconds, pending
FROM copy_freshness
UNION ALL
SELECT
    'rollup', least(copied_at, if(due = 0, now, last_complete)) AS rolled_at,
    dateDiff('millisecond', rolled_at, now) / 1000, due
UNION ALL
SELECT 'samples', sampled_at, dateDiff('millisecond', sampled_at, now) / 1000, 0;

-- As in 0012. All rows of a unit at one day have one message_id, so the index of ids finds all versions of a row, and
-- granules that only overlap with theirs need not be read.
CREATE OR REPLACE VIEW cohorts AS
SELECT
    source, cohort_at, message_id, participant, provider, account, direction, origin, counted, is_group, customer,
    country, recipient, type, template, campaign, category, callback_data, pricing_category, pricing_type, billable,
    sent_at, delivered_at, read_at, played_at, failed_at, deleted_at, to_delivered_ms, to_read_ms, error_code,
    error_title, status, first_seen_at, last_event_at, inbound_at
FROM cohort_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final_exact_mode = 0;

-- As in 0012. Of what the copy lacks, the key is read first and the other columns only where ids and source are those
-- that are asked for.
CREATE OR REPLACE VIEW current_units AS
WITH (SELECT (complete, copied_to, ids) FROM copy_waiting) AS waiting
SELECT
    source, provider, account, message_id, participant, recipient, direction, origin, type, template, campaign,
    category, callback_data, pricing_category, sent_at, delivered_at, read_at, played_at, failed_at, deleted_at,
    error_code, error_title, status, first_seen_at, last_event_at, cohort_at, is_group, counted
FROM cohorts
WHERE (waiting.1 OR message_id < waiting.2) AND message_id NOT IN (SELECT arrayJoin(waiting.3))
UNION ALL
SELECT
    source, provider, account, message_id, participant, recipient, direction, origin, type, template, campaign,
    category, callback_data, pricing_category, sent_at, delivered_at, read_at, played_at, failed_at, deleted_at,
    error_code, error_title, status, first_seen_at, last_event_at, cohort_at, is_group, counted
FROM
(
    SELECT * FROM units
    WHERE NOT (waiting.1 OR message_id < waiting.2) OR message_id IN (SELECT arrayJoin(waiting.3))
    SETTINGS optimize_move_to_prewhere_if_final = 1
);

-- Rates by the day of sending, with numerators and denominators. A read rate is a lower bound: receipts can be switched
-- off. `provisional` until the last message of the day has outlived its time to live: 10 minutes for authentication, 30
-- days for the rest. Members of groups are in rows of their own (is_group).
--
-- Three parts: finished days from the rollup; of the other days, `stale`, what is copied; the units of messages that
-- are not copied, from the truth. A day is stale when the copy has changed since its rebuild, and when a message that
-- is not copied may have a unit in it: the truth knows all days at which the copy can have that unit. As everywhere,
-- both are evaluated before the tables are opened. With very many messages to look up, and while the copy is made
-- again, all days are stale.
CREATE OR REPLACE VIEW delivery_rates AS
WITH
    (SELECT (complete, copied_to, ids) FROM copy_waiting) AS waiting,
    waiting.1 AND length(waiting.3) <= 5000 AS by_days,
    (
        SELECT groupUniqArray((source, day))
        FROM
        (
            SELECT source, day
            FROM
            (
                SELECT toString(c.source) AS source, day, c.changes AS changed, 0 AS rebuilt
                FROM changed_log AS c
                WHERE layer IN ('cohorts', 'outbound_days')
                UNION ALL
                SELECT toString(r.source), day, 0, r.changes FROM rebuilt_log AS r WHERE name = 'outbound_days'
            )
            GROUP BY source, day
            HAVING sum(changed) != max(rebuilt)
            UNION ALL
            SELECT toString(l.source), arrayJoin(l.days)
            FROM lifecycle_log AS l
            WHERE by_days AND message_id IN (SELECT arrayJoin(waiting.3))
        )
    ) AS stale
SELECT
    source,
    cohort_day,
    template, campaign, category,
    sum(of_sent) AS sent,
    sum(of_delivered) AS delivered,
    sum(of_read) AS read,
    sum(of_failed) AS failed,
    sent - delivered - failed AS pending,
    sum(of_orphan) AS orphan,
    delivered / sent AS delivery_rate,
    if(delivered = 0, NULL, read / delivered) AS read_rate,
    failed / sent AS failure_rate,
    now('UTC') < toDateTime(cohort_day + 1, 'UTC')
        + if(startsWith(category, 'authentication'), 600, 2592000) AS provisional,
    is_group
FROM
(
    SELECT
        d.source AS source, toDate(d.slot) AS cohort_day, d.template AS template, d.campaign AS campaign,
        d.category AS category, d.is_group AS is_group, d.sent AS of_sent, d.delivered AS of_delivered,
        d.read AS of_read, d.failed AS of_failed, d.orphan AS of_orphan
    FROM outbound_day_log AS d FINAL
    WHERE by_days AND d.sent > 0
        AND (toString(d.source), toDate(d.slot)) NOT IN (SELECT x.1, x.2 FROM (SELECT arrayJoin(stale) AS x))
    UNION ALL
    SELECT
        c.source, toDate(c.cohort_at, 'UTC') AS cohort_day, c.template, c.campaign, c.category, c.is_group, count(),
        countIf(c.status IN ('delivered', 'read', 'played')), countIf(c.status IN ('read', 'played')),
        countIf(c.status = 'failed'), countIf(c.origin = 'none')
    FROM cohorts AS c
    WHERE c.counted AND (waiting.1 OR c.message_id < waiting.2)
        AND c.message_id NOT IN (SELECT arrayJoin(waiting.3))
        AND (NOT by_days OR (c.source, toDate(c.cohort_at)) IN (SELECT x.1, x.2 FROM (SELECT arrayJoin(stale) AS x)))
    GROUP BY c.source, cohort_day, c.template, c.campaign, c.category, c.is_group
    UNION ALL
    SELECT
        u.source, toDate(u.cohort_at, 'UTC') AS cohort_day, u.template, u.campaign, u.category, u.is_group, count(),
        countIf(u.status IN ('delivered', 'read', 'played')), countIf(u.status IN ('read', 'played')),
        countIf(u.status = 'failed'), countIf(u.origin = 'none')
    FROM
    (
        SELECT * FROM units
        WHERE NOT (waiting.1 OR message_id < waiting.2) OR message_id IN (SELECT arrayJoin(waiting.3))
        SETTINGS optimize_move_to_prewhere_if_final = 1
    ) AS u
    WHERE u.counted
    GROUP BY u.source, cohort_day, u.template, u.campaign, u.category, u.is_group
)
GROUP BY source, cohort_day, template, campaign, category, is_group;
