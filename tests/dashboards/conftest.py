"""The product's tables for all tests of dashboards that run in a process."""

import pytest

from tests.dashboards.panels.tables import Tables
from tests.support.clickhouse import Server


@pytest.fixture(scope="session")
def shared_tables(clickhouse: Server) -> Tables:
    """The product's tables, with whatever the last test left in them."""
    return Tables(clickhouse, "panels_test")


@pytest.fixture(scope="session")
def empty_tables(clickhouse: Server) -> Tables:
    """Tables that no test fills."""
    return Tables(clickhouse, "empty_test")


@pytest.fixture
def tables(shared_tables: Tables) -> Tables:
    """Empty tables. A Hypothesis test calls `tables.clear()` before each example."""
    shared_tables.clear()
    return shared_tables
