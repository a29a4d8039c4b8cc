"""What records must become, the ledger made of it, and the words of a report. Pure."""

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
from streams.reconcile.expect import Expected, Reader, Search
from streams.reconcile.ledger import Told
from streams.reconcile.model import Place, Window
from streams.reconcile.offsets import InTransit
from streams.reconcile.run import Report
from tests.support.events import NOON, event

AT = Place("shop", NOON - NOON % HOUR_MS)
SENT_RECORDS = b'{"message_id":"m1"}\n{"message_id":"m2"}\nnonsense'


def record(offset: int, body: bytes, request: str, *, received: int | None = NOON, **headers: str) -> Any:
    """A body of /sent as the edge stores it."""
    told = {"source": "shop", "provider": "meta", "request_id": request, "kind": "sent", **headers}
    if received is not None:
        told["received_at"] = to_iso(received)
    return ConsumerRecord(
        RAW.name, 0, offset, received or 0, 0, None, body, None, 0, len(body),
        tuple((name, value.encode()) for name, value in told.items()),
    )  # fmt: skip


def expected(window: Window | None = None, *, fast: bool = False) -> Expected:
    return Expected(Reader(Config(), Formats(), window or Window()), fast)


def test_a_body_that_is_stored_twice_is_one_body_and_its_letters_are_two() -> None:
    book = expected()
    book.take(record(1, SENT_RECORDS, "r1"), sure=True)
    book.take(record(9, SENT_RECORDS, "r1", spooled="1"), sure=True)
    book.take(record(10, b"{", "r2"), sure=False)
    for shelf in (book.deliveries[AT], book.letters[AT]):
        shelf.settle()
    assert (len(book.deliveries[AT].sure), len(book.letters[AT].sure), len(book.letters[AT].maybe)) == (2, 2, 1)
    assert hashes.of_letter(RAW.name, 0, 9, 2) in book.letters[AT].sure
    told = Told({AT: 2}, {AT: 2}, {AT: 2}, {}, {AT: 1})
    found = Report(Window(), fast=False)
    found.found.add("lost", AT, "event x", 2)
    found.found.add("copy", AT, "unit y")
    (line,) = ledger.lines(book, told, {AT: 1}, found.found).values()
    assert (line.stored, line.copies, line.spooled, line.understood, line.dead_bodies) == (2, 1, 1, 1, 1)
    assert (line.split, line.loaded, line.events, line.duplicates, line.dead) == (2, 2, 2, 0, 2)
    assert (line.orphan, line.waiting, line.residual) == (1, 1, 3)
    assert ledger.kinds(found.found) == {AT: "copy 1, lost 2"}


def test_without_reading_bodies_are_known_by_their_request() -> None:
    book = expected(fast=True)
    book.take(record(1, SENT_RECORDS, "r1"), sure=True)
    book.take(record(2, b"\xff", "r2"), sure=False)
    assert list(book.bodies[AT].sure) == [hashes.hash_of("r1")]
    assert list(book.bodies[AT].maybe) == [hashes.hash_of("r2")]
    assert not book.deliveries


def test_a_window_leaves_out_what_was_received_outside_of_it() -> None:
    for window, taken in (
        (Window(NOON, NOON + 1), 2),
        (Window(NOON + 1), 0),
        (Window(source="crm"), 0),
        (Window(None, NOON, timeless=False), 0),
    ):
        book = expected(window)
        book.take(record(1, SENT_RECORDS, "r1"), sure=True)
        assert sum(len(shelf.sure) for shelf in book.deliveries.values()) == taken
    timeless = record(1, SENT_RECORDS, "r1", received=None)
    for window, taken in ((Window(), 1), (Window(NOON, timeless=False), 0)):
        book = expected(window)
        book.take(timeless, sure=True)
        assert sum(len(shelf.sure) for shelf in book.letters.values()) == taken


def test_what_is_on_its_way_may_be_there_and_moves_its_message() -> None:
    book, one = expected(), event("status", message_id="m1", status="read", at=NOON, request="r1")
    for value in (orjson.dumps(one), b"no event", None):
        book.event_on_its_way(ConsumerRecord(EVENTS.name, 0, 0, 0, 0, None, value, None, 0, 0, ()))
    letter = {"source": "shop", "received_at": to_iso(NOON), "raw": {"topic": RAW.name, "partition": 0, "offset": 4}}
    for value in (orjson.dumps(letter), b"nothing", orjson.dumps({"raw": 5})):
        book.letter_on_its_way(ConsumerRecord("wa.dead", 0, 0, 0, 0, None, value, None, 0, 0, ()))
    assert list(book.deliveries[AT].maybe) == [hashes.of_delivery(one["event_id"], "r1", 0)]
    assert len(book.letters[AT].maybe) == 1
    assert book.moved.has_message("shop", "m1")
    assert one["event_id"] in book.moved.events


def test_elements_are_found_again_by_what_is_known_of_them() -> None:
    reader = Reader(Config(), Formats(), Window())
    body = record(7, SENT_RECORDS, "r1")
    every = reader.elements(body)
    assert [element.id for element in every] == ["0:7:0", "0:7:1", "0:7:2"]
    for search in (
        Search(deliveries={every[0].delivery_hash or 0}),
        Search(letters={every[0].letter_hash}),
        Search(requests={"r1"}),
    ):
        search.take(body, reader)
        assert search.found[0] == every[0]
        assert len(search.found) == (3 if search.requests else 1)
    search = Search(bodies={hashes.hash_of("r1")})
    search.take(body, reader)
    assert (search.found, list(search.found_bodies.values())) == ([], ["0:7 of wa.raw"])


def words(found: Report) -> str:
    screen = Console(file=StringIO(), width=300, force_terminal=False)
    check_report.show(found, screen)
    assert isinstance(screen.file, StringIO)
    return screen.file.getvalue()


def test_a_report_says_what_differs_where_and_what_mends_it() -> None:
    found = Report(Window(NOON), fast=False, in_transit=InTransit(3, 0, 5))
    for number in range(12):
        found.found.add("lost", AT, f"event {number}")
    found.found.add("published", Place("", 0), "shop m1 differs")
    found.found.add("dead_extra", AT, "letter 0:1:2 stands")
    text = words(found)
    assert "12 deliveries that wa.raw holds and ClickHouse does not (lost)" in text
    assert "shop 2026-11-20 12h: event 9" in text
    assert "event 10" not in text
    assert "and 2 more: --json names them" in text
    assert "3 bodies in the spool, 5 records before load" in text
    assert f"`ackstream replay --from {to_iso(AT.hour)}`" in text
    assert "check --repair" in text
    assert "dead retry" in text
    assert text.endswith("residual 14\n")
    told = json.loads(check_report.as_json(found))
    assert (told["residual"], len(told["named"]), told["window"]["to"]) == (14, 14, None)
    assert words(Report(Window(), fast=True)).endswith("residual 0, nothing lost and nothing counted twice\n")
