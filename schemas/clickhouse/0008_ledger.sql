-- What every stage did with what was received in an hour from a source, as `ackstream check` found it: counted anew from
-- Kafka and from the tables, never by the processes themselves. An hour that is checked again is replaced.
CREATE TABLE IF NOT EXISTS ledger_log
(
    source LowCardinality(String),
    -- The zero hour: bodies without a time of receipt.
    hour DateTime('UTC'),
    -- Bodies in wa.raw: distinct ones, those of them that came by the spool, and records that repeat one.
    stored UInt64,
    spooled UInt64,
    copies UInt64,
    -- Bodies of which at least one element is an event, and those that are dead as a whole.
    understood UInt64,
    dead_bodies UInt64,
    -- Deliveries that the bodies are split into, and those of them that are in ClickHouse.
    split UInt64,
    loaded UInt64,
    -- loaded = events (by their first delivery) + duplicates
    events UInt64,
    duplicates UInt64,
    -- Elements that are dead letters.
    dead UInt64,
    -- Statuses of outbound messages with and without a sent record.
    joined UInt64,
    orphan UInt64,
    -- What was still on its way, and is in no residual.
    waiting UInt64,
    -- What is not as it must be; `kinds` says what.
    residual UInt64,
    kinds String,
    checked_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(checked_at)
ORDER BY (source, hour);

CREATE OR REPLACE VIEW ledger AS
SELECT
    source, hour, stored, spooled, copies, understood, dead_bodies, split, loaded, events, duplicates, dead, joined,
    orphan, waiting, residual, kinds, checked_at
FROM ledger_log FINAL
WHERE stored + loaded + dead + waiting + residual > 0;
