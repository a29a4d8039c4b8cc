"""Puts a shadow's tables in the place of the live ones.

What readers see: each table changes at once (EXCHANGE TABLES), all of them within milliseconds. Every view of the live
set reads from one set or the other, because it reads from one table, or from the lifecycle for messages that changed
within the last second; `delivery_rates`, which adds days of a rollup to those, may mix the two sets for as long as the
exchange lasts. What workers load meanwhile is restored by reading Kafka again from before the exchange; until
then, for seconds, the newest events are missing.

The process may die anywhere: the next call finds out from the saved state and the tables' UUIDs what has been done.
Only the copy and the rollups, which read from some tables and write to others, must not run during the exchange: so
this process holds the lease of the analytics processes meanwhile.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from schemas.errors import Failure
from schemas.process.waiting import wait_for_async
from schemas.settings.config import Config
from schemas.tables import EVENT_LOG, migrations
from streams.analytics import copy
from streams.analytics.leader import Leader
from streams.replay.loaded import wait_until_loaded
from streams.replay.reader import Run, Selection, ends, replay
from streams.replay.saved_state import EXCHANGED, READY, SWAPPED, SWAPPING, SavedReplay, save
from streams.replay.shadow.complete import bring_back, complete, make_rest
from streams.replay.shadow.database import config_of, database_of, tables, update
from streams.replay.sinks import REPLAYED, ToTables
from streams.runtime.clickhouse import connect
from streams.runtime.migrations import unapplied
from streams.runtime.progress import Progress

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# Kafka assigns the group's partitions in the order of the members' names, which begin with the client id: the first
# one gets the lease.
_FIRST: Final = "0-ackstream-swap"
_LEASE_SECONDS: Final = 90.0
# The longest wait for an INSERT that was running during the exchange.
_INSERT_SECONDS: Final = 120.0
# Each round reads what arrived during the one before; a round of at most this many records is the last one.
_SHORT_ROUND: Final = 2_000
_MOST_ROUNDS: Final = 10


async def swap(config: Config, state: SavedReplay, progress: Progress) -> AsyncGenerator[str, None]:
    """Does what is left to be done; yields the name of each step that need not be done again."""
    task = progress.task("preparing the swap")

    def on_step(text: str) -> None:
        task.update(text=text)

    with connect(config.clickhouse) as client:
        if unapplied(client, migrations()):
            raise Failure("the live tables are not those of this version: run `ackstream migrate` first")
    await asyncio.to_thread(update, config, state.into)
    if state.step == SWAPPING:
        _go_back_if_untouched(config, state)
    if state.step == READY:
        on_step("reading the records since the replay")
        await _catch_up(config, state)
        yield "caught up"
        on_step("waiting for the load workers")  # so that nothing of older parsers is loaded later
        await wait_until_loaded(config, progress)
        on_step("completing the shadow")
        await asyncio.to_thread(_complete, config, state.into)
        yield "complete"
    if state.step in (READY, SWAPPING):
        on_step("waiting for the lease of the analytics process")
        async with _lease(config) as leader:
            async for step in _exchange(config, state, leader, on_step):
                yield step
    on_step("restoring what was loaded meanwhile")
    await _finish(config, state)
    state.step = SWAPPED
    save(config, state)
    task.update(1, 1, "swapped")
    yield "done"


async def _exchange(
    config: Config, state: SavedReplay, leader: Leader, on_step: Callable[[str], None]
) -> AsyncGenerator[str, None]:
    """Exchanges the tables, after a last catch-up of the shadow."""
    live, shadow = config.clickhouse.database, database_of(config, state.into)
    mixed = state.step == SWAPPING
    if state.step == READY:
        await _catch_up(config, state)
        await asyncio.to_thread(_complete, config, state.into)
        with connect(config.clickhouse) as client:
            ours, theirs = tables(client, live), tables(client, shadow)
        if ours.keys() != theirs.keys():
            different = ", ".join(sorted(ours.keys() ^ theirs.keys()))
            raise Failure(f"the live and the shadow's tables are not the same ({different}): --restart the shadow")
        state.tables = {name: [ours[name], theirs[name]] for name in ours}
        state.step = SWAPPING
        save(config, state)
        yield "marked"
    on_step("exchanging the tables")
    if not leader.is_leading:
        raise Failure("the lease of the analytics process was lost: run the same command again")
    with connect(config.clickhouse) as client:
        if left := _not_exchanged(client, config, state):
            client.command("EXCHANGE TABLES " + ", ".join(f"`{live}`.`{one}` AND `{shadow}`.`{one}`" for one in left))
        yield "exchanged"
        if mixed:  # after a crash in between, the copy and the rollups may have been made from both sets
            await asyncio.to_thread(_rebuild, client)
    state.step = EXCHANGED
    save(config, state)
    yield "noted"


async def _finish(config: Config, state: SavedReplay) -> None:
    """Restores in the live tables what went to the previous ones: from Kafka, and what Kafka lacks by copying."""
    with connect(config.clickhouse) as client:
        await _inserts_end(client)
    await _read(config, config, state, await ends(config, state.selection.topics))
    await asyncio.to_thread(bring_back, config, state.into)


async def _catch_up(config: Config, state: SavedReplay) -> None:
    """Reads into the shadow what has arrived since it was made, in rounds that get shorter."""
    for _ in range(_MOST_ROUNDS):
        until = await ends(config, state.selection.topics)
        read = await _read(config, config_of(config, state.into), state, until)
        state.run.ends_at_start = until
        save(config, state)
        if read <= _SHORT_ROUND:
            return


async def _read(config: Config, target: Config, state: SavedReplay, until: dict[str, int]) -> int:
    """Reads all records after the positions of the state into the target's tables; returns how many."""
    begin = {place: min(state.run.ends_at_start.get(place, 0), end) for place, end in until.items()}
    run = Run(begin, until, until, has_positions=True, total=sum(until[place] - begin[place] for place in until))
    async with ToTables(target, f"{database_of(config, state.into)}.{REPLAYED}") as sink:
        async for _ in replay(config, Selection(topics=state.selection.topics), sink, run):
            pass
    return run.total


