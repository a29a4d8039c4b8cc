"""`ackstream migrate`: applies the ClickHouse migrations."""

import click

from schemas.settings.config import load
from streams.runtime.migrations import migrate
from streams.runtime.schema_objects import restore


@click.command()
def command() -> None:
    """Create the ClickHouse database, apply pending migrations, restore missing tables and views.

    `make up` does it too. Tables and views that differ from the migrations are named.
    """
    config = load()
    applied = migrate(config)
    click.echo(f"applied {', '.join(applied)}" if applied else "nothing to apply")
    for line in restore(config):
        click.echo(line)
