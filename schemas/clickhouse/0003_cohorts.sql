-- The lifecycle of 0002 with the facts that dashboards ask for (sender, pricing, days), and its copy in the order of
-- cohorts. Three layers: `lifecycle_log` is the truth, ordered by message; `cohort_log` is a copy that can be thrown
-- away, ordered by source and day; `messages` is the copy laid under the truth of what has not been copied yet.
--
-- Encoding. A stamp is a number as in 0002. A word that competes with others is a String that min() joins: its rank
-- (one digit) and, where time decides, its stamp in 14 digits stand before it; '~', larger than any digit, is "none".
-- (min of a String costs a quarter of min of a Tuple, in every insert, merge and FINAL.)

-- Everything inserted into event_log passes here, and so may everything that event_log has from before: what is made
-- of events has one definition, whether for new ones or for old ones.
CREATE TABLE IF NOT EXISTS event_feed AS event_log ENGINE = Null;

CREATE TABLE IF NOT EXISTS lifecycle_log
(
    source LowCardinality(String),
    message_id String,
    participant String,
    pending SimpleAggregateFunction(min, UInt64),
    sent SimpleAggregateFunction(min, UInt64),
    delivered SimpleAggregateFunction(min, UInt64),
    read SimpleAggregateFunction(min, UInt64),
    played SimpleAggregateFunction(min, UInt64),
    failed SimpleAggregateFunction(min, UInt64),
    deleted SimpleAggregateFunction(min, UInt64),
    -- Our own side read or played the customer's message: kept apart, for it never counts as an outbound read.
    own_read SimpleAggregateFunction(min, UInt64),
    own_played SimpleAggregateFunction(min, UInt64),
    -- 0 out by a sent record, 1 in by an inbound event, 2 out by a status, 3 in by a status, 9 no evidence
    direction SimpleAggregateFunction(min, UInt8),
    -- 0 api, 1 echo, 2 history, 3 none
    origin SimpleAggregateFunction(min, UInt8),
    -- 1 once anything but a history backfill spoke of it
    live SimpleAggregateFunction(max, UInt8),
    is_group SimpleAggregateFunction(max, UInt8),
    provider SimpleAggregateFunction(min, LowCardinality(String)),
    account SimpleAggregateFunction(min, String),
    -- 0 a phone, 1 another id
    recipient SimpleAggregateFunction(min, String),
    sender SimpleAggregateFunction(min, String),
    -- 0 a type, 1 unsupported, 2 unknown
    type SimpleAggregateFunction(min, String),
    -- origin (3 for the provider's words), stamp
    template SimpleAggregateFunction(min, String),
    campaign SimpleAggregateFunction(min, String),
    category SimpleAggregateFunction(min, String),
    -- stamp
    pricing_category SimpleAggregateFunction(min, String),
    pricing_type SimpleAggregateFunction(min, String),
    -- 2 * stamp + (1 yes, 0 no)
    billable SimpleAggregateFunction(min, UInt64),
    -- stamp of the failure, code with every \0 as \0\1, \0\0, title
    error SimpleAggregateFunction(min, String),
    -- Stamp of the inbound event itself: when the customer wrote.
    said SimpleAggregateFunction(min, UInt64),
    first_seen_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_event_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    -- Every UTC day that any event of the unit could have given it as its cohort.
    days SimpleAggregateFunction(groupUniqArrayArray, Array(Date)),
    -- Inserted rows: grows with every insert, repetitions included.
    n SimpleAggregateFunction(sum, UInt64)
)
ENGINE = AggregatingMergeTree
ORDER BY (message_id, source, participant)
-- Small granules and blocks: one message among millions is read from a few kilobytes.
SETTINGS index_granularity = 128, min_compress_block_size = 16384, max_compress_block_size = 65536;

CREATE MATERIALIZED VIEW IF NOT EXISTS lifecycle_log_mv TO lifecycle_log AS
WITH
    18446744073709551615 AS never,
    toUInt64(if(e.occurred_at IS NULL, 10000000000000 + toUnixTimestamp64Milli(e.received_at), toUnixTimestamp64Milli(assumeNotNull(e.occurred_at)))) AS stamp,
    leftPad(toString(stamp), 14, '0') AS digits,
    e.kind = 'status' AS is_status,
    if(is_status, ifNull(e.status, ''), '') AS word,
    is_status AND ifNull(NOT e.from_me, 0) AS by_us,
    toUInt8(multiIf(e.kind = 'sent' AND e.origin = 'api', 0, e.kind = 'sent' AND e.origin = 'echo', 1, e.kind != 'status' AND (e.origin = 'history' OR ifNull(e.historical, 0)), 2, 3)) AS origin_rank,
    concat(if(e.kind = 'sent', toString(origin_rank), '3'), digits) AS word_rank
SELECT
    e.source AS source,
    assumeNotNull(e.message_id) AS message_id,
    ifNull(e.participant, '') AS participant,
    if(word = 'pending', stamp, never) AS pending,
    if(word = 'sent' OR e.kind = 'sent', stamp, never) AS sent,
    if(word = 'delivered', stamp, never) AS delivered,
    if(word = 'read' AND NOT by_us, stamp, never) AS read,
    if(word = 'played' AND NOT by_us, stamp, never) AS played,
    if(word = 'failed', stamp, never) AS failed,
    if(word = 'deleted', stamp, never) AS deleted,
    if(word = 'read' AND by_us, stamp, never) AS own_read,
    if(word = 'played' AND by_us, stamp, never) AS own_played,
    toUInt8(multiIf(e.kind = 'sent', 0, e.kind = 'inbound', 1, word = 'deleted', 9, by_us, 3, 2)) AS direction,
    origin_rank AS origin,
    toUInt8(NOT ifNull(e.historical, 0)) AS live,
    toUInt8(ifNull(e.is_group, 0) OR ifNull(e.participant, '') != '') AS is_group,
    e.provider AS provider,
    ifNull(concat('0', toString(e.account)), '~') AS account,
    ifNull(concat(if(startsWith(e.to, '+'), '0', '1'), e.to), '~') AS recipient,
    if(e.kind = 'inbound', ifNull(concat(if(startsWith(e.from, '+'), '0', '1'), e.from), '~'), '~') AS sender,
    ifNull(concat(multiIf(e.type = 'unknown', '2', e.type = 'unsupported', '1', '0'), toString(e.type)), '~') AS type,
    ifNull(concat(word_rank, toString(e.template)), '~') AS template,
    ifNull(concat(word_rank, toString(e.campaign)), '~') AS campaign,
    ifNull(concat(word_rank, toString(e.category)), '~') AS category,
    ifNull(concat(digits, toString(e.pricing_category)), '~') AS pricing_category,
    ifNull(concat(digits, toString(e.pricing_type)), '~') AS pricing_type,
    if(e.billable IS NULL, never, 2 * stamp + assumeNotNull(e.billable)) AS billable,
    if(word = 'failed', concat(digits, replaceAll(toString(ifNull(e.error_code, '')), '\0', '\0\x01'), '\0\0', toString(ifNull(e.error_title, ''))), '~') AS error,
    if(e.kind = 'inbound', stamp, never) AS said,
    e.received_at AS first_seen_at,
    ifNull(e.occurred_at, e.received_at) AS last_event_at,
    arrayDistinct([toDate(e.received_at), toDate(last_event_at)]) AS days,
    toUInt64(1) AS n
FROM event_feed AS e
WHERE e.message_id IS NOT NULL AND e.kind IN ('inbound', 'sent', 'status');

-- Which messages events have come for: a row for each message of an inserted block, `ts` is the block's.
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

-- How far the copy is: the newest row of the highest `rebuild`. Everything touched up to `touched_before` is copied,
-- and of what there was when the copy was begun (anew), all messages less than `message_id`, or all once `complete`.
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

-- The copy. Of a unit there is one live row, at the day of its cohort; at every other day that it may ever have stood
-- at there is a row `gone` of the same version. Both are functions of one reading of the truth, and the highest version
-- wins at each day: so copies may be repeated, overtake one another and be made by two processes at once.
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
    -- When the customer wrote, of inbound messages; cohort_at may be when our own side read it.
    said_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD),
    -- 128 bits of hash instead of the id: shorter to compare and never the same for two ids.
    message_key UInt128 MATERIALIZED reinterpretAsUInt128(sipHash128(source, message_id)),
    version UInt64,
    gone UInt8,
    INDEX ids message_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version, gone)
