-- Of several letters about one element the last one that Kafka got counts, in whatever order their INSERTs end. All of an element are in one partition of wa.dead, so the
-- offset there orders them; until now it was the clock of the INSERT, and two of those may be under way at once.
-- Rows of before have no offset: they stand below all that have one, among themselves in the order of their storing.
CREATE TABLE IF NOT EXISTS letter_log
(
    source LowCardinality(String),
    provider LowCardinality(String),
    received_at Nullable(DateTime64(3, 'UTC')),
    request_id String,
    raw Tuple(topic LowCardinality(String), partition Int32, offset Int64, `index` Int32),
    reason LowCardinality(String),
    detail String,
    excerpt String,
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3),
    letter_offset Int64 DEFAULT -1,
    version UInt128 MATERIALIZED bitShiftLeft(toUInt128(letter_offset + 1), 64) + toUInt128(toUnixTimestamp64Milli(stored_at))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (raw.topic, raw.partition, raw.offset, raw.index);

-- What a worker of the version before still writes, while it waits for its restart.
CREATE MATERIALIZED VIEW IF NOT EXISTS letter_log_mv TO letter_log AS SELECT * FROM dead_letter_log;

INSERT INTO letter_log (source, provider, received_at, request_id, raw, reason, detail, excerpt, stored_at)
SELECT source, provider, received_at, request_id, raw, reason, detail, excerpt, stored_at FROM dead_letter_log FINAL;

CREATE OR REPLACE VIEW dead_letters AS SELECT * EXCEPT (letter_offset) FROM letter_log FINAL WHERE reason != 'resolved';
