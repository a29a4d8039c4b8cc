"""`ackstream alerts`: the state of each alert rule, and a test notification."""

import asyncio

import click
from rich.table import Table
from rich.text import Text

from dashboards.alerts.evaluator import Entry
from dashboards.alerts.message import trial
from dashboards.alerts.notify import DeliveryError, Webhook
from dashboards.alerts.runner import evaluator_for, page_url
from dashboards.alerts.state_file import StateFile
from dashboards.terminal import visible_console
from schemas.errors import Failure
from schemas.parsing.json_text import dumps_indented
from schemas.settings.config import Config, load

_COLOURS = {"ok": "green", "pending": "yellow", "firing": "red", "unknown": "dim"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.option("--test", is_flag=True, help="Send a test notification to alerts.webhook.")
def command(as_json: bool, test: bool) -> None:
    """Show the state of each alert rule.

    The process of the dashboards evaluates the rules while it runs.
    """
    config = load()
    if test:
        asyncio.run(_send(config))
        click.echo("The receiver accepted the test notification.")
        return
    entries = evaluator_for(config, StateFile(config.data_dir / "state").load()).entries()
    if as_json:
        click.echo(dumps_indented(entries))
        return
    visible_console().print(_table(entries))
    last = max((entry["evaluated_at"] for entry in entries if entry["evaluated_at"]), default=None)
    click.echo(f"Last evaluation: {last:%Y-%m-%d %H:%M:%S} UTC." if last else "The rules have not been evaluated yet.")
    if not config.alerts.enabled:
        click.echo("The rules are not evaluated: alerts.enabled is false.")
    elif config.alerts.webhook is None:
        click.echo("No notifications are sent: set alerts.webhook to the address of a receiver.")


async def _send(config: Config) -> None:
    if config.alerts.webhook is None:
        raise Failure("there is no receiver: set alerts.webhook to { env = ... } or { file = ... } with its address")
    webhook = Webhook(config.alerts)
    try:
        await webhook.send(trial(page_url(config)))
    except DeliveryError as error:
        raise Failure(
            f"the test notification was not delivered, {error}: verify the address in alerts.webhook"
        ) from None
    finally:
        await webhook.close()


def _table(entries: list[Entry]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("rule", "state", "severity", "since", "what"):
        table.add_column(name, no_wrap=name != "what", overflow="fold")
    for entry in entries:
        since = entry["since"].strftime("%Y-%m-%d %H:%M") if entry["since"] else ""
        state = Text(entry["state"], style=_COLOURS[entry["state"]])
        table.add_row(entry["rule"], state, entry["severity"], since, Text(entry["text"] or entry["title"]))
    return table
