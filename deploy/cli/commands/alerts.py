"""`ackstream alerts`: the state of the alert rules, and a test message to the receiver."""

import asyncio
import json
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dashboards.alerts.message import trial
from dashboards.alerts.notify import NotTakenError, Webhook
from dashboards.alerts.runner import page_url, state_of
from dashboards.alerts.state_file import Store
from schemas.errors import Failure
from schemas.settings.config import Config, load

_COLOURS = {"ok": "green", "pending": "yellow", "firing": "red", "unknown": "dim"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.option("--test", is_flag=True, help="Send a test message to alerts.webhook.")
def command(as_json: bool, test: bool) -> None:
    """Show each alert rule and its state. The dashboards' process evaluates the rules while it runs."""
    config = load()
    if test:
        asyncio.run(_send(config))
        click.echo("The receiver has accepted the test message.")
        return
    state = state_of(config, Store(config.data_dir / "state").load())
    entries = state.shown()
    if as_json:
        click.echo(json.dumps(entries, default=_iso, indent=2, ensure_ascii=False))
        return
    Console().print(_table(entries))
    last = max((entry["looked_at"] for entry in entries if entry["looked_at"]), default=None)
    click.echo(f"Last evaluated: {last:%Y-%m-%d %H:%M:%S} UTC." if last else "Not evaluated yet.")
    if not config.alerts.enabled:
        click.echo("The rules are not evaluated: alerts.enabled is false.")
    elif config.alerts.webhook is None:
        click.echo("No receiver is notified: set alerts.webhook to the address of one.")


async def _send(config: Config) -> None:
    if config.alerts.webhook is None:
        raise Failure("there is no receiver: set alerts.webhook to { env = ... } or { file = ... } with its address")
    webhook = Webhook(config.alerts)
    try:
        await webhook.send(trial(page_url(config)))
    except NotTakenError as error:
        raise Failure(f"the test message was not delivered, {error}: verify the address in alerts.webhook") from None
    finally:
        await webhook.close()


def _iso(value: datetime) -> str:
    return value.isoformat()


def _table(entries: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("rule", "state", "severity", "since", "what"):
        table.add_column(name, no_wrap=name != "what", overflow="fold")
    for entry in entries:
        since = entry["since"].strftime("%Y-%m-%d %H:%M") if entry["since"] else ""
        state = Text(entry["state"], style=_COLOURS[entry["state"]])
        table.add_row(entry["rule"], state, entry["severity"], since, Text(entry["text"] or entry["title"]))
    return table
