"""`ackstream migrate`. IO."""

import click

from deploy.cli import Failure
from deploy.migrations import MigrationError, migrate
from schemas.settings.config import load


@click.command()
def command() -> None:
    """Create the ClickHouse database and apply pending migrations (`make up` does it too)."""
    try:
        applied = migrate(load())
    except MigrationError as error:
        raise Failure(str(error)) from None
    click.echo(f"applied {', '.join(applied)}" if applied else "nothing to apply")
