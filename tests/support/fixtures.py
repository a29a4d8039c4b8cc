"""Fixtures that more than one folder uses. The services are real and are started from tests/support alone."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clickhouse import Server
from tests.support.engine import Engine
from tests.support.stack import Stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """The whole way, up and ready, of this test alone. Its logs are shown when the test fails."""
    whole = Stack(tmp_path)
    try:
        yield whole.up()
    finally:
        end(whole)


@pytest.fixture
def bare_kafka(tmp_path: Path) -> Iterator[Stack]:
    """The same with Kafka alone up; the test starts what else it wants."""
    whole = Stack(tmp_path)
    try:
        whole.start("kafka")
        yield whole
    finally:
        end(whole)


def end(whole: Stack) -> None:
    whole.down()
    for log in sorted(whole.folder.glob("*.log")):
        sys.stdout.write(f"--- {log.name}\n{log.read_text()[-4000:]}\n")


@pytest.fixture(scope="module")
def _engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    server = Server(tmp_path_factory.mktemp("clickhouse") / "data")
    try:
        yield Engine(server)
    finally:
        server.kill()


@pytest.fixture
def engine(_engine: Engine) -> Engine:
    """The product's tables, empty, on an engine that the tests of a file share."""
    _engine.clear()
    return _engine
