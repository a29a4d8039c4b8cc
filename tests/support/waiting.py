"""Waiting for an effect with a deadline."""

import time
from collections.abc import Callable


def came_true(check: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether `check` came true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
