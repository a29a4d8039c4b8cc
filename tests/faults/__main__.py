"""`python -m tests.faults`: exit 0 when nothing was lost, nothing counted twice, and no residual is left. IO."""

import shutil
import signal
import sys
import tempfile
from pathlib import Path

import click

from tests.faults import report
from tests.faults.run import Options, run


@click.command()
@click.option("--faults", type=click.IntRange(min=1), default=60, show_default=True, help="How many faults.")
@click.option("--minutes", type=click.FloatRange(min=0.5), default=10.0, show_default=True, help="How long to post.")
@click.option("--seed", type=int, default=1, show_default=True, help="Decides the traffic and the faults.")
@click.option("--rate", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Requests a second.")
def command(faults: int, minutes: float, seed: int, rate: float) -> None:
    """Break every part of a stack of its own under load, and compare every number with the truth in the end."""
    folder = Path(tempfile.mkdtemp(prefix="ackstream-chaos-"))
    options = Options(seed, faults, minutes * 60, rate, folder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # else what was started would be left behind
    result = run(order, lambda words: click.echo(words, err=True))
    for line in report.lines(order, result):
        click.echo(line)
    if result.good:
        shutil.rmtree(folder)
        return
    click.echo(f"The same again: {report.repeat(order)}")
    click.echo(f"Logs, tables and the truth are kept in {folder}")
    sys.exit(1)


if __name__ == "__main__":
    command()
