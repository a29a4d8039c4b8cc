"""`ackstream migrate`. IO."""

import click

from schemas.errors import Failure
from schemas.settings.config import load
from streams.runtime.migrations import MigrationError, migrate


@click.command()
def command() -> None:
    """Create the ClickHouse database and apply pending migrations (`make up` does it too)."""
    try:
        applied = migrate(load())
    except MigrationError as error:
        raise Failure(str(error)) from None
    click.echo(f"applied {', '.join(applied)}" if applied else "nothing to apply")