-- Months in a ring of two years: whatever times a provider sends, an INSERT has no more parts than this.
PARTITION BY toRelativeMonthNum(cohort_at) % 24
ORDER BY (source, toDate(cohort_at), message_key, participant);

-- Events about an account or a number, not about a message: connections, qualities, templates, limits.
CREATE TABLE IF NOT EXISTS system_log
(
    source LowCardinality(String),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    event_id UUID,
    provider LowCardinality(String),
    account LowCardinality(String),
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    event LowCardinality(String),
    state LowCardinality(String),
    raw_state String,
    reason_code LowCardinality(String),
    error_code LowCardinality(String),
    error_title String,
    version UInt128
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (source, occurred_at, event_id);

CREATE MATERIALIZED VIEW IF NOT EXISTS system_log_mv TO system_log AS
SELECT
    e.source AS source,
    ifNull(e.occurred_at, e.received_at) AS occurred_at,
    e.event_id AS event_id,
    e.provider AS provider,
    toString(ifNull(e.account, '')) AS account,
    e.received_at AS received_at,
    toString(ifNull(e.event, '')) AS event,
    toString(ifNull(e.state, '')) AS state,
    toString(ifNull(e.raw_state, '')) AS raw_state,
    toString(ifNull(e.reason_code, '')) AS reason_code,
    toString(ifNull(e.error_code, '')) AS error_code,
    toString(ifNull(e.error_title, '')) AS error_title,
    e.version AS version
FROM event_feed AS e
WHERE e.kind = 'system';

CREATE VIEW IF NOT EXISTS system_events AS
SELECT event_id, source, provider, account, occurred_at, received_at, event, state, raw_state, reason_code, error_code, error_title
FROM system_log FINAL;

CREATE MATERIALIZED VIEW IF NOT EXISTS event_feed_mv TO event_feed AS SELECT * FROM event_log;

-- Returns when the last INSERT that does not know the views above has ended.
DROP VIEW IF EXISTS lifecycle_mv SYNC;

INSERT INTO event_feed SELECT * FROM event_log;

-- Units with the facts of the sent message joined: a member of a group has the sending, and the deletion, of its parent
-- row (participant ''). `counted` marks what the rates are made of: live outbound units, a parent only until members
-- are known. A condition on message_id reaches the primary key, so that few messages are read fast.
CREATE OR REPLACE VIEW units AS
WITH
    18446744073709551615 AS never,
    10000000000000 AS untimed,
    x -> if(x = never, NULL, fromUnixTimestamp64Milli(toInt64(x % untimed), 'UTC')) AS moment,
    joined AS
    (
        SELECT
            l.source AS source, l.message_id AS message_id, l.participant AS participant, l.pending, l.delivered, l.read,
            l.played, l.failed, l.own_read, l.own_played, l.provider, l.recipient, l.sender, l.error, l.said,
            l.first_seen_at, l.last_event_at, l.is_group,
            least(l.sent, min(if(l.participant = '', l.sent, never)) OVER parent) AS sent,
            least(l.deleted, min(if(l.participant = '', l.deleted, never)) OVER parent) AS deleted,
            least(l.direction, min(if(l.participant = '', l.direction, 9)) OVER parent) AS side,
            least(l.origin, min(if(l.participant = '', l.origin, 3)) OVER parent) AS origin,
            greatest(l.live, max(if(l.participant = '', l.live, 0)) OVER parent) AS live,
            least(l.account, min(if(l.participant = '', l.account, '~')) OVER parent) AS account,
            least(l.type, min(if(l.participant = '', l.type, '~')) OVER parent) AS type,
            least(l.template, min(if(l.participant = '', l.template, '~')) OVER parent) AS template,
            least(l.campaign, min(if(l.participant = '', l.campaign, '~')) OVER parent) AS campaign,
            least(l.category, min(if(l.participant = '', l.category, '~')) OVER parent) AS category,
            least(l.pricing_category, min(if(l.participant = '', l.pricing_category, '~')) OVER parent) AS pricing_category,
            least(l.pricing_type, min(if(l.participant = '', l.pricing_type, '~')) OVER parent) AS pricing_type,
            least(l.billable, min(if(l.participant = '', l.billable, never)) OVER parent) AS billable,
            arrayDistinct(arrayConcat(l.days, groupArrayArray(if(l.participant = '', l.days, [])) OVER parent)) AS days,
            sum(l.n) OVER parent AS version,
            l.participant = '' AND max(l.participant != '') OVER parent AS is_parent
        FROM (SELECT * FROM lifecycle_log FINAL) AS l
        WINDOW parent AS (PARTITION BY source, message_id)
    ),
    -- The reading of a customer's message by our own side is told of inbound messages only.
    sided AS
    (
        SELECT
            j.* EXCEPT (read, own_read, played, own_played),
            if(side IN (1, 3), least(j.read, j.own_read), j.read) AS read,
            if(side IN (1, 3), least(j.played, j.own_played), j.played) AS played,
            position(error, '\0\0') AS code_end
        FROM joined AS j
    ),
    timed AS
    (
        SELECT
            *,
            arrayMin(x -> if(x = never, never, x % untimed), [pending, delivered, read, played, failed, deleted]) AS first_status,
            multiIf(
                sent < never, sent % untimed,
                first_status < never, first_status,
                toUInt64(toUnixTimestamp64Milli(first_seen_at))) AS cohort
        FROM sided
    )
SELECT
    t.source AS source,
    fromUnixTimestamp64Milli(toInt64(t.cohort), 'UTC') AS cohort_at,
    t.message_id AS message_id,
    t.participant AS participant,
    CAST(t.provider, 'LowCardinality(String)') AS provider,
    toLowCardinality(substring(t.account, 2)) AS account,
    toLowCardinality(multiIf(t.side IN (0, 2), 'out', t.side IN (1, 3), 'in', '')) AS direction,
    toLowCardinality(['api', 'echo', 'history', 'none'][t.origin + 1]) AS origin,
    toUInt8(t.side IN (0, 2) AND t.live AND NOT t.is_parent) AS counted,
    CAST(t.is_group, 'UInt8') AS is_group,
    substring(multiIf(t.side IN (0, 2), t.recipient, t.side IN (1, 3), t.sender, '~'), 2) AS customer,
    substring(t.recipient, 2) AS recipient,
    toLowCardinality(substring(t.type, 2)) AS type,
    toLowCardinality(substring(t.template, 16)) AS template,
    toLowCardinality(substring(t.campaign, 16)) AS campaign,
    toLowCardinality(substring(t.category, 16)) AS category,
    toLowCardinality(substring(t.pricing_category, 15)) AS pricing_category,
    toLowCardinality(substring(t.pricing_type, 15)) AS pricing_type,
    if(t.billable = never, -1, toInt8(t.billable % 2)) AS billable,
    moment(t.sent) AS sent_at,
    moment(t.delivered) AS delivered_at,
    moment(t.read) AS read_at,
    moment(t.played) AS played_at,
    moment(t.failed) AS failed_at,
    moment(t.deleted) AS deleted_at,
    -- By the provider's clock at both ends, or not at all.
    if(greatest(t.sent, t.delivered) < untimed, toInt64(t.delivered) - toInt64(t.sent), NULL) AS to_delivered_ms,
    if(greatest(t.sent, least(t.read, t.played)) < untimed, toInt64(least(t.read, t.played)) - toInt64(t.sent), NULL) AS to_read_ms,
    toLowCardinality(replaceAll(substring(t.error, 15, if(t.code_end = 0, 0, t.code_end - 15)), '\0\x01', '\0')) AS error_code,
    toLowCardinality(if(t.code_end = 0, '', substring(t.error, t.code_end + 2))) AS error_title,
    toLowCardinality(multiIf(
        t.played < never, 'played', t.read < never, 'read', t.delivered < never, 'delivered',
        t.failed < never, 'failed', t.sent < never, 'sent', t.pending < never, 'pending', '')) AS status,
    CAST(t.first_seen_at, 'DateTime64(3, \'UTC\')') AS first_seen_at,
    CAST(t.last_event_at, 'DateTime64(3, \'UTC\')') AS last_event_at,
    moment(t.said) AS said_at,
    t.version AS version,
    CAST(t.days, 'Array(Date)') AS days
FROM timed AS t;

-- The copy as it stands: one row a unit, in the order of source and day. Lags behind `messages` by seconds. A unit's rows
-- of one day are in one partition, so partitions need not be merged with each other.
CREATE OR REPLACE VIEW cohorts AS
SELECT
    source, cohort_at, message_id, participant, provider, account, direction, origin, counted, is_group, customer,
    country, recipient, type, template, campaign, category, pricing_category, pricing_type, billable, sent_at,
    delivered_at, read_at, played_at, failed_at, deleted_at, to_delivered_ms, to_read_ms, error_code, error_title,
    status, first_seen_at, last_event_at, said_at
FROM cohort_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- Blocks of touched_log that have rows which are not copied, and how many rows each has by now.
CREATE OR REPLACE VIEW waiting_blocks AS
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

-- What the copy lacks, as one row: `ids` were touched since, and until it is `complete` all from `copied_to` on.
-- A copy that has stood still for six days counts as none, for touched_log forgets after seven.
CREATE OR REPLACE VIEW copy_waiting AS
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

-- The units as they are now, whatever has been copied: what the copy lacks is read from the truth. `waiting` is
-- evaluated once and before the views below are opened, so a unit is in exactly one of the two halves.
CREATE OR REPLACE VIEW current_units AS
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

-- One row a unit, the names of every dashboard. Times are NULL and words '' where nothing is known.
CREATE OR REPLACE VIEW messages AS
SELECT
    source, provider, account, message_id, participant, recipient, direction, origin, type, template, campaign,
    category, pricing_category, sent_at, delivered_at, read_at, played_at, failed_at, deleted_at, error_code,
    error_title, status, first_seen_at, last_event_at, cohort_at, is_group
FROM current_units;

-- Rates by the day of sending, numerators and denominators beside them. A read rate is a lower bound: receipts can be
-- switched off. `provisional` until the last message of the day has outlived its time to live: 10 minutes for
-- authentication, 30 days for the rest. Members of groups stand in rows of their own (is_group).
CREATE OR REPLACE VIEW delivery_rates AS
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
    now('UTC') < toDateTime(cohort_day + 1, 'UTC') + if(startsWith(category, 'authentication'), 600, 2592000) AS provisional,
    is_group
FROM current_units
WHERE counted
GROUP BY source, cohort_day, template, campaign, category, is_group;

-- What was stored before `at` is in the copy, `pending` messages are not.
CREATE OR REPLACE VIEW copy_freshness AS
WITH
    (SELECT complete FROM copy_waiting) AS is_complete,
    (SELECT (sum(rows), min(ts)) FROM waiting_blocks) AS waiting,
    toDateTime64(now64(3, 'UTC'), 3, 'UTC') AS now
SELECT
    'copy' AS layer,
    multiIf(NOT is_complete, toDateTime64(0, 3, 'UTC'), waiting.1 > 0, toDateTime64(waiting.2, 3, 'UTC'), now) AS at,
    dateDiff('millisecond', at, now) / 1000 AS lag_seconds,
    toUInt64(if(is_complete, waiting.1, (SELECT count() FROM lifecycle_log))) AS pending;

CREATE OR REPLACE VIEW freshness AS SELECT layer, at, lag_seconds, pending FROM copy_freshness;

DROP TABLE IF EXISTS lifecycle;
