"""`ackstream migrate`: applies the ClickHouse migrations."""

import click

from schemas.settings.config import load
from streams.runtime.migrations import migrate


@click.command()
def command() -> None:
    """Create the ClickHouse database and apply pending migrations (`make up` does it too)."""
    applied = migrate(load())
    click.echo(f"applied {', '.join(applied)}" if applied else "nothing to apply")
