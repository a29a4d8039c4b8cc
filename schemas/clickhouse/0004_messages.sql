-- `messages` and `delivery_rates`. Three layers: `lifecycle_log` is the truth, ordered by message; `cohort_log` is a
-- copy of its units, ordered by source and day, which can be thrown away and made again; the views read the copy and,
-- for messages that have not been copied yet, the truth.

-- Messages that events have come for: one row for each message of an inserted block; `ts` is the time of the block.
CREATE TABLE IF NOT EXISTS touched_log
(
    ts DateTime64(9, 'UTC') CODEC(Delta, ZSTD),
    source LowCardinality(String),
    message_id String CODEC(ZSTD)
)
ENGINE = MergeTree
ORDER BY ts
TTL toDateTime(ts) + INTERVAL 7 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS touched_log_mv TO touched_log AS
SELECT nowInBlock64(9, 'UTC') AS ts, e.source AS source, assumeNotNull(e.message_id) AS message_id
FROM event_log AS e
WHERE e.message_id IS NOT NULL AND e.kind IN ('inbound', 'sent', 'status')
GROUP BY source, message_id;

-- How many rows of each `ts` of touched_log have been copied. Counts, because a block may become visible late.
CREATE TABLE IF NOT EXISTS copied_log
(
    ts DateTime64(9, 'UTC') CODEC(Delta, ZSTD),
    rows SimpleAggregateFunction(max, UInt64)
)
ENGINE = AggregatingMergeTree
ORDER BY ts
TTL toDateTime(ts) + INTERVAL 7 DAY;

-- Progress of the copy: the newest row of the highest `rebuild`. Everything touched up to `touched_before` is copied.
-- Of what existed when the rebuild began, all messages with an id below `message_id` are copied, or all of them once
-- `complete`.
CREATE TABLE IF NOT EXISTS copy_state
(
    rebuild UInt64,
    at DateTime64(9, 'UTC'),
    touched_before DateTime64(9, 'UTC'),
    complete UInt8,
    message_id String
)
ENGINE = ReplacingMergeTree
ORDER BY (rebuild, at)
TTL toDateTime(at) + INTERVAL 30 DAY;

-- The copy. A unit has one live row, at the day of its cohort; at every other day that may have been its cohort day it
-- has a row `gone` of the same version. Both are functions of one reading of the truth, and the highest version wins at
-- each day: so copies may be repeated, may overtake one another, and may be made by two processes at once.
CREATE TABLE IF NOT EXISTS cohort_log
(
    source LowCardinality(String),
    cohort_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    message_id String CODEC(ZSTD),
    participant String,
    provider LowCardinality(String),
    account LowCardinality(String),
    direction LowCardinality(String),
    origin LowCardinality(String),
    counted UInt8,
    is_group UInt8,
    customer String CODEC(ZSTD),
    country LowCardinality(String),
    recipient String CODEC(ZSTD),
    type LowCardinality(String),
    template LowCardinality(String),
    campaign LowCardinality(String),
    category LowCardinality(String),
    pricing_category LowCardinality(String),
    pricing_type LowCardinality(String),
    billable Int8,
    sent_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD),
    delivered_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD),
    read_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD),
    played_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD),
    failed_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD),
    deleted_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD),
    to_delivered_ms Nullable(Int64) CODEC(ZSTD),
    to_read_ms Nullable(Int64) CODEC(ZSTD),
    error_code LowCardinality(String),
    error_title LowCardinality(String),
    status LowCardinality(String),
    first_seen_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    last_event_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    -- Inbound messages: when the customer wrote. cohort_at may be the moment when our own side read the message.
    inbound_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD),
    -- A hash of 128 bits instead of the id: shorter to compare, and two ids never have the same one.
    message_key UInt128 MATERIALIZED reinterpretAsUInt128(sipHash128(source, message_id)),
    version UInt64,
    gone UInt8,
    INDEX ids message_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version, gone)
-- Months in a ring of two years: whatever times a provider sends, an INSERT makes at most 24 parts.
PARTITION BY toRelativeMonthNum(cohort_at) % 24
ORDER BY (source, toDate(cohort_at), message_key, participant);

-- The copy as it is: one row a unit, ordered by source and day, some seconds behind `messages`. All rows of a unit at
-- one day are in one partition, so partitions need not be merged with each other.
CREATE VIEW IF NOT EXISTS cohorts AS
SELECT
    source, cohort_at, message_id, participant, provider, account, direction, origin, counted, is_group, customer,
    country, recipient, type, template, campaign, category, pricing_category, pricing_type, billable, sent_at,
    delivered_at, read_at, played_at, failed_at, deleted_at, to_delivered_ms, to_read_ms, error_code, error_title,
    status, first_seen_at, last_event_at, inbound_at
