"""`ackstream simulate`: posts what providers post, at their times, and writes the truth about it."""

import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import click
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from dashboards.terminal import visible_console
from deploy.simulator.accounts import simulated_accounts
from deploy.simulator.facts import run_name
from deploy.simulator.run import RunOptions, simulate
from deploy.simulator.schedule import Curve, Schedule
from deploy.simulator.stats import Stats
from deploy.simulator.stream import REQUESTS_PER_MESSAGE, Script, Skew
from schemas.errors import Failure
from schemas.parsing.times import parse_iso
from schemas.process import logs
from schemas.settings.config import load

# The end of a run on the providers' clocks by default: fixed, so that the seed alone decides the bytes.
_END = "2026-11-20T12:00:00Z"
# One second of the run is an hour of the providers: ten days, the life of a message, in four minutes.
_SPEED = 3600.0
_DAY_SECONDS = 86_400
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": _DAY_SECONDS}
_PLAIN_SECONDS = 10.0  # between progress lines without a terminal
_TERMINAL_SECONDS = 0.5


class Duration(click.ParamType):
    """`90`, `90s`, `10m`, `2h`, `1d`: seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number of seconds."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", str(value))
        if found is None or not float(found[1]):
            self.fail(f"{value} is no duration such as 90s, 10m or 2h", param, ctx)
        return float(found[1]) * _UNITS[found[2]]


class SkewType(click.ParamType):
    """`source=+3600` for the whole run, `source=-60@120-180` within these seconds of it."""

    name = "skew"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Skew:
        """The skew; seconds become milliseconds."""
        found = re.fullmatch(r"([^=]+)=([+-]?\d+)(?:@(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?))?", str(value))
        if found is None:
            self.fail(f"{value} is no skew such as demo-meta=+3600 or demo-meta=-60@120-180", param, ctx)
        if found[3] is None:
            return Skew(found[1], int(found[2]) * 1000)
        return Skew(found[1], int(found[2]) * 1000, float(found[3]), float(found[4]))


@click.command()
@click.option(
    "--messages", type=click.IntRange(min=1), help="Number of messages; default 20000, or as many as fit --duration."
)
@click.option("--duration", type=Duration(), help="How long to post, such as 90s, 10m or 2h; instead of --messages.")
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True), default=100.0, show_default=True, help="Requests per second."
)
@click.option(
    "--sources",
    metavar="NAMES",
    default="",
    help="Sources to post to, separated by commas; default: all demo-... sources.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed and options give the same bytes.")
@click.option(
    "--truth",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the truth, for `ackstream check`, to this file.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    help="Seconds of the providers' clocks per second of the run; default 3600, with --curve day: one day per run.",
)
@click.option(
    "--curve",
    type=click.Choice(["flat", "day"]),
    default="flat",
    help="An even rate, or the curve of a day from midnight to midnight.",
)
@click.option("--burst", type=click.FloatRange(min=1), default=1.0, help="Multiplies the rate for 2 s of every 20 s.")
@click.option("--rotate", is_flag=True, help="In the second half, sign with each source's second secret.")
@click.option("--skew", type=SkewType(), multiple=True, help="A wrong clock: demo-meta=+3600 or demo-meta=-60@120-180.")
@click.option("--give-up", is_flag=True, help="Drop a request after 36 hours of the provider's clock, as Meta does.")
@click.option(
    "--drain", type=Duration(), default="300", show_default=True, help="How long to wait for the last answers."
)
@click.option(
    "--now", "end", metavar="ISO|now", default=_END, show_default=True, help="End of the run on the providers' clocks."
)
@click.option(
    "--run", "run_id", metavar="NAME", help="Name of the run, part of its message ids; default: from the options."
)
@click.option("--url", help="Base URL to post to; default: that of ingest in the settings.")
@click.option("--plain", is_flag=True, help="No colours; a progress line every 10 s.")
def command(
    messages: int | None, duration: float | None, rate: float, sources: str, seed: int, truth: Path | None,
    speed: float | None, curve: Curve, burst: float, rotate: bool, skew: tuple[Skew, ...], give_up: bool, drain: float,
    end: str, run_id: str | None, url: str | None, plain: bool,
) -> None:  # fmt: skip
    """Post what providers post, at their times, and write the truth about it.

    Posts messages of all kinds with their sent records, in batches of up to 1,000 updates and 3 MB, late, repeated and
    in any order. Requests that are not answered 200 are retried as Meta does. The rate does not depend on the answers.
    Exit 0 when every request was answered 200 in the end. `ackstream check --truth FILE` compares the tables.
    """
    if messages is not None and duration is not None:
        raise click.UsageError("give --messages or --duration, not both")
    config = load()
    wanted = None if duration else messages or 20_000
    seconds = duration or max(1.0, (wanted or 0) * REQUESTS_PER_MESSAGE / rate)
    schedule = Schedule(rate, seconds, curve, burst)
    moment = time.time_ns() // 1_000_000 if end == "now" else parse_iso(end)
    if moment is None:
        raise click.BadParameter("give a time such as 2026-11-20T12:00:00Z, or now", param_hint="--now")
    names = [name.strip() for name in sources.split(",") if name.strip()]
    script = Script(
        accounts=simulated_accounts(config, names, rotate=rotate),
        seed=seed, run="", now=moment, schedule=schedule,
        speed=speed or (_DAY_SECONDS / schedule.seconds if curve == "day" else _SPEED),
        messages=wanted, rotate=rotate, skews=skew,
    )  # fmt: skip
    script = replace(script, run=run_id or _name(script, rate, curve, burst))
    _check_skews(script)
    _print_result(_run(script, url or config.ingest.url, drain, truth, give_up=give_up, plain=plain), truth)


def _name(script: Script, *shape: object) -> str:
    """The run's name: a hash of everything that decides its bodies, without secrets."""
    sources = [(account.provider, account.source) for account in script.accounts]
    decided = (script.seed, script.now, sources, script.messages, script.schedule.seconds, script.speed)
    return run_name("simulate", *decided, script.rotate, script.skews, *shape)


