-- What makes panels fast over ten million messages. Rollups learn facts that panels read single messages for; what is
-- known of a number is kept in the order of numbers, and evidence against it is worked out before anybody asks.

-- Of all messages of a row: neither delivered nor failed, counted by itself; and how many were delivered, and read,
-- within each of schemas.horizons of their sending. Until its day is rebuilt a row of before has no such lists, and what
-- is pending is worked out.
ALTER TABLE outbound_log
    ADD COLUMN IF NOT EXISTS pending UInt64 DEFAULT toUInt64(greatest(sent - delivered - failed, 0)),
    ADD COLUMN IF NOT EXISTS delivered_within Array(UInt64) CODEC(ZSTD),
    ADD COLUMN IF NOT EXISTS read_within Array(UInt64) CODEC(ZSTD);

-- pending = sent - delivered - failed.
CREATE OR REPLACE VIEW outbound AS
SELECT
    source, slot, account, provider, template, campaign, category, country, is_group, pricing_category, pricing_type,
    error_code, sent, delivered, read, failed, pending, orphan, billable, to_delivered_ms, to_read_ms,
    negative_delivered, negative_read, delivered_within, read_within
FROM outbound_log FINAL
WHERE sent > 0;

-- Delivered service messages, those of WhatsApp's monthly allowance. All words of a row are in its key by their hash, so
-- that rows may be left out by them before versions are compared.
CREATE OR REPLACE VIEW outbound_service AS
SELECT
    source, slot, account, provider, template, campaign, category, country, is_group, pricing_type, delivered, billable
FROM outbound_log FINAL
PREWHERE pricing_category = 'service'
WHERE delivered > 0;

-- Every day of it is due once more; of conversations, because their times are now those of the customers' phones.
INSERT INTO changed_log
SELECT 'outbound', source, toDate(slot) AS day, 1 FROM outbound_log GROUP BY source, day
UNION ALL
SELECT 'turns', source, toDate(slot) AS day, 1 FROM turn_log GROUP BY source, day;

