"""`ackstream dead`: what could not be understood, and another try at it. IO."""

import asyncio
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
import orjson

from dashboards.terminal import console, table
from deploy import blocking
from deploy.cli.options import moment_of
from deploy.cli.progress_bar import progress_bar
from schemas.errors import Failure
from schemas.parsing.times import to_iso
from schemas.reasons import Reason
from schemas.settings.config import Config, load
from schemas.topics import RAW, SENT
from streams.replay import retry
from streams.replay.retry import Place
from streams.runtime.clickhouse import connect

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

COLUMNS = ("id", "source", "provider", "received_at", "reason", "detail", "request_id", "excerpt")
# Most lie in wa.raw: only another topic is part of the ID.
_ID = f"concat(if(raw.topic = '{RAW.name}', '', concat(raw.topic, ':')), "
_ID += "toString(raw.partition), ':', toString(raw.offset), ':', toString(raw.index))"
_LETTER = re.compile(rf"(?:({re.escape(RAW.name)}|{re.escape(SENT.name)}):)?(\d{{1,9}}):(\d{{1,18}}):(\d{{1,9}})")


@dataclass(slots=True, frozen=True)
class Chosen:
    """The letters that the filters choose; bound, so nothing of them is ever part of a statement."""

    where: str
    parameters: dict[str, Any]


def filters(function: Any) -> Any:
    """The options that every subcommand takes."""
    for option in (
        click.option("--to", "end", metavar="TIME", help="Received before."),
        click.option("--from", "start", metavar="TIME", help="Received at or after: an ISO time (UTC by default)."),
        click.option("--reason", type=click.Choice([str(one) for one in Reason if one is not Reason.RESOLVED])),
        click.option("--source", help="Of this source."),
    ):
        function = option(function)
    return function


def chosen(source: str | None, reason: str | None, start: str | None, end: str | None) -> Chosen:
    """The condition for a set of filters. Raises click.UsageError for a time that is none."""
    given = {
        "source": (source, "source = {source:String}"),
        "reason": (reason, "reason = {reason:String}"),
        "start": (moment_of("--from", start), "received_at >= fromUnixTimestamp64Milli({start:Int64})"),
        "end": (moment_of("--to", end), "received_at < fromUnixTimestamp64Milli({end:Int64})"),
    }
    used = {name: pair for name, pair in given.items() if pair[0] is not None}
    where = " AND ".join(condition for _, condition in used.values()) or "1"
    return Chosen(where, {name: value for name, (value, _) in used.items()})


@click.group()
def command() -> None:
    """What could not be understood (dead letters): list it, look at one, try again after a fix."""


@command.command("list")
@filters
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a letter.")
def list_(
    source: str | None, reason: str | None, start: str | None, end: str | None, limit: int, as_json: bool
) -> None:
    """Print the newest dead letters, and how many there are of each kind."""
    which = chosen(source, reason, start, end)
    with connect(load().clickhouse, reader=True) as client:
        rows = _rows(client, which.where, {**which.parameters, "limit": limit})
        if as_json:
            for row in rows:
                click.echo(orjson.dumps({**row, "received_at": _iso(row["received_at"])}))
            return
        counted = client.query(
            "SELECT source, reason, count() AS letters, min(received_at) AS oldest, max(received_at) AS newest "  # noqa: S608
            f"FROM dead_letters WHERE {which.where} GROUP BY source, reason ORDER BY letters DESC, source, reason",
            parameters=which.parameters,
        )
    screen = console()
    if not rows:
        screen.print("no dead letters")
        return
    shown = COLUMNS[:6]
    screen.print(table(shown, [[row[name] for name in shown] for row in rows]))
    screen.print(table(counted.column_names, counted.result_rows))
    screen.print("`ackstream dead show ID` tells more of one, `ackstream dead retry` tries again.", markup=False)


@command.command()
@click.argument("letter", metavar="ID")
@click.option("--body", is_flag=True, help="Print the raw body instead, as the provider sent it.")
def show(letter: str, body: bool) -> None:
    """Print what is known of one dead letter. Its body holds phone numbers and texts: only --body shows it."""
    place, config = _place(letter), load()
    if body:
        sys.stdout.buffer.write(_body(config, place))
        return
    with connect(config.clickhouse, reader=True) as client:
        rows = _rows(client, f"{_ID} = {{id:String}}", {"id": letter, "limit": 1})
    if not rows:
        raise Failure(f"there is no dead letter {letter}: `ackstream dead list` shows those there are")
    for name, value in rows[0].items():
        click.echo(f"{name:12s} {_iso(value) if name == 'received_at' else value}")


@command.command("retry")
@click.argument("letters", metavar="[ID]...", nargs=-1)
@filters
@click.option("--all", "everything", is_flag=True, help="Every dead letter there is.")
def retry_(
    letters: Sequence[str], source: str | None, reason: str | None, start: str | None, end: str | None, everything: bool
) -> None:
    """Send raw bodies through the parsers again, for instance after an update. Nothing is counted twice."""
    which, config = chosen(source, reason, start, end), load()
    if not (letters or which.parameters or everything):
        raise click.UsageError("say which: an ID, a filter, or --all")
    places = [_place(letter) for letter in letters]
    if not places:
        with connect(config.clickhouse, reader=True) as client:
            places = [
                Place(*row)
                for row in client.query(
                    "SELECT raw.partition, raw.offset, raw.index, raw.topic FROM dead_letters "  # noqa: S608
                    f"WHERE raw.topic IN ('{RAW.name}', '{SENT.name}') AND {which.where} ORDER BY 4, 1, 2, 3",
                    parameters=which.parameters,
                ).result_rows
            ]
    tried = asyncio.run(_retry(config, places))
    click.echo(f"tried {tried.done:,}: {tried.resolved:,} understood now, {tried.dead:,} still dead")
    if tried.gone:
        click.echo(f"{tried.gone:,} cannot be tried: Kafka has deleted their bodies (kafka.retention_days)")


async def _retry(config: Config, places: Sequence[Place]) -> retry.Progress:
    step = retry.Progress()
    with progress_bar() as progress:
        task = progress.task("retrying", len(places))
        async for step in retry.retry(config, places):
            task.update(step.done)
    return step


def _rows(client: "Client", where: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    found = client.query(
        f"SELECT {_ID} AS id, {', '.join(COLUMNS[1:])} FROM dead_letters WHERE {where} "  # noqa: S608
        "ORDER BY stored_at DESC, id LIMIT {limit:UInt32}",
        parameters=parameters,
    )
    return [dict(zip(COLUMNS, row, strict=True)) for row in found.result_rows]


def _iso(moment: Any) -> str | None:
    return None if moment is None else to_iso(int(moment.timestamp() * 1000))


def _place(letter: str) -> Place:
    found = _LETTER.fullmatch(letter)
    if found is None:
        raise click.UsageError(f"{letter!r} is no ID: take one from `ackstream dead list`, such as 3:1207:0")
    topic, partition, offset, index = found.groups()
    return Place(int(partition), int(offset), int(index), topic or RAW.name)


def _body(config: Config, place: Place) -> bytes:
    found = blocking.run(retry.body(config, place))
    if found is None:
        why = f"{place.topic} has no record {place.offset} in partition {place.partition}: its retention has passed"
        raise Failure(why)
    return found
