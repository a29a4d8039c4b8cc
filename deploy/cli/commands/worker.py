"""`ackstream worker`. IO."""

import importlib
import logging
import sys

import click

from schemas.settings.config import load


@click.command()
@click.argument("stage", type=click.Choice(["normalise", "load", "analytics"]))
@click.option("--instance", default=0, show_default=True, help="Number of this worker within its stage.")
def command(stage: str, instance: int) -> None:
    """Run one worker: `normalise` (bodies to events), `load` (events to ClickHouse), `analytics` (for dashboards).

    Workers of the first two stages share the work; of the third one works and the others stand by.
    """
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("ackstream").setLevel(logging.INFO)
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    if stage == "analytics":
        from streams.analytics import process

        process.run(load(), instance)
    else:
        from streams.runtime import app

        module = importlib.import_module(f"streams.{stage}.worker")
        app.run(module.build(load(), instance))
