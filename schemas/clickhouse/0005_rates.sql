-- The rate card of the settings, written by the analytics process at its start whenever it has changed. All rows of one
-- writing share `written_at`, and the newest writing is the card; one row of it has no category, so that a card
-- without prices is a writing as well.
CREATE TABLE IF NOT EXISTS rate_log
(
    written_at DateTime64(6, 'UTC'),
    currency LowCardinality(String),
    -- The first UTC day of sending for which it holds.
    valid_from Date,
    category LowCardinality(String),
    -- '*': every country that no other row of the category names.
    country LowCardinality(String),
    price Decimal(18, 8)
)
ENGINE = MergeTree
ORDER BY (written_at, category, country, valid_from);

CREATE OR REPLACE VIEW rate_card AS
SELECT currency, valid_from, category, country, price
FROM rate_log
WHERE category != '' AND written_at = (SELECT max(written_at) FROM rate_log);
