-- The lifecycle of every unit (source, message_id, participant) as a join-semilattice: each inserted event is one
-- element, a merge is their join, so any order, repetition, split or replay ends in the same row.
--
-- A stamp is the time of a status in one number that min() joins: provider time in ms; or, where the provider gave
-- none, 10^13 + our received_at, so that any provider time wins over it; or the largest UInt64 for "not known".
-- Every other fact is the min of a rank or of a tuple that ends in the value itself, never "any" or "last".
CREATE TABLE IF NOT EXISTS lifecycle
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
    -- (0 known, 1 not; value)
    account SimpleAggregateFunction(min, Tuple(UInt8, String)),
    -- (0 phone, 1 another id, 2 none; value)
    recipient SimpleAggregateFunction(min, Tuple(UInt8, String)),
    -- (0 a type, 1 unsupported, 2 unknown, 3 none; value)
    type SimpleAggregateFunction(min, Tuple(UInt8, String)),
    -- (origin, 3 for the provider's words, 9 none; stamp; value)
    template SimpleAggregateFunction(min, Tuple(UInt8, UInt64, String)),
    campaign SimpleAggregateFunction(min, Tuple(UInt8, UInt64, String)),
    category SimpleAggregateFunction(min, Tuple(UInt8, UInt64, String)),
    -- (stamp; value)
    pricing_category SimpleAggregateFunction(min, Tuple(UInt64, String)),
    -- (stamp of the failure; code; title)
    error SimpleAggregateFunction(min, Tuple(UInt64, String, String)),
    first_seen_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_event_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    -- Members of groups are few: their rows are found without reading the rest.
    INDEX members participant TYPE minmax GRANULARITY 1
)
ENGINE = AggregatingMergeTree
ORDER BY (message_id, source, participant)
-- Small granules and blocks: one message among millions is read from a few kilobytes.
SETTINGS index_granularity = 512, min_compress_block_size = 16384, max_compress_block_size = 65536;

CREATE MATERIALIZED VIEW IF NOT EXISTS lifecycle_mv TO lifecycle AS
WITH
    18446744073709551615 AS never,
    toUInt64(if(e.occurred_at IS NULL, 10000000000000 + toUnixTimestamp64Milli(e.received_at), toUnixTimestamp64Milli(assumeNotNull(e.occurred_at)))) AS stamp,
    e.kind = 'status' AS is_status,
    if(is_status, ifNull(e.status, ''), '') AS word,
    is_status AND ifNull(NOT e.from_me, 0) AS by_us,
    toUInt8(multiIf(e.kind = 'sent' AND e.origin = 'api', 0, e.kind = 'sent' AND e.origin = 'echo', 1, e.kind != 'status' AND (e.origin = 'history' OR ifNull(e.historical, 0)), 2, 3)) AS origin_rank,
    toUInt8(if(e.kind = 'sent', origin_rank, 3)) AS word_rank
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
    tuple(toUInt8(e.account IS NULL), toString(ifNull(e.account, ''))) AS account,
    tuple(toUInt8(multiIf(e.to IS NULL, 2, startsWith(assumeNotNull(e.to), '+'), 0, 1)), ifNull(e.to, '')) AS recipient,
    tuple(toUInt8(multiIf(e.type IS NULL, 3, e.type = 'unknown', 2, e.type = 'unsupported', 1, 0)), toString(ifNull(e.type, ''))) AS type,
    if(e.template IS NULL, (toUInt8(9), never, ''), (word_rank, stamp, toString(assumeNotNull(e.template)))) AS template,
    if(e.campaign IS NULL, (toUInt8(9), never, ''), (word_rank, stamp, toString(assumeNotNull(e.campaign)))) AS campaign,
    if(e.category IS NULL, (toUInt8(9), never, ''), (word_rank, stamp, toString(assumeNotNull(e.category)))) AS category,
    if(e.pricing_category IS NULL, (never, ''), (stamp, toString(assumeNotNull(e.pricing_category)))) AS pricing_category,
    if(word = 'failed', (stamp, toString(ifNull(e.error_code, '')), toString(ifNull(e.error_title, ''))), (never, '', '')) AS error,
    e.received_at AS first_seen_at,
    ifNull(e.occurred_at, e.received_at) AS last_event_at
FROM event_log AS e
WHERE e.message_id IS NOT NULL AND e.kind IN ('inbound', 'sent', 'status');

