"""Set-up of all tests: a clean environment, Hypothesis profiles, which tests need services, their order."""

import os

import pytest
from hypothesis import settings

from tests.support.environment import remove_settings, use_memory

# Before the fixtures are imported: the metrics library reads its variables at import.
remove_settings(os.environ)
use_memory(os.environ)

pytest_plugins = ["tests.support.fixtures"]

# Hypothesis profiles: `default` runs with the other tests; `fuzz` is for one round of `make fuzz`, which takes some two
# minutes, so that five minutes search every kind of input.
# Neither has a deadline for an example, because the machine may be busy.
settings.register_profile("default", max_examples=100, deadline=None)
settings.register_profile("fuzz", max_examples=400, deadline=None)

# A test gets the marker `service` when it uses one of these fixtures or its file names one of these classes: they start
# a broker, an engine, a browser or a process of the product. Other tests that start something carry the marker in
# their file.
SERVICE_FIXTURES = {"bare_kafka", "clickhouse", "engine", "kafka", "server", "stack", "start", "tables", "watched"}
SERVICE_CLASSES = {"Broker", "Browser", "EdgeProcess", "Engine", "Installation", "Server", "Site", "Stack", "StartEdge"}
# The longest files, in this order: xdist hands out whole files, and one begun last leaves the other processes idle.
LONGEST_FIRST = ("local", "faults", "e2e", "analytics", "simulator", "page", "reconcile", "ingest", "panels")


@pytest.hookimpl(tryfirst=True)  # before pytest deselects by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks tests that need services and puts the folders of long files first."""
    for item in items:
        names = vars(item.getparent(pytest.Module).obj)  # type: ignore[union-attr]
        if SERVICE_FIXTURES & set(getattr(item, "fixturenames", ())) or SERVICE_CLASSES & set(names):
            item.add_marker("service")
    items.sort(key=rank)


def rank(item: pytest.Item) -> int:
    """The place of the test's folder in LONGEST_FIRST."""
    return next((place for place, name in enumerate(LONGEST_FIRST) if name in item.path.parts), len(LONGEST_FIRST))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names binary parameters by their argument: packed bytes may hold the time, so that each process has other ids."""
    return argname if isinstance(val, bytes) and not (val.isascii() and val.decode().isprintable()) else None