FROM cohort_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- Blocks of touched_log with rows that are not copied, and how many rows each block has by now.
CREATE VIEW IF NOT EXISTS waiting_blocks AS
WITH (SELECT argMax(touched_before, (rebuild, at)) FROM copy_state) AS floor
SELECT ts, sum(seen) AS rows
FROM
(
    SELECT ts, count() AS seen, 0 AS done FROM touched_log WHERE ts > floor GROUP BY ts
    UNION ALL
    SELECT ts, 0, max(copied_log.rows) FROM copied_log WHERE ts > floor GROUP BY ts
)
GROUP BY ts
HAVING rows > sum(done);

-- What the copy lacks, as one row: `ids` have been touched since; until the rebuild is `complete` also all messages
-- from `copied_to` on. A copy that has made no progress for six days counts as empty, because touched_log keeps rows
-- for seven.
CREATE VIEW IF NOT EXISTS copy_waiting AS
WITH
    (SELECT argMax((touched_before, complete, message_id), (rebuild, at)) FROM copy_state) AS state,
    state.2 AND state.1 > now64(9) - INTERVAL 6 DAY AS is_complete,
    if(state.2, '', state.3) AS reached
SELECT
    is_complete AS complete,
    reached AS copied_to,
    (
        SELECT groupUniqArray(message_id)
        FROM touched_log
        WHERE ts IN (SELECT ts FROM waiting_blocks) AND ts > state.1 AND (is_complete OR message_id < reached)
    ) AS ids;

-- All units as of now, copied or not: what the copy lacks is read from the truth. `waiting` is evaluated once and
-- before the views below are opened, so a unit is in exactly one of the two halves.
CREATE VIEW IF NOT EXISTS current_units AS
WITH (SELECT (complete, copied_to, ids) FROM copy_waiting) AS waiting
SELECT
    source, provider, account, message_id, participant, recipient, direction, origin, type, template, campaign,
    category, pricing_category, sent_at, delivered_at, read_at, played_at, failed_at, deleted_at, error_code,
    error_title, status, first_seen_at, last_event_at, cohort_at, is_group, counted
FROM cohorts
WHERE (waiting.1 OR message_id < waiting.2) AND message_id NOT IN (SELECT arrayJoin(waiting.3))
UNION ALL
SELECT
    source, provider, account, message_id, participant, recipient, direction, origin, type, template, campaign,
    category, pricing_category, sent_at, delivered_at, read_at, played_at, failed_at, deleted_at, error_code,
    error_title, status, first_seen_at, last_event_at, cohort_at, is_group, counted
FROM units
WHERE NOT (waiting.1 OR message_id < waiting.2) OR message_id IN (SELECT arrayJoin(waiting.3));

-- One row a unit, with the column names of every dashboard. Times are NULL and words '' where nothing is known.
CREATE VIEW IF NOT EXISTS messages AS
SELECT
    source, provider, account, message_id, participant, recipient, direction, origin, type, template, campaign,
    category, pricing_category, sent_at, delivered_at, read_at, played_at, failed_at, deleted_at, error_code,
    error_title, status, first_seen_at, last_event_at, cohort_at, is_group
FROM current_units;

-- Rates by the day of sending, with numerators and denominators. A read rate is a lower bound: receipts can be switched
-- off. `provisional` until the last message of the day has outlived its time to live: 10 minutes for authentication, 30
-- days for the rest. Members of groups are in rows of their own (is_group).
CREATE VIEW IF NOT EXISTS delivery_rates AS
SELECT
    source,
    toDate(cohort_at, 'UTC') AS cohort_day,
    template, campaign, category,
    count() AS sent,
    countIf(status IN ('delivered', 'read', 'played')) AS delivered,
    countIf(status IN ('read', 'played')) AS read,
    countIf(status = 'failed') AS failed,
    sent - delivered - failed AS pending,
    countIf(origin = 'none') AS orphan,
    delivered / sent AS delivery_rate,
    if(delivered = 0, NULL, read / delivered) AS read_rate,
    failed / sent AS failure_rate,
    now('UTC') < toDateTime(cohort_day + 1, 'UTC')
        + if(startsWith(category, 'authentication'), 600, 2592000) AS provisional,
    is_group
FROM current_units
WHERE counted
GROUP BY source, cohort_day, template, campaign, category, is_group;

-- Everything stored before `at` is in the copy; `pending` messages are not.
CREATE VIEW IF NOT EXISTS copy_freshness AS
WITH
    (SELECT complete FROM copy_waiting) AS is_complete,
    (SELECT (sum(rows), min(ts)) FROM waiting_blocks) AS waiting,
    toDateTime64(now64(3, 'UTC'), 3, 'UTC') AS now
SELECT
    'copy' AS layer,
    multiIf(NOT is_complete, toDateTime64(0, 3, 'UTC'), waiting.1 > 0, toDateTime64(waiting.2, 3, 'UTC'), now) AS at,
    dateDiff('millisecond', at, now) / 1000 AS lag_seconds,
    toUInt64(if(is_complete, waiting.1, (SELECT count() FROM lifecycle_log))) AS pending;
