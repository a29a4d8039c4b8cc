"""`ackstream check`: compares Kafka with ClickHouse, or ClickHouse with the truth of a simulation."""

import asyncio
import getpass
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.cli import check_report
from deploy.cli.options import known_source, moment_of
from deploy.cli.progress_bar import progress_bar
from deploy.cli.service_errors import comparing
from deploy.simulator.table_check import TruthCheck
from ingest.storage import spool_folder
from schemas.settings.config import Config, load
from streams.reconcile.model import Window
from streams.reconcile.offsets import wait_for_all_stages
from streams.reconcile.run import Check, Report
from streams.runtime.clickhouse import connect
from streams.runtime.progress import Progress
from streams.runtime.topic_reader import TopicReader

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

QUERY_SECONDS = 3600  # a query over a billion rows takes a while


@click.command()
@click.option("--from", "start", metavar="TIME", help="Bodies received at or after: an ISO time (UTC by default).")
@click.option("--to", "end", metavar="TIME", help="Bodies received before this time.")
@click.option("--source", help="Only what this source received.")
@click.option("--fast", is_flag=True, help="Compare only which bodies exist and how many, without parsing them.")
@click.option("--wait", is_flag=True, help="First wait until everything received so far has reached ClickHouse.")
@click.option("--repair", is_flag=True, help="Publish again the rows of wa.messages that differ from ClickHouse.")
@click.option("--accept-gap", metavar="REASON", help="Record that records deleted unread are accepted, and why.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--truth", type=click.Path(path_type=Path), help="Compare with this truth file of a simulation instead.")
def command(
    start: str | None, end: str | None, source: str | None, fast: bool, wait: bool, repair: bool,
    accept_gap: str | None, as_json: bool, truth: Path | None,
) -> None:  # fmt: skip
    """Prove that nothing is lost and nothing counted twice.

    Parses every body in wa.raw again and compares the result with ClickHouse: deliveries and dead letters
    one by one, events, units, what the dashboards show, and the rows of wa.messages. --from and --to limit the bodies;
    the tables are always compared with one another as a whole. Records that the workers have not processed yet are
    reported and are not residuals. Records that Kafka deleted before a worker had read them (gaps) stay residuals until
    they are accepted.

    \b
    Exit codes:
      0  everything is right
      1  something differs; it is named
      2  the comparison could not be made
    """
    if fast and repair:
        raise click.UsageError("--fast does not read wa.messages: leave one of --fast and --repair out")
    if accept_gap is not None and not accept_gap.strip():
        raise click.UsageError("--accept-gap needs the reason, such as 'test data of 20 November'")
    if truth is not None and (start or end or source or fast or repair or accept_gap):
        raise click.UsageError("--truth compares everything that its file names: only --wait and --json go with it")
    window = Window(moment_of("--from", start), moment_of("--to", end), source, timeless=not (start or end))
    with comparing():
        config = load()
        known_source(config, source)
        options = Options(fast, wait, repair, as_json, accept_gap)
        right = compare(config, window, options) if truth is None else compare_truth(config, truth, options)
    if not right:
        raise SystemExit(1)


@dataclass(slots=True, frozen=True)
class Options:
    """How to compare, and what to print."""

    fast: bool = False
    wait: bool = False
    repair: bool = False
    as_json: bool = False
    accept_gap: str | None = None


def compare(config: Config, window: Window, options: Options) -> bool:
    """Compares Kafka and ClickHouse and prints the result: whether everything is right."""
    with _client(config) as client, progress_bar() as progress:
        report = asyncio.run(check(config, client, window, options, progress))
    click.echo(check_report.as_json(report)) if options.as_json else check_report.show(report)
    return not report.findings.total


def compare_truth(config: Config, file: Path, options: Options) -> bool:
    """Compares the tables with a simulation's truth and prints the result: whether everything is right."""
    with _client(config) as client, progress_bar() as progress:
        truth = TruthCheck(client, file)
        task, done = progress.task("comparing units", truth.count()), 0
        if options.wait:
            asyncio.run(_wait(config, progress))

        def advance(count: int) -> None:
            nonlocal done
            done += count
            task.update(done)

        verdict = truth.compare(advance)
    click.echo(check_report.verdict_json(verdict)) if options.as_json else check_report.show_verdict(verdict)
    return not verdict.mismatches


async def check(config: Config, client: "Client", window: Window, options: Options, progress: Progress) -> Report:
    """The report of one check, after what the options ask for."""
    spooled = partial(spool_folder.count, config.data_dir)
    async with TopicReader(config.kafka.bootstrap) as topics:
        if options.wait:
            await wait_for_all_stages(topics, spooled, progress)
        one = Check(config, client, topics, progress, spooled)
        if options.accept_gap is not None:
            await one.accept_gaps(options.accept_gap, _user())
        report = await one.run(window, fast=options.fast)
        if not (options.repair and report.unpublished):
            return report
        repaired = await one.repair(report)
        again = await one.run(window, fast=False)
        again.findings.notes.insert(0, f"{repaired:,} rows of wa.messages differed and were published again")
        return again


async def _wait(config: Config, progress: Progress) -> None:
    async with TopicReader(config.kafka.bootstrap) as topics:
        await wait_for_all_stages(topics, partial(spool_folder.count, config.data_dir), progress)


def _user() -> str:
    """The name of the user who runs the command; a container may have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def _client(config: Config) -> "Client":
    return connect(config.clickhouse, send_receive_timeout=QUERY_SECONDS)
