-- Rollups: small tables that panels sum. The analytics process rebuilds them from the copy, one (source, UTC day) at a
-- time.
--
-- Counters, never clocks, decide which days have to be rebuilt: every row that enters cohort_log (rows `gone` too),
-- delivery_time_log or a rollup adds to `changed_log`. A rebuild notes in `rebuilt_log` the count that was there before
-- it read, plus the rows that it wrote itself. A day is up to date when the two agree. So a crash at any point, a
-- repetition, a second process and a late INSERT all end in one more rebuild.
--
-- A rebuild writes only rows that differ from what is stored, under a higher `version`. A row whose units have all
-- moved elsewhere is written with zeros, and the views leave those out. A slot is 15 minutes, because the offset of
-- every time zone in use is a multiple of it: days of any zone are exact sums.

CREATE TABLE IF NOT EXISTS changed_log
(
    -- The table of the inserted rows: 'cohorts', 'deliveries', or a rollup.
    layer LowCardinality(String),
    source LowCardinality(String),
    day Date,
    changes UInt64
)
ENGINE = SummingMergeTree
ORDER BY (layer, source, day);

CREATE TABLE IF NOT EXISTS rebuilt_log
(
    -- '' with the zero day: the start of a pass that rebuilt everything that was due.
    name LowCardinality(String),
    source LowCardinality(String),
    day Date,
    -- `changes` of all layers that the rebuild depends on, as they were before it, plus the rows that it wrote.
    changes SimpleAggregateFunction(max, UInt64),
    rebuilt_at SimpleAggregateFunction(max, DateTime64(9, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (name, source, day);

CREATE MATERIALIZED VIEW IF NOT EXISTS cohort_changes_mv TO changed_log AS
SELECT 'cohorts' AS layer, source, toDate(cohort_at) AS day, count() AS changes
FROM cohort_log
GROUP BY source, day;

-- Every day of every rollup with the count that its rebuild would see now and the count that the last one saw: it is
-- due where these differ. `reach` is (layer that changed, rollup that is due, days between the two). A change concerns
-- its own day. An answer or a repeated delivery may belong to a message of a neighbouring day; a message of a
-- conversation may be in the copy one day away from when it was written, and its answer another day. A suspect is due
-- by each day on which the facts about the number have changed. Rows of the rollup itself count too, so that foreign
-- rows in it are compared again.
CREATE VIEW IF NOT EXISTS rebuild_days AS
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

-- Counted outbound units.
CREATE TABLE IF NOT EXISTS outbound_log
(
    source LowCardinality(String),
    slot DateTime('UTC') CODEC(Delta, ZSTD),
    account LowCardinality(String),
    provider LowCardinality(String),
    template LowCardinality(String),
    campaign LowCardinality(String),
    category LowCardinality(String),
    country LowCardinality(String),
    is_group UInt8,
    pricing_category LowCardinality(String),
    pricing_type LowCardinality(String),
    -- '' unless they failed.
    error_code LowCardinality(String),
    sent UInt64,
    delivered UInt64,
    read UInt64,
    failed UInt64,
    -- Neither delivered nor failed.
    pending UInt64,
    orphan UInt64,
    billable UInt64,
    -- The duration of each unit, sorted, so that percentiles over any choice of rows are exact.
    to_delivered_ms Array(UInt64) CODEC(ZSTD),
    to_read_ms Array(UInt64) CODEC(ZSTD),
    negative_delivered UInt64,
    negative_read UInt64,
    -- How many were delivered, and read, within each of schemas.horizons after their sending.
    delivered_within Array(UInt64) CODEC(ZSTD),
    read_within Array(UInt64) CODEC(ZSTD),
    -- Sum of the hashes of the units that the row was made of.
    checksum UInt64,
    version UInt64,
    -- Hash of all words of the row: FINAL compares one number, which makes it fast.
    words UInt128 MATERIALIZED reinterpretAsUInt128(sipHash128(account, provider, template, campaign, category, country,
        is_group, pricing_category, pricing_type, error_code))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (source, slot, words);

CREATE MATERIALIZED VIEW IF NOT EXISTS outbound_changes_mv TO changed_log AS
SELECT 'outbound' AS layer, source, toDate(slot) AS day, count() AS changes
FROM outbound_log
GROUP BY source, day;

-- pending = sent - delivered - failed.
CREATE VIEW IF NOT EXISTS outbound AS
SELECT
    source, slot, account, provider, template, campaign, category, country, is_group, pricing_category, pricing_type,
    error_code, sent, delivered, read, failed, pending, orphan, billable, to_delivered_ms, to_read_ms,
    negative_delivered, negative_read, delivered_within, read_within
FROM outbound_log FINAL
WHERE sent > 0;

-- Delivered service messages, those of WhatsApp's monthly allowance. The hash in the key stands for all words of a row,
-- so PREWHERE may drop rows by a word before versions are compared.
CREATE VIEW IF NOT EXISTS outbound_service AS
SELECT
    source, slot, account, provider, template, campaign, category, country, is_group, pricing_type, delivered, billable
FROM outbound_log FINAL
PREWHERE pricing_category = 'service'
WHERE delivered > 0;

-- Messages that customers wrote.
CREATE TABLE IF NOT EXISTS inbound_log
(
    source LowCardinality(String),
    slot DateTime('UTC') CODEC(Delta, ZSTD),
    account LowCardinality(String),
    country LowCardinality(String),
    type LowCardinality(String),
    is_group UInt8,
    messages UInt64,
    checksum UInt64,
    version UInt64,
    words UInt128 MATERIALIZED reinterpretAsUInt128(sipHash128(account, country, type, is_group))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (source, slot, words);

CREATE MATERIALIZED VIEW IF NOT EXISTS inbound_changes_mv TO changed_log AS
SELECT 'inbound' AS layer, source, toDate(slot) AS day, count() AS changes
FROM inbound_log
GROUP BY source, day;

CREATE VIEW IF NOT EXISTS inbound AS
SELECT source, slot, account, country, type, is_group, messages
FROM inbound_log FINAL
WHERE messages > 0;

-- Turns of conversations (source, customer), direct chats only, by the slot of the message that begins them. A turn
-- begins with a message of the customer that no other message of theirs precedes within 24 hours, unless one of ours is
-- in between. Its answer is our first message within 24 hours, WhatsApp's customer service window; a later one begins
-- something new.
CREATE TABLE IF NOT EXISTS turn_log
(
    source LowCardinality(String),
    slot DateTime('UTC') CODEC(Delta, ZSTD),
    account LowCardinality(String),
    country LowCardinality(String),
    turns UInt64,
    answered UInt64,
    -- One duration for each answered turn, sorted.
    response_ms Array(UInt64) CODEC(ZSTD),
    version UInt64,
    words UInt128 MATERIALIZED reinterpretAsUInt128(sipHash128(account, country))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (source, slot, words);

CREATE MATERIALIZED VIEW IF NOT EXISTS turn_changes_mv TO changed_log AS
SELECT 'turns' AS layer, source, toDate(slot) AS day, count() AS changes
FROM turn_log
GROUP BY source, day;

CREATE VIEW IF NOT EXISTS turns AS
SELECT source, slot, account, country, turns, answered, response_ms
FROM turn_log FINAL
WHERE turns > 0;
