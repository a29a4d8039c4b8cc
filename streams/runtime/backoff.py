"""Waiting for a service that is away: pauses that grow, the same words in log and heartbeat. IO: sleeps, logs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.tables import migrations

log = logging.getLogger("ackstream")

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds between tries

# What a ClickHouse client raises while its server is away, overloaded, or does not know a table yet.
AWAY = (ClickHouseError, OSError, TimeoutError)

APPLIED = "SELECT uniqExact(number) FROM schema_migrations"  # how many migrations the database has had

OnState = Callable[[str | None], None]


class Patience:
    """The pauses of one thing that is tried until it works; `on_state` gets why it does not, or None once it does."""

    def __init__(self, on_state: OnState) -> None:
        self._on_state = on_state
        self._pause = FIRST_PAUSE

    async def wait(self, why: str) -> None:
        """Tells `why`, then sleeps, each time twice as long up to LONGEST_PAUSE."""
        log.warning("%s; trying again in %.1f s", why, self._pause)
        self._on_state(why)
        await asyncio.sleep(self._pause)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def over(self) -> None:
        """It works: the next trouble begins with a short pause."""
        self._pause = FIRST_PAUSE
        self._on_state(None)


async def tables_made(applied: Callable[[], Awaitable[int]], on_state: OnState) -> None:
    """Waits until the database has had every migration; `applied` asks with APPLIED how many it has had."""
    patience = Patience(on_state)
    while True:
        try:
            made = await applied()
        except AWAY as error:
            await patience.wait(f"ClickHouse does not tell which tables it has: {type(error).__name__}")
        else:
            if made >= len(migrations()):
                patience.over()
                return
            await patience.wait("the tables in ClickHouse are not those of this version: apply the migrations")
