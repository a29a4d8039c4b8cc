"""`ackstream dead`: lists, shows and retries dead letters."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import click

from dashboards.terminal import cell, console, table
from deploy.cli.options import moment_of
from deploy.cli.progress_bar import progress_bar
from schemas.errors import Failure
from schemas.parsing.json_text import dumps
from schemas.parsing.json_types import JsonObject
from schemas.parsing.times import to_iso
from schemas.reasons import Reason
from schemas.settings.config import Config, load
from schemas.topics import RAW, SENT
from streams.replay import retry
from streams.runtime.clickhouse import connect
from streams.runtime.element_position import ID_SQL, ElementPosition

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

COLUMNS = ("id", "source", "provider", "received_at", "reason", "detail", "request_id", "excerpt")
Function = TypeVar("Function", bound=Callable[..., object])


@dataclass(slots=True, frozen=True)
class Selection:
    """A selection of dead letters: an SQL condition and its bound parameters."""

    where: str
    parameters: dict[str, object]


def filters(function: Function) -> Function:
    """Adds the options that the subcommands have in common."""
    for option in (
        click.option("--to", "end", metavar="TIME", help="Received before this time."),
        click.option("--from", "start", metavar="TIME", help="Received at or after: an ISO time (UTC by default)."),
        click.option(
            "--reason",
            type=click.Choice([str(one) for one in Reason if one is not Reason.RESOLVED]),
            help="Only dead letters with this reason.",
        ),
        click.option("--source", help="Only dead letters of this source."),
    ):
        function = option(function)
    return function


def selection(source: str | None, reason: str | None, start: str | None, end: str | None) -> Selection:
    """The selection that these filters make. Raises click.UsageError for a malformed time."""
    given = {
        "source": (source, "source = {source:String}"),
        "reason": (reason, "reason = {reason:String}"),
        "start": (moment_of("--from", start), "received_at >= fromUnixTimestamp64Milli({start:Int64})"),
        "end": (moment_of("--to", end), "received_at < fromUnixTimestamp64Milli({end:Int64})"),
    }
    used = {name: pair for name, pair in given.items() if pair[0] is not None}
    where = " AND ".join(condition for _, condition in used.values()) or "1"
    return Selection(where, {name: value for name, (value, _) in used.items()})


@click.group()
def command() -> None:
    """List dead letters (what could not be parsed), show one, or retry them after a fix."""


@command.command("list")
@filters
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000), help="At most this many.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per dead letter.")
def list_(
    source: str | None, reason: str | None, start: str | None, end: str | None, limit: int, as_json: bool
) -> None:
    """Print the newest dead letters, and their number by source and reason."""
    selected = selection(source, reason, start, end)
    with connect(load().clickhouse, reader=True) as client:
        rows = _rows(client, selected.where, {**selected.parameters, "limit": limit})
        if as_json:
            for row in rows:
                click.echo(dumps({**row, "received_at": _iso(row["received_at"])}))
            return
        counted = client.query(
            "SELECT source, reason, count() AS letters, min(received_at) AS oldest, max(received_at) AS newest "  # noqa: S608
            f"FROM dead_letters WHERE {selected.where} GROUP BY source, reason ORDER BY letters DESC, source, reason",
            parameters=selected.parameters,
        )
    screen = console()
    if not rows:
        screen.print("no dead letters")
        return
    shown = COLUMNS[:6]
    screen.print(table(shown, [[row[name] for name in shown] for row in rows]))
    screen.print(table(counted.column_names, counted.result_rows))
    screen.print("`ackstream dead show ID` prints one in full, `ackstream dead retry` parses them again.", markup=False)


@command.command()
@click.argument("element", metavar="ID")
@click.option("--body", is_flag=True, help="Print the raw body instead, as the provider sent it.")
def show(element: str, body: bool) -> None:
    """Print one dead letter in full.

    The body contains phone numbers and texts, so it is printed only with --body.
    """
    position, config = _position(element), load()
    if body:
        sys.stdout.buffer.write(_body(config, position))
        return
    with connect(config.clickhouse, reader=True) as client:
        rows = _rows(client, f"{ID_SQL} = {{id:String}}", {"id": element, "limit": 1})
    if not rows:
        raise Failure(f"there is no dead letter {element}: `ackstream dead list` prints those there are")
    for name, value in rows[0].items():
        click.echo(f"{name:12s} {_iso(value) if name == 'received_at' else cell(value)}")


@command.command("retry")
@click.argument("elements", metavar="[ID]...", nargs=-1)
@filters
@click.option("--all", "everything", is_flag=True, help="Retry every dead letter.")
def retry_(
    elements: Sequence[str], source: str | None, reason: str | None, start: str | None, end: str | None,
    everything: bool,
) -> None:  # fmt: skip
    """Parse raw bodies of dead letters again, for instance after an update. Nothing is counted twice."""
    selected, config = selection(source, reason, start, end), load()
    if not (elements or selected.parameters or everything):
        raise click.UsageError("give an ID, a filter, or --all")
    positions = [_position(element) for element in elements] or _positions(config, selected)
    tried = asyncio.run(_retry(config, positions))
    click.echo(f"tried {tried.done:,}: {tried.resolved:,} parsed now, {tried.dead:,} still dead")
    if tried.gone:
        click.echo(f"{tried.gone:,} cannot be retried: Kafka has deleted their bodies (kafka.retention_days)")


async def _retry(config: Config, positions: Sequence[ElementPosition]) -> retry.RetryCounts:
    counts = retry.RetryCounts()
    with progress_bar() as progress:
        task = progress.task("retrying", len(positions))
        async for counts in retry.retry(config, positions):
            task.update(counts.done)
    return counts


def _positions(config: Config, selected: Selection) -> list[ElementPosition]:
    with connect(config.clickhouse, reader=True) as client:
        rows = client.query(
            "SELECT raw.topic, raw.partition, raw.offset, raw.index FROM dead_letters "  # noqa: S608
            f"WHERE raw.topic IN ('{RAW.name}', '{SENT.name}') AND {selected.where} ORDER BY 1, 2, 3, 4",
            parameters=selected.parameters,
        ).result_rows
    return [ElementPosition(*row) for row in rows]


def _rows(client: "Client", where: str, parameters: dict[str, object]) -> list[JsonObject]:
    found = client.query(
        f"SELECT {ID_SQL} AS id, {', '.join(COLUMNS[1:])} FROM dead_letters WHERE {where} "  # noqa: S608
        "ORDER BY stored_at DESC, id LIMIT {limit:UInt32}",
        parameters=parameters,
    )
    return [dict(zip(COLUMNS, row, strict=True)) for row in found.result_rows]


def _iso(moment: object) -> str | None:
    return to_iso(int(moment.timestamp() * 1000)) if isinstance(moment, datetime) else None


def _position(element: str) -> ElementPosition:
    found = ElementPosition.from_id(element)
    if found is None:
        raise click.UsageError(f"{element!r} is not an ID: take one from `ackstream dead list`, such as 3:1207:0")
    return found


def _body(config: Config, position: ElementPosition) -> bytes:
    found = asyncio.run(retry.body(config, position))
    if found is None:
        raise Failure(
            f"{position.topic} has no record {position.offset} in partition {position.partition}: "
            "its retention has passed"
        )
    return found
