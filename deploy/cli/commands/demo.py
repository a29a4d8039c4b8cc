"""`ackstream demo`: posts realistic traffic and compares ClickHouse with the truth."""

import sys
import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from dashboards.terminal import visible_console
from deploy.simulator.accounts import demo_accounts
from deploy.simulator.demo.run import Demo
from deploy.simulator.demo.tables import Tables
from deploy.simulator.facts import run_name
from deploy.simulator.running_truth import RunningTruth
from deploy.simulator.traffic import Traffic, generate
from deploy.simulator.truth_file import Header, TruthWriter
from schemas.errors import Failure
from schemas.parsing.times import parse_iso
from schemas.settings.config import Config, load
from streams.runtime.clickhouse import connect

_PLAIN_WIDTH = 120  # wide enough for the table; used without a terminal


@click.command()
@click.option(
    "--messages", type=click.IntRange(1, 500_000), default=20_000, show_default=True, help="Number of messages."
)
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), help="Requests per second; default: as fast as possible."
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="The same seed, --now and --run give the same bodies."
)
@click.option("--now", "start", metavar="ISO", help="End of the traffic; default: now.")
@click.option(
    "--run", "run_id", metavar="NAME", help="Name of the run, part of its message ids; default: from seed and start."
)
@click.option(
    "--truth",
    "truth_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the truth to this file as JSON lines.",
)
@click.option("--plain", is_flag=True, help="No colours, no progress bar.")
def command(
    messages: int,
    rate: float | None,
    seed: int,
    start: str | None,
    run_id: str | None,
    truth_file: Path | None,
    plain: bool,
) -> None:
    """Post realistic traffic of three providers and compare every number in ClickHouse with the truth.

    The last line is the address where the dashboards show it. Exit 0 when all numbers are equal, 1 when one is not.
    """
    config = load()
    now = time.time_ns() // 1_000_000 if start is None else parse_iso(start)
    if now is None:
        raise click.BadParameter("give a time such as 2026-11-20T12:00:00Z", param_hint="--now")
    run = run_id or run_name(seed, now)
    traffic = generate(demo_accounts(config), messages, seed, now, run, config.ingest.max_body_bytes)
    if truth_file is not None:
        _write(truth_file, traffic)
    options: dict[str, Any] = (
        {"no_color": True, "width": _PLAIN_WIDTH, "force_terminal": False} if plain else {"width": _width()}
    )
    console = visible_console(**options)
    if not _run(config, traffic, console, rate, plain=plain):
        raise SystemExit(1)


def _run(config: Config, traffic: Traffic, console: Console, rate: float | None, *, plain: bool) -> bool:
    with connect(config.clickhouse) as client:
        tables = Tables(client, traffic.sources)
        return Demo(traffic, tables, config.ingest.url, config.dashboards.url, console, plain).run(rate)


def _write(file: Path, traffic: Traffic) -> None:
    try:
        with TruthWriter(file) as out:
            out.write(Header(traffic.run, traffic.seed, traffic.sources, traffic.prefixes))
            truth = RunningTruth(out.write)
            for request in traffic.requests:
                truth.expect(request.facts)
            for request in traffic.requests:
                truth.stored(request)
            truth.close()
    except OSError as error:
        raise Failure(f"{file} cannot be written ({error.strerror}): give another path to --truth") from None


def _width() -> int | None:
    """None: that of the terminal. Without a terminal: the width that the table needs."""
    return None if sys.stdout.isatty() else _PLAIN_WIDTH
