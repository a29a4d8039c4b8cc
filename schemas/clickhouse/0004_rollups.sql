-- Rollups: small tables that panels sum, rebuilt from the copy a (source, UTC day) at a time by the analytics process.
--
-- Which days have to be rebuilt is counted, never guessed from clocks: every row that enters cohort_log (rows `gone`
-- too), delivery_time_log or a rollup adds to `changed_log`; a rebuild notes in `rebuilt_log` the count that stood there
-- before it read, and the rows that it wrote itself. A day is up to date when the two agree. So a crash at any point, a
-- repetition, a second process and a straggler's late INSERT all end in one more rebuild.
--
-- A rebuild writes only what differs from what is stored, under a higher `version`; a row whose units have all gone
-- elsewhere is written with zeros, and the views leave those out. 15 minutes are the finest step: the offset of every
-- time zone in use is a multiple of it, so days of any zone are exact sums.

CREATE TABLE IF NOT EXISTS changed_log
(
    -- Where the rows were inserted: 'cohorts', 'deliveries', or a rollup.
    layer LowCardinality(String),
    source LowCardinality(String),
    day Date,
    changes UInt64
)
ENGINE = SummingMergeTree
ORDER BY (layer, source, day);

CREATE TABLE IF NOT EXISTS rebuilt_log
(
    -- '' and the zero day: when a pass began that left nothing undone.
    name LowCardinality(String),
    source LowCardinality(String),
    day Date,
    -- `changes` of all layers that the rebuild depends on, as they were before it, and its own rows.
    changes SimpleAggregateFunction(max, UInt64),
    rebuilt_at SimpleAggregateFunction(max, DateTime64(9, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (name, source, day);

CREATE MATERIALIZED VIEW IF NOT EXISTS cohort_changes_mv TO changed_log AS
SELECT 'cohorts' AS layer, source, toDate(cohort_at) AS day, count() AS changes
FROM cohort_log
GROUP BY source, day;

-- Every day of every rollup, what its rebuild would see now and what the last one saw: it is due where these differ.
-- A change concerns its own day; an answer or a repeated delivery may belong to a message of a neighbouring one. Rows
-- of the rollup itself count too: what somebody else writes into it is looked at again.
CREATE OR REPLACE VIEW rebuilds AS
WITH
    [
        ('cohorts', 'outbound', 0), ('cohorts', 'inbound', 0), ('cohorts', 'numbers', 0),
        ('cohorts', 'turns', -1), ('cohorts', 'turns', 0), ('cohorts', 'turns', 1),
        ('deliveries', 'arrivals', 0), ('deliveries', 'repeats', 0), ('deliveries', 'repeats', 1),
        ('outbound', 'outbound', 0), ('inbound', 'inbound', 0), ('numbers', 'numbers', 0), ('turns', 'turns', 0),
        ('arrivals', 'arrivals', 0), ('repeats', 'repeats', 0)
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
    orphan UInt64,
    billable UInt64,
    -- Each unit's own duration, sorted, so that percentiles over any choice of rows are exact.
    to_delivered_ms Array(UInt64) CODEC(ZSTD),
    to_read_ms Array(UInt64) CODEC(ZSTD),
    negative_delivered UInt64,
    negative_read UInt64,
    -- Sum of the hashes of what the row was made of.
    checksum UInt64,
    version UInt64,
    -- Of all words of the row, because comparing one number is what makes FINAL fast.
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
CREATE OR REPLACE VIEW outbound AS
SELECT
    source, slot, account, provider, template, campaign, category, country, is_group, pricing_category, pricing_type,
    error_code, sent, delivered, read, failed, orphan, billable, to_delivered_ms, to_read_ms, negative_delivered,
    negative_read
FROM outbound_log FINAL
WHERE sent > 0;

-- What customers wrote.
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

CREATE OR REPLACE VIEW inbound AS
SELECT source, slot, account, country, type, is_group, messages
FROM inbound_log FINAL
WHERE messages > 0;

-- Turns of conversations (source, customer), direct chats only, by the slot of the message that begins them: one that
-- a customer wrote and that no other of theirs precedes within 24 hours without one of ours in between. Its answer is
-- our first message within 24 hours, WhatsApp's customer service window; what comes later begins something new.
CREATE TABLE IF NOT EXISTS turn_log
(
    source LowCardinality(String),
    slot DateTime('UTC') CODEC(Delta, ZSTD),
    account LowCardinality(String),
    country LowCardinality(String),
    turns UInt64,
    answered UInt64,
    -- One number an answered turn, sorted.
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

CREATE OR REPLACE VIEW turns AS
SELECT source, slot, account, country, turns, answered, response_ms
FROM turn_log FINAL
WHERE turns > 0;

-- What the messages of a slot say of each customer's number, direct chats only.
CREATE TABLE IF NOT EXISTS number_log
(
    source LowCardinality(String),
    slot DateTime('UTC') CODEC(Delta, ZSTD),
    -- The digits of a phone; the hash of any other id, with the highest bit set.
    customer_key UInt64 CODEC(Delta, ZSTD),
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
ORDER BY (source, slot, customer_key);

CREATE MATERIALIZED VIEW IF NOT EXISTS number_changes_mv TO changed_log AS
SELECT 'numbers' AS layer, source, toDate(slot) AS day, count() AS changes
FROM number_log
GROUP BY source, day;

-- Numbers with at least two pieces of evidence, failures of the number or silent sends, after their last sign of life.
-- One pass, so that a condition on the source reaches the table.
CREATE OR REPLACE VIEW number_evidence AS
WITH toDateTime64(0, 3, 'UTC') AS never
SELECT
    source,
    if(any_customer = '', concat('+', toString(customer_key)), any_customer) AS customer,
    any_country AS country,
    all_sends AS sends,
    length(failed_after) AS undeliverable,
    length(silent_after) AS silent,
    arrayMin(arrayConcat(failed_after, silent_after)) AS first_evidence_at,
    arrayMax(arrayConcat(failed_after, silent_after)) AS last_evidence_at,
    nullIf(sent, never) AS last_sent_at,
    nullIf(delivered, never) AS last_delivered_at,
    nullIf(read, never) AS last_read_at,
    nullIf(wrote, never) AS last_inbound_at
FROM
(
    SELECT
        source, customer_key,
        max(customer) AS any_customer,
        max(country) AS any_country,
        sum(sends) AS all_sends,
        max(last_sent_at) AS sent,
        max(last_delivered_at) AS delivered,
        max(last_read_at) AS read,
        max(last_inbound_at) AS wrote,
        arrayFilter(x -> x > greatest(read, wrote), groupArrayArray(undeliverable_at)) AS failed_after,
        arrayFilter(x -> x > greatest(read, wrote), groupArrayArray(arrayMap(x -> x.sent_at, arrayFilter(x -> x.due_at <= now64(3, 'UTC'), pending)))) AS silent_after
    FROM number_log FINAL
    GROUP BY source, customer_key
    HAVING length(failed_after) + length(silent_after) >= 2
);

-- Every delivery in the order of its arrival; of several insertions the first one tells how long it took.
CREATE TABLE IF NOT EXISTS delivery_time_log
(
    source LowCardinality(String),
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    event_id UUID,
    -- Of request_id and index: tells deliveries of one event in one millisecond apart, and no more than that.
    delivery UInt32 CODEC(ZSTD),
    kind LowCardinality(String),
    -- 4294967295 less the milliseconds from arrival to insertion; 0 where they are not known.
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
    toUInt32(4294967295 - least(greatest(toUnixTimestamp64Milli(e.stored_at) - toUnixTimestamp64Milli(e.received_at), 0), 4294967294)) AS promptness
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
    -- inbound, status, system, echo: webhooks; sent: what came through /sent
    kind LowCardinality(String),
    deliveries UInt64,
    last_received_at DateTime64(3, 'UTC') CODEC(ZSTD),
    -- From arrival to being queryable: middles of buckets that are 5 % wide, and how many deliveries fell into each.
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

-- Of the deliveries: those whose event had been delivered before, on the same UTC day or the day before.
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

-- A slot has one row with its deliveries and perhaps one with its repeats: both to be added up.
CREATE OR REPLACE VIEW arrivals AS
SELECT source, slot, kind, deliveries, 0 AS repeats, last_received_at
FROM arrival_log FINAL
WHERE deliveries > 0
UNION ALL
SELECT source, slot, kind, 0, repeats, toDateTime64(0, 3, 'UTC')
FROM repeat_log FINAL
WHERE repeats > 0;

-- One row a bucket: percentiles weighted by `deliveries` are at most 2.5 % off.
CREATE OR REPLACE VIEW latency AS
SELECT source, slot, kind, ms, deliveries
FROM (SELECT source, slot, kind, latency_ms, latency_deliveries FROM arrival_log FINAL)
ARRAY JOIN latency_ms AS ms, latency_deliveries AS deliveries;

-- What the analytics process sees of the pipeline: one number at a time.
CREATE TABLE IF NOT EXISTS samples
(
    at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    name LowCardinality(String),
    -- Stage, topic or outcome.
    part LowCardinality(String),
    source LowCardinality(String),
    value Float64 CODEC(Gorilla, ZSTD)
)
ENGINE = MergeTree
ORDER BY (name, part, source, at)
TTL toDateTime(at) + INTERVAL 90 DAY;

-- The samples by the slot in which they were taken, for long ranges: `total` adds up what increases, `highest` is for
-- what goes up and down.
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
SELECT name, part, source, toStartOfFifteenMinutes(toDateTime(at, 'UTC')) AS slot, sum(value) AS total, max(value) AS highest
FROM samples
GROUP BY name, part, source, slot;

CREATE OR REPLACE VIEW sample_slots AS
SELECT name, part, source, slot, sum(s.total) AS total, max(s.highest) AS highest
FROM sample_slot_log AS s
GROUP BY name, part, source, slot;

-- What was stored before `at` is in the layer; `pending` messages, or days of rollups, are not.
CREATE OR REPLACE VIEW freshness AS
WITH
    toDateTime64(now64(3, 'UTC'), 3, 'UTC') AS now,
    (SELECT countIf(changes > rebuilt_changes) FROM rebuilds) AS due,
    (SELECT toDateTime64(max(rebuilt_at), 3, 'UTC') FROM rebuilt_log WHERE name = '') AS last_complete,
    (SELECT at FROM copy_freshness) AS copied_at,
    (SELECT max(at) FROM samples WHERE name = 'store_up') AS sampled_at
SELECT layer, at, lag_seconds, pending
FROM copy_freshness
UNION ALL
SELECT
    'rollup', least(copied_at, if(due = 0, now, last_complete)) AS rolled_at,
    dateDiff('millisecond', rolled_at, now) / 1000, due
UNION ALL
SELECT 'samples', sampled_at, dateDiff('millisecond', sampled_at, now) / 1000, 0;

-- What was stored from before. Counted twice when this file is applied again, which costs one more rebuild.
INSERT INTO changed_log
SELECT 'cohorts', source, toDate(cohort_at) AS day, count() FROM cohort_log GROUP BY source, day;

-- Of a delivery that is not the one kept as the event's row nothing tells when it was inserted.
INSERT INTO delivery_time_log
SELECT
    d.source,
    d.received_at,
    d.event_id,
    toUInt32(bitAnd(sipHash64(d.request_id, d.index), 4294967295)),
    if(e.kind = 'sent' AND e.origin = 'echo', 'echo', toString(e.kind)),
    if(e.request_id = d.request_id AND e.raw.index = d.index,
        toUInt32(4294967295 - least(greatest(toUnixTimestamp64Milli(e.stored_at) - toUnixTimestamp64Milli(e.received_at), 0), 4294967294)), 0)
FROM delivery_log AS d
LEFT ANY JOIN (SELECT event_id, kind, origin, request_id, raw, stored_at, received_at FROM event_log) AS e ON d.event_id = e.event_id
SETTINGS join_algorithm = 'grace_hash', grace_hash_join_initial_buckets = 16;
