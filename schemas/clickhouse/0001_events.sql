-- Events, their deliveries, and events about accounts. Tables named *_log are written to; views are read.
--
-- The event tables hold every canonical event once, however often it arrived. Columns are the JSON fields of wa.events,
-- by name. The sorting key is made of provider facts only, so that repetitions collapse across any restart, replay or
-- midnight. message_id comes first in the key: a reader who asks for one message often does not know its source.

-- Of two different arrivals of one event the fuller one wins, then the earlier one: `version` decides, never the order
-- of insertion.
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
    -- From the highest bit down: fullness (53 bits), earlier arrival (42 bits of milliseconds, enough until 2109), a
    -- hash of the delivery (22 bits).
    version UInt128 MATERIALIZED bitShiftLeft(toUInt128(fullness), 64)
        + bitShiftLeft(toUInt128(4398046511104 - toUnixTimestamp64Milli(received_at)), 22)
        + bitAnd(cityHash64(request_id, raw.index), 4194303)
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (message_id, source, event_id)
SETTINGS allow_nullable_key = 1;

-- Every arrival of every event. duplicates = distinct deliveries - distinct event_ids, whatever has been merged.
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

-- These views are exact: nobody has to write FINAL.
CREATE VIEW IF NOT EXISTS events AS SELECT * FROM event_log FINAL;

CREATE VIEW IF NOT EXISTS deliveries AS SELECT * FROM delivery_log FINAL;

-- Every row inserted into event_log passes through here to the tables that are made of events. A replay inserts stored
-- events here again, so that old and new events are handled by one definition.
CREATE TABLE IF NOT EXISTS event_feed AS event_log ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS event_feed_mv TO event_feed AS SELECT * FROM event_log;

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
SELECT
    event_id, source, provider, account, occurred_at, received_at, event, state, raw_state, reason_code, error_code,
    error_title
FROM system_log FINAL;
