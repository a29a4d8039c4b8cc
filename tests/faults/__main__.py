"""`python -m tests.faults`: exit 0 when nothing was lost, nothing counted twice, and no residual is left."""

import shutil
import signal
import sys
import tempfile
from pathlib import Path

import click

from tests.faults import report
from tests.faults.run import Options, run


@click.command()
@click.option("--faults", type=click.IntRange(min=1), default=60, show_default=True, help="Number of faults.")
@click.option("--minutes", type=click.FloatRange(min=0.5), default=10.0, show_default=True, help="How long to post.")
@click.option("--seed", type=int, default=1, show_default=True, help="Determines the traffic and the faults.")
@click.option("--rate", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Requests per second.")
def command(faults: int, minutes: float, seed: int, rate: float) -> None:
    """Start a stack, break every part of it under load, and compare every number with the truth at the end."""
    folder = Path(tempfile.mkdtemp(prefix="ackstream-chaos-"))
    options = Options(seed, faults, minutes * 60, rate, folder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything that was started is stopped
    result = run(options, lambda line: click.echo(line, err=True))
    for line in report.lines(options, result):
        click.echo(line)
    if result.successful:
        shutil.rmtree(folder)
        return
    click.echo(f"To repeat this run: {report.repeat_command(options)}")
    click.echo(f"Logs, tables and the truth are in {folder}")
    sys.exit(1)


if __name__ == "__main__":
    command()
