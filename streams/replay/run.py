"""The course of a replay, from its begin or its resumption to its end, as a person sees it. IO."""

from collections.abc import Callable
from datetime import UTC, datetime

import click
from rich.progress import Progress

from schemas.errors import Failure
from schemas.parsing.times import to_iso
from schemas.settings.config import Config
from schemas.topics import EVENTS
from streams.replay import saved_state
from streams.replay.loaded import wait_until_loaded
from streams.replay.reader import Wanted, replay
from streams.replay.saved_state import EXCHANGED, READ, READING, READY, SWAPPED, SWAPPING, State, alone, shadow_id
from streams.replay.shadow import database
from streams.replay.shadow.complete import complete, make_rest, note_messages
from streams.replay.shadow.swap import swap
from streams.replay.sinks import REPLAYED, ToStreams, ToTables
from streams.runtime.clickhouse import connect
from streams.runtime.progress import progress

REPAIR = "wa.messages says what it said before: `ackstream check --repair` publishes again what differs"


async def begin(config: Config, wanted: Wanted, into: str, *, rate: float, restart: bool, wait: bool) -> None:
    """Begins a replay, or goes on with the one of the same arguments, and brings it to its end. Raises Failure."""
    if into:
        check_name(into)
    new = State(wanted, into, datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"))
    with alone(config, new.id):
        if into:
            refuse_half_swap(config, into)
        if restart:
            saved_state.forget(config, new.id)
            if into:
                database.drop(config, into)
        state = _known(config, new) or new
        if state.step == READY:
            click.echo(f"the shadow {into} is complete: `ackstream diff {into}` compares it; --restart begins it anew")
            return
        if into:
            database.make(config, into)
        elif EVENTS.name in wanted.topics:
            connect(config.clickhouse).close()  # says what is wrong with it, if anything is
        with progress() as bar:
            if state.step == READING:
                await _read(config, state, rate, bar)
            if into:
                _make_ready(config, state, bar)
            elif wait and EVENTS.name not in wanted.topics:
                await _wait(config, bar)
        if not into:
            saved_state.forget(config, state.id)
    _tell(state)


def check_name(name: str) -> None:
    """Raises click.UsageError for a name that no shadow can have."""
    if not database.NAME.fullmatch(name):
        raise click.UsageError(f"{name!r} names no shadow: use a-z, 0-9 and _, at most 32 characters")


def unfinished(config: Config) -> tuple[Wanted, str]:
    """The one replay that was cut off: what was asked for and the name of its shadow. Raises Failure."""
    found = [state for state in saved_state.every(config) if state.step in (READING, READ)]
    if not found:
        raise Failure("no replay was cut off: begin one with --from")
    if len(found) > 1:
        begun = ", ".join(f"{state.started_at}{f' into {state.into}' if state.into else ''}" for state in found)
        raise Failure(f"several replays were cut off (begun {begun}): start the one you mean with its arguments")
    return found[0].wanted, found[0].into


def refuse_half_swap(config: Config, but: str = "") -> None:
    """Raises Failure while a swap, unless that of `but`, is to be finished: some live tables may be those of before."""
    for state in saved_state.every(config):
        if state.step in (SWAPPING, EXCHANGED) and state.into != but:
            raise Failure(f"a swap was cut off: finish it first with `ackstream replay --swap {state.into}`")


def remove(config: Config, name: str) -> None:
    """Removes a shadow. Raises Failure when there is none, or its swap is to be finished."""
    check_name(name)
    with alone(config, shadow_id(name)):
        refuse_half_swap(config)
        dropped = database.drop(config, name)
        if not dropped and saved_state.find(config, shadow_id(name)) is None:
            raise Failure(f"there is no shadow {name}: there are {', '.join(database.names(config)) or 'none'}")
        saved_state.forget(config, shadow_id(name))
    click.echo(f"removed the shadow {name}")


async def finish_swap(config: Config, name: str) -> None:
    """Swaps, or brings a swap that was cut off to its end. Raises Failure."""
    check_name(name)
    with alone(config, "swap"), alone(config, shadow_id(name)):
        refuse_half_swap(config, name)
        state = saved_state.find(config, shadow_id(name))
        if state is None:
            raise Failure(f"there is no shadow {name}: make it with `ackstream replay --from beginning --into {name}`")
        if state.step in (READING, READ):
            raise Failure(f"the replay into {name} was cut off: finish it first with `ackstream replay --resume`")
        if EVENTS.name in state.wanted.topics:
            raise Failure(f"the shadow {name} was made of {EVENTS.name}, which has no dead letters: make it of bodies")
        if state.step == SWAPPED:
            raise Failure(
                f"the shadow {name} has been swapped and holds the tables of before: --drop {name} removes it"
            )
        if state.step in (SWAPPING, EXCHANGED):
            click.echo("going on with the swap that was cut off")
        with progress() as bar:
            task = bar.add_task("beginning", total=None)
            async for _ in swap(config, state, lambda what: bar.update(task, description=what)):
                pass
            bar.update(task, description="swapped", total=1, completed=1)
    click.echo(f"the tables of {name} are live; those of before are in {database.database_of(config, name)} until")
    click.echo(f"`ackstream replay --drop {name}`. {REPAIR}")


def _known(config: Config, new: State) -> State | None:
    """What is remembered of this very replay. Raises Failure when it cannot be gone on with."""
    state = saved_state.find(config, new.id)
    if state is None:
        if new.into and new.into in database.names(config):
            raise Failure(f"there is a shadow {new.into} of which nothing is remembered here: --restart begins it anew")
        return None
    if state.wanted != new.wanted:
        raise Failure(f"the shadow {new.into} was begun with other arguments: take another name, or --restart")
    if state.step == SWAPPED:
        raise Failure(f"the shadow {new.into} has been swapped: remove it with `ackstream replay --drop {new.into}`")
    if state.step == READING:
        done, total = state.run.done, state.run.total
        click.echo(f"going on with the replay begun {state.started_at}: {done:,} of {total:,} records are done")
    return state


async def _read(config: Config, state: State, rate: float, bar: Progress) -> None:
    task = bar.add_task("replaying", total=None)
    where = f" into {state.into}" if state.into else ""

    def on_state(trouble: str | None) -> None:
        bar.update(task, description=f"replaying{where}" if trouble is None else trouble)

    saved_state.save(config, state)
    async with _sink(config, state, on_state) as sink:
        async for run in replay(config, state.wanted, sink, state.run, rate):
            saved_state.save(config, state)
            bar.update(task, completed=run.done, total=run.total)
    state.step = READ
    saved_state.save(config, state)


def _sink(config: Config, state: State, on_state: Callable[[str | None], None]) -> ToTables | ToStreams:
    if state.into:
        replayed = f"{database.database_of(config, state.into)}.{REPLAYED}"
        return ToTables(database.config_of(config, state.into), replayed, on_state)
    if EVENTS.name in state.wanted.topics:
        return ToTables(config, None, on_state)
    return ToStreams(config)


def _make_ready(config: Config, state: State, bar: Progress) -> None:
    task = bar.add_task("completing", total=None)

    def on_step(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total)

    note_messages(config, state.into, on_step)
    complete(config, state.into, everything=False, on_step=on_step)
    make_rest(config, state.into)
    state.step = READY
    saved_state.save(config, state)


async def _wait(config: Config, bar: Progress) -> None:
    task = bar.add_task("loading", total=None)
    first: int | None = None

    def on_left(left: int) -> None:
        nonlocal first
        first = left if first is None else first
        bar.update(task, completed=first - left, total=first)

    await wait_until_loaded(config, on_left)


def _tell(state: State) -> None:
    run, wanted = state.run, state.wanted
    what = "events" if EVENTS.name in wanted.topics else "bodies"
    since = "" if wanted.from_offsets or wanted.to_offsets else " from beginning"
    if wanted.from_ms is not None:
        since = f" from {to_iso(wanted.from_ms)}"
    click.echo(f"replayed {run.done:,} {what}{since}: {run.events:,} events, {run.dead:,} dead letters")
    if state.into:
        click.echo(
            f"`ackstream diff {state.into}` shows what would change, `ackstream replay --swap {state.into}` does it"
        )
