"""The real server as a process of its own, once per test module."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.clickhouse import Server


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Start more servers; they are gone when the module ends."""
    started: list[Server] = []

    def start_one(*extra: str, data: Path | None = None) -> Server:
        server = Server(data or tmp_path_factory.mktemp("clickhouse") / "data", *extra)
        started.append(server)
        return server

    yield start_one
    for server in started:
        if server.process.poll() is None:
            server.kill()


@pytest.fixture(scope="module")
def server(start: Callable[..., Server]) -> Server:
    """The server of this module."""
    return start()
