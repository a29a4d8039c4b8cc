-- Records that Kafka deleted before a worker read them. The worker that finds a gap writes it to wa.dead in the form of a
-- dead letter with the reason 'records_deleted' (streams/runtime/gaps.py); it is no element of a body, so it counts in
-- no number of dead letters.
CREATE OR REPLACE VIEW dead_letters AS
SELECT * EXCEPT (dead_offset) FROM dead_letter_log FINAL WHERE reason NOT IN ('resolved', 'records_deleted');

-- What an operator has accepted, with `ackstream check --accept-gap`: up to which offset, when and why.
CREATE TABLE IF NOT EXISTS accepted_gap_log
(
    topic LowCardinality(String),
    partition Int32,
    first_offset Int64,
    end_offset Int64,
    reason String,
    accepted_by String,
    accepted_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(accepted_at)
ORDER BY (topic, partition, first_offset);

-- One row a gap: the deleted offsets, and the times between which the deleted records had arrived (after_at is NULL when
-- the worker had read nothing since its start). accepted_at is NULL while nobody has accepted the whole gap.
CREATE VIEW IF NOT EXISTS gaps AS
SELECT
    g.topic AS topic, g.partition AS partition, g.first_offset AS first_offset, g.end_offset AS end_offset,
    toUInt64(g.end_offset - g.first_offset) AS records, g.after_at AS after_at, g.before_at AS before_at,
    g.found_at AS found_at,
    if(a.end_offset >= g.end_offset AND a.accepted_by != '', toNullable(a.accepted_at), NULL) AS accepted_at,
    a.accepted_by AS accepted_by, a.reason AS accepted_reason
FROM
(
    SELECT
        toString(raw.topic) AS topic, raw.partition AS partition, raw.offset AS first_offset,
        JSONExtractInt(excerpt, 'end') AS end_offset,
        parseDateTime64BestEffortOrNull(JSONExtractString(excerpt, 'after'), 3, 'UTC') AS after_at,
        parseDateTime64BestEffortOrNull(JSONExtractString(excerpt, 'before'), 3, 'UTC') AS before_at,
        stored_at AS found_at
    FROM dead_letter_log FINAL
    WHERE reason = 'records_deleted'
) AS g
LEFT JOIN
(
    SELECT toString(topic) AS topic, partition, first_offset, end_offset, reason, accepted_by, accepted_at
    FROM accepted_gap_log FINAL
) AS a
ON g.topic = a.topic AND g.partition = a.partition AND g.first_offset = a.first_offset;
