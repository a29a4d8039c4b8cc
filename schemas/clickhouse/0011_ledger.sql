-- What every stage did with the bodies of an hour from a source, as `ackstream check` found it: counted again from
-- Kafka and from the tables, never by the processes themselves. An hour that is checked again is replaced.

CREATE TABLE IF NOT EXISTS ledger_log
(
    source LowCardinality(String),
    -- The zero hour: bodies without a time of receipt.
    hour DateTime('UTC'),
    -- Bodies in wa.raw: distinct ones, those of them that came through the spool, and records that repeat a body.
    stored UInt64,
    spooled UInt64,
    copies UInt64,
    -- Bodies with at least one element that is an event, and bodies that are dead letters as a whole.
    understood UInt64,
    dead_bodies UInt64,
    -- Deliveries that the bodies are split into, and how many of those are in ClickHouse.
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
    -- Things still on their way; they are in no residual.
    waiting UInt64,
    -- Things that are not as they must be; `kinds` names them.
    residual UInt64,
    kinds String,
    checked_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(checked_at)
ORDER BY (source, hour);

CREATE VIEW IF NOT EXISTS ledger AS
SELECT
    source, hour, stored, spooled, copies, understood, dead_bodies, split, loaded, events, duplicates, dead, joined,
    orphan, waiting, residual, kinds, checked_at
FROM ledger_log FINAL
WHERE stored + loaded + dead + waiting + residual > 0;
