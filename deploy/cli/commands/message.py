"""`ackstream message`: everything known about a message, as a timeline."""

import re
import sys
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dashboards.terminal import cell, table, visible_console
from deploy.cli.timeline import Step, steps
from schemas.errors import Failure
from schemas.parsing.json_text import loads
from schemas.settings.config import load
from streams.runtime.clickhouse import connect

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

MAX_MESSAGES = 10  # of a phone, newest first
MAX_EVENTS = 5000  # of a message: a group of 1,000 has some 3,000
TIMES = frozenset({"received_at", "occurred_at", "stored_at"})  # a read-only user may not choose their form
_PHONE = re.compile(r"\+?[0-9][0-9 ().-]{6,20}")


@click.command()
@click.argument("key", metavar="ID|PHONE")
def command(key: str) -> None:
    """Print everything known about a message, or about the newest messages of a phone, as a timeline.

    Each event is printed once: when it was received, how often it was delivered, its content and what it changed.
    """
    with connect(load().clickhouse, reader=True) as client:
        found = client.query(
            "SELECT DISTINCT source, message_id FROM event_log WHERE message_id = {id:String}", parameters={"id": key}
        ).result_rows
        if not found and _PHONE.fullmatch(key):
            found = _of_phone(client, "+" + re.sub(r"\D", "", key))
        if not found:
            raise Failure(
                f"there is no message of {key!r}: give a message id as the provider writes it, or a phone as +digits"
            )
        console = visible_console(width=None if sys.stdout.isatty() else 200)
        for source, message_id in found:
            _print(console, client, source, message_id)


def _of_phone(client: "Client", phone: str) -> list[Any]:
    return list(
        client.query(
            "SELECT source, message_id FROM event_log WHERE {phone:String} IN (`from`, `to`, participant) "
            "AND message_id IS NOT NULL GROUP BY source, message_id ORDER BY max(received_at) DESC LIMIT {most:UInt32}",
            parameters={"phone": phone, "most": MAX_MESSAGES},
        ).result_rows
    )


def _events(client: "Client", where: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Events as they are on Kafka, without absent fields."""
    text = client.raw_query(
        f"SELECT * FROM events WHERE source = {{source:String}} AND {where} LIMIT {MAX_EVENTS}",  # noqa: S608
        parameters=parameters,
        fmt="JSONEachRow",
    )
    rows = [{name: value for name, value in loads(line).items() if value is not None} for line in text.splitlines()]
    for row in rows:
        for name in TIMES & row.keys():
            row[name] = row[name].replace(" ", "T") + "Z"
    return rows


def _print(console: Console, client: "Client", source: str, message_id: str) -> None:
    parameters = {"source": source, "id": message_id}
    own = _events(client, "message_id = {id:String}", parameters)
    about = _events(client, "target_message_id = {id:String} AND ifNull(message_id, '') != {id:String}", parameters)
    counted = client.query(
        "SELECT event_id, uniqExact(request_id, `index`) FROM delivery_log "
        "WHERE source = {source:String} AND event_id IN {ids:Array(UUID)} GROUP BY event_id",
        parameters={"source": source, "ids": [event["event_id"] for event in own + about]},
    ).result_rows
    arrivals = {str(event_id): int(count) for event_id, count in counted}
    unit = client.query(
        "SELECT participant, direction, origin, recipient, status, sent_at, delivered_at, read_at, played_at, "
        "failed_at, deleted_at, error_code, template, campaign, callback_data FROM messages "
        "WHERE source = {source:String} AND message_id = {id:String} ORDER BY participant",
        parameters=parameters,
    )
    console.print(f"\n[bold]{escape(cell(message_id))}[/bold]  source {escape(cell(source))}")
    console.print(table(unit.column_names, unit.result_rows))
    console.print(_timeline(steps(own + about, arrivals, message_id)))


def _timeline(history: list[Step]) -> Table:
    made = Table("received", "happened", "event", "fields", "changed", header_style="bold", pad_edge=False)
    for step in history:
        arrivals = "" if step.arrivals == 1 else f" ({step.arrivals} deliveries)"
        fields = ", ".join(f"{name} {cell(value)}" for name, value in step.fields.items())
        made.add_row(
            step.received_at,
            step.occurred_at or "no time given",
            step.kind + arrivals,
            escape(fields),
            escape(_changes(step)),
        )
    return made


def _changes(step: Step) -> str:
    lines = []
    for participant, columns in step.changes.items():
        who = f"{participant}: " if participant else ""
        texts = (
            f"{name} {cell(after)}" if before in (None, "") else f"{name} {cell(before)} -> {cell(after)}"
            for name, (before, after) in columns.items()
        )
        lines.append(who + ", ".join(texts))
    return "\n".join(lines) or "nothing"
