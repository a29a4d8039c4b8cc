-- What is known of each customer's number, direct chats only, and which numbers have evidence against them.

-- By number and slot, so that all facts of one number among millions are read from a few kilobytes.
CREATE TABLE IF NOT EXISTS customer_log
(
    source LowCardinality(String),
    -- The digits of a phone; the hash of any other id, with the highest bit set.
    customer_key UInt64 CODEC(Delta, ZSTD),
    slot DateTime('UTC') CODEC(Delta, ZSTD),
    -- '' for a phone: customer_key has its digits.
    customer String CODEC(ZSTD),
    country LowCardinality(String),
    sends UInt64,
    -- In these four the zero time means never.
    last_sent_at DateTime64(3, 'UTC') CODEC(ZSTD),
    last_delivered_at DateTime64(3, 'UTC') CODEC(ZSTD),
    last_read_at DateTime64(3, 'UTC') CODEC(ZSTD),
    last_inbound_at DateTime64(3, 'UTC') CODEC(ZSTD),
    undeliverable_at Array(DateTime64(3, 'UTC')) CODEC(ZSTD),
    -- Messages neither delivered nor failed: when each was sent, and when its time to live ends.
    pending Array(Tuple(sent_at DateTime64(3, 'UTC'), due_at DateTime64(3, 'UTC'))) CODEC(ZSTD),
    checksum UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (source, customer_key, slot)
SETTINGS index_granularity = 256, min_compress_block_size = 4096, max_compress_block_size = 16384;

-- The same rows in the order of slots, with the columns that are read by days. The view below fills it after
-- customer_log: so a row that is here is there too, and the rebuild compares with the rows here.
CREATE TABLE IF NOT EXISTS customer_slot_log
(
    source LowCardinality(String),
    slot DateTime('UTC') CODEC(Delta, ZSTD),
    customer_key UInt64 CODEC(Delta, ZSTD),
    sends UInt64,
    -- Failures with a cause in the number, and pending messages.
    suspicions UInt64,
    checksum UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
-- Months in a ring of two years. A month that no longer changes becomes one part, which FINAL reads without merging.
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

-- Numbers with at least two suspicions after their last sign of life, which is a read message or a message of their
-- own.
CREATE TABLE IF NOT EXISTS suspect_log
(
    source LowCardinality(String),
    customer_key UInt64 CODEC(Delta, ZSTD),
    -- The last slot in which customer_log has, or had, the number. The row counts as a change of that day.
    slot DateTime('UTC') CODEC(ZSTD),
    customer String CODEC(ZSTD),
    country LowCardinality(String),
    sends UInt64,
    last_sent_at DateTime64(3, 'UTC') CODEC(ZSTD),
    last_delivered_at DateTime64(3, 'UTC') CODEC(ZSTD),
    last_read_at DateTime64(3, 'UTC') CODEC(ZSTD),
    last_inbound_at DateTime64(3, 'UTC') CODEC(ZSTD),
    undeliverable_at Array(DateTime64(3, 'UTC')) CODEC(ZSTD),
    -- When each was sent, and when its time to live ends: from then on the message counts as silent.
    pending Array(Tuple(sent_at DateTime64(3, 'UTC'), due_at DateTime64(3, 'UTC'))) CODEC(ZSTD),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (source, customer_key);

CREATE MATERIALIZED VIEW IF NOT EXISTS suspect_changes_mv TO changed_log AS
SELECT 'suspects' AS layer, source, toDate(slot) AS day, count() AS changes
FROM suspect_log
GROUP BY source, day;

-- Numbers to which anything was sent in a slot.
CREATE VIEW IF NOT EXISTS recipients AS
SELECT source, slot, toDate(slot) AS day, customer_key
FROM customer_slot_log FINAL
WHERE sends > 0
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- Numbers with at least two pieces of evidence, failures of the number or silent sends, after their last sign of life.
CREATE VIEW IF NOT EXISTS number_evidence AS
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
