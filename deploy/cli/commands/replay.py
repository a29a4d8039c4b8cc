"""`ackstream replay`: processes the records in Kafka again."""

import asyncio
from datetime import UTC, datetime
from typing import Any, Final

import click

from deploy.cli.options import ShadowName, known_source, moment_of
from deploy.cli.progress_bar import progress_bar
from schemas.parsing.times import to_iso
from schemas.process import logs
from schemas.settings.config import Config, load
from schemas.topics import EVENTS, RAW, SENT
from streams.replay.reader import Selection
from streams.replay.run import begin, finish_swap, remove, unfinished
from streams.replay.saved_state import SavedReplay
from streams.replay.shadow.database import database_of

_REPAIR: Final = "wa.messages still has the previous rows: `ackstream check --repair` publishes those that differ"


class _Offset(click.ParamType):
    name = "PARTITION:OFFSET"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        partition, _, offset = str(value).partition(":")
        if not (partition.isdecimal() and offset.isdecimal()):
            self.fail(f"{value!r}: give a partition and an offset, such as 3:1207", param, ctx)
        return int(partition), int(offset)


_OFFSET = _Offset()


@click.command()
@click.option("--from", "start", metavar="TIME", help="`beginning`, or an ISO time (UTC by default).")
@click.option("--to", "end", metavar="TIME", help="Only records received before this time.")
@click.option("--from-offset", "starts", type=_OFFSET, multiple=True, help="Start at this offset. Repeatable.")
@click.option(
    "--to-offset",
    "ends",
    type=_OFFSET,
    multiple=True,
    help="Stop before this offset. Only the partitions named by these two options are read. Repeatable.",
)
@click.option(
    "--topic",
    type=click.Choice([RAW.name, SENT.name, EVENTS.name]),
    help=f"Read only this topic: bodies, sent records, or events as they were parsed at the time. "
    f"[default: {RAW.name} and {SENT.name}]",
)
@click.option("--source", help="Only what this source received.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="At most this many records a second.")
@click.option("--into", type=ShadowName(), help="Fill a shadow set of tables instead of the live ones.")
@click.option("--no-wait", is_flag=True, help="Do not wait until the load workers have processed the events.")
@click.option("--resume", is_flag=True, help="Continue the interrupted replay, as the same arguments would.")
@click.option("--restart", is_flag=True, help="Start from the beginning even if such a replay was interrupted.")
@click.option("--swap", type=ShadowName(), help="Replace the live tables by those of --into NAME.")
@click.option("--drop", type=ShadowName(), help="Remove the tables of --into NAME; after a swap, the previous ones.")
def command(swap: str | None, drop: str | None, **given: Any) -> None:
    """Process the records in Kafka again. All numbers stay the same, unless this version can parse more.

    A replay has no other effects: nothing is downloaded, answered or forwarded. To continue an interrupted
    replay, start it again with the same arguments.

    With --into NAME the live tables and topics are not touched: `ackstream diff NAME` shows what would change, --swap
    NAME makes the change. Readers see each table change at once.
    """
    alone = [bool(swap), bool(drop), given["resume"]]
    asked = any(given[name] for name in ("start", "starts", "ends"))
    if sum(alone) + asked != 1 or (any(alone) and any(given[name] for name in ("end", "into", "topic", "source"))):
        raise click.UsageError(
            "give --from or an offset (other filters are optional), or one of --resume, --swap, --drop"
        )
    logs.configure()  # retries are logged
    config = load()
    if drop:
        remove(config, drop)
        click.echo(f"removed the shadow {drop}")
    elif swap:
        with progress_bar() as progress:
            asyncio.run(finish_swap(config, swap, progress, click.echo))
        click.echo(f"the tables of {swap} are live; the previous ones stay in {database_of(config, swap)} until")
        click.echo(f"`ackstream replay --drop {swap}`. {_REPAIR}")
    else:
        _replay(config, given)


def _replay(config: Config, given: dict[str, Any]) -> None:
    selection, into = unfinished(config) if given["resume"] else (_selection(config, given), given["into"] or "")
    new = SavedReplay(selection, into, datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"))
    rate, restart, wait = given["rate"] or 0.0, given["restart"], not given["no_wait"]
    with progress_bar() as progress:
        state = asyncio.run(begin(config, new, progress, click.echo, rate=rate, restart=restart, wait=wait))
    if state is None:
        click.echo(f"the shadow {into} is complete: `ackstream diff {into}` compares it; --restart makes it again")
    else:
        _print(state)


def _print(state: SavedReplay) -> None:
    run, selection = state.run, state.selection
    what = "events" if EVENTS.name in selection.topics else "bodies"
    since = "" if selection.from_offsets or selection.to_offsets else " from beginning"
    if selection.from_ms is not None:
        since = f" from {to_iso(selection.from_ms)}"
    click.echo(f"replayed {run.done:,} {what}{since}: {run.events:,} events, {run.dead:,} dead letters")
    if state.into:
        click.echo(
            f"`ackstream diff {state.into}` shows what would change, `ackstream replay --swap {state.into}` makes it so"
        )


def _selection(config: Config, given: dict[str, Any]) -> Selection:
    source, topic = given["source"], given["topic"]
    known_source(config, source)
    starts, ends = dict(given["starts"]), dict(given["ends"])
    if (starts or ends) and topic is None:
        topic = RAW.name  # offsets are those of one topic
    if given["into"] and topic == EVENTS.name and (starts or ends):
        raise click.UsageError(f"--into takes no offsets of {EVENTS.name}: events of one body are in many partitions")
    topics = (RAW.name, SENT.name) if topic is None else (topic,)
    return Selection(moment_of("--from", given["start"]), moment_of("--to", given["end"]), source, topics, starts, ends)
