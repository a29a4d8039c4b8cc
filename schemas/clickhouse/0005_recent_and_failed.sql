-- Two excerpts of the copy in an order of their own, filled by the same INSERTs. A message counts as copied only after
-- its rows are here too.

-- The last days of the copy, with the columns that show who waits for an answer.
CREATE TABLE IF NOT EXISTS recent_log
(
    source LowCardinality(String),
    cohort_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    message_key UInt128,
    participant String,
    customer String CODEC(ZSTD),
    country LowCardinality(String),
    account LowCardinality(String),
    direction LowCardinality(String),
    origin LowCardinality(String),
    is_group UInt8,
    type LowCardinality(String),
    status LowCardinality(String),
    inbound_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD),
    version UInt64,
    gone UInt8
)
ENGINE = ReplacingMergeTree(version, gone)
ORDER BY (source, toDate(cohort_at), message_key, participant)
-- 10 days, because rows `gone` stand at the beginning of their day: a row expires only when nothing asks for it.
TTL toDateTime(cohort_at) + INTERVAL 10 DAY
SETTINGS index_granularity = 1024;

CREATE MATERIALIZED VIEW IF NOT EXISTS recent_log_mv TO recent_log AS
SELECT
    source, cohort_at, reinterpretAsUInt128(sipHash128(source, message_id)) AS message_key, participant, customer,
    country, account, direction, origin, is_group, type, status, inbound_at, version, gone
FROM cohort_log
WHERE cohort_at >= now64(3, 'UTC') - INTERVAL 9 DAY;

-- Units of the last week.
CREATE VIEW IF NOT EXISTS recent AS
SELECT source, cohort_at, participant, customer, country, account, direction, origin, is_group, type, status, inbound_at
FROM recent_log FINAL
WHERE cohort_at >= now64(3, 'UTC') - INTERVAL 7 DAY;

-- Who wrote in the last week, by any version of a row. It chooses those customers of whom `recent` is asked then, and
-- costs half as much.
CREATE VIEW IF NOT EXISTS recent_writers AS
SELECT source, cohort_at, customer
FROM recent_log
WHERE cohort_at >= now64(3, 'UTC') - INTERVAL 7 DAY AND direction = 'in';

-- Units that failed at any time, with every later version of their row: a failure stays known, whatever comes after it.
-- A row with nothing but its key removes a unit; the audit writes those.
CREATE TABLE IF NOT EXISTS failure_log
(
    source LowCardinality(String),
    cohort_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    message_id String CODEC(ZSTD),
    participant String,
    provider LowCardinality(String),
    counted UInt8,
    customer String CODEC(ZSTD),
    template LowCardinality(String),
    campaign LowCardinality(String),
    failed_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD),
    error_code LowCardinality(String),
    error_title LowCardinality(String),
    status LowCardinality(String),
    message_key UInt128 MATERIALIZED reinterpretAsUInt128(sipHash128(source, message_id)),
    version UInt64,
    gone UInt8
)
ENGINE = ReplacingMergeTree(version, gone)
ORDER BY (toDate(cohort_at), source, message_key, participant)
SETTINGS index_granularity = 1024;

CREATE MATERIALIZED VIEW IF NOT EXISTS failure_log_mv TO failure_log AS
SELECT
    source, cohort_at, message_id, participant, provider, counted, customer, template, campaign, failed_at, error_code,
    error_title, status, version, gone
FROM cohort_log
WHERE failed_at IS NOT NULL OR (gone AND last_event_at = toDateTime64(0, 3, 'UTC'));

-- Units that failed and did not arrive after all.
CREATE VIEW IF NOT EXISTS failures AS
SELECT
    source, cohort_at, message_id, participant, provider, counted, customer, template, campaign, failed_at, error_code,
    error_title
FROM failure_log FINAL
WHERE status = 'failed';
