-- The lifecycle of every unit (source, message_id, participant) as a join-semilattice: each inserted event is one
-- element, a merge is their join. So any order, repetition, split over workers, or replay ends in the same row.
--
-- schemas/lifecycle.py lists the fields; streams/load/lifecycle.py is the same algebra in Python.
--
-- A stamp is the time of a status as one number that min() joins: provider time in ms; where the provider gave none,
-- 10^13 + our received_at, so that any provider time wins over it; the largest UInt64 for "not known".
--
-- A word that competes with others is a String that min() joins: its rank (one digit) and, where time decides, its
-- stamp in 14 digits stand before the word; '~', which is larger than any digit, means "none". No field uses "any" or
-- "last", because those depend on arrival. (min of a String costs a quarter of min of a Tuple, in every insert, merge
-- and FINAL.)

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
    -- Our own side read or played the customer's message: separate, because it never counts as an outbound read.
    own_read SimpleAggregateFunction(min, UInt64),
    own_played SimpleAggregateFunction(min, UInt64),
    -- 0 out by a sent record, 1 in by an inbound event, 2 out by a status, 3 in by a status, 9 no evidence
    direction SimpleAggregateFunction(min, UInt8),
    -- 0 api, 1 echo, 2 history, 3 none
    origin SimpleAggregateFunction(min, UInt8),
    -- 1 once any event that is not part of a history backfill has come
    live SimpleAggregateFunction(max, UInt8),
    is_group SimpleAggregateFunction(max, UInt8),
    provider SimpleAggregateFunction(min, LowCardinality(String)),
    account SimpleAggregateFunction(min, String),
    -- 0 a phone, 1 another id
    recipient SimpleAggregateFunction(min, String),
    sender SimpleAggregateFunction(min, String),
    -- 0 a type, 1 unsupported, 2 unknown
    type SimpleAggregateFunction(min, String),
    -- origin (3 for a word of the provider), stamp
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
    inbound SimpleAggregateFunction(min, UInt64),
    first_seen_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_event_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    -- Every UTC day that may have been the unit's cohort day at any time.
    days SimpleAggregateFunction(groupUniqArrayArray, Array(Date)),
    -- Number of inserted rows, repetitions included: it grows with every insert.
    n SimpleAggregateFunction(sum, UInt64)
)
ENGINE = AggregatingMergeTree
ORDER BY (message_id, source, participant)
-- Small granules and blocks: one message among millions is read from a few kilobytes.
SETTINGS index_granularity = 128, min_compress_block_size = 16384, max_compress_block_size = 65536;

CREATE MATERIALIZED VIEW IF NOT EXISTS lifecycle_log_mv TO lifecycle_log AS
WITH
    18446744073709551615 AS never,
    toUInt64(if(
        e.occurred_at IS NULL,
        10000000000000 + toUnixTimestamp64Milli(e.received_at),
        toUnixTimestamp64Milli(assumeNotNull(e.occurred_at)))) AS stamp,
    leftPad(toString(stamp), 14, '0') AS digits,
    e.kind = 'status' AS is_status,
    if(is_status, ifNull(e.status, ''), '') AS word,
    is_status AND ifNull(NOT e.from_me, 0) AS by_us,
    toUInt8(multiIf(
        e.kind = 'sent' AND e.origin = 'api', 0,
        e.kind = 'sent' AND e.origin = 'echo', 1,
        e.kind != 'status' AND (e.origin = 'history' OR ifNull(e.historical, 0)), 2,
        3)) AS origin_rank,
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
    if(
        word = 'failed',
        concat(
            digits, replaceAll(toString(ifNull(e.error_code, '')), '\0', '\0\x01'), '\0\0',
            toString(ifNull(e.error_title, ''))),
        '~') AS error,
    if(e.kind = 'inbound', stamp, never) AS inbound,
    e.received_at AS first_seen_at,
    ifNull(e.occurred_at, e.received_at) AS last_event_at,
    arrayDistinct([toDate(e.received_at), toDate(last_event_at)]) AS days,
    toUInt64(1) AS n
FROM event_feed AS e
WHERE e.message_id IS NOT NULL AND e.kind IN ('inbound', 'sent', 'status');

-- Units with the facts of the sent message: a member of a group inherits the sending and the deletion from its parent
-- row (participant ''). `counted` marks the units that rates are made of: live outbound units; a parent only until
-- members are known. A condition on message_id reaches the primary key, so that few messages are read fast.
CREATE VIEW IF NOT EXISTS units AS
WITH
    18446744073709551615 AS never,
    10000000000000 AS untimed,
    x -> if(x = never, NULL, fromUnixTimestamp64Milli(toInt64(x % untimed), 'UTC')) AS moment,
    joined AS
    (
        SELECT
            l.source AS source, l.message_id AS message_id, l.participant AS participant, l.pending, l.delivered,
            l.read, l.played, l.failed, l.own_read, l.own_played, l.provider, l.recipient, l.sender, l.error, l.inbound,
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
            least(l.pricing_category, min(if(l.participant = '', l.pricing_category, '~')) OVER parent)
                AS pricing_category,
            least(l.pricing_type, min(if(l.participant = '', l.pricing_type, '~')) OVER parent) AS pricing_type,
            least(l.billable, min(if(l.participant = '', l.billable, never)) OVER parent) AS billable,
            arrayDistinct(arrayConcat(l.days, groupArrayArray(if(l.participant = '', l.days, [])) OVER parent)) AS days,
            sum(l.n) OVER parent AS version,
            l.participant = '' AND max(l.participant != '') OVER parent AS is_parent
        FROM (SELECT * FROM lifecycle_log FINAL) AS l
        WINDOW parent AS (PARTITION BY source, message_id)
    ),
    -- That our own side read a customer's message counts for inbound messages only.
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
            arrayMin(
                x -> if(x = never, never, x % untimed),
                [pending, delivered, read, played, failed, deleted]) AS first_status,
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
    -- A duration needs the provider's clock at both ends; else it is NULL.
    if(greatest(t.sent, t.delivered) < untimed, toInt64(t.delivered) - toInt64(t.sent), NULL) AS to_delivered_ms,
    if(
        greatest(t.sent, least(t.read, t.played)) < untimed,
        toInt64(least(t.read, t.played)) - toInt64(t.sent), NULL) AS to_read_ms,
    toLowCardinality(replaceAll(
        substring(t.error, 15, if(t.code_end = 0, 0, t.code_end - 15)), '\0\x01', '\0')) AS error_code,
    toLowCardinality(if(t.code_end = 0, '', substring(t.error, t.code_end + 2))) AS error_title,
    toLowCardinality(multiIf(
        t.played < never, 'played', t.read < never, 'read', t.delivered < never, 'delivered',
        t.failed < never, 'failed', t.sent < never, 'sent', t.pending < never, 'pending', '')) AS status,
    CAST(t.first_seen_at, 'DateTime64(3, \'UTC\')') AS first_seen_at,
    CAST(t.last_event_at, 'DateTime64(3, \'UTC\')') AS last_event_at,
    moment(t.inbound) AS inbound_at,
    t.version AS version,
    CAST(t.days, 'Array(Date)') AS days
FROM timed AS t;
