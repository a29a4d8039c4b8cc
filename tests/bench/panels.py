# ruff: noqa: S608  (the names put in are those of this module)
"""Every panel of the dashboards over many messages: p50 and p95, through the product's own HTTP server, and its CPU.

    python -m tests.bench.panels [--messages 1000000] [--runs 7] [--keep DIR] [--only ID]

Asked as the read-only user with bound parameters, for a month of a source with 8 % of the data and for all time of all
sources; the goals are 200 ms and 1 s with 10 million messages on 2 cores. Those take half an hour to fill and 6 GB of
disk; --keep fills DIR once and uses it again. On a busy machine times grow, the CPU of a query hardly does: it counts
the server's process, all its threads. Exits 1 when a query fails, never for being slow.
"""

import argparse
import http.client
import os
import shutil
import statistics
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dashboards.catalogue import DASHBOARDS
from schemas.countries import country_codes
from schemas.settings.costs import ANY_COUNTRY, Rate
from schemas.settings.sections import Costs
from schemas.tables import migrations
from streams.analytics import rate_card, rollups
from tests.support import many_messages
from tests.support.clickhouse import VIEWER, Server, basic

DATABASE = "bench"
GOALS = {"month": 200.0, "all": 1000.0}
REFERENCE = "SELECT count(), uniq(account) FROM reference"
COMMON = {"zone": "Europe/Berlin", "bucket": "day", "templates": "[]", "campaigns": "[]", "mask": "1"}


class FailedError(Exception):
    """A query that did not answer; the text is ClickHouse's."""


@dataclass(slots=True, frozen=True)
class Spent:
    """What some runs of one query took, in ms: each run by the clock, and one run of CPU."""

    clock: list[float]
    cpu: float

    @property
    def middle(self) -> float:
        return statistics.median(self.clock)

    @property
    def late(self) -> float:
        """Of 100 runs 95 were no slower."""
        return sorted(self.clock)[int(len(self.clock) * 0.95)]


class Reader:
    """The read-only user on one kept connection."""

    def __init__(self, server: Server) -> None:
        self._process = server.process.pid
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)

    def spent(self, sql: str, parameters: Mapping[str, str], runs: int) -> Spent:
        """Of `runs` runs, after one that fills the caches."""
        self._milliseconds(sql, parameters)
        before = self._cpu_milliseconds()
        clock = [self._milliseconds(sql, parameters) for _ in range(runs)]
        return Spent(clock, (self._cpu_milliseconds() - before) / runs)

    def _cpu_milliseconds(self) -> float:
        fields = Path(f"/proc/{self._process}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")

    def _milliseconds(self, sql: str, parameters: Mapping[str, str]) -> float:
        """Of one query, its whole answer included."""
        bound = {f"param_{name}": value for name, value in parameters.items()}
        query = urllib.parse.urlencode({"database": DATABASE, "default_format": "JSONCompact", **bound})
        start = time.perf_counter()
        self._connection.request("POST", f"/?{query}", sql.encode(), basic(VIEWER))
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise FailedError(body.decode())
        return (time.perf_counter() - start) * 1000


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextmanager
def filled(folder: Path, messages: int) -> Iterator[Server]:
    """A server on `folder` with the tables in it, made when they are not there."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(folder / "clickhouse", "--max-execution-time", "3600")
    try:
        if server.ok(f"EXISTS TABLE {DATABASE}.reference").strip() != "1":
            make(server, messages)
        server.ok("SYSTEM STOP MERGES cohort_log", database=DATABASE)
        rate_card.publish(server.client(database=DATABASE), card())
        yield server
    finally:
        server.stop()


def card() -> Costs:
    """Prices of four categories in every country and elsewhere, each changed twice: some 3,000 rates."""
    return Costs(
        rates=tuple(
            Rate.model_validate({"from": day, "category": category, "country": country, "price": f"0.{place + 10}"})
            for category in ("marketing", "utility", "authentication", "service")
            for place, country in enumerate((ANY_COUNTRY, *country_codes()))
            for day in (date(2025, 1, 1), date(2026, 9, 1), date(2026, 10, 1))
        )
    )


def make(server: Server, messages: int) -> None:
    """All tables, and the rollups by the product's own job; says how long each took. `reference` comes last."""
    server.ok(f"DROP DATABASE IF EXISTS {DATABASE}")
    server.ok(f"CREATE DATABASE {DATABASE} ENGINE = Atomic")
    client = server.client(database=DATABASE, send_receive_timeout=3600)
    for migration in migrations():
        for statement in migration.statements:
            client.command(statement)
    begun = time.perf_counter()
    for step in many_messages.fill(client, messages):
        say(f"filled {step} ({time.perf_counter() - begun:.0f} s)")
    for table in ("cohort_log", "delivery_time_log"):
        client.command(f"OPTIMIZE TABLE {table}")
    many_messages.repeat(client)
    begun = time.perf_counter()
    rollups.catch_up(client)
    say(f"made all rollups in {time.perf_counter() - begun:.0f} s")
    client.command("CREATE TABLE reference ENGINE = MergeTree ORDER BY source AS SELECT source, account FROM cohorts")


