"""Fixtures of all tests. Services are real and are started from tests/support alone."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.clickhouse import Server
from tests.support.engine import Engine
from tests.support.stack import Stack

_LONG = {"analytics", "chaos", "check", "demo", "e2e", "stack"}

# Hypothesis profiles: `default` runs with the other tests; `--hypothesis-profile fuzz` searches for a long time.
# Neither has a deadline for an example, because the machine may be busy.
settings.register_profile("default", max_examples=100, deadline=None)
settings.register_profile("fuzz", max_examples=5_000, deadline=None)


def pytest_configure() -> None:
    # A test's broker lives for seconds: of the 10 s of CPU until it answers, Java's second compiler takes 4.
    os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Folders of long files first: xdist hands out whole files, and one begun last lets the other process wait."""
    items.sort(key=lambda item: not _LONG & set(item.path.parts))


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
