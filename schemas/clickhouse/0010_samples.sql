-- Measurements of the pipeline, and how fresh every layer is.

-- Measurements by the analytics process, one number a row.
CREATE TABLE IF NOT EXISTS samples
(
    at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    name LowCardinality(String),
    -- A stage, a topic or an outcome.
    part LowCardinality(String),
    source LowCardinality(String),
    value Float64 CODEC(Gorilla, ZSTD)
)
ENGINE = MergeTree
ORDER BY (name, part, source, at)
TTL toDateTime(at) + INTERVAL 90 DAY;

-- The samples by the slot in which they were taken, for long ranges: `total` sums what only increases, `highest` is for
-- values that go up and down.
CREATE TABLE IF NOT EXISTS sample_slot_log
(
    name LowCardinality(String),
    part LowCardinality(String),
    source LowCardinality(String),
    slot DateTime('UTC') CODEC(Delta, ZSTD),
    total SimpleAggregateFunction(sum, Float64),
    highest SimpleAggregateFunction(max, Float64)
)
ENGINE = AggregatingMergeTree
ORDER BY (name, part, source, slot);

CREATE MATERIALIZED VIEW IF NOT EXISTS sample_slot_log_mv TO sample_slot_log AS
SELECT
    name, part, source, toStartOfFifteenMinutes(toDateTime(at, 'UTC')) AS slot, sum(value) AS total,
    max(value) AS highest
FROM samples
GROUP BY name, part, source, slot;

CREATE VIEW IF NOT EXISTS sample_slots AS
SELECT name, part, source, slot, sum(s.total) AS total, max(s.highest) AS highest
FROM sample_slot_log AS s
GROUP BY name, part, source, slot;

-- Everything stored before `at` is in the layer; `pending` messages, or days of rollups, are not.
CREATE VIEW IF NOT EXISTS freshness AS
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
