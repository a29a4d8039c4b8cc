"""`ackstream down`: stops the local stack."""

import os

import click

from deploy.local.stack import Local
from schemas.settings.config import find_file, load


@click.command()
def command() -> None:
    """Stop everything in order; stored data is kept for the next `up`."""
    Local(load(), find_file(), os.environ).stop(click.echo)
    click.echo("Everything is stopped; `make up` continues where it was.")
