-- Deliveries by the time of their arrival: how many, how late, how many repeated.

-- Every delivery in the order of arrival. Of several insertions the first one decides how long storing took.
CREATE TABLE IF NOT EXISTS delivery_time_log
(
    source LowCardinality(String),
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    event_id UUID,
    -- Hash of request_id and index: only separates deliveries of one event in one millisecond.
    delivery UInt32 CODEC(ZSTD),
    kind LowCardinality(String),
    -- 4294967295 minus the milliseconds from arrival to insertion; 0 where they are not known.
    promptness UInt32 CODEC(ZSTD)
)
ENGINE = ReplacingMergeTree(promptness)
ORDER BY (source, received_at, event_id, delivery);

CREATE MATERIALIZED VIEW IF NOT EXISTS delivery_time_log_mv TO delivery_time_log AS
SELECT
    e.source AS source,
    e.received_at AS received_at,
    e.event_id AS event_id,
    toUInt32(bitAnd(sipHash64(e.request_id, e.raw.index), 4294967295)) AS delivery,
    if(e.kind = 'sent' AND e.origin = 'echo', 'echo', toString(e.kind)) AS kind,
    toUInt32(4294967295 - least(
        greatest(toUnixTimestamp64Milli(e.stored_at) - toUnixTimestamp64Milli(e.received_at), 0),
        4294967294)) AS promptness
FROM event_feed AS e;

CREATE MATERIALIZED VIEW IF NOT EXISTS delivery_changes_mv TO changed_log AS
SELECT 'deliveries' AS layer, source, toDate(received_at) AS day, count() AS changes
FROM delivery_time_log
GROUP BY source, day;

-- Deliveries by the slot of their arrival.
CREATE TABLE IF NOT EXISTS arrival_log
(
    source LowCardinality(String),
    slot DateTime('UTC') CODEC(Delta, ZSTD),
    -- inbound, status, system, echo: by webhooks; sent: through /sent
    kind LowCardinality(String),
    deliveries UInt64,
    last_received_at DateTime64(3, 'UTC') CODEC(ZSTD),
    -- From arrival until a query sees it: middles of buckets that are 5 % wide, and the number of deliveries in each.
    latency_ms Array(UInt32) CODEC(ZSTD),
    latency_deliveries Array(UInt64) CODEC(ZSTD),
    checksum UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (source, slot, kind);

CREATE MATERIALIZED VIEW IF NOT EXISTS arrival_changes_mv TO changed_log AS
SELECT 'arrivals' AS layer, source, toDate(slot) AS day, count() AS changes
FROM arrival_log
GROUP BY source, day;

-- Those deliveries whose event had been delivered before, on the same UTC day or the day before.
CREATE TABLE IF NOT EXISTS repeat_log
(
    source LowCardinality(String),
    slot DateTime('UTC') CODEC(Delta, ZSTD),
    kind LowCardinality(String),
    repeats UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (source, slot, kind);

CREATE MATERIALIZED VIEW IF NOT EXISTS repeat_changes_mv TO changed_log AS
SELECT 'repeats' AS layer, source, toDate(slot) AS day, count() AS changes
FROM repeat_log
GROUP BY source, day;

-- A slot has one row with its deliveries and perhaps one with its repeats: sum both columns.
CREATE VIEW IF NOT EXISTS arrivals AS
SELECT source, slot, kind, deliveries, 0 AS repeats, last_received_at
FROM arrival_log FINAL
WHERE deliveries > 0
UNION ALL
SELECT source, slot, kind, 0, repeats, toDateTime64(0, 3, 'UTC')
FROM repeat_log FINAL
WHERE repeats > 0;

-- One row a bucket: percentiles weighted by `deliveries` are at most 2.5 % off.
CREATE VIEW IF NOT EXISTS latency AS
SELECT source, slot, kind, ms, deliveries
FROM (SELECT source, slot, kind, latency_ms, latency_deliveries FROM arrival_log FINAL)
ARRAY JOIN latency_ms AS ms, latency_deliveries AS deliveries;
