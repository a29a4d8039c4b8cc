"""`ackstream status`: the state of each part of the local stack."""

import os
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from dashboards.terminal import visible_console
from deploy.local.interface import PartStatus, StackStatus
from deploy.local.layout import shown
from deploy.local.stack import Local
from schemas.errors import Failure
from schemas.parsing.json_text import dumps_indented
from schemas.parsing.times import to_iso
from schemas.settings.config import find_file, load

_COLOURS = {"ok": "green", "starting": "yellow", "down": "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """Show each part: address, health, unprocessed records, last error. Exit 1 when one is not healthy."""
    found = Local(load(), find_file(), os.environ).status()
    unhealthy = [part for part in found.parts if part.health != "ok"]
    if as_json:
        click.echo(_json(found, healthy=not unhealthy and found.trouble is None and not found.problems))
    else:
        _print(found)
    if found.trouble:
        raise Failure(found.trouble)
    if unhealthy:
        raise Failure(_sentence(unhealthy, all_down=len(unhealthy) == len(found.parts)))
    if found.problems:
        raise Failure("; ".join(found.problems))


def _json(found: StackStatus, *, healthy: bool) -> bytes:
    parts = [asdict(part) for part in found.parts]
    for part in parts:
        at = part["last_error_at"]
        part["last_error_at"] = None if at is None else to_iso(int(at * 1000))
    records, size, oldest_ms = found.spooled
    oldest = None if oldest_ms is None else to_iso(oldest_ms)
    spool = {"records": records, "bytes": size, "oldest_received_at": oldest, "broken_files": found.broken_spools}
    return dumps_indented(
        {"healthy": healthy, "trouble": found.trouble, "problems": found.problems, "spool": spool, "parts": parts}
    )


def _print(found: StackStatus) -> None:
    """Prints a table, and one line per part with an error; on a terminal these lines are cut to its width."""
    console = visible_console()
    console.print(_table(found.parts))
    notes = [f"{part.name}: {note}" for part in found.parts for note in part.notes]
    for line in (*error_lines(found.parts, time.time()), *notes, *spool_lines(found, time.time())):
        # A log may hold square brackets, which a plain string would read as markup.
        text = Text(line, style="dim")
        if console.is_terminal:
            console.print(text, no_wrap=True, overflow="ellipsis")
        else:
            console.print(text, soft_wrap=True)


def error_lines(found: Iterable[PartStatus], now: float) -> list[str]:
    """The current errors, with their age."""
    lines = []
    for part in found:
        if part.last_error:
            age = "" if part.last_error_at is None else f" ({_age(now - part.last_error_at)} ago)"
            lines.append(f"{part.name}{age}: {' '.join(part.last_error.split())}")
    return lines


def spool_lines(found: StackStatus, now: float) -> list[str]:
    """How many bodies are in the spool, and how many of its files cannot be read."""
    lines = []
    records, size, oldest_ms = found.spooled
    if records or size:
        age = "" if oldest_ms is None else f", the oldest received {_age(now - oldest_ms / 1000)} ago"
        lines.append(f"spool: {records:,} bodies ({size / 1_000_000:,.1f} MB) wait on the disk for Kafka{age}")
    if found.broken_spools:
        lines.append(f"spool: {found.broken_spools} files cannot be read and were set aside: see the log of ingest")
    return lines


def _age(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _table(found: Iterable[PartStatus]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("part", no_wrap=True)
    table.add_column("address", no_wrap=True)
    table.add_column("health", no_wrap=True)
    table.add_column("processes", justify="right")
    table.add_column("waiting", justify="right")
    for part in found:
        waiting = "" if part.lag is None else f"{part.lag:,}"
        health = Text(part.health, style=_COLOURS[part.health])
        table.add_row(part.name, part.address, health, f"{part.running}/{part.wanted}", waiting)
    return table


def _sentence(unhealthy: list[PartStatus], *, all_down: bool) -> str:
    if all_down and all(part.health == "down" for part in unhealthy):
        return "nothing runs: `make up` starts it"
    names = ", ".join(f"{part.name} ({part.health})" for part in unhealthy)
    logs = sorted({shown(Path(part.log)) for part in unhealthy if part.log})
    return f"not healthy: {names}; `make up` starts what is down" + (
        f", the logs are {', '.join(logs)}" if logs else ""
    )
