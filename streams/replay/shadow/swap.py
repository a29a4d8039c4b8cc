"""Puts a shadow's tables in the place of the live ones. IO: Kafka, ClickHouse, the state file.

What a reader sees: each table changes at once (EXCHANGE TABLES), all of them within milliseconds, and every view of
the live set reads from either one set or the other, for each reads from one table, or, of the messages touched within
the last second, from the truth. What workers load meanwhile is brought back by reading Kafka from before the exchange
once more. Until then, seconds, the newest events are missing.

A process may die anywhere: the next call finds out from the state file and the tables' UUIDs what has been done. The
one thing that must not go on during the exchange are the copy and the rollups, which read from some tables and write
to others: so it is done while this process holds the lease of the analytics processes.
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

# Kafka divides the group's partitions in the order of the members' names, which begin with these words: the first one
# gets the lease.
_FIRST: Final = "0-ackstream-swap"
_LEASE_SECONDS: Final = 90.0
# Of an INSERT that was running during the exchange.
_INSERT_SECONDS: Final = 120.0
# What has come during a round is the next one's; after one as short as this the rest is left to the last reading.
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
        on_step("reading what has come since")
        await _catch_up(config, state)
        yield "caught up"
        on_step("waiting for the load workers")  # what they take later may be of parsers that are older than these
        await wait_until_loaded(config, progress)
        on_step("completing the shadow")
        await asyncio.to_thread(_complete, config, state.into)
        yield "complete"
    if state.step in (READY, SWAPPING):
        on_step("waiting for the analytics process to rest")
        async with _lease(config) as leader:
            async for step in _exchange(config, state, leader, on_step):
                yield step
    on_step("bringing back what came meanwhile")
    await _finish(config, state)
    state.step = SWAPPED
    save(config, state)
    task.update(1, 1, "swapped")
    yield "done"


async def _exchange(
    config: Config, state: SavedReplay, leader: Leader, on_step: Callable[[str], None]
) -> AsyncGenerator[str, None]:
    """The exchange itself, with as little as possible missing from the shadow."""
    live, shadow = config.clickhouse.database, database_of(config, state.into)
    mixed = state.step == SWAPPING
    if state.step == READY:
        await _catch_up(config, state)
        await asyncio.to_thread(_complete, config, state.into)
        with connect(config.clickhouse) as client:
            ours, theirs = tables(client, live), tables(client, shadow)
        if ours.keys() != theirs.keys():
            different = ", ".join(sorted(ours.keys() ^ theirs.keys()))
            raise Failure(f"the live tables and the shadow's are not the same ({different}): begin the shadow anew")
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
        if mixed:  # between two processes the copy and the rollups may have been made from tables of both sets
            await asyncio.to_thread(_make_anew, client)
    state.step = EXCHANGED
    save(config, state)
    yield "noted"


async def _finish(config: Config, state: SavedReplay) -> None:
    """Gives the live tables what went to those before: read from Kafka, and what Kafka does not have, copied."""
    with connect(config.clickhouse) as client:
        await _inserts_end(client)
    await _read(config, config, state, await ends(config, state.selection.topics))
    await asyncio.to_thread(bring_back, config, state.into)


async def _catch_up(config: Config, state: SavedReplay) -> None:
    """Reads into the shadow what has come since it was made, in rounds that get shorter."""
    for _ in range(_MOST_ROUNDS):
        until = await ends(config, state.selection.topics)
        read = await _read(config, config_of(config, state.into), state, until)
        state.run.ends_at_start = until
        save(config, state)
        if read <= _SHORT_ROUND:
            return


async def _read(config: Config, target: Config, state: SavedReplay, until: dict[str, int]) -> int:
    """Reads all that came after the positions of the state into the target's tables; how many records that were."""
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
    """A process died before the first table was exchanged, who knows when: the shadow has to catch up again."""
    with connect(config.clickhouse) as client:
        if len(_not_exchanged(client, config, state)) == len(state.tables):
            state.step = READY
            save(config, state)


def _not_exchanged(client: "Client", config: Config, state: SavedReplay) -> list[str]:
    """Tables that are still where they were. event_log is the last.

    A worker's INSERT opens it first and then the tables behind it: so if it meets the exchange in the middle, its
    events stay in the old event_log, where they are looked for afterwards.
    """
    now = tables(client, config.clickhouse.database)
    for name, (ours, theirs) in state.tables.items():
        if now.get(name) not in (ours, theirs):
            raise Failure(f"the table {name} was made anew since the swap began: it cannot be finished")
    left = [name for name, (ours, _) in state.tables.items() if now[name] == ours]
    return sorted(left, key=lambda name: (name == EVENT_LOG, name))


def _make_anew(client: "Client") -> None:
    client.command("TRUNCATE TABLE rebuilt_log")
    copy.rebuild(client)


async def _inserts_end(client: "Client") -> None:
    """Waits until every INSERT that may have begun before the exchange has ended."""
    began = time.monotonic()

    async def ended() -> bool:
        running = client.command(
            "SELECT count() FROM system.processes WHERE query_kind IN ('Insert', 'AsyncInsertFlush') "
            "AND elapsed >= {since:Float64}",
            {"since": time.monotonic() - began},
        )
        return not running

    if not await wait_for_async(ended, _INSERT_SECONDS):
        raise Failure("an INSERT that began before the exchange does not end: run the same command again")


@asynccontextmanager
async def _lease(config: Config) -> AsyncIterator[Leader]:
    """Holds the lease of the analytics processes: none of them works meanwhile."""
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
            raise Failure("the analytics process does not rest: see `make status`, and run the same command again")
        yield leader
    finally:
        for task in (running, waiting):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
