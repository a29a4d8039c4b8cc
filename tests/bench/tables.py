"""ClickHouse with many messages: filling, finding one, rates. Ratios against a plain table of the same ids, in one run.

    python -m tests.bench.tables [--messages 1000000] [--lookups 20]

10 million messages (30 million events) take some minutes and 5 GB of disk.
"""

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import time
from typing import Any

import chdb

from schemas.tables import migrations

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
    "lifecycle, one id": "SELECT * FROM lifecycle FINAL WHERE message_id = '{id}'",
    "messages, one id": "SELECT * FROM messages WHERE message_id = '{id}'",
    "events, one id": "SELECT * FROM events WHERE message_id = '{id}'",
}


def milliseconds(connection: Any, sql: str) -> float:
    """Of one query, result included."""
    start = time.perf_counter()
    connection.query(sql, "Native")
    return (time.perf_counter() - start) * 1000


def fill(connection: Any, messages: int) -> float:
    """Inserts the events in blocks; events a second."""
    start, total = time.perf_counter(), messages * 4
    for first in range(0, total, BLOCK):
        connection.query(FILL.format(start=first, count=min(BLOCK, total - first)))
    return total / (time.perf_counter() - start)


def show(name: str, spent: list[float], base: float) -> None:
    """One line: p50, p95, ratio of the medians."""
    spent.sort()
    middle, late = statistics.median(spent), spent[int(len(spent) * 0.95)]
    sys.stdout.write(f"{name:24s} p50 {middle:8.1f} ms   p95 {late:8.1f} ms   {middle / base:6.1f} x plain\n")


def main() -> int:
    """Fills a database of its own, asks it, prints, deletes it."""
    parser = argparse.ArgumentParser(description="ClickHouse with many messages.")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--lookups", type=int, default=20)
    options = parser.parse_args()
    folder = tempfile.mkdtemp()
    connection = chdb.connect(folder)
    try:
        for statement in ("CREATE DATABASE bench ENGINE = Atomic", "USE bench", REFERENCE):
            connection.query(statement)
        for migration in migrations():
            for statement in migration.statements:
                connection.query(statement)
        rate = fill(connection, options.messages)
        connection.query("INSERT INTO plain SELECT message_id, 1 FROM lifecycle")
        sys.stdout.write(
            f"{options.messages:,} messages, {rate:,.0f} events/s inserted (lifecycle and deliveries included)\n"
        )
        ids = str(connection.query("SELECT message_id FROM plain ORDER BY rand() LIMIT 200", "TSV")).split()
        rng = random.Random(1)  # noqa: S311
        spent: dict[str, list[float]] = {name: [] for name in QUERIES}
        for _ in range(options.lookups):
            for name, sql in QUERIES.items():
                spent[name].append(milliseconds(connection, sql.format(id=rng.choice(ids))))
        base = statistics.median(spent["plain table, one id"])
        for name, times in spent.items():
            show(name, times, base)
        for name, sql in {
            "delivery_rates, all": "SELECT * FROM delivery_rates",
            "count of events": "SELECT count() FROM events",
        }.items():
            show(name, [milliseconds(connection, sql) for _ in range(3)], base)
    finally:
        connection.close()
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
