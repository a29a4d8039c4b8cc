"""SQL of sources whose webhooks have stopped: for how long, compared with the usual gaps of the same source."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import sql

# A source is compared with the gaps between its own webhooks in the 14 days up to its last one. So quiet nights and
# weekends are usual for the sources that have them, and a source that has stopped for good stays on the list.
DAYS: Final = 14
FLOOR_SECONDS: Final = 1800
# A source without a webhook for so long was switched off.
FORGET_DAYS: Final = 60
# With fewer gaps it is unknown what is usual.
MIN_GAPS: Final = 10

# `arrivals` holds the last arrival of each quarter of an hour. A gap runs from that time to the end of the next quarter
# with arrivals, so it can be up to 15 minutes too long: an alarm can be late, but never early.
GAPS: Final = f"""SELECT
    source,
    max(received_at) AS last_received_at,
    toInt64(greatest(dateDiff('second', last_received_at, now64(3, 'UTC')), 0)) AS silent_seconds,
    countIf(gap > 0) AS gaps,
    if(gaps < {MIN_GAPS}, NULL, toInt64(quantileExactLowIf(0.5)(gap, gap > 0))) AS median_gap,
    if(gaps < {MIN_GAPS}, NULL, greatest(toInt64(quantileExactHighIf(0.99)(gap, gap > 0)), {FLOOR_SECONDS}))
        AS usual_seconds
FROM
(
    SELECT
        source, received_at,
        lagInFrame(received_at) OVER source_order AS before,
        max(received_at) OVER source_all AS newest,
        if(toUnixTimestamp64Milli(before) = 0 OR before < newest - toIntervalDay({DAYS}), 0,
            dateDiff('second', before, toDateTime64(slot + {sql.SLOT_SECONDS}, 3, 'UTC'))) AS gap
    FROM
    (
        SELECT source, slot, max(arrivals.last_received_at) AS received_at
        FROM arrivals
        WHERE kind != 'sent' AND slot >= now('UTC') - toIntervalDay({FORGET_DAYS}) AND {sql.SOURCES}
        GROUP BY source, slot
    )
    WINDOW source_order AS (PARTITION BY source ORDER BY slot ROWS BETWEEN 1 PRECEDING AND CURRENT ROW),
        source_all AS (PARTITION BY source)
)
GROUP BY source"""