-- What the messages of a slot say of each customer's number, direct chats only. All that is known of one number among
-- millions is read from a few kilobytes.
CREATE TABLE IF NOT EXISTS customer_log
(
    source LowCardinality(String),
    -- The digits of a phone; the hash of any other id, with the highest bit set.
    customer_key UInt64 CODEC(Delta, ZSTD),
    slot DateTime('UTC') CODEC(Delta, ZSTD),
    -- '' where the key tells.
    customer String CODEC(ZSTD),
    country LowCardinality(String),
    sends UInt64,
    -- The zero time: never.
    last_sent_at DateTime64(3, 'UTC') CODEC(ZSTD),
    last_delivered_at DateTime64(3, 'UTC') CODEC(ZSTD),
    last_read_at DateTime64(3, 'UTC') CODEC(ZSTD),
    last_inbound_at DateTime64(3, 'UTC') CODEC(ZSTD),
    undeliverable_at Array(DateTime64(3, 'UTC')) CODEC(ZSTD),
    -- Neither delivered nor failed: when it was sent, and when its time to live ends.
    pending Array(Tuple(sent_at DateTime64(3, 'UTC'), due_at DateTime64(3, 'UTC'))) CODEC(ZSTD),
    checksum UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (source, customer_key, slot)
SETTINGS index_granularity = 256, min_compress_block_size = 4096, max_compress_block_size = 16384;

-- The same rows in the order of slots, with as much of them as is asked for by days. Written after customer_log, whose
-- view it is: what stands here stands there, and the rebuild compares with what stands here.
CREATE TABLE IF NOT EXISTS customer_slot_log
(
    source LowCardinality(String),
    slot DateTime('UTC') CODEC(Delta, ZSTD),
    customer_key UInt64 CODEC(Delta, ZSTD),
    sends UInt64,
    -- Failures that blame the number and messages that are pending.
    suspicions UInt64,
    checksum UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
-- Months in a ring of two years. Those in which nothing changes any more become one part, which FINAL reads as it is.
PARTITION BY toRelativeMonthNum(slot) % 24
ORDER BY (source, slot, customer_key)
SETTINGS min_age_to_force_merge_seconds = 900, min_age_to_force_merge_on_partition_only = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS customer_changes_mv TO changed_log AS
SELECT 'customers' AS layer, source, toDate(slot) AS day, count() AS changes
FROM customer_slot_log
GROUP BY source, day;

CREATE MATERIALIZED VIEW IF NOT EXISTS customer_slot_log_mv TO customer_slot_log AS
SELECT source, slot, customer_key, sends, length(undeliverable_at) + length(pending) AS suspicions, checksum, version
FROM customer_log;

-- Numbers with at least two suspicions after their last sign of life, a reading or a message.
CREATE TABLE IF NOT EXISTS suspect_log
(
    source LowCardinality(String),
    customer_key UInt64 CODEC(Delta, ZSTD),
    -- The last one in which customer_log has the number, or had it: by whose day the row is counted as a change.
    slot DateTime('UTC') CODEC(ZSTD),
    customer String CODEC(ZSTD),
    country LowCardinality(String),
    sends UInt64,
    last_sent_at DateTime64(3, 'UTC') CODEC(ZSTD),
    last_delivered_at DateTime64(3, 'UTC') CODEC(ZSTD),
    last_read_at DateTime64(3, 'UTC') CODEC(ZSTD),
    last_inbound_at DateTime64(3, 'UTC') CODEC(ZSTD),
    undeliverable_at Array(DateTime64(3, 'UTC')) CODEC(ZSTD),
    -- When it was sent, when its time to live ends: from then on it is silent.
    pending Array(Tuple(sent_at DateTime64(3, 'UTC'), due_at DateTime64(3, 'UTC'))) CODEC(ZSTD),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (source, customer_key);

CREATE MATERIALIZED VIEW IF NOT EXISTS suspect_changes_mv TO changed_log AS
SELECT 'suspects' AS layer, source, toDate(slot) AS day, count() AS changes
FROM suspect_log
GROUP BY source, day;

-- As in 0004, and: a suspect is due by each day on which what is known of the number has changed; a conversation's
-- message may stand in the copy a day away from when it was said, and its answer another day.
CREATE OR REPLACE VIEW rebuild_days AS
WITH
    [
        ('cohorts', 'outbound', 0), ('cohorts', 'inbound', 0), ('cohorts', 'customers', 0),
        ('cohorts', 'turns', -2), ('cohorts', 'turns', -1), ('cohorts', 'turns', 0), ('cohorts', 'turns', 1),
        ('cohorts', 'turns', 2),
        ('deliveries', 'arrivals', 0), ('deliveries', 'repeats', 0), ('deliveries', 'repeats', 1),
        ('customers', 'suspects', 0),
        ('outbound', 'outbound', 0), ('inbound', 'inbound', 0), ('customers', 'customers', 0), ('turns', 'turns', 0),
        ('arrivals', 'arrivals', 0), ('repeats', 'repeats', 0), ('suspects', 'suspects', 0)
    ] AS reach
SELECT seen.name AS name, seen.source AS source, seen.day AS day, seen.changes AS changes, done.changes AS rebuilt_changes, done.rebuilt_at AS rebuilt_at
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

-- To whom anything was sent in a slot.
CREATE OR REPLACE VIEW recipients AS
SELECT source, slot, toDate(slot) AS day, customer_key
FROM customer_slot_log FINAL
WHERE sends > 0
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- Numbers with at least two pieces of evidence, failures of the number or silent sends, after their last sign of life.
CREATE OR REPLACE VIEW number_evidence AS
WITH
    toDateTime64(0, 3, 'UTC') AS never,
    arrayMap(x -> x.sent_at, arrayFilter(x -> x.due_at <= now64(3, 'UTC'), pending)) AS silent_at,
    arrayConcat(undeliverable_at, silent_at) AS pieces
SELECT
    source,
    if(s.customer = '', concat('+', toString(customer_key)), s.customer) AS customer,
    country,
    sends,
    length(undeliverable_at) AS undeliverable,
    length(silent_at) AS silent,
    arrayMin(pieces) AS first_evidence_at,
    arrayMax(pieces) AS last_evidence_at,
    nullIf(s.last_sent_at, never) AS last_sent_at,
    nullIf(s.last_delivered_at, never) AS last_delivered_at,
    nullIf(s.last_read_at, never) AS last_read_at,
    nullIf(s.last_inbound_at, never) AS last_inbound_at
FROM suspect_log AS s FINAL
WHERE length(pieces) >= 2;

-- What was stored before `at` is in the layer; `pending` messages, or days of rollups, are not.
CREATE OR REPLACE VIEW freshness AS
WITH
    toDateTime64(now64(3, 'UTC'), 3, 'UTC') AS now,
    (SELECT countIf(changes > rebuilt_changes) FROM rebuild_days) AS due,
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

-- The copy's rows of the last days, as much of them as says who waits for an answer. Whatever enters the copy passes here
-- before it counts as copied.
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
    said_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD),
    version UInt64,
    gone UInt8
)
ENGINE = ReplacingMergeTree(version, gone)
ORDER BY (source, toDate(cohort_at), message_key, participant)
-- A day's rows, and those gone that stand at its beginning, leave no earlier than all of them are too old to be asked for.
TTL toDateTime(cohort_at) + INTERVAL 10 DAY
SETTINGS index_granularity = 1024;

CREATE MATERIALIZED VIEW IF NOT EXISTS recent_log_mv TO recent_log AS
SELECT
    source, cohort_at, reinterpretAsUInt128(sipHash128(source, message_id)) AS message_key, participant, customer, country,
    account, direction, origin, is_group, type, status, said_at, version, gone
FROM cohort_log
WHERE cohort_at >= now64(3, 'UTC') - INTERVAL 9 DAY;

-- Units of the last week.
CREATE OR REPLACE VIEW recent AS
SELECT source, cohort_at, participant, customer, country, account, direction, origin, is_group, type, status, said_at
FROM recent_log FINAL
WHERE cohort_at >= now64(3, 'UTC') - INTERVAL 7 DAY;

-- Who wrote in the last week, by any version of a row: to choose those of whom `recent` is then asked, at half its price.
CREATE OR REPLACE VIEW recent_writers AS
SELECT source, cohort_at, customer
FROM recent_log
WHERE cohort_at >= now64(3, 'UTC') - INTERVAL 7 DAY AND direction = 'in';

-- The copy's rows of units that failed, whatever became of them afterwards: once told, a failure stays known, so all
-- later versions are here. A row with nothing but its key is one that the audit takes away.
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
CREATE OR REPLACE VIEW failures AS
SELECT source, cohort_at, message_id, participant, provider, counted, customer, template, campaign, failed_at, error_code, error_title
FROM failure_log FINAL
WHERE status = 'failed';

INSERT INTO recent_log
SELECT
    source, cohort_at, message_key, participant, customer, country, account, direction, origin, is_group, type, status,
    said_at, version, gone
FROM cohort_log
WHERE cohort_at >= now64(3, 'UTC') - INTERVAL 9 DAY;

INSERT INTO failure_log (source, cohort_at, message_id, participant, provider, counted, customer, template, campaign,
    failed_at, error_code, error_title, status, version, gone)
SELECT source, cohort_at, message_id, participant, provider, counted, customer, template, campaign, failed_at, error_code,
    error_title, status, version, gone
FROM cohort_log
WHERE failed_at IS NOT NULL OR (gone AND last_event_at = toDateTime64(0, 3, 'UTC'));

-- What the tables above replace. A process of the version before, that knows neither, does nothing from here on.
DROP VIEW IF EXISTS rebuilds SYNC;
DROP VIEW IF EXISTS number_changes_mv SYNC;
DROP TABLE IF EXISTS number_log SYNC;

-- The rate card written out: the price of every category in every country from each day on which it changes, so that one
-- look-up finds it. Written beside rate_log, in the same way.
CREATE TABLE IF NOT EXISTS rate_step_log
(
    written_at DateTime64(6, 'UTC'),
    currency LowCardinality(String),
    valid_from Date,
    category LowCardinality(String),
    country LowCardinality(String),
    price Decimal(18, 8)
)
ENGINE = MergeTree
ORDER BY (written_at, category, country, valid_from);

CREATE OR REPLACE VIEW rate_steps AS
SELECT currency, valid_from, category, country, price
FROM rate_step_log
WHERE category != '' AND written_at = (SELECT max(written_at) FROM rate_step_log);
