"""`ackstream check`. IO."""

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from deploy.cli import check_report
from deploy.cli.commands.replay import known_source, moment_of
from deploy.cli.kafka_away import kafka_away
from deploy.simulator.table_check import Truth, Verdict
from ingest.storage import spool_folder
from schemas.clickhouse_errors import sentence
from schemas.errors import ComparisonImpossible, Failure
from schemas.settings.config import Config, load
from streams.reconcile.model import Window
from streams.reconcile.offsets import settle
from streams.reconcile.run import Check, Report
from streams.reconcile.topic_reader import Kafka
from streams.runtime.clickhouse import ClickHouseError, connect
from streams.runtime.progress import progress

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

QUERY_SECONDS = 3600  # a question about a billion rows takes its time


@click.command()
@click.option("--from", "start", metavar="TIME", help="Bodies received at or after: an ISO time (UTC by default).")
@click.option("--to", "end", metavar="TIME", help="Bodies received before.")
@click.option("--source", help="Only what this source received.")
@click.option("--fast", is_flag=True, help="Compare bodies by their number alone, and do not read them.")
@click.option("--wait", is_flag=True, help="Wait until everything that is there now has gone the whole way.")
@click.option("--repair", is_flag=True, help="Publish again the rows of wa.messages that differ from ClickHouse's.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--truth", type=click.Path(path_type=Path), help="Compare with this file of a simulation instead.")
def command(
    start: str | None, end: str | None, source: str | None, fast: bool, wait: bool, repair: bool, as_json: bool,
    truth: Path | None,
) -> None:  # fmt: skip
    """Prove that nothing is lost and nothing counted twice.

    Reads every body in wa.raw once more and compares what it must have become with what ClickHouse holds: deliveries
    and dead letters one by one, events, units, what dashboards show, and the rows of wa.messages. --from and --to bound
    the bodies; the tables are compared with one another as a whole. What is still on its way is told, and is no
    residual.

    \b
    Exit codes:
      0  everything is as it must be
      1  something is not; it is named
      2  the check could not look
    """
    if fast and repair:
        raise click.UsageError("--fast does not look at wa.messages: leave one of --fast and --repair out")
    if truth is not None and (start or end or source or fast or repair):
        raise click.UsageError("--truth compares everything that its file names: only --wait and --json go with it")
    asked = Window(moment_of("--from", start), moment_of("--to", end), source, timeless=not (start or end))
    try:
        right = _run(asked, Options(fast, wait, repair, as_json), truth)
    except Failure as error:
        raise ComparisonImpossible(str(error)) from None
    except ClickHouseError as error:
        raise ComparisonImpossible(f"ClickHouse does not answer the check: {sentence(error)}") from None
    if not right:
        raise SystemExit(1)


@dataclass(slots=True, frozen=True)
class Options:
    """How to look."""

    fast: bool
    wait: bool
    repair: bool
    as_json: bool


def _run(asked: Window, options: Options, truth: Path | None) -> bool:
    """Looks and prints: whether everything is right."""
    config = load()
    known_source(config, asked.source)
    with kafka_away(config.kafka.bootstrap):
        if truth is not None:
            verdict = asyncio.run(_compare(config, truth, wait=options.wait))
            click.echo(check_report.verdict_json(verdict)) if options.as_json else check_report.show_verdict(verdict)
            return not verdict.wrong
        found = asyncio.run(_check(config, asked, options))
    click.echo(check_report.as_json(found)) if options.as_json else check_report.show(found)
    return not found.found.total


async def _check(config: Config, asked: Window, options: Options) -> Report:
    spooled = partial(spool_folder.count, config.data_dir)
    with _client(config) as client, progress(Console(stderr=True)) as bar:
        async with Kafka(config.kafka.bootstrap) as kafka:
            if options.wait:
                await settle(kafka, spooled, bar)
            check = Check(config, client, kafka, bar, spooled)
            found = await check.run(asked, fast=options.fast)
            if not (options.repair and found.unpublished):
                return found
            repaired = await check.repair(found)
            again = await check.run(asked, fast=False)
            again.found.notes.insert(0, f"{repaired:,} rows of wa.messages differed and were published again")
            return again


async def _compare(config: Config, path: Path, *, wait: bool) -> Verdict:
    spooled = partial(spool_folder.count, config.data_dir)
    with _client(config) as client, progress(Console(stderr=True)) as bar:
        truth = Truth(client, path)
        task = bar.add_task("comparing units", total=await asyncio.to_thread(truth.count))
        if wait:
            async with Kafka(config.kafka.bootstrap) as kafka:
                await settle(kafka, spooled, bar)
        return await asyncio.to_thread(truth.compare, lambda count: bar.advance(task, count))


def _client(config: Config) -> "Client":
    return connect(config.clickhouse, send_receive_timeout=QUERY_SECONDS)