def sizes(server: Server) -> str:
    """Rows and megabytes of the tables."""
    return server.ok(
        "SELECT table, sum(rows), round(sum(bytes_on_disk) / 1e6) FROM system.parts "
        f"WHERE active AND database = '{DATABASE}' GROUP BY table ORDER BY sum(bytes_on_disk) DESC FORMAT TSV"
    )


def ranges(server: Server) -> dict[str, dict[str, str]]:
    """The parameters of the two ranges; they end where the data does."""
    last = server.ok(f"SELECT toString(max(slot) + INTERVAL 15 MINUTE) FROM {DATABASE}.outbound").strip()
    month = server.ok(f"SELECT toString(toDateTime('{last}', 'UTC') - INTERVAL 30 DAY)").strip()
    all_time = server.ok(f"SELECT toString(min(slot)) FROM {DATABASE}.outbound").strip()
    return {
        "month": {**COMMON, "from": month, "to": last, "sources": f"['{many_messages.SMALL}']"},
        "all": {**COMMON, "from": all_time, "to": last, "sources": "[]"},
    }


def measure(server: Server, runs: int, only: str) -> tuple[list[str], list[str]]:
    """Prints a line for each panel; those over their goal and those that failed."""
    reader, slow, failed = Reader(server), [], []
    bounds = ranges(server)
    base = reader.spent(REFERENCE, {}, runs)
    say(f"reference {REFERENCE}: p50 {base.middle:.1f} ms, CPU {base.cpu:.0f} ms")
    for name, parameters in bounds.items():
        say(f"\n{name}: {parameters['from']} to {parameters['to']}, sources {parameters['sources']}, in ms")
        for panel in (panel for dashboard in DASHBOARDS for panel in dashboard.panels if only in panel.id):
            try:
                spent = reader.spent(panel.sql, parameters, runs)
            except FailedError as error:
                failed.append(f"{name} {panel.id}: {error}")
                continue
            mark = "  SLOW" if spent.middle > GOALS[name] else ""
            say(
                f"  {panel.id:32s} p50 {spent.middle:7.1f}  p95 {spent.late:7.1f}  CPU {spent.cpu:6.0f}  "
                f"{spent.middle / base.middle:6.1f} x reference{mark}"
            )
            if mark:
                slow.append(f"{name} {panel.id} {spent.middle:.0f} ms")
    return slow, failed


def main() -> int:
    """Fills, measures, prints."""
    parser = argparse.ArgumentParser(description="Every panel over many messages.")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--keep", type=Path, help="fill this folder once, and use it again")
    parser.add_argument("--only", default="", help="panels whose id contains this")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp())
    try:
        with filled(folder, options.messages) as server:
            say(sizes(server))
            slow, failed = measure(server, options.runs, options.only)
    finally:
        if options.keep is None:
            shutil.rmtree(folder)
    goals = f"{GOALS['month']:.0f} ms for the month or {GOALS['all']:.0f} ms for all time"
    say(f"\nslower than {goals}: {', '.join(slow) or 'none'}")
    for line in failed:
        say(f"FAILED {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
