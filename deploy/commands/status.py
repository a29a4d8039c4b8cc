"""`ackstream status`: how each part of the local stack is. IO."""

import json
import os
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.cli import Failure
from deploy.stack.interface import PartStatus
from deploy.stack.local import Local
from schemas.config import find_file, load

_COLOURS = {"ok": "green", "starting": "yellow", "down": "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """Show each part: address, health, records waiting, last error. Exit 1 when one is not healthy."""
    found = Local(load(), find_file(), os.environ).status()
    sick = [part for part in found if part.health != "ok"]
    if as_json:
        click.echo(json.dumps({"healthy": not sick, "parts": [asdict(part) for part in found]}, indent=2))
    else:
        Console().print(_table(found))
    if sick:
        raise Failure(_sentence(sick, all_down=len(sick) == len(found)))


def _table(found: list[PartStatus]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("part", no_wrap=True)
    table.add_column("address", no_wrap=True)
    table.add_column("health", no_wrap=True)
    table.add_column("processes", justify="right")
    table.add_column("waiting", justify="right")
    table.add_column("last error", overflow="fold", style="dim")
    for part in found:
        # A log may hold square brackets, which a plain string would read as markup.
        error = Text(part.last_error or "")
        waiting = "" if part.lag is None else f"{part.lag:,}"
        health = Text(part.health, style=_COLOURS[part.health])
        table.add_row(part.name, part.address, health, f"{part.running}/{part.wanted}", waiting, error)
    return table


def _sentence(sick: list[PartStatus], *, all_down: bool) -> str:
    if all_down and all(part.health == "down" for part in sick):
        return "nothing runs: `make up` starts it"
    names = ", ".join(f"{part.name} ({part.health})" for part in sick)
    logs = sorted({part.log for part in sick if part.log})
    return f"not healthy: {names}; `make up` starts what is down" + (
        f", the logs are {', '.join(logs)}" if logs else ""
    )
