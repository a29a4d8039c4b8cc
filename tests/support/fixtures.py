"""Fixtures that more than one folder uses. The services are real and are started from tests/support alone."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.kafka.broker import Broker
from tests.support.clickhouse import Server
from tests.support.engine import Engine
from tests.support.kafka import make_empty
from tests.support.stack import Stack


@pytest.fixture(scope="session")
def running_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The broker of this test process; it is started when the first stack needs it."""
    broker = Broker(tmp_path_factory.mktemp("broker") / "kafka")
    try:
        yield broker
    finally:
        broker.stop()


NewStack = Callable[[Path], Stack]


@pytest.fixture(scope="session")
def new_stack(running_broker: Broker) -> NewStack:
    """Makes a stack in a folder, on a Kafka as empty as a new one. One at a time: they share a broker."""

    def make(folder: Path) -> Stack:
        make_empty(running_broker)
        return Stack(folder, running_broker)

    return make


@pytest.fixture
def stack(tmp_path: Path, new_stack: NewStack) -> Iterator[Stack]:
    """The whole way, up and ready, of this test alone. Its logs are shown when the test fails."""
    whole = new_stack(tmp_path)
    try:
        yield whole.up()
    finally:
        end(whole)


@pytest.fixture
def bare_kafka(tmp_path: Path, new_stack: NewStack) -> Iterator[Stack]:
    """The same with Kafka alone up; the test starts what else it wants."""
    whole = new_stack(tmp_path)
    try:
        whole.start("kafka")
        yield whole
    finally:
        end(whole)


def end(whole: Stack) -> None:
    """Ends what the stack started and prints the ends of its logs."""
    whole.down()
    for log in sorted(whole.folder.glob("*.log")):
        sys.stdout.write(f"--- {log.name}\n{log.read_text()[-4000:]}\n")


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of the process, each kind with databases of its own.

    A server costs 2 s of CPU to start, and 6 % of a core while it is idle with the product's tables.
    """
    server = Server(tmp_path_factory.mktemp("clickhouse") / "data")
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def shared_engine(clickhouse: Server) -> Engine:
    return Engine(clickhouse)


@pytest.fixture
def engine(shared_engine: Engine) -> Engine:
    """The product's tables, empty, on an engine that all tests of the process share."""
    shared_engine.clear()
    return shared_engine