-- Units with the facts of the sent message joined: a member of a group has the sending, and the deletion, of its parent
-- row (participant ''). `counted` marks what the rates are made of: live outbound units, a parent only until members are known.
CREATE VIEW IF NOT EXISTS units AS
WITH
    18446744073709551615 AS never,
    members AS (SELECT source, message_id FROM lifecycle WHERE participant != ''),
    joined AS
    (
        SELECT
            source, message_id, participant,
            pending, sent, delivered, read, played, failed, deleted, own_read, own_played,
            direction, origin, live, is_group, provider, account, recipient, type, template, campaign, category,
            pricing_category, error, first_seen_at, last_event_at,
            (source, message_id) IN (members) AS is_parent
        FROM lifecycle FINAL
        WHERE participant = ''
        UNION ALL
        SELECT
            m.source, m.message_id, m.participant,
            m.pending, if(p.found, least(m.sent, p.sent), m.sent), m.delivered, m.read, m.played, m.failed,
            if(p.found, least(m.deleted, p.deleted), m.deleted), m.own_read, m.own_played,
            if(p.found, least(m.direction, p.direction), m.direction),
            if(p.found, least(m.origin, p.origin), m.origin),
            greatest(m.live, p.live),
            1,
            m.provider,
            if(p.found, least(m.account, p.account), m.account),
            m.recipient,
            if(p.found, least(m.type, p.type), m.type),
            if(p.found, least(m.template, p.template), m.template),
            if(p.found, least(m.campaign, p.campaign), m.campaign),
            if(p.found, least(m.category, p.category), m.category),
            if(p.found, least(m.pricing_category, p.pricing_category), m.pricing_category),
            m.error, m.first_seen_at, m.last_event_at,
            0
        FROM (SELECT * FROM lifecycle FINAL WHERE participant != '') AS m
        LEFT JOIN
        (
            SELECT source, message_id, sent, deleted, direction, origin, live, account, type, template, campaign, category, pricing_category, 1 AS found
            FROM lifecycle FINAL
            WHERE participant = '' AND (source, message_id) IN (members)
        ) AS p ON m.source = p.source AND m.message_id = p.message_id
    )
SELECT
    source, message_id, participant,
    -- Plain types: tools that draw charts do not know SimpleAggregateFunction.
    toLowCardinality(toString(provider)) AS provider,
    account.2 AS account,
    recipient.2 AS recipient,
    multiIf(direction IN (0, 2), 'out', direction IN (1, 3), 'in', '') AS side,
    ['api', 'echo', 'history', 'none'][origin + 1] AS origin_word,
    type.2 AS type,
    template.3 AS template,
    campaign.3 AS campaign,
    category.3 AS category,
    pricing_category.2 AS pricing_category,
    -- The reading of a customer's message by our own side is told of inbound messages only.
    if(side = 'in', least(read, own_read), read) AS read_stamp,
    if(side = 'in', least(played, own_played), played) AS played_stamp,
    pending AS pending_stamp,
    sent AS sent_stamp,
    delivered AS delivered_stamp,
    failed AS failed_stamp,
    deleted AS deleted_stamp,
    error.2 AS error_code,
    error.3 AS error_title,
    multiIf(
        played_stamp < never, 'played', read_stamp < never, 'read', delivered_stamp < never, 'delivered',
        failed_stamp < never, 'failed', sent_stamp < never, 'sent', pending_stamp < never, 'pending', '') AS status,
    CAST(joined.first_seen_at, 'DateTime64(3, \'UTC\')') AS first_seen_at,
    CAST(joined.last_event_at, 'DateTime64(3, \'UTC\')') AS last_event_at,
    arrayMin(x -> if(x = never, never, x % 10000000000000),
        [pending_stamp, sent_stamp, delivered_stamp, read_stamp, played_stamp, failed_stamp, deleted_stamp]) AS first_status,
    multiIf(
        sent_stamp < never, fromUnixTimestamp64Milli(toInt64(sent_stamp % 10000000000000), 'UTC'),
        first_status < never, fromUnixTimestamp64Milli(toInt64(first_status), 'UTC'),
        first_seen_at) AS cohort_at,
    CAST(joined.is_group, 'UInt8') AS is_group,
    side = 'out' AND live AND NOT is_parent AS counted
FROM joined;

-- One row a unit, the names of every dashboard. Times are NULL and words '' where nothing is known.
CREATE VIEW IF NOT EXISTS messages AS
WITH
    18446744073709551615 AS never,
    x -> if(x = never, NULL, fromUnixTimestamp64Milli(toInt64(x % 10000000000000), 'UTC')) AS moment
SELECT
    source, provider, account, message_id, participant, recipient,
    side AS direction,
    origin_word AS origin,
    type, template, campaign, category, pricing_category,
    moment(sent_stamp) AS sent_at,
    moment(delivered_stamp) AS delivered_at,
    moment(read_stamp) AS read_at,
    moment(played_stamp) AS played_at,
    moment(failed_stamp) AS failed_at,
    moment(deleted_stamp) AS deleted_at,
    error_code, error_title, status, first_seen_at, last_event_at, cohort_at, is_group
FROM units;

-- Rates by the day of sending, numerators and denominators beside them. A read rate is a lower bound: receipts can be
-- switched off. `provisional` until the last message of the day has outlived its time to live: 10 minutes for
-- authentication, 30 days for the rest. Members of groups stand in rows of their own (is_group).
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
    countIf(origin_word = 'none') AS orphan,
    delivered / sent AS delivery_rate,
    if(delivered = 0, NULL, read / delivered) AS read_rate,
    failed / sent AS failure_rate,
    now('UTC') < toDateTime(cohort_day + 1, 'UTC') + if(startsWith(category, 'authentication'), 600, 2592000) AS provisional,
    is_group
FROM units
WHERE counted
GROUP BY source, cohort_day, template, campaign, category, is_group;
