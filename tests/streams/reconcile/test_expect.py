"""What records must become, the ledger made from it, and the text of a report."""

import json
from io import StringIO
from typing import Any

import orjson
from aiokafka.structs import ConsumerRecord
from rich.console import Console

from deploy.cli import check_report
from schemas.horizons import HOUR_MS
from schemas.parsing.times import to_iso
from schemas.providers.registry import Formats
from schemas.settings.config import Config
from schemas.topics import EVENTS, RAW
from streams.reconcile import hashes, ledger
from streams.reconcile.expect import Expected, RecordParser, Search
from streams.reconcile.ledger import TableCounts
from streams.reconcile.model import SourceHour, Window
from streams.reconcile.offsets import InTransit
from streams.reconcile.run import Report
from tests.support.events import NOON, event

AT = SourceHour("shop", NOON - NOON % HOUR_MS)
SENT_RECORDS = b'{"message_id":"m1"}\n{"message_id":"m2"}\nnonsense'


def record(offset: int, body: bytes, request: str, *, received: int | None = NOON, **headers: str) -> Any:
    """A body of /sent as the edge stores it."""
    fields = {"source": "shop", "provider": "meta", "request_id": request, "kind": "sent", **headers}
    if received is not None:
        fields["received_at"] = to_iso(received)
    return ConsumerRecord(
        RAW.name, 0, offset, received or 0, 0, None, body, None, 0, len(body),
        tuple((name, value.encode()) for name, value in fields.items()),
    )  # fmt: skip


def expectation(window: Window | None = None, *, fast: bool = False) -> Expected:
    return Expected(RecordParser(Config(), Formats(), window or Window()), fast)


def test_a_body_that_is_stored_twice_is_one_body_with_two_dead_letters() -> None:
    expected = expectation()
    expected.add(record(1, SENT_RECORDS, "r1"), processed=True)
    expected.add(record(9, SENT_RECORDS, "r1", spooled="1"), processed=True)
    expected.add(record(10, b"{", "r2"), processed=False)
    for of_hour in (expected.deliveries[AT], expected.dead_letters[AT]):
        of_hour.sort()
    assert (
        len(expected.deliveries[AT].processed),
        len(expected.dead_letters[AT].processed),
        len(expected.dead_letters[AT].unprocessed),
    ) == (2, 2, 1)
    assert hashes.of_dead_letter(RAW.name, 0, 9, 2) in expected.dead_letters[AT].processed
    counts = TableCounts({AT: 2}, {AT: 2}, {AT: 2}, {}, {AT: 1})
    report = Report(Window(), fast=False)
    report.findings.add("lost", AT, "event x", 2)
    report.findings.add("copy", AT, "unit y")
    (line,) = ledger.lines(expected, counts, {AT: 1}, report.findings).values()
    assert (line.stored, line.copies, line.spooled, line.understood, line.dead_bodies) == (2, 1, 1, 1, 1)
    assert (line.split, line.loaded, line.events, line.duplicates, line.dead) == (2, 2, 2, 0, 2)
    assert (line.orphan, line.waiting, line.residual) == (1, 1, 3)
    assert ledger.kinds(report.findings) == {AT: "copy 1, lost 2"}


def test_a_fast_check_compares_bodies_by_their_request_id() -> None:
    expected = expectation(fast=True)
    expected.add(record(1, SENT_RECORDS, "r1"), processed=True)
    expected.add(record(2, b"\xff", "r2"), processed=False)
    assert list(expected.bodies[AT].processed) == [hashes.hash_of("r1")]
    assert list(expected.bodies[AT].unprocessed) == [hashes.hash_of("r2")]
    assert not expected.deliveries