def _complete(config: Config, name: str) -> None:
    complete(config, name, everything=True)
    make_rest(config, name)


def _go_back_if_untouched(config: Config, state: SavedReplay) -> None:
    """If no table was exchanged before an earlier process died, the shadow has to catch up again."""
    with connect(config.clickhouse) as client:
        if len(_not_exchanged(client, config, state)) == len(state.tables):
            state.step = READY
            save(config, state)


def _not_exchanged(client: "Client", config: Config, state: SavedReplay) -> list[str]:
    """The tables that are not exchanged yet; event_log is the last.

    A worker's INSERT opens it first and then the tables behind it. So if the exchange happens in the middle of one, its
    events stay in the previous event_log, from which they are restored afterwards.
    """
    now = tables(client, config.clickhouse.database)
    for name, (ours, theirs) in state.tables.items():
        if now.get(name) not in (ours, theirs):
            raise Failure(f"the table {name} was created again since the swap began: the swap cannot be finished")
    left = [name for name, (ours, _) in state.tables.items() if now[name] == ours]
    return sorted(left, key=lambda name: (name == EVENT_LOG, name))


def _rebuild(client: "Client") -> None:
    client.command("TRUNCATE TABLE rebuilt_log")
    copy.rebuild(client)


async def _inserts_end(client: "Client") -> None:
    """Waits until every INSERT that may have begun before the exchange has ended. Raises Failure after a while."""
    began = time.monotonic()

    async def ended() -> bool:
        running = client.command(
            "SELECT count() FROM system.processes WHERE query_kind IN ('Insert', 'AsyncInsertFlush') "
            "AND elapsed >= {since:Float64}",
            {"since": time.monotonic() - began},
        )
        return not running

    if not await wait_for_async(ended, _INSERT_SECONDS):
        raise Failure("an INSERT that began before the exchange has not ended yet: run the same command again")


@asynccontextmanager
async def _lease(config: Config) -> AsyncIterator[Leader]:
    """Holds the lease of the analytics processes: none of them is active meanwhile."""
    held = asyncio.Event()

    async def hold() -> None:
        held.set()
        await asyncio.Event().wait()

    troubles: list[str | None] = []
    leader = Leader(config, hold, troubles.append, _FIRST)
    running = asyncio.create_task(leader.run())
    waiting = asyncio.create_task(held.wait())
    try:
        await asyncio.wait([running, waiting], timeout=_LEASE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not held.is_set():
            raise Failure(
                "the analytics process did not release its lease: see `make status`, then run this command again"
            )
        yield leader
    finally:
        for task in (running, waiting):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
