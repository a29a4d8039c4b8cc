"""Fixtures of all tests. Services are real and are started from tests/support alone."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import Stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """The whole way, up and ready, of this test alone. Its logs are shown when the test fails."""
    whole = Stack(tmp_path)
    try:
        yield whole.up()
    finally:
        whole.down()
        for log in sorted(tmp_path.glob("*.log")):
            sys.stdout.write(f"--- {log.name}\n{log.read_text()[-4000:]}\n")
