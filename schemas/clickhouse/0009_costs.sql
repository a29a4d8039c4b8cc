-- The rate card of the settings, written by the analytics process at its start whenever it has changed. All rows of one
-- writing share `written_at`, and the newest writing is the card in force. One row of each writing has no category, so
-- that a card without prices is a writing as well.

CREATE TABLE IF NOT EXISTS rate_log
(
    written_at DateTime64(6, 'UTC'),
    currency LowCardinality(String),
    -- The first UTC day of sending for which the price holds.
    valid_from Date,
    category LowCardinality(String),
    -- '*' means every country that no other row of the category names.
    country LowCardinality(String),
    price Decimal(18, 8)
)
ENGINE = MergeTree
ORDER BY (written_at, category, country, valid_from);

CREATE VIEW IF NOT EXISTS rate_card AS
SELECT currency, valid_from, category, country, price
FROM rate_log
WHERE category != '' AND written_at = (SELECT max(written_at) FROM rate_log);

-- The card written out: the price of every category in every country from each day on which it changes, so that one
-- look-up finds it. Written beside rate_log, in the same way.
CREATE TABLE IF NOT EXISTS rate_step_log
(
    written_at DateTime64(6, 'UTC'),
    currency LowCardinality(String),
    valid_from Date,
    category LowCardinality(String),
    country LowCardinality(String),
    price Decimal(18, 8)
)
ENGINE = MergeTree
ORDER BY (written_at, category, country, valid_from);

CREATE VIEW IF NOT EXISTS rate_steps AS
SELECT currency, valid_from, category, country, price
FROM rate_step_log
WHERE category != '' AND written_at = (SELECT max(written_at) FROM rate_step_log);
