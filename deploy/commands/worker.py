"""`ackstream worker`. IO."""

import importlib
import logging
import sys

import click

from schemas.config import load


@click.command()
@click.argument("stage", type=click.Choice(["normalise", "load"]))
@click.option("--instance", default=0, show_default=True, help="Number of this worker within its stage.")
def command(stage: str, instance: int) -> None:
    """Run one stream worker: `normalise` (bodies to events) or `load` (events to ClickHouse)."""
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("ackstream").setLevel(logging.INFO)
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    from streams import app

    module = importlib.import_module(f"streams.{stage}")
    app.run(module.build(load(), instance))