def test_bodies_outside_of_the_window_are_ignored() -> None:
    for window, taken in (
        (Window(NOON, NOON + 1), 2),
        (Window(NOON + 1), 0),
        (Window(source="crm"), 0),
        (Window(None, NOON, timeless=False), 0),
    ):
        expected = expectation(window)
        expected.add(record(1, SENT_RECORDS, "r1"), processed=True)
        assert sum(len(of_hour.processed) for of_hour in expected.deliveries.values()) == taken
    timeless = record(1, SENT_RECORDS, "r1", received=None)
    for window, taken in ((Window(), 1), (Window(NOON, timeless=False), 0)):
        expected = expectation(window)
        expected.add(timeless, processed=True)
        assert sum(len(of_hour.processed) for of_hour in expected.dead_letters.values()) == taken


def test_unloaded_records_are_optional_and_unsettle_their_message() -> None:
    expected, one = expectation(), event("status", message_id="m1", status="read", at=NOON, request="r1")
    for value in (orjson.dumps(one), b"no event", None):
        expected.add_unloaded_event(ConsumerRecord(EVENTS.name, 0, 0, 0, 0, None, value, None, 0, 0, ()))
    dead_letter = {
        "source": "shop",
        "received_at": to_iso(NOON),
        "raw": {"topic": RAW.name, "partition": 0, "offset": 4},
    }
    for value in (orjson.dumps(dead_letter), b"nothing", orjson.dumps({"raw": 5})):
        expected.add_unloaded_dead_letter(ConsumerRecord("wa.dead", 0, 0, 0, 0, None, value, None, 0, 0, ()))
    assert list(expected.deliveries[AT].unprocessed) == [hashes.of_delivery(one["event_id"], "r1", 0)]
    assert len(expected.dead_letters[AT].unprocessed) == 1
    assert expected.unsettled.has_message("shop", "m1")
    assert one["event_id"] in expected.unsettled.events


def test_a_search_finds_elements_by_delivery_dead_letter_request_and_body() -> None:
    parser = RecordParser(Config(), Formats(), Window())
    body = record(7, SENT_RECORDS, "r1")
    every = parser.elements(body)
    assert [element.position.id for element in every] == ["0:7:0", "0:7:1", "0:7:2"]
    for search in (
        Search(deliveries={every[0].delivery_hash or 0}),
        Search(dead_letters={every[0].dead_letter_hash}),
        Search(requests={"r1"}),
    ):
        search.add(body, parser)
        assert search.found[0] == every[0]
        assert len(search.found) == (3 if search.requests else 1)
    search = Search(bodies={hashes.hash_of("r1")})
    search.add(body, parser)
    assert (search.found, list(search.found_bodies.values())) == ([], ["0:7 of wa.raw"])


def words(report: Report) -> str:
    screen = Console(file=StringIO(), width=300, force_terminal=False)
    check_report.show(report, screen)
    assert isinstance(screen.file, StringIO)
    return screen.file.getvalue()


def test_a_report_names_the_differences_and_the_commands_that_repair_them() -> None:
    report = Report(Window(NOON), fast=False, in_transit=InTransit(3, 0, 5))
    for number in range(12):
        report.findings.add("lost", AT, f"event {number}")
    report.findings.add("published", SourceHour("", 0), "shop m1 differs")
    report.findings.add("dead_extra", AT, "dead letter 0:1:2 exists")
    text = words(report)
    assert "12 deliveries in wa.raw that are not in ClickHouse (lost)" in text
    assert "shop 2026-11-20 12h: event 9" in text
    assert "event 10" not in text
    assert "and 2 more: --json names them" in text
    assert "3 bodies in the spool, 5 records before load" in text
    assert f"`ackstream replay --from {to_iso(AT.hour)}`" in text
    assert "check --repair" in text
    assert "dead retry" in text
    assert text.endswith("residual 14\n")
    result = json.loads(check_report.as_json(report))
    assert (result["residual"], len(result["named"]), result["window"]["to"]) == (14, 14, None)
    assert words(Report(Window(), fast=True)).endswith("residual 0, nothing lost and nothing counted twice\n")
