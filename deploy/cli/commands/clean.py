"""`ackstream clean`: deletes the data of the local stack."""

import os
import shutil
import sys
from pathlib import Path

import click

from deploy.local.layout import MARK
from deploy.local.stack import Local
from schemas.errors import Failure
from schemas.settings.config import Config, find_file, load

# Settings and secrets are kept: providers are configured with them.
KEPT = ("secrets", MARK)


@click.command()
@click.option("--yes", is_flag=True, help="Delete without asking.")
def command(yes: bool) -> None:
    """Stop everything and delete all stored messages. Settings and secrets are kept."""
    config = load()
    root = config.data_dir
    if not (root / MARK).exists():
        click.echo(f"Nothing to delete in {root}.")
        return
    if not yes:
        _ask(config)
    local = Local(config, find_file(), os.environ)
    local.stop(click.echo)
    with local.locked():
        _delete(root)
    click.echo(f"{root} is empty except for the secrets; `make up` starts from scratch.")


def _ask(config: Config) -> None:
    if not sys.stdin.isatty():
        raise Failure(f"this deletes every message in {config.data_dir}: run `make clean YES=1` (or --yes) to confirm")
    outside = [
        name for name, local in (("Kafka", config.kafka.local), ("ClickHouse", config.clickhouse.local)) if not local
    ]
    note = f" (not those in your own {' and '.join(outside)})" if outside else ""
    if not click.confirm(f"Delete every message stored in {config.data_dir}{note}?"):
        raise Failure("nothing was deleted")


def _delete(root: Path) -> None:
    try:
        for entry in root.iterdir():
            if entry.name in KEPT:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    except OSError as error:
        raise Failure(f"{error.filename}: cannot be deleted ({error.strerror}): delete it yourself") from None
