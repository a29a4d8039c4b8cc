"""Tables of the rollups, shared by all tests of the process."""

from collections.abc import Iterator

import pytest

from tests.streams.analytics.rollup_tables import Tables, started


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tables]:
    with started(tmp_path_factory.mktemp("rollups")) as tables:
        yield tables


@pytest.fixture
def tables(shared: Tables) -> Tables:
    shared.clear()
    return shared