def _check_skews(script: Script) -> None:
    known = {account.source for account in script.accounts}
    for skew in script.skews:
        if skew.source not in known:
            raise click.BadParameter(f"{skew.source} is not among the simulated sources", param_hint="--skew")


def _run(script: Script, url: str, drain: float, truth: Path | None, *, give_up: bool, plain: bool) -> Stats:
    logs.configure()
    try:
        if plain or not sys.stdout.isatty():
            options = RunOptions(url, drain, give_up, _PLAIN_SECONDS, _print_progress)
            return simulate(script, options, truth)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=visible_console()) as progress:
            task = progress.add_task("posting", total=None)
            options = RunOptions(
                url,
                drain,
                give_up,
                _TERMINAL_SECONDS,
                lambda stats: progress.update(task, description=stats.progress_line()),
            )
            return simulate(script, options, truth)
    except OSError as error:
        raise Failure(f"{truth} cannot be written ({error.strerror}): give another path to --truth") from None


def _print_progress(stats: Stats) -> None:
    click.echo(stats.progress_line())


def _print_result(stats: Stats, truth: Path | None) -> None:
    click.echo(f"{stats.elements:,} messages and statuses in {stats.answered:,} requests answered 200")
    if stats.failures:
        failures = ", ".join(f"{answer} ({times:,} times)" for answer, times in sorted(stats.failures.items()))
        click.echo(f"Other answers: {failures}")
    if stats.late:
        click.echo(f"{stats.late:,} requests were posted late: the memory for unanswered requests was full")
    if truth is not None:
        click.echo(f"Compare the tables with the truth: ackstream check --truth {truth}")
    if missing := stats.sent - stats.answered:
        raise Failure(
            f"{missing:,} requests were not answered 200 in time: see `make status`, or wait longer (--drain)"
        )
