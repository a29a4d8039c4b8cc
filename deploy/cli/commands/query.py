"""`ackstream query`: runs SQL as the read-only user."""

import sys

import click

from dashboards.terminal import MAX_ROWS, console, table
from schemas.settings.config import load
from streams.runtime.clickhouse import connect

# What people type, and ClickHouse's names; any of those is taken as well.
FORMATS = {"csv": "CSVWithNames", "tsv": "TabSeparatedWithNames", "json": "JSON", "jsonl": "JSONEachRow"}


@click.command()
@click.argument("sql")
@click.option(
    "--format", "form", default="table", show_default=True, help="table, csv, tsv, json, jsonl or a ClickHouse format."
)
def command(sql: str, form: str) -> None:
    """Run SQL on ClickHouse as the read-only user and print the result.

    Start with: delivery_rates, messages, events, dead_letters.
    """
    with connect(load().clickhouse, reader=True) as client:
        if form != "table":
            with client.raw_stream(sql.rstrip("; \n"), fmt=FORMATS.get(form.lower(), form)) as stream:
                for chunk in iter(lambda: stream.read(65536), b""):
                    sys.stdout.buffer.write(chunk)
            return
        result = client.query(sql.rstrip("; \n"))
    rows = result.result_rows
    screen = console()
    screen.print(table(result.column_names, rows))
    if len(rows) > MAX_ROWS:
        screen.print(f"{len(rows):,} rows, the first {MAX_ROWS:,} shown; all of them with --format csv")
