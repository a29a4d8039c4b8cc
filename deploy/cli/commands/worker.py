"""`ackstream worker`: one worker process of a stage."""

import importlib

import click

from schemas.process import logs
from schemas.settings.config import load


@click.command()
@click.argument("stage", type=click.Choice(["normalise", "load", "analytics"]))
@click.option("--instance", default=0, show_default=True, help="Number of this worker within its stage, from 0.")
def command(stage: str, instance: int) -> None:
    """Run one worker process of a stage.

    STAGE is `normalise` (webhook bodies to events), `load` (events to ClickHouse) or `analytics` (tables for
    dashboards). Several workers of normalise and load share the work; of several analytics workers one is active and
    the others are on standby.
    """
    logs.configure()
    if stage == "analytics":
        from streams.analytics import process

        process.run(load(), instance)
    else:
        from streams.runtime import app

        module = importlib.import_module(f"streams.{stage}.worker")
        app.run(module.build(load(), instance))
