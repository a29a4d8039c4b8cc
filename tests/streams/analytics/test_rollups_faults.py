# ruff: noqa: S608  (names of tables that are in this file)
"""Rollups after crashes, stragglers and late blocks: the next passes make them right again."""

import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from streams.analytics import copy, rollups
from streams.analytics.rollups import Rollups, select_due
from streams.runtime.query_parameters import encoded_bytes
from tests.streams.analytics.rollup_model import DAY, HOUR, MIDNIGHT, Unit
from tests.streams.analytics.rollup_tables import DATABASE, Tables
from tests.support.clickhouse import ADMIN, Server
from tests.support.waiting import wait_until


def some(count: int, first: int = 0) -> list[Unit]:
    """Units of several templates, every third an unanswered question, over two days."""
    return [
        Unit(message_id=f"i{number}", at=MIDNIGHT + number * HOUR // 4, direction="in", counted=False, status="")
        if number % 3 == 0
        else Unit(message_id=f"o{number}", at=MIDNIGHT + number * HOUR // 4, template=f"t{number % 5}", customer="+491")
        for number in range(first, first + count)
    ]


# Ends itself, hard, before its n-th statement.
DOOMED = """
import os, signal, sys
from clickhouse_connect import get_client
from streams.analytics.rollups import Rollups

port, user, password, database, last = sys.argv[1:]
client = get_client(host="127.0.0.1", port=int(port), username=user, password=password, database=database)
left = int(last)

def counted(method):
    def call(*arguments, **named):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return method(*arguments, **named)
    return call

client.query, client.command = counted(client.query), counted(client.command)
Rollups(client).pass_once()
"""
STATEMENTS = 7  # of a pass: the due days; outbound, outbound_days, inbound, turns, customers; the note


@pytest.mark.parametrize("last", range(STATEMENTS + 1))
def test_a_process_killed_between_any_two_statements(tables: Tables, last: int) -> None:
    tables.put(*some(60))
    tables.settle()
    tables.put(*(replace(unit, template="late", status="delivered") for unit in some(40) if unit.counted))
    arguments = [str(tables.server.port), *ADMIN, DATABASE, str(last)]
    ended = subprocess.run([sys.executable, "-c", DOOMED, *arguments], check=False, timeout=120)
    assert ended.returncode == (-signal.SIGKILL if last < STATEMENTS else 0)
    tables.settle()


def test_an_endless_name_of_a_source_stops_no_rollup(tables: Tables) -> None:
    tables.insert("changed_log", [{"layer": "cohorts", "source": "x" * 600_000, "day": "2026-11-20", "changes": 1}])
    tables.put(*some(20))
    tables.settle()


def test_a_server_killed_during_passes(tmp_path: Path) -> None:
    before = Tables(Server(tmp_path / "data"))
    passes = threading.Thread(target=_until_the_server_is_gone, args=(before,))
    try:
        before.put(*some(400))
        passes.start()
        wait_until("a rollup is rebuilt", lambda: before.number("SELECT count() FROM rebuilt_log") > 0)
        before.put(*some(20, first=1000))
    finally:
        before.server.kill()
        passes.join(60)
    assert not passes.is_alive()
    again = Server(tmp_path / "data")
    try:
        client = again.client(ADMIN, database=DATABASE)
        rollups.catch_up(client)
        # What the killed server had acknowledged is in the copy; the rollups equal it.
        direct = "SELECT countIf(counted), countIf(direction = 'in'), uniqExactIf(template, counted) FROM cohorts"
        rolled = (
            "SELECT (SELECT sum(o.sent) FROM outbound AS o), (SELECT sum(i.messages) FROM inbound AS i), "
            "(SELECT uniqExact(template) FROM outbound)"
        )
        assert client.query(rolled).first_row == client.query(direct).first_row
    finally:
        again.kill()


def _until_the_server_is_gone(tables: Tables) -> None:
    client = tables.server.client(ADMIN, database=DATABASE)
    try:
        while True:
            Rollups(client).pass_once()
    except Exception:  # whatever a server that was killed makes of it
        return


@pytest.mark.parametrize("template", ["t1", "never heard of"])
def test_rows_that_a_stalled_process_writes_late_are_repaired(tables: Tables, template: str) -> None:
    tables.put(*(Unit(message_id=f"m{number}", at=MIDNIGHT, template="t1") for number in range(3)))
    tables.settle()
    # The INSERT of a process that was believed dead, with a version of that time.
    late = tables.number("SELECT max(version) FROM outbound_log") + 1
    row = {"source": "shop", "slot": MIDNIGHT // 1000, "account": "1", "provider": "meta", "template": template}
    tables.insert("outbound_log", [{**row, "country": "DE", "sent": 77, "checksum": 7, "version": late}])
    assert tables.number("SELECT max(sent) FROM outbound") == 77
    tables.settle()


def test_two_processes_at_once(tables: Tables) -> None:
    stop = threading.Event()
    failed: list[Exception] = []

    def passes() -> None:
        client = tables.server.client(ADMIN, database=DATABASE)
        try:
            while not stop.is_set():
                Rollups(client).pass_once()
        except Exception as error:  # the assertion below reports it
            failed.append(error)

    threads = [threading.Thread(target=passes) for _ in range(2)]
    for thread in threads:
        thread.start()
    for first in range(0, 200, 20):
        tables.put(*some(40, first=first))
        tables.put(*(replace(unit, template="late") for unit in some(10, first=first) if unit.counted))
    stop.set()
    for thread in threads:
        thread.join(60)
    assert not failed
    tables.settle()


def test_a_change_is_never_counted_before_it_can_be_read(tables: Tables) -> None:
    """The one assumption of the rollups about ClickHouse: a table is written before its views are."""
    done = threading.Event()

    def insert() -> None:
        client = tables.server.client(ADMIN, database=DATABASE)
        rows = (
            "SELECT concat('s', toString(number % 3)) AS source, toDateTime64('2026-11-20', 3, 'UTC') + number "
            "AS cohort_at, toString(number) AS message_id, 1 AS counted, 1 AS version FROM numbers_mt(60000)"
        )
        small = {"max_block_size": 1000, "min_insert_block_size_rows": 1000, "max_insert_threads": 2}
        client.command(
            f"INSERT INTO cohort_log (source, cohort_at, message_id, counted, version) {rows}", settings=small
        )
        done.set()

    thread = threading.Thread(target=insert)
    thread.start()
    seen = set()
    while not done.is_set():
        counted = tables.number("SELECT sum(changes) FROM changed_log WHERE layer = 'cohorts'")
        stored = tables.number("SELECT count() FROM cohort_log")
        assert counted <= stored
        seen.add(stored)
    thread.join(60)
    assert tables.number("SELECT sum(changes) FROM changed_log WHERE layer = 'cohorts'") == 60_000
    assert len(seen) > 2, "nothing was read while the INSERT ran"


def test_blocks_that_come_in_while_days_are_rebuilt(tables: Tables) -> None:
    done = threading.Event()

    def insert() -> None:
        client = tables.server.client(ADMIN, database=DATABASE)
        for first in range(0, 40_000, 1000):
            client.command(
                "INSERT INTO cohort_log (source, cohort_at, message_id, direction, counted, version) "
                "SELECT 'shop', toDateTime64('2026-11-20 00:00:00', 3, 'UTC') + number % 90000, toString(number), "
                f"'out', 1, 1 FROM numbers({first}, 1000)"
            )
        done.set()

    thread = threading.Thread(target=insert)
    thread.start()
    while not done.is_set():
        Rollups(tables.client).pass_once()
    thread.join(60)
    rollups.catch_up(tables.client)
    assert tables.number("SELECT sum(o.sent) FROM outbound AS o") == 40_000


def test_a_day_without_a_counter_is_compared_after_a_day(tables: Tables) -> None:
    tables.put(*some(30))
    tables.settle()
    # A server that died between the table and its view: the rows are there, the count is not.
    counted = tables.client.query("SELECT layer, source, day, changes FROM changed_log").result_rows
    tables.put(*(replace(unit, template="late") for unit in some(30) if unit.counted))
    tables.client.command("TRUNCATE TABLE changed_log")
    tables.client.insert("changed_log", counted, column_names=["layer", "source", "day", "changes"])
    tables.client.command("TRUNCATE TABLE rebuilt_log")
    tables.client.command(
        "INSERT INTO rebuilt_log SELECT name, source, day, changes, now64(9) - INTERVAL 25 HOUR FROM rollup_days"
    )
    assert Rollups(tables.client).pass_once() > 0
    tables.check()
    assert Rollups(tables.client).pass_once() == 0


def test_freshness_shows_how_many_days_are_due_and_since_when(tables: Tables) -> None:
    def layer() -> tuple[datetime, float, int]:
        found = tables.client.query("SELECT at, lag_seconds, pending FROM freshness WHERE layer = 'rollup'")
        row = found.result_rows[0]
        return row[0], row[1], row[2]

    copy.catch_up(tables.client)  # a rollup is no fresher than the copy that it is made of
    tables.settle()
    tables.put(*some(30))
    assert layer()[2] > 0
    began = tables.now()
    tables.settle()
    at, lag, pending = layer()
    assert pending == 0
    assert at.replace(tzinfo=UTC).timestamp() * 1000 >= began
    assert 0 <= lag < 60
    sampled = "SELECT at, pending FROM freshness WHERE layer = 'samples'"
    tables.insert("samples", [{"at": MIDNIGHT / 1000, "name": "store_up", "value": 1}])
    assert tables.client.query(sampled).first_row == (datetime(2026, 11, 20, tzinfo=UTC).replace(tzinfo=None), 0)


DAYS = [date(2026, 1, 1 + number) for number in range(28)]


def due(name: str, day: int, changes: int, queue: int) -> tuple[str, str, date, int, int, int]:
    return name, "shop", DAYS[day], changes, queue, 0


def test_old_days_are_rebuilt_beside_today() -> None:
    rows = [due("outbound", 0, 700_000, 0), due("outbound", 1, 700_000, 0), due("outbound", 2, 10, 1)]
    taken, everything = select_due(rows)
    assert [day for _, day, _ in taken["outbound"]] == [DAYS[0], DAYS[2]]
    assert not everything


def test_a_day_larger_than_the_budget_is_rebuilt_alone() -> None:
    taken, everything = select_due([due("outbound", 0, 10**9, 0), due("turns", 1, 10**9, 0), due("turns", 2, 1, 0)])
    assert {name: len(pairs) for name, pairs in taken.items()} == {"outbound": 1, "turns": 1}
    assert not everything


def test_a_comparison_that_is_not_due_never_makes_a_pass_incomplete() -> None:
    rows = [due("outbound", day, 60_000, 2) for day in range(3)]
    taken, everything = select_due(rows)
    assert len(taken["outbound"]) == 1
    assert everything


def test_long_names_of_sources_make_smaller_passes() -> None:
    names = ("outbound", "outbound_days", "inbound", "turns", "customers", "arrivals", "repeats", "suspects")
    rows = [(name, "é" * 64, DAYS[0], 1, queue, 0) for name in names for queue in range(3) for _ in range(250)]
    taken, everything = select_due(rows)
    assert all(len(pairs) > 100 for pairs in taken.values())
    assert encoded_bytes([(name, *pair) for name, pairs in taken.items() for pair in pairs]) < 1_000_000
    assert not everything


def test_no_statement_names_more_days_than_a_url_holds() -> None:
    rows = [due("outbound", 0, 1, 1) for _ in range(5000)]
    taken, everything = select_due(rows)
    assert len(taken["outbound"]) == 250
    assert not everything


def test_a_restarted_clock_writes_above_what_is_there(tables: Tables) -> None:
    tables.put(Unit(message_id="m", at=MIDNIGHT))
    tables.settle()
    # As if the last pass had been made by a server whose clock was a year ahead.
    tables.client.command("INSERT INTO rebuilt_log VALUES ('', '', toDate(0), 0, now64(9) + INTERVAL 1 YEAR)")
    ahead = tables.number("SELECT toUnixTimestamp64Nano(max(rebuilt_at)) FROM rebuilt_log")
    tables.put(Unit(message_id="m", at=MIDNIGHT, status="delivered"), Unit(message_id="n", at=MIDNIGHT - DAY))
    tables.settle()
    assert tables.number("SELECT max(version) FROM outbound_log") > 2 * ahead
