"""`ackstream replay`. IO."""

import asyncio
import time

import click
from rich.progress import Progress

from deploy.cli import Failure
from deploy.kafka_away import kafka_away
from deploy.progress import progress
from schemas.config import Config, load
from schemas.times import from_any, to_iso
from streams.replay import Wanted, loading, replay

BEGINNING = "beginning"
# Without any event taken for this long the load worker is taken for dead.
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.3


def moment_of(option: str, text: str | None) -> int | None:
    """Milliseconds of a time, None for the beginning or no bound. Raises click.UsageError."""
    if text is None or text.strip().lower() == BEGINNING:
        return None
    moment = from_any(text)
    if moment is None:
        raise click.UsageError(f"{option} {text!r}: give `{BEGINNING}` or a time such as 2026-11-20T12:00:00Z")
    return moment


@click.command()
@click.option("--from", "start", required=True, metavar="TIME", help="`beginning`, or an ISO time (UTC by default).")
@click.option("--to", "end", metavar="TIME", help="Only what was received before.")
@click.option("--source", help="Only what this source received.")
@click.option("--no-wait", is_flag=True, help="Do not wait until the load workers have taken the events.")
def command(start: str, end: str | None, source: str | None, no_wait: bool) -> None:
    """Read wa.raw again from a time on and process it once more. All numbers stay the same."""
    config = load()
    if source is not None and source not in config.sources:
        raise click.UsageError(f"--source {source!r}: the settings name {', '.join(config.sources) or 'no source'}")
    wanted = Wanted(moment_of("--from", start), moment_of("--to", end), source)
    with kafka_away(config.kafka.bootstrap):
        asyncio.run(_run(config, wanted, wait=not no_wait))


async def _run(config: Config, wanted: Wanted, *, wait: bool) -> None:
    with progress() as bar:
        task = bar.add_task("replaying", total=None)
        async for step in replay(config, wanted):
            bar.update(task, completed=step.done, total=step.total)
        if wait:
            await _wait(config, bar)
    since = BEGINNING if wanted.from_ms is None else to_iso(wanted.from_ms)
    click.echo(f"replayed {step.done:,} bodies from {since}: {step.events:,} events, {step.dead:,} dead letters")


async def _wait(config: Config, bar: Progress) -> None:
    task = None
    first = last = 0
    moved = time.monotonic()
    async for left in loading(config):
        if task is None:
            first = last = left
            task = bar.add_task("loading", total=first)
        if left < last:
            last, moved = left, time.monotonic()
        bar.update(task, completed=first - left)
        if time.monotonic() - moved > PATIENCE_SECONDS:
            raise Failure(f"the load worker takes no events, {left:,} are waiting in Kafka: see `make status`")
        if left:
            await asyncio.sleep(POLL_SECONDS)
