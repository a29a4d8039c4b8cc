"""`ackstream replay`. IO."""

import asyncio
from typing import Any

import click

from deploy.cli.kafka_away import kafka_away
from schemas.clickhouse_errors import sentence
from schemas.errors import Failure
from schemas.parsing.times import parse_time
from schemas.settings.config import Config, load
from schemas.topics import EVENTS, RAW, SENT
from streams.replay.reader import Wanted
from streams.replay.run import begin, finish_swap, remove, unfinished
from streams.runtime.clickhouse import ClickHouseError

BEGINNING = "beginning"


def moment_of(option: str, text: str | None) -> int | None:
    """Milliseconds of a time, None for the beginning or no bound. Raises click.UsageError."""
    if text is None or text.strip().lower() == BEGINNING:
        return None
    moment = parse_time(text)
    if moment is None:
        raise click.UsageError(f"{option} {text!r}: give `{BEGINNING}` or a time such as 2026-11-20T12:00:00Z")
    return moment


def known_source(config: Config, source: str | None) -> None:
    """Raises click.UsageError for a source that the settings do not name."""
    if source is not None and source not in config.sources:
        raise click.UsageError(f"--source {source!r}: the settings name {', '.join(config.sources) or 'no source'}")


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
@click.option("--to", "end", metavar="TIME", help="Only what was received before.")
@click.option("--from-offset", "starts", type=_OFFSET, multiple=True, help="From there on. May be repeated.")
@click.option(
    "--to-offset",
    "ends",
    type=_OFFSET,
    multiple=True,
    help="What stands before it. Only partitions that one of these names are read.",
)
@click.option(
    "--topic",
    type=click.Choice([RAW.name, SENT.name, EVENTS.name]),
    help=f"Read this one alone: bodies, sent records, or events as they were understood then. "
    f"[default: {RAW.name} and {SENT.name}]",
)
@click.option("--source", help="Only what this source received.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="At most so many records a second.")
@click.option("--into", metavar="NAME", help="Into tables of its own instead of the live ones, for `ackstream diff`.")
@click.option("--no-wait", is_flag=True, help="Do not wait until the load workers have taken the events.")
@click.option("--resume", is_flag=True, help="Go on with the replay that was cut off; its arguments do the same.")
@click.option("--restart", is_flag=True, help="Begin anew, even if such a replay was begun.")
@click.option("--swap", metavar="NAME", help="Put the tables of --into NAME in the place of the live ones.")
@click.option("--drop", metavar="NAME", help="Remove the tables of --into NAME, after a swap those of before.")
def command(swap: str | None, drop: str | None, **given: Any) -> None:
    """Process again what is stored in Kafka. All numbers stay the same, unless this version understands more.

    Nothing else happens: nothing is downloaded, answered or forwarded. A replay that was cut off goes on where it was
    when it is started again with the same arguments.

    With --into NAME the live tables and topics are not touched: `ackstream diff NAME` shows what would change, --swap
    NAME makes it so. Readers see each table change at once.
    """
    alone = [bool(swap), bool(drop), given["resume"]]
    asked = any(given[name] for name in ("start", "starts", "ends"))
    if sum(alone) + asked != 1 or (any(alone) and any(given[name] for name in ("end", "into", "topic", "source"))):
        raise click.UsageError("say what: --from or an offset with what narrows it, or one of --resume, --swap, --drop")
    config = load()
    if drop:
        remove(config, drop)
        return
    try:
        with kafka_away(config.kafka.bootstrap):
            if swap:
                asyncio.run(finish_swap(config, swap))
            else:
                asyncio.run(_replay(config, given))
    except ClickHouseError as error:
        raise Failure(f"ClickHouse does not take part, start the same command again later: {sentence(error)}") from None


async def _replay(config: Config, given: dict[str, Any]) -> None:
    wanted, into = unfinished(config) if given["resume"] else (_wanted(config, given), given["into"] or "")
    await begin(config, wanted, into, rate=given["rate"] or 0.0, restart=given["restart"], wait=not given["no_wait"])


def _wanted(config: Config, given: dict[str, Any]) -> Wanted:
    source, topic = given["source"], given["topic"]
    known_source(config, source)
    starts, ends = dict(given["starts"]), dict(given["ends"])
    if (starts or ends) and topic is None:
        topic = RAW.name  # offsets are those of one topic
    if given["into"] and topic == EVENTS.name and (starts or ends):
        raise click.UsageError(f"--into takes no offsets of {EVENTS.name}: events of one body are in many partitions")
    topics = (RAW.name, SENT.name) if topic is None else (topic,)
    return Wanted(moment_of("--from", given["start"]), moment_of("--to", given["end"]), source, topics, starts, ends)
