"""Waits until the load workers have taken what is on Kafka now. IO: asks Kafka."""

import asyncio
import time
from collections.abc import Callable

from schemas.errors import Failure
from schemas.settings.config import Config
from streams.replay.reader import loading

# Without any event taken for this long the load worker is taken for dead.
PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.3


async def wait_until_loaded(config: Config, on_left: Callable[[int], None]) -> None:
    """Tells `on_left` how many events are left, again and again; ends with 0. Raises Failure when nothing moves."""
    fewest: int | None = None
    moved = time.monotonic()
    async for left in loading(config):
        on_left(left)
        if fewest is None or left < fewest:
            fewest, moved = left, time.monotonic()
        if time.monotonic() - moved > PATIENCE_SECONDS:
            raise Failure(f"the load worker takes no events, {left:,} are waiting in Kafka: see `make status`")
        if left:
            await asyncio.sleep(_POLL_SECONDS)
