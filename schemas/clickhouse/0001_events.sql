-- Every canonical event once, however often it arrived; the logs below are written to, the views at the end are read. The columns are the JSON fields of wa.events, by name.
-- Keyed by provider facts only, so repetitions collapse across any restart, replay or midnight; of two different
-- arrivals of one event the fuller one wins, then the earlier one, by `version` and never by order of insertion.
-- message_id stands first in the keys: whoever asks for a message often does not know its source.
CREATE TABLE IF NOT EXISTS event_log
(
    event_id UUID,
    kind LowCardinality(String),
    source LowCardinality(String),
    provider LowCardinality(String),
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    request_id String CODEC(ZSTD),
    raw Tuple(topic LowCardinality(String), partition Int32, offset Int64, `index` Int32),
    account LowCardinality(Nullable(String)),
    message_id Nullable(String),
    occurred_at Nullable(DateTime64(3, 'UTC')),
    `from` Nullable(String),
    `to` Nullable(String),
    chat_id Nullable(String),
    is_group Nullable(Bool),
    participant Nullable(String),
    sender_name Nullable(String),
    sender_lid Nullable(String),
    sender_bsuid Nullable(String),
    username Nullable(String),
    type LowCardinality(Nullable(String)),
    raw_type LowCardinality(Nullable(String)),
    text Nullable(String) CODEC(ZSTD),
    payload Nullable(String),
    reply_to Nullable(String),
    target_message_id Nullable(String),
    media_id Nullable(String),
    media_url Nullable(String),
    media_mime LowCardinality(Nullable(String)),
    media_filename Nullable(String),
    media_sha256 Nullable(String),
    media_count Nullable(Int64),
    latitude Nullable(Float64),
    longitude Nullable(Float64),
    forwarded Nullable(Bool),
    historical Nullable(Bool),
    reaction_removed Nullable(Bool),
    status LowCardinality(Nullable(String)),
    raw_status LowCardinality(Nullable(String)),
    error_code LowCardinality(Nullable(String)),
    error_title LowCardinality(Nullable(String)),
    error_text Nullable(String),
    pricing_category LowCardinality(Nullable(String)),
    pricing_type LowCardinality(Nullable(String)),
    billable Nullable(Bool),
    conversation_id Nullable(String),
    callback_data Nullable(String),
    campaign LowCardinality(Nullable(String)),
    template LowCardinality(Nullable(String)),
    category LowCardinality(Nullable(String)),
    from_me Nullable(Bool),
    origin LowCardinality(Nullable(String)),
    event LowCardinality(Nullable(String)),
    state LowCardinality(Nullable(String)),
    raw_state LowCardinality(Nullable(String)),
    reason_code LowCardinality(Nullable(String)),
    fullness UInt64,
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3),
    -- fullness (its 53 bits on top), then earlier arrival (42 bits of milliseconds, until 2109), then the delivery (22 bits).
    version UInt128 MATERIALIZED bitShiftLeft(toUInt128(fullness), 64)
        + bitShiftLeft(toUInt128(4398046511104 - toUnixTimestamp64Milli(received_at)), 22)
        + bitAnd(cityHash64(request_id, raw.index), 4194303)
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (message_id, source, event_id)
SETTINGS allow_nullable_key = 1;

-- Every arrival of every event: duplicates = distinct deliveries - distinct event_ids, whatever has been merged.
CREATE TABLE IF NOT EXISTS delivery_log
(
    source LowCardinality(String),
    request_id String CODEC(ZSTD),
    `index` Int32,
    event_id UUID,
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD)
)
ENGINE = ReplacingMergeTree
ORDER BY (source, event_id, request_id, `index`);

CREATE MATERIALIZED VIEW IF NOT EXISTS delivery_log_mv TO delivery_log AS
SELECT source, request_id, e.raw.index AS `index`, event_id, received_at FROM event_log AS e;

-- What could not be understood and where it lies in wa.raw. The newest try at an element is the one that counts.
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
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(stored_at)
ORDER BY (raw.topic, raw.partition, raw.offset, raw.index);

-- Exact as they stand: nobody has to write FINAL.
CREATE VIEW IF NOT EXISTS events AS SELECT * FROM event_log FINAL;

CREATE VIEW IF NOT EXISTS deliveries AS SELECT * FROM delivery_log FINAL;

CREATE VIEW IF NOT EXISTS dead_letters AS SELECT * FROM dead_letter_log FINAL;
