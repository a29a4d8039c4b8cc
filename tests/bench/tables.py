# ruff: noqa: S608  (numbers and names of this module alone become part of these texts)
"""ClickHouse with many messages: filling, copying, finding one, rates. Ratios against a plain table of the same ids.

    python -m tests.bench.tables [--messages 1000000] [--lookups 20]

Through the product's own HTTP server. 10 million messages (40 million events) take half an hour and 7 GB of disk.
"""

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from clickhouse_connect.driver import Client

from streams.analytics import rollups
from streams.analytics.audit import Audit
from streams.analytics.copy import Copy, Limits, catch_up
from tests.support.clickhouse import Server
from tests.support.engine import Engine

BLOCK = 500_000
# Four events a message, as a worker would insert them: a sent record and three statuses, seconds apart.
FILL = """
INSERT INTO event_log (event_id, kind, source, provider, received_at, request_id, raw, account, message_id, occurred_at,
    `to`, status, pricing_category, billable, campaign, template, category, origin, fullness)
SELECT
    reinterpret(sipHash128(number), 'UUID'), if(step = 0, 'sent', 'status'),
    concat('shop-', toString(message % 20)), 'meta', moment, lower(hex(sipHash128(number, 1))),
    ('wa.raw', number % 12, number, 0), '700600500400300', concat('wamid.', lower(hex(sipHash128(message)))), moment,
    concat('+5511', leftPad(toString(message % 1000000000), 9, '0')),
    if(step = 0, NULL, ['sent', 'delivered', 'read'][step]),
    if(step = 0, NULL, 'utility'), if(step = 0, NULL, true),
    if(step = 0, concat('campaign-', toString(message % 50)), NULL),
    if(step = 0, concat('template-', toString(message % 30)), NULL),
    if(step = 0, 'utility', NULL), if(step = 0, 'api', NULL), number
FROM
(
    SELECT number, intDiv(number, 4) AS message, number % 4 AS step,
        toDateTime64('2026-10-01 00:00:00', 3, 'UTC') + toIntervalSecond(message % 2592000 + step * 60) AS moment
    FROM numbers({start}, {count})
)
"""
REFERENCE = "CREATE TABLE plain (message_id String, n UInt64) ENGINE = MergeTree ORDER BY message_id"
QUERIES = {
    "plain table, one id": "SELECT * FROM plain WHERE message_id = '{id}'",
    "lifecycle_log, one id": "SELECT * FROM lifecycle_log FINAL WHERE message_id = '{id}'",
    "units, one id": "SELECT * FROM units WHERE message_id = '{id}'",
    "messages, one id": "SELECT * FROM messages WHERE message_id = '{id}'",
    "events, one id": "SELECT * FROM events WHERE message_id = '{id}'",
}
MONTH = "cohort_at >= '2026-10-05' AND cohort_at < '2026-10-19'"
WIDE = {
    "cohorts, two weeks of a source": "SELECT toDate(cohort_at) AS day, count(), countIf(status = 'read') FROM cohorts "
    f"WHERE source = 'shop-3' AND {MONTH} GROUP BY day",
    "messages, the same": "SELECT toDate(cohort_at) AS day, count(), countIf(status = 'read') FROM messages "
    f"WHERE source = 'shop-3' AND {MONTH} GROUP BY day",
    "delivery_rates, all": "SELECT * FROM delivery_rates",
    "count of events": "SELECT count() FROM events",
}
# One status more of so many messages, which are spread over everything.
TOUCH = """
INSERT INTO event_log (event_id, kind, source, provider, received_at, request_id, raw, message_id, occurred_at, status,
    fullness)
SELECT generateUUIDv4(), 'status', concat('shop-', toString(message % 20)), 'meta', now64(3), '', ('wa.raw', 0, 0, 0),
    concat('wamid.', lower(hex(sipHash128(message)))), now64(3), 'played', 1
FROM (SELECT toUInt64(rand64() % {messages}) AS message FROM numbers({count}))
"""


def milliseconds(client: Client, sql: str) -> float:
    """Of one query, result included."""
    start = time.perf_counter()
    client.raw_query(sql, fmt="Native")
    return (time.perf_counter() - start) * 1000


def fill(client: Client, messages: int) -> float:
    """Inserts the events in blocks; events a second."""
    start, total = time.perf_counter(), messages * 4
    for first in range(0, total, BLOCK):
        client.command(FILL.format(start=first, count=min(BLOCK, total - first)))
    return total / (time.perf_counter() - start)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def show(name: str, spent: list[float], base: float) -> None:
    """One line: p50, p95, ratio of the medians."""
    spent.sort()
    middle, late = statistics.median(spent), spent[int(len(spent) * 0.95)]
    say(f"{name:32s} p50 {middle:8.1f} ms   p95 {late:8.1f} ms   {middle / base:6.1f} x plain")


def copying(client: Client, messages: int) -> None:
    """What the first copy, renewals of few and of many messages, and a comparison of everything take."""
    start = time.perf_counter()
    catch_up(client)
    say(f"first copy: {messages / (time.perf_counter() - start):,.0f} messages/s")
    copy = Copy(client, Limits(settle_seconds=0.0))
    for touched in (1, 50, 3_300, 33_000):
        client.command(TOUCH.format(messages=messages, count=touched))
        waiting = milliseconds(client, f"SELECT count() FROM messages WHERE source = 'shop-3' AND {MONTH}")
        start = time.perf_counter()
        copy.is_complete = False
        while not copy.is_complete:
            copy.pass_once()
        say(
            f"copy of {touched:6,} touched messages: {time.perf_counter() - start:6.2f} s;"
            f" `messages` of two weeks of a source meanwhile: {waiting:6.0f} ms"
        )
    start = time.perf_counter()
    differing = Audit(client).pass_once()
    say(f"audit: {time.perf_counter() - start:.1f} s, {differing} messages differ")


def main() -> int:
    """Fills a database of its own, asks it, prints, deletes it."""
    parser = argparse.ArgumentParser(description="ClickHouse with many messages.")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--lookups", type=int, default=20)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    server = Server(folder / "data", "--max-execution-time", "0")
    try:
        engine = Engine(server, "bench")
        engine.run(REFERENCE)
        with engine.client() as client:
            rate = fill(client, options.messages)
            client.command("INSERT INTO plain SELECT DISTINCT message_id, 1 FROM lifecycle_log")
            say(f"{options.messages:,} messages, {rate:,.0f} events/s inserted, everything made of them included")
            copying(client, options.messages)
            start = time.perf_counter()
            rollups.catch_up(client)
            say(f"all rollups: {time.perf_counter() - start:.0f} s")
            ids = client.query("SELECT message_id FROM plain ORDER BY rand() LIMIT 200").result_columns[0]
            rng = random.Random(1)  # noqa: S311
            spent: dict[str, list[float]] = {name: [] for name in QUERIES}
            for _ in range(options.lookups):
                for name, sql in QUERIES.items():
                    spent[name].append(milliseconds(client, sql.format(id=rng.choice(ids))))
            base = statistics.median(spent["plain table, one id"])
            for name, times in spent.items():
                show(name, times, base)
            for name, sql in WIDE.items():
                show(name, [milliseconds(client, sql) for _ in range(3)], base)
    finally:
        server.kill()
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
