-- callback_data in `messages`: the text that the sender gave to the provider with the message, from the sent record
-- before that from a status. Joined like template, campaign and category, and inherited by members of a group.
--
-- Workers may insert meanwhile: first the columns, then the view that fills them, then the views that read them, and
-- last the events that were stored before. Applying the file again from its start, after a cut, changes nothing.

-- '~' means none, as in every word of lifecycle_log: the default '' would win over every word.
ALTER TABLE lifecycle_log ADD COLUMN IF NOT EXISTS callback_data SimpleAggregateFunction(min, String) DEFAULT '~';

-- Often another text for each message, so the type is not LowCardinality.
ALTER TABLE cohort_log ADD COLUMN IF NOT EXISTS callback_data String CODEC(ZSTD);

-- As in 0002, with callback_data. For a moment both views fill the table, which does not change what rows join to. SYNC
-- returns when the last INSERT that knows only the old view has ended, so that no event is left out below.
CREATE MATERIALIZED VIEW IF NOT EXISTS lifecycle_log_new_mv TO lifecycle_log AS
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
    ifNull(concat(word_rank, e.callback_data), '~') AS callback_data,
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

DROP VIEW IF EXISTS lifecycle_log_mv SYNC;

RENAME TABLE lifecycle_log_new_mv TO lifecycle_log_mv;

-- The views are those of 0002 and 0004 with one more column.
CREATE OR REPLACE VIEW units AS
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
            least(l.callback_data, min(if(l.participant = '', l.callback_data, '~')) OVER parent) AS callback_data,
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
    substring(t.callback_data, 16) AS callback_data,
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

CREATE OR REPLACE VIEW cohorts AS
SELECT
    source, cohort_at, message_id, participant, provider, account, direction, origin, counted, is_group, customer,
    country, recipient, type, template, campaign, category, callback_data, pricing_category, pricing_type, billable,
    sent_at, delivered_at, read_at, played_at, failed_at, deleted_at, to_delivered_ms, to_read_ms, error_code,
    error_title, status, first_seen_at, last_event_at, inbound_at
FROM cohort_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW current_units AS
WITH (SELECT (complete, copied_to, ids) FROM copy_waiting) AS waiting
SELECT
    source, provider, account, message_id, participant, recipient, direction, origin, type, template, campaign,
    category, callback_data, pricing_category, sent_at, delivered_at, read_at, played_at, failed_at, deleted_at,
    error_code, error_title, status, first_seen_at, last_event_at, cohort_at, is_group, counted
FROM cohorts
WHERE (waiting.1 OR message_id < waiting.2) AND message_id NOT IN (SELECT arrayJoin(waiting.3))
UNION ALL
SELECT
    source, provider, account, message_id, participant, recipient, direction, origin, type, template, campaign,
    category, callback_data, pricing_category, sent_at, delivered_at, read_at, played_at, failed_at, deleted_at,
    error_code, error_title, status, first_seen_at, last_event_at, cohort_at, is_group, counted
FROM units
WHERE NOT (waiting.1 OR message_id < waiting.2) OR message_id IN (SELECT arrayJoin(waiting.3));

CREATE OR REPLACE VIEW messages AS
SELECT
    source, provider, account, message_id, participant, recipient, direction, origin, type, template, campaign,
    category, callback_data, pricing_category, sent_at, delivered_at, read_at, played_at, failed_at, deleted_at,
    error_code, error_title, status, first_seen_at, last_event_at, cohort_at, is_group
FROM current_units;

-- Events with the field join once more: what is known stays as it is, and the version of the unit grows, so that it is
-- copied again. Rows of wa.messages that were published before get the field by `ackstream check --repair`.
INSERT INTO event_feed SELECT * FROM event_log WHERE callback_data IS NOT NULL;

INSERT INTO touched_log
SELECT now64(9, 'UTC'), e.source, assumeNotNull(e.message_id)
FROM event_log AS e
WHERE e.callback_data IS NOT NULL AND e.message_id IS NOT NULL AND e.kind IN ('inbound', 'sent', 'status')
GROUP BY e.source, e.message_id;
