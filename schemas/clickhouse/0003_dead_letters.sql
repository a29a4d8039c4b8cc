-- Elements of bodies that could not be understood, and where they are in wa.raw.
--
-- Of several records about one element the last one in wa.dead wins, in whatever order their INSERTs end. All records
-- of an element are in one partition of wa.dead, so the offset there orders them; the clock of the INSERT does not,
-- because two INSERTs may run at once.

CREATE TABLE IF NOT EXISTS dead_letter_log
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
    -- Offset of the record in wa.dead; -1 for a row that a replay wrote without Kafka. Those rank below all others, and
    -- among themselves by the time of storing.
    dead_offset Int64 DEFAULT -1,
    version UInt128 MATERIALIZED bitShiftLeft(toUInt128(dead_offset + 1), 64)
        + toUInt128(toUnixTimestamp64Milli(stored_at))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (raw.topic, raw.partition, raw.offset, raw.index);

-- An element that a later try understood has a row with the reason 'resolved': it stays in the log and counts no more.
CREATE VIEW IF NOT EXISTS dead_letters AS
SELECT * EXCEPT (dead_offset) FROM dead_letter_log FINAL WHERE reason != 'resolved';
