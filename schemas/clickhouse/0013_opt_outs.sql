-- Who does not want messages: made of the events in which a person opts out or in, and of failures because they had.

-- One row an event. A person is named as in `from` and `to`: by phone if it is known. category: the provider's word for
-- the kind of messages, '' = all of them.
CREATE TABLE IF NOT EXISTS opt_out_log
(
    source LowCardinality(String),
    event_id UUID,
    person String,
    category LowCardinality(String),
    at DateTime64(3, 'UTC'),
    opted_out UInt8,
    version UInt128
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (source, event_id);

-- Words of Meta (stop, resume, signup) and Gupshup (opted-out, opted-in); other providers say it in the event's name.
-- 131050 = the person had opted out of marketing messages before this one was sent.
CREATE MATERIALIZED VIEW IF NOT EXISTS opt_out_log_mv TO opt_out_log AS
WITH
    e.kind = 'status' AS refused,
    e.event IN ('user_preferences', 'user-event') AS is_preference,
    replaceRegexpAll(lower(ifNull(if(is_preference, toString(e.raw_state), toString(e.event)), '')), '[^a-z]', '') AS word,
    match(word, '(opt(ed)?out|unsubscribed?)$') OR (is_preference AND word = 'stop') AS out_word,
    match(word, '(opt(ed)?in|subscribed?)$') OR (is_preference AND word IN ('resume', 'start', 'signup')) AS in_word
SELECT
    e.source AS source,
    e.event_id AS event_id,
    assumeNotNull(if(refused, ifNull(e.participant, e.to), e.from)) AS person,
    if(refused, 'marketing_messages', ifNull(toString(e.reason_code), '')) AS category,
    ifNull(e.occurred_at, e.received_at) AS at,
    toUInt8(refused OR out_word) AS opted_out,
    e.version AS version
FROM event_feed AS e
WHERE if(
    e.kind = 'status',
    ifNull(e.status = 'failed' AND e.error_code = '131050', 0) AND ifNull(e.participant, e.to) IS NOT NULL,
    e.kind = 'system' AND e.from IS NOT NULL AND (out_word OR in_word));

-- Failures that are stored already; stored notices do not say yet who.
INSERT INTO opt_out_log
SELECT
    e.source, e.event_id, assumeNotNull(ifNull(e.participant, e.to)), 'marketing_messages',
    ifNull(e.occurred_at, e.received_at), 1, e.version
FROM event_log AS e
WHERE e.kind = 'status' AND e.status = 'failed' AND e.error_code = '131050' AND ifNull(e.participant, e.to) IS NOT NULL;

-- Who is opted out now: one row a source, person and category. since = the first opt-out after the last opt-in; of an
-- opt-out and an opt-in at the same moment the opt-out counts.
CREATE VIEW IF NOT EXISTS opt_outs AS
SELECT source, person, category, arrayMin(moments) AS since, last_change
FROM
(
    SELECT
        source, person, category,
        max(at) AS last_change,
        maxIf(at, NOT opted_out) AS opted_in,
        arrayFilter(moment -> moment >= opted_in, groupArrayIf(at, opted_out)) AS moments
    FROM opt_out_log FINAL
    GROUP BY source, person, category
)
WHERE notEmpty(moments);
