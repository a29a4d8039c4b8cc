"""The comparison of the tables with a truth file names everything lost, double, wrong and extra; with ClickHouse."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver import Client

from deploy.cli import check_report
from deploy.simulator.table_check import TruthCheck, Verdict
from deploy.simulator.truth import EDGE, Counts, Group, Unit
from deploy.simulator.truth_file import (
    DeadLetters,
    Deliveries,
    End,
    Events,
    Expected,
    Header,
    Line,
    Rates,
    TruthError,
    TruthWriter,
)
from tests.support.engine import Engine
from tests.support.events import NOON, event

PHONE = "+5511955550001"


def unit(number: int, **facts: Any) -> Unit:
    row = Unit(
        source="shop", message_id=f"run-{number}", participant="", direction="out", origin="api", type="", template="t",
        campaign="", category="", status="delivered", sent_at=NOON, delivered_at=NOON + 5, read_at=None,
        played_at=None, failed_at=None, deleted_at=None, error_code="", is_group=False, cohort_at=NOON, counted=True,
    )  # fmt: skip
    return replace(row, **facts)


def reported(number: int, status: str = "delivered") -> list[dict[str, Any]]:
    name = f"run-{number}"
    sent = event("sent", message_id=name, at=NOON, template="t", to=PHONE, request=f"a{number}")
    return [sent, event("status", message_id=name, status=status, at=NOON + 5, request=f"b{number}")]


COUNTS = Counts(sent=3, delivered=3)
RATES = Rates(Group("shop", "2026-11-20", "t", "", "", False), COUNTS, COUNTS)
SUMS = (RATES, Events("shop", "sent", 3, 3), Events("shop", "status", 3, 3), Deliveries("shop", 6, 7))
UNITS = tuple(Expected(unit(number)) for number in range(3))


@pytest.fixture
def client(engine: Engine) -> Iterator[Client]:
    """Three messages of the run, and another run's message of another hour."""
    engine.load([each for number in range(3) for each in reported(number)])
    engine.load([event("sent", message_id="other", at=NOON, received=NOON - 3_600_000)])
    with engine.client() as client:
        yield client


def verdict(client: Client, path: Path, *lines: Line) -> Verdict:
    units = sum(isinstance(line, Expected) for line in lines)
    with TruthWriter(path) as file:
        for line in (Header("r", 1, ("shop",), ("run-",)), *lines, End(units, NOON - 10, NOON + 10)):
            file.write(line)
    truth = TruthCheck(client, path)
    assert truth.count() == units
    return truth.compare(lambda _: None)


def test_tables_equal_to_the_truth_have_no_mismatch(client: Client, tmp_path: Path) -> None:
    found = verdict(client, tmp_path / "truth", *UNITS, *SUMS)
    assert (found.units, found.mismatches, found.run) == (3, [], "r")
    assert b'"lost": 0' in check_report.verdict_json(found)


def test_every_allowed_row_and_an_allowed_absence_are_no_mismatch(client: Client, tmp_path: Path) -> None:
    maybe = Expected(unit(7), sure=False)
    either = Expected(unit(0, status="read"), others=(unit(0),))
    edge = Expected(unit(1, delivered_at=NOON + 5, cohort_at=EDGE))
    most = replace(RATES, least=Counts(sent=1), most=Counts(9, 9, 9, 9, 9, 9))
    assert verdict(client, tmp_path / "truth", maybe, either, edge, UNITS[2], most, *SUMS[1:]).mismatches == []


def test_each_kind_of_mismatch_is_named(client: Client, engine: Engine, tmp_path: Path) -> None:
    lines: list[Line] = [Expected(unit(0, status="read", read_at=NOON + 6)), UNITS[1], Expected(unit(8))]
    sums: list[Line] = [RATES, Events("shop", "sent", 4, 4), Events("shop", "inbound", 1, 1), Deliveries("shop", 1, 5)]
    found = verdict(client, tmp_path / "truth", *lines, *sums, DeadLetters("shop", "bad_element", 1, 1))
    assert found.by_kind() == {"lost": 4, "double": 1, "wrong": 1, "extra": 4}
    found_texts = {one.what for one in found.mismatches}
    assert (
        "unit shop run-0: status 'delivered' instead of 'read', read_at None instead of " + str(NOON + 6) in found_texts
    )
    assert {
        "unit shop run-8", "events shop sent: 3 of 4", "events shop inbound: 0 of 1",
        "dead letters shop bad_element: 0 of 1", "deliveries of shop: 6 instead of 1 to 5", "unit shop run-2",
        "events shop status: 3, the truth has none",
    } <= found_texts  # fmt: skip
    engine.load(reported(5, "failed"))
    found = verdict(client, tmp_path / "truth", *UNITS, *SUMS)
    assert found.by_kind() == {"lost": 0, "double": 3, "wrong": 1, "extra": 1}
    assert "rates shop 2026-11-20 t / - / -: sent 4 instead of 3, failed 1 instead of 0" in {
        one.what for one in found.mismatches
    }


def test_a_member_of_a_group_is_named_by_its_last_digits(client: Client, tmp_path: Path) -> None:
    found = verdict(client, tmp_path / "truth", *UNITS, Expected(unit(8, participant=PHONE)), *SUMS)
    assert [one.what for one in found.mismatches] == ["unit shop run-8 …0001"]


def test_a_truth_that_was_never_posted_cannot_be_compared(client: Client, tmp_path: Path) -> None:
    with TruthWriter(tmp_path / "truth") as file:
        for line in (Header("r", 1, ("shop",), ("run-",)), End(0)):
            file.write(line)
    with pytest.raises(TruthError, match="without posting"):
        TruthCheck(client, tmp_path / "truth").count()
