"""Tables of the rollups, shared by all tests of the process."""

import pytest

from tests.streams.analytics.rollup_tables import Tables
from tests.support.clickhouse import Server


@pytest.fixture(scope="session")
def shared(clickhouse: Server) -> Tables:
    return Tables(clickhouse)


@pytest.fixture
def tables(shared: Tables) -> Tables:
    shared.clear()
    return shared
