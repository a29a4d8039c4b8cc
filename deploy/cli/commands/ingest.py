"""`ackstream ingest`: one process of the HTTP edge, in the foreground."""

import click

from ingest.http.server import run
from schemas.settings import config


@click.command("ingest")
@click.option("--instance", type=click.IntRange(min=0), default=0, show_default=True, help="Which of ingest.processes.")
def command(instance: int) -> None:
    """Serve the webhooks of every configured source until SIGTERM.

    `ackstream up` starts ingest.processes of these; each has its own --instance.
    """
    run(config.load(), instance)
