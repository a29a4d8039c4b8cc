"""The steps of a replay: start or continue, complete, swap, drop."""

from collections.abc import Callable

from schemas.errors import Failure
from schemas.settings.config import Config
from schemas.topics import EVENTS
from streams.replay import saved_state
from streams.replay.loaded import wait_until_loaded
from streams.replay.reader import Selection, replay
from streams.replay.saved_state import (
    EXCHANGED,
    READ,
    READING,
    READY,
    SWAPPED,
    SWAPPING,
    SavedReplay,
    exclusive,
    shadow_id,
)
from streams.replay.shadow import database
from streams.replay.shadow.complete import complete, make_rest, note_messages
from streams.replay.shadow.swap import swap
from streams.replay.sinks import REPLAYED, ToStreams, ToTables
from streams.runtime.clickhouse import connect
from streams.runtime.progress import Progress

# What the caller prints at once: one sentence.
Print = Callable[[str], None]


async def begin(
    config: Config, new: SavedReplay, progress: Progress, echo: Print, *, rate: float, restart: bool, wait: bool
) -> SavedReplay | None:
    """Begins a replay, or continues the one of the same arguments, and brings it to its end.

    Returns its state, None when the shadow was complete before. `wait`: until the load workers have taken the events.
    Raises Failure, KafkaError, OSError and ClickHouseError.
    """
    with exclusive(config, new.id):
        if new.into:
            refuse_half_swap(config, new.into)
        if restart:
            _forget(config, new)
        state = _known(config, new, echo) or new
        if state.step == READY:
            return None
        if state.into:
            database.make(config, state.into)
        elif EVENTS.name in state.selection.topics:
            connect(config.clickhouse).close()  # raises when ClickHouse does not answer
        if state.step == READING:
            await _read(config, state, rate, progress)
        if state.into:
            _make_ready(config, state, progress)
            return state
        if wait and EVENTS.name not in state.selection.topics:
            await wait_until_loaded(config, progress)
        saved_state.forget(config, state.id)
    return state


def _forget(config: Config, replay: SavedReplay) -> None:
    saved_state.forget(config, replay.id)
    if replay.into:
        database.drop(config, replay.into)


def unfinished(config: Config) -> tuple[Selection, str]:
    """The interrupted replay, if there is exactly one: its arguments and the name of its shadow. Raises Failure."""
    found = [state for state in saved_state.all_saved(config) if state.step in (READING, READ)]
    if not found:
        raise Failure("no replay was interrupted: begin one with --from")
    if len(found) > 1:
        begun = ", ".join(f"{state.started_at}{f' into {state.into}' if state.into else ''}" for state in found)
        raise Failure(f"several replays were interrupted (begun {begun}): start one of them again with its arguments")
    return found[0].selection, found[0].into


def refuse_half_swap(config: Config, but: str = "") -> None:
    """Raises Failure while a swap, except that of `but`, is unfinished: some live tables may be the previous ones."""
    for state in saved_state.all_saved(config):
        if state.step in (SWAPPING, EXCHANGED) and state.into != but:
            raise Failure(f"a swap was interrupted: finish it first with `ackstream replay --swap {state.into}`")


def remove(config: Config, name: str) -> None:
    """Removes a shadow. Raises Failure when there is none, or a swap is unfinished."""
    with exclusive(config, shadow_id(name)):
        refuse_half_swap(config)
        dropped = database.drop(config, name)
        if not dropped and saved_state.find(config, shadow_id(name)) is None:
            raise Failure(f"there is no shadow {name}: there are {', '.join(database.names(config)) or 'none'}")
        saved_state.forget(config, shadow_id(name))


async def finish_swap(config: Config, name: str, progress: Progress, echo: Print) -> None:
    """Swaps, or finishes a swap that was interrupted. Raises Failure, KafkaError, OSError and ClickHouseError."""
    with exclusive(config, "swap"), exclusive(config, shadow_id(name)):
        refuse_half_swap(config, name)
        state = saved_state.find(config, shadow_id(name))
        if state is None:
            raise Failure(f"there is no shadow {name}: make it with `ackstream replay --from beginning --into {name}`")
        if state.step in (READING, READ):
            raise Failure(f"the replay into {name} was interrupted: finish it first with `ackstream replay --resume`")
        if EVENTS.name in state.selection.topics:
            raise Failure(f"the shadow {name} was made from {EVENTS.name}, which has no dead letters: replay bodies")
        if state.step == SWAPPED:
            raise Failure(f"the shadow {name} has been swapped and holds the previous tables: --drop {name} removes it")
        if state.step in (SWAPPING, EXCHANGED):
            echo("continuing the swap that was interrupted")
        async for _ in swap(config, state, progress):
            pass


def _known(config: Config, new: SavedReplay, echo: Print) -> SavedReplay | None:
    """The saved state of this very replay. Raises Failure when it cannot be continued."""
    state = saved_state.find(config, new.id)
    if state is None:
        if new.into and new.into in database.names(config):
            raise Failure(f"the shadow {new.into} exists, but its saved state does not: --restart makes it again")
        return None
    if state.selection != new.selection:
        raise Failure(f"the shadow {new.into} was begun with other arguments: use another name, or --restart")
    if state.step == SWAPPED:
        raise Failure(f"the shadow {new.into} has been swapped: remove it with `ackstream replay --drop {new.into}`")
    if state.step == READING:
        done, total = state.run.done, state.run.total
        echo(f"continuing the replay begun {state.started_at}: {done:,} of {total:,} records are done")
    return state


async def _read(config: Config, state: SavedReplay, rate: float, progress: Progress) -> None:
    text = f"replaying into {state.into}" if state.into else "replaying"
    task = progress.task(text)

    def on_state(trouble: str | None) -> None:
        task.update(text=text if trouble is None else trouble)

    saved_state.save(config, state)
    async with _sink(config, state, on_state) as sink:
        async for run in replay(config, state.selection, sink, state.run, rate):
            saved_state.save(config, state)
            task.update(run.done, run.total)
    state.step = READ
    saved_state.save(config, state)


def _sink(config: Config, state: SavedReplay, on_state: Callable[[str | None], None]) -> ToTables | ToStreams:
    if state.into:
        replayed = f"{database.database_of(config, state.into)}.{REPLAYED}"
        return ToTables(database.config_of(config, state.into), replayed, on_state)
    if EVENTS.name in state.selection.topics:
        return ToTables(config, None, on_state)
    return ToStreams(config)


def _make_ready(config: Config, state: SavedReplay, progress: Progress) -> None:
    task = progress.task("completing")
    note_messages(config, state.into, task.update)
    complete(config, state.into, everything=False, on_step=task.update)
    make_rest(config, state.into)
    state.step = READY
    saved_state.save(config, state)
